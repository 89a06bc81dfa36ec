/**
 * Dead messages of orders that were replayed are owed again.
 *
 * @module
 */
import type { Origin } from "../../domain/message.ts";
import type { StoreTx } from "../../store/port.ts";

/** In the transaction that replays (or drops) them; origins of others are left to their owners. */
export async function reopenOrders(tx: StoreTx, origins: readonly Origin[]): Promise<void> {
  const changes = new Map<string, { orderId: number; generation: number; messages: number }>();
  for (const { kind, key, generation } of origins) {
    const orderId = Number(key);
    if (kind !== "order" || !Number.isSafeInteger(orderId)) continue;
    const change = changes.get(`${key}/${generation}`) ?? { orderId, generation, messages: 0 };
    change.messages++;
    changes.set(`${key}/${generation}`, change);
  }
  // In one order, so that two sessions take the rows alike.
  const sorted = [...changes.values()].sort((a, b) => a.orderId - b.orderId || a.generation - b.generation);
  if (sorted.length > 0) await tx.orders.reopen(sorted);
}
