/**
 * The Signal channel over one supervised connection to signal-cli: a child of ours or a daemon. How the parts fit: `README.md`.
 *
 * @module
 */
import { type AccountId, parseAddress } from "../../domain/address.ts";
import { ChannelUnavailable, DecodeError } from "../../domain/errors.ts";
import type { InboundEvent } from "../../domain/events.ts";
import type { SendOutcome } from "../../domain/message.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Counters } from "../../runtime/counters.ts";
import type { Log } from "../../runtime/log.ts";
import type { Random } from "../../runtime/random.ts";
import type { Condition } from "../../runtime/service.ts";
import type { Accept, Channel, OutgoingRequest } from "../channel.ts";
import { classifyError, classifyResult, classifyUnanswered, type RecipientKind } from "./classify.ts";
import { decodeSignal } from "./decode.ts";
import type { Receipt, Transcript } from "./envelope.ts";
import { listGroups, type SignalGroup } from "./groups.ts";
import { CANARY_MARK, Intake, type Listening } from "./intake.ts";
import type { SpawnSignalCli } from "./process.ts";
import { SignalProof } from "./proof.ts";
import { RpcError, RpcUnanswered } from "./rpc_errors.ts";
import { ChildConnector } from "./child_connector.ts";
import type { Connector } from "./connector.ts";
import { Supervisor, SUPERVISOR_TIMES, type SupervisorTimes } from "./supervisor.ts";

/** How long one send may take, `SIGNAL_TIMEOUT`. */
export const SEND_TIMEOUT_MS = 60_000;

/** What a canary says, for the people who see the account's notes. */
export const CANARY_TEXT = `🐤 ${CANARY_MARK}`;

export interface SignalChannelOptions {
  readonly account: AccountId;
  /** Our number, E.164, or its service id. */
  readonly number: string;
  /** `SIGNAL_CLI_DATA_DIR`; default: signal-cli's own. */
  readonly dataDir?: string;
  /** For a child of ours; not used with a `connector`. */
  readonly spawn: SpawnSignalCli;
  /** In place of a child: a daemon that runs already. */
  readonly connector?: Connector;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  /** Default {@link SEND_TIMEOUT_MS}. */
  readonly sendTimeoutMs?: number;
  /** Single times of the supervisor, over its defaults {@link SUPERVISOR_TIMES}. */
  readonly times?: Partial<SupervisorTimes>;
  /** A message or a receipt came; whether a canary of our account was in it. Must not throw. */
  readonly onHeard?: (canary: boolean) => void;
  /** Messages of somebody whose safety number changed are kept back by signal-cli. Must not throw. */
  readonly onUntrusted?: () => void;
  /** Received events that wait to be stored before reading stops (`QUEUE_SIZE`). Default 2000. */
  readonly maxQueuedEvents?: number;
  /** Receipts for what we sent, in batches. Must not throw. */
  readonly onReceipts?: (receipts: readonly Receipt[]) => void;
  /** What other devices of the account sent, in batches, as soon as it is heard. Must not throw. */
  readonly onTranscripts?: (transcripts: readonly Transcript[]) => void;
}

/**
 * The arguments of the child. Global options stand before the subcommand (facts: signal.md §1.1); the output type is
 * named since a configuration file of the host may change it. Manual receive mode: nothing is taken from the server
 * before somebody can store it. Attachments are left out because loading them widens the window in which a message
 * can be lost (facts: signal.md §4.6).
 */
export function signalCliArguments(number: string, dataDir?: string): readonly string[] {
  return [
    ...(dataDir === undefined ? [] : ["--data-dir", dataDir]),
    "-a",
    number,
    "-o",
    "json",
    "jsonRpc",
    "--receive-mode=manual",
    "--ignore-attachments",
    "--ignore-stories",
    "--ignore-avatars",
    "--ignore-stickers",
  ];
}

