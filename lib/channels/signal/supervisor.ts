/**
 * Keeps one connection to signal-cli: connect, readiness, end, connect again. It knows neither processes nor messages.
 *
 * ```text
 *            cannot connect, no answer                    ends, stops answering
 *   waiting ◀──────────────────────────── connecting     ┌─────────────────────▶ waiting
 *      │ backoff over                         ▲   │ `version` is answered
 *      └──────────────────────────────────────┘   └──────────▶ ready
 * ```
 *
 * @module
 */
import { ChannelUnavailable } from "../../domain/errors.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Counters } from "../../runtime/counters.ts";
import { describeError, type Log } from "../../runtime/log.ts";
import type { Random } from "../../runtime/random.ts";
import type { ChildTimes } from "./child_connector.ts";
import type { Connection, Connector } from "./connector.ts";
import type { RpcClient, RpcNotification } from "./rpc.ts";
import { RpcUnanswered } from "./rpc_errors.ts";

/** Times of the supervisor, in milliseconds. */
export interface SupervisorTimes extends ChildTimes {
  /** Wait before the first restart; doubles with each further one. */
  readonly restartFirstMs: number;
  /** Longest wait before a restart. */
  readonly restartCapMs: number;
  /** Ready for this long: the next failure counts as the first again. */
  readonly healthyAfterMs: number;
  /** For a `version` request that asks whether signal-cli still answers. */
  readonly pingTimeoutMs: number;
  /** After so long a silence it is asked whether it still answers, though nobody waits for anything. */
  readonly idleAfterMs: number;
  /** For that request: as patient as a send. */
  readonly idlePingTimeoutMs: number;
}

export const SUPERVISOR_TIMES: SupervisorTimes = {
  startTimeoutMs: 90_000,
  lockedTimeoutMs: 300_000,
  restartFirstMs: 500,
  restartCapMs: 30_000,
  healthyAfterMs: 10_000,
  pingTimeoutMs: 15_000,
  idleAfterMs: 60_000,
  idlePingTimeoutMs: 60_000,
  endTimeoutMs: 4_000,
  killTimeoutMs: 2_000,
};

/** How far the wait before a restart is spread: ± this share, so that several instances do not start in step. */
const RESTART_JITTER = 0.25;

export interface SupervisorOptions {
  readonly connector: Connector;
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

  /** Ends the connection in order: what is in flight is answered first; each step has its deadline. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#run;
  }

  /** A request was not answered in time: asks whether signal-cli answers at all, and ends the connection if not. */
  suspect(): void {
    const rpc = this.rpc;
    if (rpc === undefined || this.#checking !== undefined) return;
    this.#checking = this.#ping(rpc, this.#o.times.pingTimeoutMs).finally(() => this.#checking = undefined);
  }

  /** One that froze while nothing is sent would be deaf until the next message leaves, which can be the next day. */
  async #askWhenIdle(rpc: RpcClient, over: AbortSignal): Promise<void> {
    const { clock, times } = this.#o;
    while (!over.aborted && rpc.open) {
      const quietMs = rpc.heldUp ? 0 : clock.monotonicMs() - rpc.lastReadAtMs;
      if (quietMs < times.idleAfterMs) await clock.sleepMs(times.idleAfterMs - quietMs, over);
      else await this.#ping(rpc, times.idlePingTimeoutMs);
    }
  }

  async #ping(rpc: RpcClient, timeoutMs: number): Promise<void> {
    const askedAtMs = this.#o.clock.monotonicMs();
    try {
      await rpc.request("version", undefined, { timeoutMs });
    } catch (error) {
      // Any answer at all, also an error, is life; and while we do not read, silence is our own doing.
      const silent = error instanceof RpcUnanswered && error.why === "deadline";
      if (silent && !rpc.heldUp && rpc.lastReadAtMs < askedAtMs) await this.leave(rpc);
    }
  }

  /** It stopped answering: its connection is ended, and another one is made. */
  async leave(rpc: RpcClient): Promise<void> {
    this.#o.log.warn("signal-cli stopped answering and is started again");
    this.#frozen.add(rpc);
    await rpc.close();
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

  /** One connection. @returns why it ended */
  async #once(onHealthy: () => void): Promise<ChannelUnavailable> {
    const { clock, connector, onNotifications, onState } = this.#o;
    const stopping = this.#stopping.signal;
    let connection: Connection;
    try {
      connection = await connector.connect({ signal: stopping, onNotifications, onWaiting: onState });
    } catch (error) {
      return asTrouble(error, stopping);
    }
    const { rpc } = connection;
    const readyAtMs = clock.monotonicMs();
    this.#version = connection.version ?? this.#version;
    this.#rpc = rpc;
    this.#o.log.info("signal-cli is ready", { version: this.#version });
    this.#o.onReady(rpc);
    onState(undefined);
    const over = new AbortController();
    const asking = this.#askWhenIdle(rpc, over.signal);
    await endOf(connection, stopping);
    over.abort();
    if (clock.monotonicMs() - readyAtMs >= this.#o.times.healthyAfterMs) onHealthy();
    const trouble = await connection.end(stopping.aborted);
    await asking;
    this.#rpc = undefined;
    if (this.#frozen.has(rpc)) {
      return new ChannelUnavailable("frozen", "signal-cli stopped answering and was left. It is started again.");
    }
    return trouble;
  }
}

function asTrouble(error: unknown, stopping: AbortSignal): ChannelUnavailable {
  if (error instanceof ChannelUnavailable) return error;
  if (stopping.aborted) return new ChannelUnavailable("stopped", "The service is stopping.");
  return new ChannelUnavailable("not_startable", "signal-cli cannot be started.", { cause: error });
}

/** Waits for the end of the connection, at most until `stopping` aborts. The listener is dropped either way. */
async function endOf(connection: Connection, stopping: AbortSignal): Promise<void> {
  const asked = Promise.withResolvers<void>();
  if (stopping.aborted) return;
  const stop = () => asked.resolve();
  stopping.addEventListener("abort", stop, { once: true });
  await Promise.race([connection.over, asked.promise]);
  stopping.removeEventListener("abort", stop);
}
