/**
 * Orders that could not be turned into messages although the database works: each is tried again by itself, later and
 * later, while the others go on. In memory: after a restart they are tried at once.
 *
 * @module
 */
import type { DueOrder } from "../../store/port.ts";

/** First wait of an order that failed; it doubles with each failure. */
export const FIRST_WAIT_MS = 5_000;
export const LONGEST_WAIT_MS = 10 * 60_000;
/** More than these are no bad rows: something is wrong with all of them, and the scan as a whole fails. */
export const MOST_SET_ASIDE = 1_000;

export class SetAside {
  readonly #orders = new Map<number, { failures: number; untilMs: number }>();

  get size(): number {
    return this.#orders.size;
  }
  /** Whether there is a place for this order; one that is set aside already has its own. */
  hasPlaceFor(orderId: number): boolean {
    return this.#orders.size < MOST_SET_ASIDE || this.#orders.has(orderId);
  }

  /** @returns how long the order waits, milliseconds */
  add(orderId: number, monotonicMs: number): number {
    const failures = (this.#orders.get(orderId)?.failures ?? 0) + 1;
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), LONGEST_WAIT_MS);
    this.#orders.set(orderId, { failures, untilMs: monotonicMs + waitMs });
    return waitMs;
  }

  /** @returns true when it was set aside and now nobody is any more */
  remove(orderId: number): boolean {
    return this.#orders.delete(orderId) && this.#orders.size === 0;
  }

  /** The orders of a scan that may be tried now. */
  ready(due: readonly DueOrder[], monotonicMs: number): readonly DueOrder[] {
    return due.filter(({ id }) => (this.#orders.get(id)?.untilMs ?? 0) <= monotonicMs);
  }

  /** Forgets orders that a complete scan no longer shows: somebody dealt with them. @returns true as {@link remove} */
  keepOnly(due: readonly DueOrder[]): boolean {
    if (this.#orders.size === 0) return false;
    const ids = new Set(due.map(({ id }) => id));
    for (const id of this.#orders.keys()) if (!ids.has(id)) this.#orders.delete(id);
    return this.#orders.size === 0;
  }
}
