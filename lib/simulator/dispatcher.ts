/**
 * JSON-RPC over lines (facts: signal.md §4): what is a request, who carries it out, what is answered.
 *
 * @module
 */
import {
  Crash,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  NO_ANSWER,
  PARSE_ERROR,
  RpcFailure,
} from "./failure.ts";
import type { Command, Manager } from "./manager.ts";
import { ASKING } from "./methods/asking.ts";
import { receive } from "./methods/receiving.ts";
import { SENDING } from "./methods/sending.ts";
import type { Output } from "./output.ts";
import { Parameters } from "./parameters.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { World } from "./world.ts";

export interface DispatcherOptions {
  readonly world: World;
  readonly output: Output;
  /** The loaded accounts; exactly one in single-account mode. */
  readonly managers: readonly Manager[];
  readonly multi: boolean;
  /** Messages are received from the start, not first after `subscribeReceive`. */
  readonly onStart: boolean;
  readonly onCrash: () => void;
  /** Aborted when the program ends. */
  readonly life: AbortSignal;
}

type Fields = Readonly<Record<string, unknown>>;
interface Request {
  readonly method: string;
  readonly params: Fields | readonly unknown[] | undefined;
  readonly id: unknown;
}
type Reply = Fields | undefined;

const COMMANDS: Readonly<Record<string, Command>> = { ...SENDING, ...ASKING };
const MEMBERS = new Set(["jsonrpc", "method", "params", "id"]);

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #subscriptions: Subscriptions;
  readonly #open = new Set<Promise<unknown>>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#subscriptions = new Subscriptions(options.output);
    if (options.onStart) this.#subscriptions.add(options.managers, true);
  }

  /** Takes one line; answers at once or later, never throws for what the line says. */
  take(line: string): void {
    if (line.trim() === "") return this.#write(errorReply(null, new RpcFailure(PARSE_ERROR, "Empty input line")));
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return this.#write(errorReply(null, new RpcFailure(PARSE_ERROR, "Unexpected character")));
    }
    if (Array.isArray(message)) return this.#takeBatch(message);
    if (!isObject(message)) return this.#write(errorReply(null, new RpcFailure(INVALID_REQUEST, "unexpected type")));
    // A response to something we never asked.
    if ("result" in message || "error" in message) return;
    this.#settle(this.#answer(message), (reply) => this.#write(reply));
  }

  /** Ends its subscriptions: the connection is gone. */
  close(): void {
    this.#subscriptions.close();
  }

  /** Resolves when every request that can be answered is answered. */
  async idle(): Promise<void> {
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  #takeBatch(members: readonly unknown[]): void {
    if (members.length === 0) return this.#write(errorReply(null, new RpcFailure(INVALID_REQUEST, "invalid request")));
    const replies: Fields[] = [];
    const all = members.map((member) =>
      new Promise<void>((resolve) =>
        this.#settle(this.#answer(member), (reply) => {
          if (reply) replies.push(reply);
          resolve();
        })
      )
    );
    const done = Promise.all(all).then(() => {
      if (replies.length > 0) this.#options.output.line(JSON.stringify(replies));
    });
    this.#track(done);
  }

  #settle(reply: Reply | typeof NO_ANSWER | Promise<Reply | typeof NO_ANSWER>, use: (reply: Reply) => void): void {
    if (reply instanceof Promise) this.#track(reply.then((late) => use(late === NO_ANSWER ? undefined : late)));
    else use(reply === NO_ANSWER ? undefined : reply);
  }

  #track(work: Promise<unknown>): void {
    const tracked = work.finally(() => this.#open.delete(tracked));
    this.#open.add(tracked);
  }

  #write(reply: Reply): void {
    if (reply) this.#options.output.line(JSON.stringify(reply));
  }

  #answer(message: unknown): Reply | typeof NO_ANSWER | Promise<Reply | typeof NO_ANSWER> {
    let request: Request;
    try {
      request = readRequest(message);
    } catch (error) {
      const given = isObject(message) ? message.id : undefined;
      return errorReply(isValue(given) ? given : null, error as RpcFailure);
    }
    const { id } = request;
    const failed = (error: unknown): Reply | typeof NO_ANSWER => {
      if (error instanceof Crash) {
        this.#options.onCrash();
        return NO_ANSWER;
      }
      const failure = error instanceof RpcFailure
        ? error
        : new RpcFailure(INTERNAL_ERROR, "unexpected (RuntimeException)");
      return id === undefined ? undefined : errorReply(id, failure);
    };
    const succeeded = (result: unknown) =>
      result === NO_ANSWER ? NO_ANSWER : id === undefined ? undefined : { jsonrpc: "2.0", result, id };
    try {
      const result = this.#run(request);
      return result instanceof Promise ? result.then(succeeded, failed) : succeeded(result);
    } catch (error) {
      return failed(error);
    }
  }

  #run({ method, params }: Request): unknown {
    const { multi, managers, world } = this.#options;
    const single = Object.hasOwn(COMMANDS, method) ? COMMANDS[method] : undefined;
    const subscription = method === "subscribeReceive" || method === "unsubscribeReceive";
    const known = single || subscription || method === "receive" || (multi && method === "listAccounts");
    if (!known) throw new RpcFailure(METHOD_NOT_FOUND, "Method not implemented");
    if (method === "listAccounts") return managers.map(({ number }) => ({ number }));
    const [manager, rest] = multi ? this.#pick(params) : [managers[0], params];
    if (subscription) return this.#subscribe(method, manager, rest);
    if (!manager) {
      if (method === "version") return { version: world.state.version };
      throw new RpcFailure(INVALID_PARAMS, "Method requires valid account parameter");
    }
    if (method === "receive") {
      if (params === undefined) throw new RpcFailure(INTERNAL_ERROR, "request is null (NullPointerException)");
      if (!isObject(rest)) throw new RpcFailure(INVALID_REQUEST, "params do not map to the type");
      if (!multi && "account" in rest) throw new RpcFailure(INVALID_REQUEST, "Unrecognized field account");
      return receive(manager, rest);
    }
    if (Array.isArray(rest)) throw new RpcFailure(INVALID_REQUEST, "params must be an object");
    if (!Object.hasOwn(SENDING, method)) {
      return this.#withFaults(method, () => single!(manager, new Parameters((rest ?? {}) as Fields)));
    }
    return single!(manager, new Parameters((rest ?? {}) as Fields));
  }

  /** The account of a request in multi-account mode; one loaded account is implied. */
  #pick(params: Request["params"]): [Manager | undefined, Request["params"]] {
    const { managers } = this.#options;
    if (!isObject(params) || params.account === undefined) {
      return [managers.length === 1 ? managers[0] : undefined, params];
    }
    const { account, ...rest } = params;
    const found = managers.find(({ number, recipients }) => number === account || recipients.account.uuid === account);
    if (!found) throw new RpcFailure(INVALID_PARAMS, "Specified account does not exist");
    return [found, rest];
  }

  #subscribe(method: string, manager: Manager | undefined, params: Request["params"]): unknown {
    const managers = manager ? [manager] : this.#options.managers;
    if (method === "subscribeReceive") return this.#withFaults(method, () => this.#subscriptions.add(managers, false));
    const id = Array.isArray(params) ? params[0] : isObject(params) ? params.subscription : undefined;
    if (params !== undefined && typeof id !== "number") {
      throw new RpcFailure(INTERNAL_ERROR, "subscription is null (NullPointerException)");
    }
    this.#subscriptions.remove(id as number | undefined, this.#options.multi ? undefined : manager);
    return {};
  }

  /** Rules for the methods that do not send: error, hang, delay and crash make sense there. */
  #withFaults(method: string, run: () => unknown): unknown {
    const effects = this.#options.world.faults.take({ on: method });
    if (effects.length === 0) return run();
    let waitMs = 0;
    for (const effect of effects) {
      if (effect.type === "delay") waitMs += typeof effect.ms === "number" ? effect.ms : effect.ms[0];
      if (effect.type === "delay_answer") waitMs += effect.ms;
    }
    const last = effects.at(-1)!;
    const finish = () => {
      if (last.type === "crash_before") throw new Crash();
      if (last.type === "hang") return NO_ANSWER;
      if (last.type === "error") throw new RpcFailure(last.code, last.message ?? "scripted error", last.data ?? null);
      const result = run();
      if (last.type === "crash_after") throw new Crash();
      return last.type === "lose_answer" ? NO_ANSWER : result;
    };
    return waitMs === 0 ? finish() : this.#options.world.time.pause(waitMs, this.#options.life).then(finish);
  }
}

/** @throws {RpcFailure} -32600 */
function readRequest(message: unknown): Request {
  const refuse = (why: string): never => {
    throw new RpcFailure(INVALID_REQUEST, why);
  };
  if (!isObject(message)) return refuse("not an object");
  if (Object.keys(message).some((key) => !MEMBERS.has(key))) return refuse("Unrecognized field");
  const { jsonrpc, method, id } = message;
  const params = message.params ?? undefined;
  if (id !== undefined && !isValue(id)) return refuse("id is not a value");
  if (params !== undefined && typeof params !== "object") return refuse("params is not a container");
  if (jsonrpc !== "2.0") return refuse("only jsonrpc version 2.0 is supported");
  if (typeof method !== "string") return refuse("method field must be set");
  return { method, params: params as Request["params"], id };
}

function errorReply(id: unknown, { code, message, data }: RpcFailure): Fields {
  return { jsonrpc: "2.0", error: { code, message, data }, id };
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isValue(value: unknown): boolean {
  return value !== undefined && (typeof value !== "object" || value === null);
}
