/**
 * Leases, and what guards a move under one. A part of the port: see `../port.ts`.
 *
 * @module
 */
import type { Moment } from "../../runtime/clock.ts";

/** A lease that we hold. Every move of a row that it guards names its epoch. */
export interface Lease {
  readonly name: string;
  /** Random, per process start. */
  readonly holder: string;
  /** Grows by one with each change of holder: the fencing token. */
  readonly epoch: number;
}

/** A lease as its user sees it. */
export interface HeldLease {
  readonly name: string;
  /** The lease while it is safe to act under it, else undefined. */
  lease(): Lease | undefined;
  /**
   * The lease as the database last said, though it may have run out since: the database could not be asked. Never for a row
   * of a table; for what has no row, as an alert that the database is away.
   */
  lastKnown(): Lease | undefined;
  /** A renewal inside somebody's own transaction was committed; `sentAt` is from before it was sent. */
  confirmed(lease: Lease, sentAt: Moment): void;
  /** A move matched no row, or a renewal found another epoch: it is not ours any more. */
  lost(lease: Lease): void;
  /** Called when the lease was taken (with it) or lost (without). @returns a function that ends the calls */
  onChange(listener: (lease: Lease | undefined) => void): () => void;
}

export interface LeaseStore {
  /**
   * Takes the lease if it is free or has run out; also when `holder` has it already.
   * @param deadHolder a holder whose death is proven: what it still holds counts as free. Nobody else's does
   * @returns the lease and the database's clock, or who has it and for how long
   */
  acquire(name: string, holder: string, ttlMs: number, deadHolder?: string): Promise<
    | { readonly result: "acquired"; readonly lease: Lease; readonly nowMs: number }
    | { readonly result: "held"; readonly holder: string; readonly expiresInMs: number; readonly nowMs: number }
  >;
  /**
   * Prolongs the lease. Inside a transaction it is the fence: the row stays locked until the end, so nobody can take
   * the lease over in between. @returns the database's clock, or undefined when the lease is lost
   */
  renew(lease: Lease, ttlMs: number): Promise<number | undefined>;
  /** Gives it back, so that another instance need not wait. Does nothing when it is lost already. */
  release(lease: Lease): Promise<void>;
  list(): Promise<readonly { name: string; holder: string; epoch: number; expiresInMs: number }[]>;
}
