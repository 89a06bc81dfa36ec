/**
 * The heartbeat of an idle service: one statement per `POLL_INTERVAL_SECONDS` that learns whether anything is due, and
 * at the same time whether the database is there.
 *
 * @module
 */
import { StoreUnavailable } from "../domain/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import { describeError, type Log } from "../runtime/log.ts";
import { type Condition, LIVE, type Service } from "../runtime/service.ts";
import { Wake } from "../runtime/wake.ts";
import type { Pulse, Store } from "./port.ts";

/** While the database is away it is asked again after this long, at most: back within 5 s of its return (issue: recovery). */
export const LONGEST_RETRY_MS = 2_000;

/**
 * A database that was there and leaves a statement unanswered for so long, milliseconds, is said to be silent. The statement goes on
 * waiting for its deadline: a database that is merely slow is not given up, and no connection is wasted on it.
 */
export const SILENT_AFTER_MS = 4_000;
/** The silence is counted in steps, milliseconds: while this process is frozen itself, at most one of them passes. */
const SILENCE_STEP_MS = 1_000;

export interface PulseOptions {
  readonly store: Store;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** After each answer. Must not throw. */
  readonly onPulse: (pulse: Pulse) => void;
  /** The database went away or came back; called on changes only. */
  readonly onCondition: (condition: Condition) => void;
  /** It became silent, which is `degraded`, or answered after all: {@link onCondition} is told of neither. Must not throw. */
  readonly onSilence?: () => void;
  /**
   * The first answer of a database that was not known to be there: checks the schema. A throw that is no
   * {@link StoreUnavailable} of a passing kind ends the service, with this error.
   */
  readonly onArrival: () => Promise<void>;
  readonly onFatal: (error: unknown) => void;
}

export class PulseService implements Service {
  readonly name = "database";
  readonly #wake: Wake;
  #condition: Condition | undefined;
  /** When it was asked what it leaves unanswered, on the monotonic clock; undefined while it is not silent. */
  #silentSinceMs: number | undefined;
  #running: { stop: AbortController; done: Promise<void> } | undefined;
  /** When the loop turned last, on the monotonic clock: it does so within the deadline of a statement. */
  lastTurnAtMs: number;
  /** Wall clock of the last answer, milliseconds UTC. */
  lastAnswerAtMs: number | undefined;

  constructor(private readonly options: PulseOptions) {
    this.#wake = new Wake(options.clock);
    this.lastTurnAtMs = options.clock.monotonicMs();
  }

  /** How the database is; `down` until it answered once. */
  condition(): Condition {
    const condition = this.#condition ?? { state: "down", reason: "not asked yet" };
    const silentMs = this.silentMs();
    if (silentMs === 0 || condition.state !== "live") return condition;
    return { state: "degraded", reason: `has not answered for ${Math.floor(silentMs / 1_000)} s` };
  }

  /** For how long it has been silent, milliseconds; 0: it answers, or is known to be away. */
  silentMs(): number {
    return this.#silentSinceMs === undefined ? 0 : this.options.clock.monotonicMs() - this.#silentSinceMs;
  }

  async start(): Promise<void> {
    if (this.#running) throw new Error("database: already started");
    const stop = new AbortController();
    this.#running = { stop, done: this.#loop(stop.signal) };
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.stop.abort();
    await running.done;
  }

  /** Asks now. */
  lookNow(): void {
    this.#wake.ring();
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { store, clock, intervalMs } = this.options;
    while (!signal.aborted) {
      this.lastTurnAtMs = clock.monotonicMs();
      try {
        if (this.#condition?.state !== "live") await this.options.onArrival();
        const pulse = await this.#whileListening(() => store.pulse());
        this.lastAnswerAtMs = clock.nowMs();
        if (signal.aborted) return;
        this.#become(LIVE);
        this.options.onPulse(pulse);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof StoreUnavailable) || error.fault === "schema") {
          this.options.onFatal(error);
          return;
        }
        this.options.log.debug("The database did not answer", { cause: describeError(error) });
        this.#become({ state: "down", reason: error.message });
      }
      await this.#wake.wait(
        this.#condition?.state === "live" ? intervalMs : Math.min(intervalMs, LONGEST_RETRY_MS),
        signal,
      );
    }
  }

  /** Says when the answer is late, and when it came. */
  async #whileListening<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, log, onSilence } = this.options;
    const sinceMs = clock.monotonicMs();
    const answered = new AbortController();
    const watch = async () => {
      for (let waitedMs = 0; waitedMs < SILENT_AFTER_MS; waitedMs += SILENCE_STEP_MS) {
        await clock.sleepMs(SILENCE_STEP_MS, answered.signal);
        if (answered.signal.aborted) return;
      }
      this.#silentSinceMs = sinceMs;
      log.warn("The database does not answer; it is waited for until its deadline", { silentMs: this.silentMs() });
      onSilence?.();
    };
    if (this.#condition?.state === "live") void watch();
    try {
      const answer = await ask();
      if (this.#silentSinceMs !== undefined) log.info("The database answers again", { silentMs: this.silentMs() });
      return answer;
    } finally {
      answered.abort();
      if (this.#silentSinceMs !== undefined) {
        this.#silentSinceMs = undefined;
        onSilence?.();
      }
    }
  }

  #become(condition: Condition): void {
    const before = this.#condition;
    this.#condition = condition;
    if (before?.state !== condition.state) this.options.onCondition(condition);
  }
}
