/**
 * The program signal-cli, as far as the `jsonRpc` transport, `--version` and `listAccounts` meet it. It touches no
 * global of the process: its arguments, streams, environment and world are handed in.
 *
 * @module
 */
import { type Arguments, parseArguments, UsageError } from "./arguments.ts";
import { type DaemonOptions, listenFor, serve } from "./daemon.ts";
import { Dispatcher } from "./dispatcher.ts";
import { LineSplitter } from "./lines.ts";
import { Manager } from "./manager.ts";
import { Output } from "./output.ts";
import type { TrustMode } from "./recipients.ts";
import { checkAccount, StartFailure } from "./start.ts";
import { linkDevice } from "./link.ts";
import { isRegistered, type World } from "./world.ts";

export interface ProgramIo {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: ReadableStream<Uint8Array>;
  readonly stdout: WritableStream<Uint8Array>;
  readonly stderr: WritableStream<Uint8Array>;
  /** SIGTERM or SIGINT. */
  readonly signal?: AbortSignal;
}

/** The exit code of a scripted crash; the executable kills itself when it sees it. */
export const CRASHED = 137;

/**
 * Runs once. Facts for every code: signal.md §2.1. Does not close the streams.
 * @returns the exit code
 */
export async function runSignalCli(io: ProgramIo, world: World): Promise<number> {
  const run = new Run(io, world);
  const code = await run.main();
  await run.end(code);
  return code;
}

class Run {
  readonly #io: ProgramIo;
  readonly #world: World;
  readonly #output: Output;
  readonly #errors: Output;
  readonly #releases: (() => void)[] = [];
  /** Resolves when the process ends before its input does. */
  readonly #ended = Promise.withResolvers<number>();
  readonly #life = new AbortController();

  constructor(io: ProgramIo, world: World) {
    this.#io = io;
    this.#world = world;
    this.#output = new Output(io.stdout, () => world.flush());
    this.#errors = new Output(io.stderr);
  }