export class SignalChannel implements Channel {
  readonly name = "signal";
  readonly account: AccountId;
  readonly proof = new SignalProof(() => this.#supervisor?.rpc);
  readonly #o: SignalChannelOptions;
  readonly #intake: Intake;
  readonly #listeners = new Set<(condition: Condition) => void>();
  #supervisor: Supervisor | undefined;
  #stopping: Promise<void> | undefined;
  #trouble: ChannelUnavailable | undefined = STOPPED;
  #told: Condition = conditionOf(STOPPED);

  constructor(options: SignalChannelOptions) {
    this.#o = options;
    this.account = options.account;
    this.#intake = new Intake({
      account: options.account,
      clock: options.clock,
      log: options.log,
      counters: options.counters,
      onReceipts: options.onReceipts,
      onTranscripts: options.onTranscripts,
      onHeard: options.onHeard,
      onUntrusted: options.onUntrusted,
      maxQueuedEvents: options.maxQueuedEvents,
      onChange: () => this.#tell(),
      onSilence: async (rpc) => await this.#supervisor?.leave(rpc),
    });
  }

  async start(): Promise<void> {
    if (this.#supervisor !== undefined) throw new Error("the signal channel is already running");
    const { spawn, clock, random, log, counters, number, dataDir } = this.#o;
    const times = { ...SUPERVISOR_TIMES, ...this.#o.times };
    this.#supervisor = new Supervisor({
      connector: this.#o.connector ??
        new ChildConnector({ args: signalCliArguments(number, dataDir), spawn, clock, log, counters, times }),
      clock,
      random,
      log,
      counters,
      times,
      onNotifications: (notifications) => this.#intake.onNotifications(notifications),
      onReady: (rpc) => this.#intake.connected(rpc),
      onState: (trouble) => this.#setTrouble(trouble),
    });
    this.#setTrouble(STARTING);
    this.#supervisor.start();
  }

  /** Unsubscribes, stores what is in hand, lets requests in flight be answered, ends the child. */
  async stop(): Promise<void> {
    if (this.#supervisor === undefined) return;
    this.#stopping ??= this.#stop(this.#supervisor).finally(() => this.#stopping = undefined);
    await this.#stopping;
  }

  async #stop(supervisor: Supervisor): Promise<void> {
    await this.#intake.unsubscribe();
    await supervisor.stop();
    await this.#intake.close();
    this.#supervisor = undefined;
    this.#setTrouble(STOPPED);
  }

  async send(
    message: OutgoingRequest,
    signal: AbortSignal,
    onHandOver: () => void,
    onLate?: (outcome: SendOutcome) => void,
  ): Promise<SendOutcome> {
    const target = targetOf(message);
    if (target === undefined) return { outcome: "refused", reason: "invalid_message" };
    if (signal.aborted) return { outcome: "paused", reason: "shutdown" };
    const rpc = this.#supervisor?.rpc;
    if (rpc === undefined) {
      return {
        outcome: "paused",
        reason: this.#trouble?.code === "not_registered" ? "account_refused" : "channel_down",
      };
    }
    try {
      const result = await rpc.request("send", { ...target.params, message: message.body }, {
        timeoutMs: this.#o.sendTimeoutMs ?? SEND_TIMEOUT_MS,
        signal,
        onWrite: onHandOver,
        onLate: (late) => onLate?.(this.proof.saw(classifyResult(late))),
      });
      return this.proof.saw(classifyResult(result));
    } catch (error) {
      if (error instanceof RpcError) {
        this.#o.counters.add("signal_send_errors_total", 1, { code: knownCode(error.code) });
        return this.proof.saw(classifyError(error, target.kind));
      }
      if (error instanceof RpcUnanswered) {
        if (error.why === "deadline") this.#supervisor?.suspect();
        return classifyUnanswered(error);
      }
      throw error;
    }
  }

  /**
   * Sends a message to ourselves as to another person (facts: signal.md §1.3, `--notify-self`). Where it comes back, both directions
   * work. @returns false when it could not be sent
   */
  async sendCanary(signal: AbortSignal): Promise<boolean> {
    const rpc = this.#supervisor?.rpc;
    if (rpc === undefined) return false;
    try {
      await rpc.request("send", { recipient: [this.#o.number], message: CANARY_TEXT, notifySelf: true }, {
        timeoutMs: this.#o.sendTimeoutMs ?? SEND_TIMEOUT_MS,
        signal,
      });
      return true;
    } catch (error) {
      if (error instanceof RpcError || error instanceof RpcUnanswered) return false;
      throw error;
    }
  }

  /** The groups of the account; undefined while signal-cli is not ready. @throws {ChannelUnavailable} no answer */
  async listGroups(): Promise<readonly SignalGroup[] | undefined> {
    const rpc = this.#supervisor?.rpc;
    return rpc === undefined ? undefined : await listGroups(rpc);
  }

  subscribe(accept: Accept): Promise<void> {
    return this.#intake.subscribe(accept);
  }

  unsubscribe(): Promise<void> {
    return this.#intake.unsubscribe();
  }

  decode(body: string, account: AccountId): InboundEvent {
    return decodeSignal(body, account);
  }

  /** How far what waited at Signal's server has been read. */
  listening(): Listening {
    return this.#intake.listening();
  }

  condition(): Condition {
    return this.#trouble === undefined ? this.#intake.condition() : conditionOf(this.#trouble);
  }

  onCondition(listener: (condition: Condition) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Why signal-cli does not run, with a sentence for people that names the fix; undefined while it is ready. */
  trouble(): ChannelUnavailable | undefined {
    return this.#trouble;
  }

  /** What signal-cli said of its version last. */
  get signalCliVersion(): string | undefined {
    return this.#supervisor?.version;
  }

  #setTrouble(trouble: ChannelUnavailable | undefined): void {
    this.#trouble = trouble;
    this.#tell();
  }

  #tell(): void {
    const condition = this.condition();
    if (same(condition, this.#told)) return;
    this.#told = condition;
    this.#o.counters.set("signal_up", condition.state === "down" ? 0 : 1);
    for (const listener of [...this.#listeners]) listener(condition);
  }
}

const STOPPED = new ChannelUnavailable("stopped", "The Signal channel is not running.");
const STARTING = new ChannelUnavailable("starting", "signal-cli is starting.");

function conditionOf(trouble: ChannelUnavailable): Condition {
  return { state: "down", reason: trouble.code };
}

function same(a: Condition, b: Condition): boolean {
  return a.state === b.state && (a.state === "live" || a.reason === (b as { reason?: string }).reason);
}

/**
 * One target per request: with several, an error can come after some already got the message (facts: signal.md §4.5).
 * @returns undefined when the message cannot be asked for at all: no Signal address, or no text
 */
function targetOf(message: OutgoingRequest): { kind: RecipientKind; params: Record<string, string[]> } | undefined {
  if (message.body === "") return undefined;
  try {
    const { kind, value } = parseAddress(message.recipient);
    return kind === "group"
      ? { kind: "group", params: { groupId: [value] } }
      : { kind: "person", params: { recipient: [value] } };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** Codes that signal-cli is known to answer with, as label. */
function knownCode(code: number): string {
  return [-1, -3, -4, -5, -6, -32600, -32601, -32602, -32603, -32700].includes(code) ? String(code) : "other";
}
