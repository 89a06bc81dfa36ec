/**
 * Keeps one `signal-cli … jsonRpc` running: start, readiness, end, start again. It knows processes and the
 * connection, and nothing of messages.
 *
 * ```text
 *            spawn fails, ends, no answer                 ends, stops answering
 *   waiting ◀───────────────────────────── starting      ┌─────────────────────▶ waiting
 *      │ backoff over                         ▲   │ `version` is answered
 *      └──────────────────────────────────────┘   └──────────▶ ready
 * ```
 *
 * @module
 */
import { ChannelUnavailable } from "../../domain/errors.ts";
import { type Clock, DeadlineExceeded, within } from "../../runtime/clock.ts";
import type { Counters } from "../../runtime/counters.ts";
import { describeError, type Log } from "../../runtime/log.ts";
import type { Random } from "../../runtime/random.ts";
import { classifyEnd, classifyStart, lockedError } from "./failures.ts";
import { Life } from "./life.ts";
import type { SignalCliProcess, SpawnSignalCli } from "./process.ts";
import type { RpcClient, RpcNotification } from "./rpc.ts";
import { RpcUnanswered } from "./rpc_errors.ts";
import { checkVersion, signalCliInfo } from "./version.ts";

/** Times of the supervisor, in milliseconds. */
export interface SupervisorTimes {
  /** From spawn to the first answer: JVM start, account check and prekey upload over the network. */
  readonly startTimeoutMs: number;
  /** How long a child that waits for the account's lock is left waiting before it is started anew. */
  readonly lockedTimeoutMs: number;
  /** Wait before the first restart; doubles with each further one. */
  readonly restartFirstMs: number;
  /** Longest wait before a restart. */
  readonly restartCapMs: number;
  /** Ready for this long: the next failure counts as the first again. */
  readonly healthyAfterMs: number;
  /** For a `version` request that asks whether the child still answers. */
  readonly pingTimeoutMs: number;
  /** After its input was closed: to answer what is in flight and end. */
  readonly endTimeoutMs: number;
  /** After SIGTERM, and again after SIGKILL. */
  readonly killTimeoutMs: number;
}

export const SUPERVISOR_TIMES: SupervisorTimes = {
  startTimeoutMs: 90_000,
  lockedTimeoutMs: 300_000,
  restartFirstMs: 500,
  restartCapMs: 30_000,
  healthyAfterMs: 10_000,
  pingTimeoutMs: 15_000,
  endTimeoutMs: 4_000,
  killTimeoutMs: 2_000,
};

/** How far the wait before a restart is spread: ± this share, so that several instances do not start in step. */
const RESTART_JITTER = 0.25;

export interface SupervisorOptions {
  readonly args: readonly string[];
  readonly spawn: SpawnSignalCli;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  readonly times: SupervisorTimes;
  readonly onNotifications: (notifications: readonly RpcNotification[]) => void | Promise<void>;
  /** The connection is usable. Called before anybody else learns of it. */
  readonly onReady: (rpc: RpcClient) => void;
  /** Called with the trouble when there is one, with undefined when ready. */
  readonly onState: (trouble: ChannelUnavailable | undefined) => void;
}

export class Supervisor {
  readonly #o: SupervisorOptions;
  readonly #stopping = new AbortController();
  #run: Promise<void> | undefined;
  #rpc: RpcClient | undefined;
  #version: string | undefined;
  #probed = false;
  #checking: Promise<void> | undefined;
  /** Connections that were given up because nothing came any more. */
  readonly #frozen = new WeakSet<RpcClient>();

  constructor(options: SupervisorOptions) {
    this.#o = options;
  }

  /** The connection, while it is ready. */
  get rpc(): RpcClient | undefined {
    return this.#rpc?.open ? this.#rpc : undefined;
  }

  /** What signal-cli said of itself last. */
  get version(): string | undefined {
    return this.#version;
  }

  start(): void {
    this.#run = this.#loop();
  }