  async main(): Promise<number> {
    const stop = () => this.#ended.resolve(0);
    try {
      const args = parseArguments(this.#io.args);
      if (args.global.version) return this.#print(`signal-cli ${this.#world.state.version}`);
      if (args.global.help) return this.#print("usage: signal-cli [options] command");
      const exit = this.#command(args);
      this.#io.signal?.addEventListener("abort", stop, { once: true });
      if (this.#io.signal?.aborted) stop();
      exit.catch(() => {});
      return await Promise.race([exit, this.#ended.promise]);
    } catch (error) {
      if (error instanceof UsageError) return this.#fail(1, error.message);
      if (error instanceof StartFailure) return this.#fail(error.exitCode, error.message);
      throw error;
    } finally {
      this.#io.signal?.removeEventListener("abort", stop);
    }
  }

  /** Lets go of everything; what is printed leaves unless the process crashed. */
  async end(code: number): Promise<void> {
    if (code === CRASHED) this.#output.discard();
    else {
      await Promise.race([this.#output.drained(), aborted(this.#io.signal)]);
      await this.#errors.drained();
      this.#world.flush();
    }
    this.#life.abort();
    for (const release of this.#releases.reverse()) release();
    this.#output.release();
    this.#errors.release();
  }

  async #command(args: Arguments): Promise<number> {
    const { command, global } = args;
    if (command === "jsonRpc" && global.output === "plain-text") {
      throw new StartFailure(1, "Command doesn't support output type plain-text");
    }
    if (command === "listAccounts" && global.account !== undefined) {
      throw new StartFailure(1, "You cannot specify a account (phone number) for this command");
    }
    if (
      command === "daemon" && !["socket", "tcp", "http", "dbus", "dbus-system"].some((each) => each in args.options)
    ) {
      throw new StartFailure(1, "At least one of --socket, --tcp, --http, --dbus or --dbus-system must be given");
    }
    await this.#startDelay();
    if (command === "link") return await linkDevice(this.#world, this.#output, this.#life.signal);
    const [managers, multi] = await this.#load(command!, global);
    switch (command) {
      case "listAccounts":
        if (global.output === "json") return this.#print(JSON.stringify(managers.map(({ number }) => ({ number }))));
        return this.#print(...managers.map(({ number }) => `Number: ${number}`));
      case "version":
        if (global.output === "json") return this.#print(JSON.stringify({ version: this.#world.state.version }));
        return this.#print(`signal-cli ${this.#world.state.version}`);
      case "jsonRpc":
        return await this.#jsonRpc(managers, multi, args.options["receive-mode"] !== "manual");
      case "daemon":
        return await this.#daemon(managers, multi, args.options);
      default:
        throw new StartFailure(2, "This command is not simulated");
    }
  }

  /** The accounts of a command, locked and checked. */
  async #load(command: string, global: Arguments["global"]): Promise<[readonly Manager[], boolean]> {
    const world = this.#world;
    world.refresh();
    const trust = (global["trust-new-identities"] ?? "on-first-use") as TrustMode;
    const open = async (number: string): Promise<Manager> => {
      await checkAccount(world, number, {
        onBusy: () => this.#log("INFO", "SignalAccount", "Config file is in use by another instance, waiting…"),
        // A run that ended while it waited lets go at once.
        onLocked: (release) => this.#life.signal.aborted ? release() : this.#releases.push(release),
      });
      return new Manager(world, number, trust, this.#life.signal, () => this.#crash());
    };
    const local = world.state.accounts.filter((each) => isRegistered(world, each));
    if (global.account !== undefined) {
      const given = String(global.account);
      const found = world.state.accounts.find((each) => each.number === given || each.uuid === given);
      if (!found) {
        if (!/[0-9]/.test(given)) throw new StartFailure(1, "Invalid account (phone number)");
        throw new StartFailure(1, `User ${given} is not registered.`);
      }
      return [[await open(found.number)], false];
    }
    if (!["jsonRpc", "listAccounts", "version", "daemon"].includes(command)) {
      if (local.length === 0) {
        throw new StartFailure(1, "No local users found, you first need to register or link an account");
      }
      if (local.length > 1) throw new StartFailure(1, "Multiple users found, you need to specify an account with -a");
      return [[await open(local[0]!.number)], false];
    }
    const managers: Manager[] = [];
    for (const { number } of local) {
      try {
        managers.push(await open(number));
      } catch (error) {
        if (!(error instanceof StartFailure) || !error.skippable) throw error;
        this.#log("WARN", "SignalAccountFiles", "Ignoring an account that failed its check");
      }
    }
    return [managers, true];
  }

  async #jsonRpc(managers: readonly Manager[], multi: boolean, onStart: boolean): Promise<number> {
    this.#log("INFO", "JsonRpcDispatcherCommand", "Account check done");
    const dispatcher = new Dispatcher({
      world: this.#world,
      output: this.#output,
      managers,
      multi,
      onStart,
      onCrash: () => this.#crash(),
      life: this.#life.signal,
    });
    this.#releases.push(this.#world.onChange(() => this.#watchLogin(managers, multi)));
    const reader = this.#io.stdin.getReader();
    this.#releases.push(() => {
      reader.cancel().catch(() => {});
      for (const { receiver } of managers) receiver.close();
    });
    const lines = new LineSplitter();
    for (;;) {
      const { done, value } = await reader.read();
      this.#world.refresh();
      for (const line of done ? lines.end() : lines.push(value)) {
        this.#world.recordRequest(line);
        // No turn is given away without need: the answers of one piece of input leave together.
        const blocked = this.#maybeStopReading();
        if (blocked) await blocked;
        if (this.#life.signal.aborted) return CRASHED;
        dispatcher.take(line);
      }
      if (done) break;
    }
    // Facts, §4.3: at the end of the input the handlers go first, then the open requests are answered.
    for (const { receiver } of managers) receiver.close();
    await dispatcher.idle();
    return 0;
  }

  async #daemon(managers: readonly Manager[], multi: boolean, options: Arguments["options"]): Promise<number> {
    if (!("socket" in options || "tcp" in options)) throw new StartFailure(2, "This channel is not simulated");
    const listener = listenFor(options);
    this.#releases.push(this.#world.onChange(() => this.#watchLogin(managers, multi)));
    await serve(listener, {
      world: this.#world,
      managers,
      multi,
      mode: (options["receive-mode"] ?? "on-start") as DaemonOptions["mode"],
      stdout: options["no-receive-stdout"] === true ? undefined : this.#output,
      onListening: (where) => this.#log("INFO", "SocketHandler", `Started JSON-RPC server on ${where}`),
      onCrash: () => this.#crash(),
      life: this.#life.signal,
    });
    return 0;
  }

  /** An account that lost its login ends a single-account process, silently (facts: signal.md §4.3). */
  #watchLogin(managers: readonly Manager[], multi: boolean): void {
    for (const { number, recipients } of managers) {
      if (recipients.account?.authorized !== false) continue;
      this.#world.remember(number, { deregistered: true });
      if (!multi) this.#ended.resolve(0);
    }
  }

  #maybeStopReading(): Promise<void> | undefined {
    const effect = this.#world.faults.take({ on: "stdin" }).at(-1);
    if (effect?.type !== "stop_reading") return undefined;
    const { ms } = effect;
    return ms === undefined ? new Promise(() => {}) : this.#world.time.pause(ms, this.#life.signal);
  }

  async #startDelay(): Promise<void> {
    let waitMs = this.#world.state.startDelayMs;
    for (const effect of this.#world.faults.take({ on: "start" })) {
      if (effect.type === "delay") waitMs += typeof effect.ms === "number" ? effect.ms : effect.ms[0];
      if (effect.type === "crash_before" || effect.type === "crash_after") this.#crash();
      if (effect.type === "hang") await new Promise(() => {});
      if (effect.type === "error") {
        throw new StartFailure(Math.abs(effect.code), effect.message ?? "Error while checking account");
      }
    }
    if (waitMs > 0) await this.#world.time.pause(waitMs, this.#life.signal);
  }

  /** Everything stops where it is; what has not left never leaves. */
  #crash(): void {
    this.#life.abort();
    this.#output.discard();
    this.#ended.resolve(CRASHED);
  }

  #print(...lines: readonly string[]): number {
    for (const line of lines) this.#output.line(line);
    return 0;
  }

  #fail(code: number, message: string): number {
    this.#errors.line(message);
    return code;
  }

  #log(level: string, logger: string, text: string): void {
    this.#errors.line(`${level.padEnd(5)} ${logger} - ${text}`);
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal?.aborted) resolve();
  else signal?.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
