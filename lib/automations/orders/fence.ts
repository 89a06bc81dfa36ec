/**
 * The lease under which orders are worked on: one instance at a time scans, holds, releases and cancels.
 *
 * @module
 */
import { LeaseLost } from "../../domain/errors.ts";
import { type Clock, momentOf } from "../../runtime/clock.ts";
import type { HeldLease, Lease, Store, StoreTx } from "../../store/port.ts";

/** Name of the lease. */
export const ORDERS_LEASE = "orders";

export interface FenceOptions {
  readonly store: Store;
  readonly lease: HeldLease;
  /** How long a renewal lasts (`LEASE_SECONDS`). */
  readonly leaseMs: number;
  readonly clock: Clock;
}

/**
 * Runs `work` in a transaction that begins by renewing `lease`: its row stays locked until the end, so nobody takes it over
 * in between. `work` gets the database's clock.
 * @throws {LeaseLost} when the lease is not ours any more; nothing was written
 */
export async function fenced<T>(
  options: FenceOptions,
  lease: Lease,
  name: string,
  work: (tx: StoreTx, nowMs: number) => Promise<T>,
): Promise<T> {
  const sentAt = momentOf(options.clock);
  const result = await options.store.transaction(name, async (tx) => {
    const nowMs = await tx.leases.renew(lease, options.leaseMs);
    if (nowMs === undefined) throw new LeaseLost(lease.name);
    return await work(tx, nowMs);
  });
  options.lease.confirmed(lease, sentAt);
  return result;
}
