/**
 * Orders whose flag somebody set TRUE while messages were still owed: what is still queued is taken back. Messages that are
 * being handed over are left, they can not be called back.
 *
 * @module
 */
import type { Log } from "../../runtime/log.ts";
import type { Counters } from "../../runtime/counters.ts";
import type { Lease } from "../../store/port.ts";
import { fenced, type FenceOptions } from "./fence.ts";

/** Orders per look; each is a transaction of its own, so that the dispatcher never waits for many. */
const FLAGS_PER_LOOK = 100;

export interface FlagOptions extends FenceOptions {
  readonly log: Log;
  readonly counters: Counters;
}

/** Cancels what is queued for them, until none is left or `signal` aborts. @throws {LeaseLost} */
export async function cancelFlagged(options: FlagOptions, lease: Lease, signal: AbortSignal): Promise<void> {
  const seen = new Set<string>();
  while (!signal.aborted) {
    const flagged = await options.store.orders.flaggedByHand(FLAGS_PER_LOOK);
    const fresh = flagged.filter(({ orderId, generation }) => !seen.has(`${orderId}/${generation}`));
    for (const { orderId, generation } of fresh) {
      if (signal.aborted) return;
      seen.add(`${orderId}/${generation}`);
      const dropped = await fenced(options, lease, "orders.cancel", async (tx, nowMs) => {
        const rows = await tx.outbox.dropQueued({ kind: "order", key: String(orderId) }, "flagged_by_hand", nowMs);
        await tx.orders.closeByHand(orderId, generation);
        return rows.length;
      });
      options.log.info("An order was flagged by hand; its queued messages were dropped", { order: orderId, dropped });
      options.counters.add("orders_cancelled_total");
    }
    if (flagged.length < FLAGS_PER_LOOK || fresh.length === 0) return;
  }
}
