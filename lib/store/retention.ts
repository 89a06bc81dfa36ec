/**
 * Removes finished rows that are older than `RETENTION_DAYS`: once a day inside the service, and at once for `prune`.
 * What goes and what never does: `lib/store/README.md`.
 *
 * It works beside full load: pages of {@link PAGE_ROWS}, each removed in a transaction of its own that lasts
 * milliseconds, and a pause after each. Of several instances the holder of one lease works; every removal proves it.
 *
 * @module
 */
import { StoreUnavailable } from "../domain/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import { LoopService } from "../runtime/loop.ts";
import { type Lease, RETENTION_TABLES, type RetentionKey, type RetentionTable, type Store } from "./port.ts";

/** Rows of one page: their removal holds a handful of locks for a few milliseconds, also on a slow disk. */
export const PAGE_ROWS = 200;
/** Rest after a page with removals, milliseconds: others get the disk in between. */
export const PAUSE_MS = 50;
/** Rest after a page with nothing to remove: only reading was done. */
const LOOK_PAUSE_MS = 5;
/** How long keys that recognise a repetition live at least, whatever `RETENTION_DAYS` says (design §4), milliseconds. */
export const KEYS_LIVE_MS = 60 * 86_400_000;
const DAY_MS = 86_400_000;
/** Longest run, milliseconds; what is left goes at the next look. */
export const RUN_DEADLINE_MS = 30 * 60_000;
export const RETENTION_LEASE = "retention";
/** How long its lease lasts without renewal, and when a walk that removes nothing renews it, milliseconds. */
const LEASE_MS = 60_000, RENEW_AFTER_MS = 15_000;
/** The service looks this often whether a day has passed, milliseconds: one statement. */
const LOOK_EVERY_MS = 3_600_000;
/** The first look after a start, milliseconds: starting is busy enough. */
export const FIRST_LOOK_MS = 120_000;
const LAST_RUN = "retention.last_run_ms";

export type RemovedRows = Readonly<Record<RetentionTable, number>>;

export interface RetentionOptions {
  readonly store: Store;
  /** Random text, unique to this process. */
  readonly holder: string;
  /** RETENTION_DAYS. */
  readonly retentionDays: number;
  readonly clock: Clock;
  readonly counters: Counters;
}

export interface RunOptions {
  /** Ends the run between two pages. */
  readonly signal?: AbortSignal;
  /** Counts only: nothing is removed, and no lease is needed. */
  readonly dryRun?: boolean;
  /** Called after each page with what was removed (or counted) so far. */
  readonly onProgress?: (rows: number, table: RetentionTable) => void;
}

export interface RunResult {
  /** `cut_short`: aborted, the deadline, or the lease went to another instance; `busy`: another instance is at it. */
  readonly end: "complete" | "cut_short" | "busy";
  readonly removed: RemovedRows;
}

/**
 * One run over all tables.
 * @throws {StoreUnavailable} when the database goes away; what was removed until then stays removed
 */
export async function runRetention(options: RetentionOptions, run: RunOptions = {}): Promise<RunResult> {
  const removed = Object.fromEntries(RETENTION_TABLES.map((table) => [table, 0])) as Record<RetentionTable, number>;
  const lease = run.dryRun === true ? undefined : await takeLease(options);
  if (lease === "held") return { end: "busy", removed };
  try {
    return { end: await walkAll(options, run, lease, removed), removed };
  } finally {
    if (lease !== undefined) await giveBack(options.store, lease);
  }
}

