/**
 * Turns stored events into effects: decodes each, hands it to the automations that want it, and commits their effects
 * together with "done". One event at a time per sender, `WORKER_POOL_SIZE` senders at once.
 *
 * Done first: the transaction begins by finishing the row, which locks it. A second instance that works on the same event
 * waits there and then finds nothing to finish, so effects happen once whoever holds the lease.
 *
 * @module
 */
import { DecodeError, StoreUnavailable } from "../domain/errors.ts";
import type { Automation } from "../domain/automation.ts";
import type { InboundEvent } from "../domain/events.ts";
import type { AccountId } from "../domain/address.ts";
import type { Alarm } from "../runtime/alarm.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import { LoopService } from "../runtime/loop.ts";
import { Wake } from "../runtime/wake.ts";
import type { HeldLease, InboxRow, Store, StoreTx } from "../store/port.ts";

/** Waits before an event whose automation failed is tried again, milliseconds; after the last one it is dead. */
export const EVENT_RETRY_DELAYS_MS = [5_000, 30_000, 120_000] as const;
/** Events looked at per read. */
const BATCH = 64;
/** A safety net, milliseconds: the pulse and the intake ring earlier. */
const IDLE_LOOK_MS = 30_000;
/** After the database failed, milliseconds. */
const STORE_RETRY_MS = 500;

export interface InboxWorkerOptions {
  readonly store: Store;
  readonly held: HeldLease;
  readonly automations: readonly Automation<StoreTx>[];
  /** The decoder of the channel that an account belongs to. @throws {DecodeError} */
  readonly decode: (body: string, account: AccountId) => InboundEvent;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly alarm: Alarm;
  /** Conversations worked on at once (`WORKER_POOL_SIZE`). */
  readonly workers: number;
  /** Effects were committed: wakes the dispatcher. */
  readonly onEffects: () => void;
}

export class InboxWorker extends LoopService {
  readonly name = "inbox";
  readonly #o: InboxWorkerOptions;
  readonly #wake: Wake;

  constructor(options: InboxWorkerOptions) {
    super(options);
    this.#o = options;
    this.#wake = new Wake(options.clock);
  }

  /** Something may be due. */
  look(): void {
    this.#wake.ring();
  }

  /** What is being worked on at a stop is finished; the rest stays stored. */
  protected async loop(signal: AbortSignal): Promise<void> {
    const end = this.#o.held.onChange(() => this.look());
    try {
      await this.#takeUp(signal);
    } finally {
      end();
    }
  }

  async #takeUp(signal: AbortSignal): Promise<void> {
    const { store, held, clock, workers } = this.#o;
    while (!signal.aborted) {
      let found = 0;
      try {
        if (held.lease() !== undefined) {
          const rows = await store.inbox.due({ limit: BATCH, nowMs: clock.nowMs(), busyLanes: new Set() });
          found = rows.length;
          await this.#work(rows, Math.max(1, workers), signal);
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        this.#o.log.debug("Stored events wait: the database is away", { cause: describeError(error) });
        await clock.sleepMs(STORE_RETRY_MS, signal);
        continue;
      }
      if (found === 0) await this.#wake.wait(IDLE_LOOK_MS, signal);
    }
  }

  /** Each lane in order, several lanes at once. */
  async #work(rows: readonly InboxRow[], workers: number, signal: AbortSignal): Promise<void> {
    const lanes = [...Map.groupBy(rows, (row) => row.lane).values()];
    const one = async () => {
      for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) {
        for (const row of lane) {
          if (signal.aborted || this.#o.held.lease() === undefined) return;
          // A failed event blocks those behind it from the same sender until its next try.
          if (!await this.#handle(row)) break;
        }
      }
    };
    const results = await Promise.allSettled(Array.from({ length: Math.min(workers, lanes.length) }, one));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  /** @returns false when the event has to be tried again later */
  async #handle(row: InboxRow): Promise<boolean> {
    const { store, clock, counters, log, automations } = this.#o;
    const startedAtMs = clock.monotonicMs();
    let event: InboundEvent;
    try {
      event = this.#o.decode(row.body, row.account);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      await this.#bury(row, "decode", error);
      return true;
    }
    try {
      const wanted = automations.filter((automation) => automation.wants(event));
      const done = await store.transaction("inbox_event", async (tx) => {
        if (!await tx.inbox.finish(row.id, clock.nowMs())) return false;
        for (const automation of wanted) await automation.handle(event, tx, { inboxId: row.id });
        return true;
      });
      counters.add("inbox_events_done_total", 1, { type: event.type, result: done ? "done" : "done_elsewhere" });
      counters.observeMs("inbox_event_seconds", clock.monotonicMs() - startedAtMs);
      if (done && wanted.length > 0) this.#o.onEffects();
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error;
      counters.add("bugs_total", 1, { room: "automations" });
      log.error("An automation failed; its event is tried again", { inbox: row.id, cause: describeError(error) });
      const delayMs = EVENT_RETRY_DELAYS_MS[row.attempts];
      if (delayMs === undefined) {
        await this.#bury(row, "automation_failed", error);
        return true;
      }
      await store.inbox.defer(row.id, row.attempts + 1, clock.nowMs() + delayMs, "automation_failed");
      return false;
    }
  }

  async #bury(row: InboxRow, reason: string, error: unknown): Promise<void> {
    await this.#o.store.inbox.bury(row.id, row.attempts + 1, reason, this.#o.clock.nowMs());
    this.#o.counters.add("inbox_events_dead_total", 1, { reason });
    this.#o.log.error("An inbound event is dead: it stays stored for a replay", {
      inbox: row.id,
      reason,
      cause: describeError(error),
    });
    this.#o.alarm.raise(
      "inbound_dead",
      "error",
      `Critical error: a received message could not be handled (inbox ${row.id}, ${reason})`,
    );
  }
}
