/**
 * What the service remembers of its own last minutes for `status.json`: when Signal last took and gave something, how
 * many critical errors were logged, what waits in the outbox, and how far the database's clock is from ours. `health`
 * judges by them (`lib/cli/health/`).
 *
 * @module
 */
import type { HealthDetails } from "../observe/health.ts";
import type { Clock } from "../runtime/clock.ts";
import { describeError, type Log, type LogFields } from "../runtime/log.ts";
import type { Counters } from "../runtime/counters.ts";
import { LoopService } from "../runtime/loop.ts";
import { Wake } from "../runtime/wake.ts";
import type { OutboxStore, SettledRow } from "../store/port.ts";

/** How long a critical error counts as recent, milliseconds: the original's five minutes. */
export const RECENT_MS = 5 * 60_000;
/** Critical errors remembered; more than these are no news. */
const REMEMBERED = 1_000;
/** How often the outbox is counted, milliseconds: two statements each time. */
const COUNT_MS = 20_000;

type Backlog = Awaited<ReturnType<OutboxStore["backlog"]>>;

export interface VitalsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Counts what is unfinished. Rejects while the database is away. */
  readonly backlog: (nowMs: number) => Promise<Backlog>;
  /** Whether the database is there. */
  readonly reachable: () => boolean;
}

export class Vitals extends LoopService {
  readonly name = "vitals";
  readonly #o: VitalsOptions;
  readonly #wake: Wake;
  #heardAtMs: number | undefined;
  #acceptedAtMs: number | undefined;
  #clockOffsetMs: number | undefined;
  #criticalAtMs: number[] = [];
  #backlog: { readonly counts: Backlog; readonly atMs: number } | undefined;

  constructor(options: VitalsOptions) {
    super(options);
    this.#o = options;
    this.#wake = new Wake(options.clock);
  }

  /** Something was received. */
  heard(): void {
    this.#heardAtMs = this.#o.clock.nowMs();
  }

  /** Messages reached an end. */
  settled(rows: readonly SettledRow[]): void {
    if (rows.some(({ state }) => state === "accepted")) this.#acceptedAtMs = this.#o.clock.nowMs();
  }

  /** The database said what time it is. */
  databaseClock(databaseNowMs: number): void {
    this.#clockOffsetMs = databaseNowMs - this.#o.clock.nowMs();
  }

  /** Something critical was logged. */
  critical(): void {
    this.#criticalAtMs.push(this.#o.clock.monotonicMs());
    if (this.#criticalAtMs.length > REMEMBERED) this.#criticalAtMs.shift();
  }

  /** For the part `signal`. Instants are milliseconds UTC; a missing one has not happened since the start. */
  signal(): HealthDetails {
    return {
      ...(this.#heardAtMs !== undefined && { last_received_ms: this.#heardAtMs }),
      ...(this.#acceptedAtMs !== undefined && { last_accepted_ms: this.#acceptedAtMs }),
    };
  }

  /** For the part `database`. */
  database(): HealthDetails {
    return this.#clockOffsetMs === undefined ? {} : { clock_offset_ms: this.#clockOffsetMs };
  }

  /** For the part `log`. */
  criticals(): HealthDetails {
    const sinceMs = this.#o.clock.monotonicMs() - RECENT_MS;
    this.#criticalAtMs = this.#criticalAtMs.filter((atMs) => atMs >= sinceMs);
    return { critical_errors: this.#criticalAtMs.length };
  }

  /** For the part `outbox`. The age grows while the database cannot be asked. */
  outbox(): HealthDetails {
    if (this.#backlog === undefined) return {};
    const { counts, atMs } = this.#backlog;
    const { queued, dead, oldestQueuedAgeMs } = counts;
    const sinceMs = this.#o.clock.monotonicMs() - atMs;
    return {
      queued,
      dead,
      ...(oldestQueuedAgeMs !== undefined && { oldest_queued_ms: Math.round(oldestQueuedAgeMs + sinceMs) }),
    };
  }

  /** What was counted last; undefined before the first count. */
  backlog(): Backlog | undefined {
    return this.#backlog?.counts;
  }

  /** The database is there: counts soon. */
  look(): void {
    this.#wake.ring();
  }

  protected async loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#o.reachable()) {
        try {
          const { clock } = this.#o;
          this.#backlog = { counts: await this.#o.backlog(clock.nowMs()), atMs: clock.monotonicMs() };
        } catch (error) {
          // The heartbeat tells that the database is away; the old figures stay, with an age that grows.
          this.#o.log.debug("The outbox could not be counted", { cause: describeError(error) });
        }
      }
      await this.#wake.wait(COUNT_MS, signal);
    }
  }
}

/** The log, with every critical line counted. */
export function countingCriticals(log: Log, count: () => void): Log {
  return {
    debug: (message, fields) => log.debug(message, fields),
    info: (message, fields) => log.info(message, fields),
    warn: (message, fields) => log.warn(message, fields),
    error: (message, fields) => log.error(message, fields),
    critical(message: string, fields?: LogFields) {
      count();
      log.critical(message, fields);
    },
    child: (room) => countingCriticals(log.child(room), count),
  };
}
