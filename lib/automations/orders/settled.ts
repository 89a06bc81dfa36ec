/**
 * What settled messages mean for the orders that owed them.
 *
 * @module
 */
import type { SettledRow, StoreTx } from "../../store/port.ts";

interface Change {
  readonly orderId: number;
  readonly generation: number;
  accepted: number;
  dropped: number;
  dead: number;
}

/**
 * Counts settled messages of orders down, in the transaction that settled them; rows of other origins are left to their
 * owners. An order whose last message was accepted gets its flag here.
 * @returns ids of the orders that died, for an alarm after the commit
 */
export async function settleOrders(tx: StoreTx, rows: readonly SettledRow[]): Promise<readonly number[]> {
  const changes = new Map<string, Change>();
  for (const { origin, state } of rows) {
    if (origin.kind !== "order") continue;
    const orderId = Number(origin.key);
    if (!Number.isSafeInteger(orderId)) continue; // none of ours: `decide.ts` writes order ids only
    const key = `${orderId}/${origin.generation}`;
    let change = changes.get(key);
    if (change === undefined) {
      change = { orderId, generation: origin.generation, accepted: 0, dropped: 0, dead: 0 };
      changes.set(key, change);
    }
    change[state]++;
  }
  if (changes.size === 0) return [];
  // Always in the same order: two transactions that settle the same orders then wait for each other and do not deadlock.
  const sorted = [...changes.values()].sort((a, b) => a.orderId - b.orderId || a.generation - b.generation);
  const ended = await tx.orders.settle(sorted);
  return ended.filter(({ end }) => end === "dead").map(({ orderId }) => orderId);
}