async function walkAll(
  { store, retentionDays, clock, counters }: RetentionOptions,
  run: RunOptions,
  lease: Lease | undefined,
  removed: Record<RetentionTable, number>,
): Promise<"complete" | "cut_short"> {
  const { nowMs } = await store.pulse();
  const startedAtMs = clock.monotonicMs();
  let renewedAtMs = startedAtMs;
  for (const table of RETENTION_TABLES) {
    const beforeMs = nowMs - livesMs(table, retentionDays);
    for (let after: RetentionKey | undefined, more = true; more;) {
      if (run.signal?.aborted || clock.monotonicMs() - startedAtMs > RUN_DEADLINE_MS) return "cut_short";
      const { keys, next } = await store.retention.look(table, { after, limit: PAGE_ROWS, beforeMs });
      let gone = keys.length;
      if (lease !== undefined && (keys.length > 0 || clock.monotonicMs() - renewedAtMs > RENEW_AFTER_MS)) {
        renewedAtMs = clock.monotonicMs();
        const done = await store.transaction(
          "retention",
          async (tx) =>
            await tx.leases.renew(lease, LEASE_MS) === undefined
              ? undefined
              : await tx.retention.remove(table, keys, beforeMs),
        );
        if (done === undefined) return "cut_short";
        gone = done;
        if (gone > 0) counters.add("retention_rows_removed_total", gone, { table });
      }
      removed[table] += gone;
      run.onProgress?.(total(removed), table);
      after = next;
      more = next !== undefined;
      if (more) await clock.sleepMs(lease !== undefined && gone > 0 ? PAUSE_MS : LOOK_PAUSE_MS, run.signal);
    }
  }
  return "complete";
}

/** How long finished rows of a table are kept, milliseconds. */
export function livesMs(table: RetentionTable, retentionDays: number): number {
  const chosenMs = retentionDays * DAY_MS;
  return table === "inbox" || table === "idempotency_keys" ? Math.max(chosenMs, KEYS_LIVE_MS) : chosenMs;
}

/** Rows of all tables together. */
export function total(rows: RemovedRows): number {
  return Object.values(rows).reduce((sum, count) => sum + count, 0);
}

async function takeLease({ store, holder }: RetentionOptions): Promise<Lease | "held"> {
  const taken = await store.leases.acquire(RETENTION_LEASE, holder, LEASE_MS);
  return taken.result === "acquired" ? taken.lease : "held";
}

async function giveBack(store: Store, lease: Lease): Promise<void> {
  try {
    await store.leases.release(lease);
  } catch (error) {
    // It runs out by itself within a minute, and the run's own end is what the caller must hear of.
    if (!(error instanceof StoreUnavailable)) throw error;
  }
}

/** The daily run. The day is remembered in the database: a restart, or another instance, does not run it again. */
export class RetentionService extends LoopService {
  readonly name = "retention";

  constructor(private readonly options: RetentionOptions & { readonly log: Log }) {
    super(options);
  }

  protected async loop(signal: AbortSignal): Promise<void> {
    const { clock, log, counters } = this.options;
    await clock.sleepMs(FIRST_LOOK_MS, signal);
    while (!signal.aborted) {
      try {
        await this.#runIfDue(signal);
      } catch (error) {
        counters.add("retention_runs_total", 1, { end: "failed" });
        const fields = { error: describeError(error) };
        // The heartbeat tells that the database is away; anything else is a bug that must not end the service.
        if (error instanceof StoreUnavailable) {
          log.info("Old rows could not be removed; tried again in an hour", fields);
        } else log.error("Old rows could not be removed; tried again in an hour", fields);
      }
      await clock.sleepMs(LOOK_EVERY_MS, signal);
    }
  }

  async #runIfDue(signal: AbortSignal): Promise<void> {
    const { store, clock, log, counters } = this.options;
    const lastRunMs = Number(await store.state.get(LAST_RUN) ?? 0);
    // A clock that was set back must not stop it for ever.
    if (Math.abs(clock.nowMs() - lastRunMs) < DAY_MS - LOOK_EVERY_MS / 2) return;
    const { end, removed } = await runRetention(this.options, { signal });
    counters.add("retention_runs_total", 1, { end });
    if (end === "complete") await store.state.put(LAST_RUN, String(clock.nowMs()));
    if (end !== "busy") log.info("Old rows were removed", { end, ...removed });
  }
}
