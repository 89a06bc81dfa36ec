/**
 * Keeps leases: takes them when they are free, prolongs them, and says at any moment whether they may still be used.
 *
 * Safety does not rest on timing: every move of a guarded row checks holder and epoch in the database. The clock
 * here only keeps a slow or frozen holder from *handing over* more, which no database can take back: a lease counts as
 * ours until {@link SAFETY_MARGIN_MS} before the end that the last confirmed renewal gave it, measured by our clocks
 * from before that renewal was sent ({@link longestAgeMs}).
 *
 * @module
 */
import { StoreUnavailable } from "../domain/errors.ts";
import { type Clock, longestAgeMs, type Moment, momentOf } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import { LoopService } from "../runtime/loop.ts";
import { Wake } from "../runtime/wake.ts";
import type { LeaseHolder } from "./lease_holder.ts";
import type { HeldLease, Lease, Store } from "./port.ts";

/** A holder stops this long before its lease runs out (design §4). */
export const SAFETY_MARGIN_MS = 5_000;

export interface LeaseKeeperOptions {
  readonly store: Store;
  readonly names: readonly string[];
  /** Random text, unique to this process. */
  readonly holder: string;
  /** Proves deaths on this host, so that the leases of the dead are taken at once. Default: they run out. */
  readonly proof?: LeaseHolder;
  /** How long a lease lasts without renewal (`LEASE_SECONDS`). More than twice {@link SAFETY_MARGIN_MS} makes sense. */
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
}

class Kept implements HeldLease {
  current: Lease | undefined;
  confirmedAt: Moment = { wallMs: 0, monotonicMs: 0 };
  readonly listeners = new Set<(lease: Lease | undefined) => void>();
  constructor(readonly name: string, private readonly keeper: LeaseKeeper) {}

  lease(): Lease | undefined {
    return this.current !== undefined && this.keeper.ageMs(this) < this.keeper.safeMs ? this.current : undefined;
  }
  lastKnown(): Lease | undefined {
    return this.current;
  }
  confirmed(lease: Lease, sentAt: Moment): void {
    if (this.current?.epoch === lease.epoch && sentAt.monotonicMs > this.confirmedAt.monotonicMs) {
      this.confirmedAt = sentAt;
    }
  }
  lost(lease: Lease): void {
    if (this.current?.epoch === lease.epoch) this.keeper.drop(this);
  }
  onChange(listener: (lease: Lease | undefined) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  change(lease: Lease | undefined): void {
    this.current = lease;
    for (const listener of [...this.listeners]) listener(lease);
  }
}

export class LeaseKeeper extends LoopService {
  readonly name = "leases";
  /** Longest age of a renewal under which we still act. */
  readonly safeMs: number;
  readonly #kept: ReadonlyMap<string, Kept>;
  readonly #wake: Wake;
  /** Every lease was looked at since the start: what the dead held is taken. */
  #lookedAtAll = false;
  #toldOfDisk = false;

  constructor(private readonly options: LeaseKeeperOptions) {
    super(options);
    this.safeMs = Math.max(options.leaseMs - SAFETY_MARGIN_MS, options.leaseMs / 3);
    this.#kept = new Map(options.names.map((name) => [name, new Kept(name, this)]));
    this.#wake = new Wake(options.clock);
  }

  /** @throws for a name that the keeper was not built with: a bug of the caller */
  held(name: string): HeldLease {
    const kept = this.#kept.get(name);
    if (kept === undefined) throw new Error(`no lease "${name}" is kept here`);
    return kept;
  }

  /** Gives all leases back. The users of the leases must have stopped before. */
  override async stop(): Promise<void> {
    await super.stop();
    let holdsNothing = true;
    for (const kept of this.#kept.values()) {
      const lease = kept.current;
      kept.change(undefined);
      if (lease === undefined) continue;
      try {
        await this.options.store.leases.release(lease);
      } catch (error) {
        // It runs out by itself: another instance waits LEASE_SECONDS longer, nothing else.
        if (!(error instanceof StoreUnavailable)) throw error;
        holdsNothing = false;
        this.options.log.info("A lease could not be given back; it runs out by itself", {
          lease: kindOf(lease.name),
        });
      }
    }
    this.#withProof((proof) => proof.close(holdsNothing));
    this.#lookedAtAll = false;
  }

  /** Looks again at once: the database is back. */
  retryNow(): void {
    this.#wake.ring();
  }

  ageMs(kept: { readonly confirmedAt: Moment }): number {
    return longestAgeMs(this.options.clock, kept.confirmedAt);
  }

  drop(kept: { readonly name: string; change(lease: Lease | undefined): void }): void {
    this.options.log.warn("A lease was lost to another instance or ran out", { lease: kindOf(kept.name) });
    this.options.counters.add("leases_lost_total", 1, { lease: kindOf(kept.name) });
    kept.change(undefined);
  }

  protected async loop(signal: AbortSignal): Promise<void> {
    const { leaseMs } = this.options;
    while (!signal.aborted) {
      // Before the first lease is taken, and again as long as the disk refuses.
      this.#withProof((proof) => proof.open());
      let reached = true;
      for (const kept of this.#kept.values()) {
        if (signal.aborted) break;
        // Users that are busy prolong the lease in their own transactions: nothing to do then.
        if (kept.current !== undefined && this.ageMs(kept) < leaseMs / 3 - 250) continue;
        try {
          await this.#step(kept);
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) throw error;
          this.options.log.debug("A lease could not be looked after: the database is away", {
            cause: describeError(error),
          });
          reached = false;
          break;
        }
      }
      if (reached && !this.#lookedAtAll) {
        this.#lookedAtAll = true;
        this.#withProof((proof) => proof.forgetDead());
      }
      await this.#wake.wait(leaseMs / 3, signal);
    }
  }

  async #step(kept: Kept): Promise<void> {
    const { store, holder, leaseMs, clock, log } = this.options;
    const sentAt = momentOf(clock);
    if (kept.current !== undefined) {
      const lease = kept.current;
      if (await store.leases.renew(lease, leaseMs) === undefined) kept.lost(lease);
      else kept.confirmed(lease, sentAt);
      if (kept.current !== undefined) return;
    }
    let taken = await store.leases.acquire(kept.name, holder, leaseMs);
    if (taken.result === "held") {
      const former = taken.holder;
      if (this.#withProof((proof) => proof.isDead(former)) === true) {
        taken = await store.leases.acquire(kept.name, holder, leaseMs, former);
      }
    }
    if (taken.result === "held") return;
    kept.confirmedAt = sentAt;
    log.info("A lease was taken", { lease: kindOf(kept.name), epoch: taken.lease.epoch });
    kept.change(taken.lease);
  }

  /** A disk that refuses costs time, nothing else: without proof of a death, its leases run out by themselves. */
  #withProof<T>(ask: (proof: LeaseHolder) => T): T | undefined {
    const { proof, log } = this.options;
    if (proof === undefined) return undefined;
    try {
      return ask(proof);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!this.#toldOfDisk) log.warn("A death on this host cannot be proven", { cause: describeError(error) });
      this.#toldOfDisk = true;
      return undefined;
    }
  }
}

/** `account:signal:+33…` → `account`: a lease's name can hold our number, a log line and a metric label should not. */
function kindOf(leaseName: string): string {
  const colon = leaseName.indexOf(":");
  return colon < 0 ? leaseName : leaseName.slice(0, colon);
}
