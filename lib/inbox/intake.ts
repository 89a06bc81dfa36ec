/**
 * Takes in what reached us: into the database, or, while that is away or refuses, into the spool. Only when it returned may the
 * source be acknowledged (P1).
 *
 * Order is kept across the two: as long as anything is in the spool, new events go behind it.
 *
 * @module
 */
import { StoreUnavailable } from "../domain/errors.ts";
import type { Accept, RawEvent } from "../channels/channel.ts";
import type { Alarm } from "../runtime/alarm.ts";
import { type Clock, DeadlineExceeded, within } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import type { Service } from "../runtime/service.ts";
import { type Spool, SpoolFull } from "../runtime/spool.ts";
import { Wake } from "../runtime/wake.ts";
import type { Store } from "../store/port.ts";

/** While the spool waits to be drained, the database is tried this often, milliseconds, or when the pulse rings. */
const DRAIN_RETRY_MS = 1_000;
/**
 * A database that has not stored an event after this time, milliseconds, counts as away: a frozen one would keep what
 * already left signal-cli in memory for as long as its statements may last, and a kill would lose it.
 */
const SLOW_STORE_MS = 500;
/** Times that a spooled batch is refused by a database that is there, before the admin is told. */
const REFUSALS_BEFORE_ALARM = 3;

export interface IntakeOptions {
  readonly store: Pick<Store, "inbox">;
  /** Opens the spool; called at each start. */
  readonly openSpool: () => Promise<Spool>;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly alarm: Alarm;
  /** New events are in the database: wakes the worker. */
  readonly onStored: () => void;
}

export class Intake implements Service {
  readonly name = "intake";
  readonly #wake: Wake;
  /** The spool is being opened. */
  #starting: Promise<void> | undefined;
  /** The database failed: straight to the spool until it was drained. */
  #spooling = false;
  #running: { readonly stop: AbortController; readonly done: Promise<void>; readonly spool: Spool } | undefined;

  constructor(private readonly options: IntakeOptions) {
    this.#wake = new Wake(options.clock);
  }

  async start(): Promise<void> {
    if (this.#running || this.#starting) throw new Error("intake: already started");
    this.#starting = this.#start().finally(() => this.#starting = undefined);
    await this.#starting;
  }

  async #start(): Promise<void> {
    const spool = await this.options.openSpool();
    this.#spooling = !spool.isEmpty;
    // The admin may have been told before a restart of what is over since.
    if (!this.#spooling) this.#clearAlarms();
    const stop = new AbortController();
    this.#running = { stop, spool, done: this.#drainLoop(spool, stop.signal) };
  }

  async stop(): Promise<void> {
    // Whoever started it hears why that failed.
    await this.#starting?.catch(() => {});
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    running.stop.abort();
    await running.done;
    await running.spool.close();
  }

  /** The database is there (again): drain now. */
  databaseIsBack(): void {
    this.#wake.ring();
  }

  /** Bytes that wait in the spool. */
  get spooledBytes(): number {
    return this.#running?.spool.sizeBytes ?? 0;
  }

  /** Whether events wait in the spool. */
  get spooling(): boolean {
    return this.#spooling;
  }

  /** @throws when the events could be stored nowhere: spool full, disk failed */
  readonly accept: Accept = async (events) => {
    if (events.length === 0) return;
    if (!this.#spooling) {
      try {
        // Goes on behind a deadline that it missed: what it stores nevertheless is a duplicate when the spool is drained.
        await within(this.#store(events), SLOW_STORE_MS, "storing what was received");
        return;
      } catch (error) {
        this.#spooling = true;
        const cause = describeError(error);
        const isAway = error instanceof StoreUnavailable || error instanceof DeadlineExceeded;
        if (isAway) this.options.log.warn("Messages go to the spool: the database is away", { cause });
        // Nowhere else do they survive us; what is wrong is told when the spool cannot be drained.
        else this.options.log.error("Messages go to the spool: the database refuses them", { cause });
      }
    }
    const spool = this.#running?.spool;
    if (spool === undefined) throw new Error("intake: not running, nothing was stored");
    try {
      await spool.append(events.map((event) => JSON.stringify(event)));
    } catch (error) {
      const why = error instanceof SpoolFull ? "the spool is full (SPOOL_MAX_MB)" : "the disk refuses the spool";
      this.options.alarm.raise(
        "spool_full",
        "critical",
        `Critical error: the database is away and ${why}; receiving stops`,
      );
      throw error;
    }
    this.options.counters.add("spooled_events_total", events.length);
    this.#wake.ring();
  };

  async #store(events: readonly RawEvent[]): Promise<void> {
    const { stored, duplicates } = await this.options.store.inbox.accept(events);
    this.options.counters.add("inbound_events_total", stored, { result: "stored" });
    if (duplicates > 0) this.options.counters.add("inbound_events_total", duplicates, { result: "duplicate" });
    if (stored > 0) this.options.onStored();
  }

  #clearAlarms(): void {
    this.options.alarm.clear("spool_stuck", "The spool is drained");
    this.options.alarm.clear("spool_full", "The spool is drained; receiving goes on");
  }

  async #drainLoop(spool: Spool, signal: AbortSignal): Promise<void> {
    const { log, alarm, counters } = this.options;
    let refusals = 0;
    while (!signal.aborted) {
      if (this.#spooling) {
        try {
          await spool.drain(async (batch) => {
            await this.#store(batch.map((line) => JSON.parse(line) as RawEvent));
          }, signal);
          // No await between the look and the switch: nothing can begin to be appended in between.
          if (spool.isEmpty) {
            this.#spooling = false;
            refusals = 0;
            this.#clearAlarms();
            log.info("The spool is drained: everything in it is in the database");
          }
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) {
            counters.add("bugs_total", 1, { room: "inbox" });
            log.error("The spool could not be drained", { cause: describeError(error) });
            if (++refusals === REFUSALS_BEFORE_ALARM) {
              alarm.raise(
                "spool_stuck",
                "critical",
                "Received messages wait in the spool and cannot be stored; see the log",
              );
            }
          }
        }
      }
      await this.#wake.wait(this.#spooling ? DRAIN_RETRY_MS : Number.MAX_SAFE_INTEGER, signal);
    }
  }
}
