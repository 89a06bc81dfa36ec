/**
 * The fence of every transaction: the lease is prolonged first, so that its row is locked until the commit. The database's clock is
 * read by the way.
 *
 * @module
 */
import { LeaseLost } from "../domain/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Lease, StoreTx } from "../store/port.ts";

export class Fence {
  #clockOffsetMs = 0;

  /** @param leaseMs `LEASE_SECONDS`, milliseconds */
  constructor(private readonly clock: Clock, private readonly leaseMs: number) {}

  /** About what the database's clock says now, milliseconds UTC. */
  nowMs(): number {
    return this.clock.nowMs() + this.#clockOffsetMs;
  }

  /**
   * @returns the database's time, milliseconds UTC
   * @throws {LeaseLost} @throws {StoreUnavailable}
   */
  async renew(tx: StoreTx, lease: Lease): Promise<number> {
    // Our clock from before the renewal is sent: the estimate of the database's clock may be a round trip ahead, which lets a
    // retry leave a little early, but never behind, which would overlook a row that was enqueued just now.
    const sentAtMs = this.clock.nowMs();
    const nowMs = await tx.leases.renew(lease, this.leaseMs);
    if (nowMs === undefined) throw new LeaseLost(lease.name);
    this.#clockOffsetMs = nowMs - sentAtMs + 1;
    return nowMs;
  }
}
