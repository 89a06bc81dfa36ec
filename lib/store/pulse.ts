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

export interface PulseOptions {
  readonly store: Store;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** After each answer. Must not throw. */
  readonly onPulse: (pulse: Pulse) => void;
  /** The database went away or came back; called on changes only. */
  readonly onCondition: (condition: Condition) => void;
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
    return this.#condition ?? { state: "down", reason: "not asked yet" };
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
        const pulse = await store.pulse();
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

  #become(condition: Condition): void {
    const before = this.#condition;
    this.#condition = condition;
    if (before?.state !== condition.state) this.options.onCondition(condition);
  }
}