  /** Ends the child in order: input closed, then SIGTERM, then SIGKILL, each with its deadline. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#run;
  }

  /** A request was not answered in time: asks whether the child answers at all, and ends it if not. */
  suspect(): void {
    const rpc = this.rpc;
    if (rpc === undefined || this.#checking !== undefined) return;
    this.#checking = this.#ping(rpc).finally(() => this.#checking = undefined);
  }

  async #ping(rpc: RpcClient): Promise<void> {
    const askedAtMs = this.#o.clock.monotonicMs();
    try {
      await rpc.request("version", undefined, { timeoutMs: this.#o.times.pingTimeoutMs });
    } catch (error) {
      // Any answer at all, also an error, is life; and while we do not read, silence is our own doing.
      const silent = error instanceof RpcUnanswered && error.why === "deadline";
      if (silent && !rpc.heldUp && rpc.lastReadAtMs < askedAtMs) {
        this.#o.log.warn("signal-cli stopped answering and is started again");
        this.#frozen.add(rpc);
        await rpc.close();
      }
    }
  }
  async #loop(): Promise<void> {
    const { clock, random, times, log, counters } = this.#o;
    const stopping = this.#stopping.signal;
    let failures = 0;
    while (!stopping.aborted) {
      const trouble = await this.#once(() => failures = 0);
      if (stopping.aborted) break;
      failures++;
      counters.add("signal_restarts_total", 1, { cause: trouble.code });
      this.#o.onState(trouble);
      const spread = 1 + RESTART_JITTER * (2 * random.fraction() - 1);
      const waitMs = Math.min(times.restartFirstMs * 2 ** Math.min(failures - 1, 30), times.restartCapMs) * spread;
      log.warn("signal-cli is not running", { code: trouble.code, cause: describeError(trouble), nextTryInMs: waitMs });
      await clock.sleepMs(waitMs, stopping);
    }
  }

  /** One life of the child. @returns why it ended */
  async #once(onHealthy: () => void): Promise<ChannelUnavailable> {
    const { clock, spawn, args } = this.#o;
    const stopping = this.#stopping.signal;
    let child: SignalCliProcess;
    try {
      if (!this.#probed) {
        this.#version = (await signalCliInfo(spawn, { clock, signal: stopping })).version;
        this.#probed = true;
      }
      child = spawn(args);
    } catch (error) {
      this.#probed = false;
      return asTrouble(error, stopping);
    }
    const life = new Life(child, this.#o);
    try {
      await this.#untilReady(life);
    } catch (error) {
      this.#probed = false;
      await life.end(false);
      return asTrouble(error, stopping);
    }
    const readyAtMs = clock.monotonicMs();
    this.#rpc = life.rpc;
    this.#o.log.info("signal-cli is ready", { version: this.#version });
    this.#o.onReady(life.rpc);
    this.#o.onState(undefined);
    await Promise.race([life.over, aborted(stopping)]);
    if (clock.monotonicMs() - readyAtMs >= this.#o.times.healthyAfterMs) onHealthy();
    const status = await life.end(stopping.aborted);
    this.#rpc = undefined;
    if (this.#frozen.has(life.rpc)) {
      return new ChannelUnavailable("frozen", "signal-cli stopped answering and was ended. It is started again.");
    }
    return classifyEnd(status);
  }

  /** Waits for the answer to `version`: signal-cli reads nothing before its account check is done (facts: signal.md §4.1). */
  async #untilReady(life: Life): Promise<void> {
    const { times } = this.#o;
    const stopping = this.#stopping.signal;
    const answer = life.rpc.request("version", undefined, {
      timeoutMs: times.startTimeoutMs + times.lockedTimeoutMs,
      signal: stopping,
    });
    const firstOf = [answer.then(() => "answered" as const), life.over.then(() => "over" as const)];
    try {
      let first = await within(
        Promise.race([...firstOf, life.locked.then(() => "locked" as const)]),
        times.startTimeoutMs,
        "start of signal-cli",
        stopping,
      );
      if (first === "locked") {
        this.#o.onState(lockedError());
        this.#o.log.warn("The Signal account is held by another process; signal-cli waits for it");
        first = await within(Promise.race(firstOf), times.lockedTimeoutMs, "lock of the Signal account", stopping);
      }
      if (first === "over") throw classifyStart(await life.end(false), life.stderr.lines);
      const result = await answer as { version?: unknown } | undefined;
      if (typeof result?.version === "string") this.#version = result.version;
    } catch (error) {
      if (stopping.aborted || error instanceof ChannelUnavailable) throw error;
      if (error instanceof DeadlineExceeded) {
        throw life.isLocked ? lockedError() : new ChannelUnavailable(
          "no_answer",
          `signal-cli was started and gave no answer within ${times.startTimeoutMs / 1000} s.`,
        );
      }
      if (error instanceof RpcUnanswered) throw classifyStart(await life.end(false), life.stderr.lines);
      throw new ChannelUnavailable("refused_to_start", "signal-cli refused the request for its version.", {
        cause: error,
      });
    }
    checkVersion(this.#version);
  }
}

function asTrouble(error: unknown, stopping: AbortSignal): ChannelUnavailable {
  if (error instanceof ChannelUnavailable) return error;
  if (stopping.aborted) return new ChannelUnavailable("stopped", "The service is stopping.");
  return new ChannelUnavailable("not_startable", "signal-cli cannot be started.", { cause: error });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
