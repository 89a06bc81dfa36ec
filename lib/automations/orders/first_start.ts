/**
 * What happens to orders that were unnotified before the service ever ran, and `ORDERS_SINCE`.
 * The table of decisions is in `lib/automations/README.md`.
 *
 * @module
 */
import { DecodeError } from "../../domain/errors.ts";
import type { Alarm } from "../../runtime/alarm.ts";
import type { Log } from "../../runtime/log.ts";
import type { Lease } from "../../store/port.ts";
import { fenced, type FenceOptions } from "./fence.ts";

/** `ORDERS_SINCE`: `all`, `now`, an instant (milliseconds UTC), or not set. */
export type OrdersSince = "all" | "now" | number | undefined;

/** Where the first start is remembered (`service_state`). */
export const FIRST_START_KEY = "orders.first_start";
/** Unnotified orders older than this are history. */
export const HISTORY_AGE_MS = 24 * 60 * 60_000;
/** So much history is sent without a question. */
export const HISTORY_ALLOWED = 50;
/** Rows held or released in one transaction. */
export const HISTORY_BATCH = 500;

/** What the first start decided; stored before it is carried out, so that a kill in the middle changes nothing. */
export interface FirstStartPlan {
  readonly atMs: number;
  /** `none`: everything is sent. `before`: older than `beforeMs`. `everything`: whatever was there. */
  readonly hold: "none" | "before" | "everything";
  readonly beforeMs?: number;
  /** The newest order that was there; later ones are never held. */
  readonly upToId?: number;
  /** The admin has to decide. */
  readonly ask: boolean;
  readonly carriedOut: boolean;
}

/** Pure: what a first start does. */
export function planFirstStart(
  since: OrdersSince,
  history: { readonly older: number; readonly newestId: number | undefined },
  nowMs: number,
): FirstStartPlan {
  const nothing = { atMs: nowMs, hold: "none", ask: false, carriedOut: true } as const;
  if (history.newestId === undefined || since === "all") return nothing;
  const some = { atMs: nowMs, upToId: history.newestId, ask: false, carriedOut: false } as const;
  if (since === "now") return { ...some, hold: "everything" };
  if (since !== undefined) return { ...some, hold: "before", beforeMs: since };
  if (history.older <= HISTORY_ALLOWED) return nothing;
  return { ...some, hold: "before", beforeMs: nowMs - HISTORY_AGE_MS, ask: true };
}

export interface FirstStartOptions extends FenceOptions {
  readonly since: OrdersSince;
  readonly alarm: Alarm;
  readonly log: Log;
}

/**
 * Plans and carries out the first start, or finishes one that was interrupted; then releases what `ORDERS_SINCE` frees.
 * Repeatable at every start: once everything is as the setting says, it changes nothing.
 * @returns false when `signal` aborted in the middle
 * @throws {LeaseLost} @throws {StoreUnavailable} @throws {DecodeError} when the remembered plan cannot be read
 */
export async function prepareHistory(
  options: FirstStartOptions,
  lease: Lease,
  signal: AbortSignal,
): Promise<boolean> {
  const plan = await rememberedPlan(options, lease);
  if (!plan.carriedOut && !await carryOut(options, lease, plan, signal)) return false;
  const { since } = options;
  if (since === undefined || since === "now") return !signal.aborted;
  const releasedTotal = await inBatches(
    signal,
    () =>
      fenced(
        options,
        lease,
        "orders.release",
        (tx) => tx.orders.releaseHeld(since === "all" ? undefined : since, HISTORY_BATCH),
      ),
  );
  if (releasedTotal > 0) options.log.info("Held orders were released by ORDERS_SINCE", { released: releasedTotal });
  return !signal.aborted;
}

async function rememberedPlan(options: FirstStartOptions, lease: Lease): Promise<FirstStartPlan> {
  const stored = await options.store.state.get(FIRST_START_KEY);
  if (stored !== undefined) return readPlan(stored);
  return await fenced(options, lease, "orders.first_start", async (tx, nowMs) => {
    const history = await tx.orders.history(nowMs - HISTORY_AGE_MS);
    const plan = planFirstStart(options.since, history, nowMs);
    if (await tx.state.putIfAbsent(FIRST_START_KEY, JSON.stringify(plan))) return plan;
    const earlier = await tx.state.get(FIRST_START_KEY);
    return earlier === undefined ? plan : readPlan(earlier);
  });
}

async function carryOut(
  options: FirstStartOptions,
  lease: Lease,
  plan: FirstStartPlan,
  signal: AbortSignal,
): Promise<boolean> {
  await inBatches(
    signal,
    () =>
      fenced(
        options,
        lease,
        "orders.hold",
        (tx) => tx.orders.hold(plan.hold === "before" ? plan.beforeMs : undefined, HISTORY_BATCH, plan.upToId),
      ),
  );
  if (signal.aborted) return false;
  const { held } = await options.store.orders.counts();
  options.log.info("Orders from before the first start are held", { held });
  // Told before it is remembered as done: a kill in between tells it twice rather than never.
  if (plan.ask && held > 0) {
    options.alarm.raise(
      "orders_held",
      "warning",
      `${held} unnotified orders are older than a day and were not sent. ` +
        "Set ORDERS_SINCE to all (send them), now (leave them) or a date (send those since), and restart.",
    );
  }
  await fenced(
    options,
    lease,
    "orders.first_start",
    (tx) => tx.state.put(FIRST_START_KEY, JSON.stringify({ ...plan, carriedOut: true } satisfies FirstStartPlan)),
  );
  return true;
}

/** Until a batch changes nothing or `signal` aborts. @returns the sum */
async function inBatches(signal: AbortSignal, batch: () => Promise<number>): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const count = await batch();
    if (count === 0) break;
    total += count;
  }
  return total;
}

function readPlan(stored: string): FirstStartPlan {
  let plan: Partial<FirstStartPlan> | null;
  try {
    plan = JSON.parse(stored);
  } catch (cause) {
    throw new DecodeError(FIRST_START_KEY, "not JSON", { cause });
  }
  const { atMs, hold, beforeMs, upToId, ask, carriedOut } = plan ?? {};
  const isNumber = (value: unknown) => typeof value === "number";
  const known = isNumber(atMs) && typeof ask === "boolean" && typeof carriedOut === "boolean" &&
    (hold === "none" || (isNumber(upToId) && (hold === "everything" || (hold === "before" && isNumber(beforeMs)))));
  if (!known) throw new DecodeError(FIRST_START_KEY, "not a plan of this program");
  return plan as FirstStartPlan;
}
