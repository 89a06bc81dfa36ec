/**
 * A store whose process can die, and whose database can go away: the real store of a session, with a switch in front.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import type { Lease, Store, StoreTx } from "../../lib/store/port.ts";

export class MortalStore {
  /** The process is dead: nothing that it waits for comes any more, and its transaction is rolled back. */
  dead = false;
  /** The database is away. */
  away = false;
  /** What happens to the next COMMIT: it takes effect or not, and either way nobody learns of it. */
  nextCommit: "answered" | "lost_done" | "lost_undone" = "answered";
  /** Each call takes so many turns of the event loop to get there, and as many to come back. */
  lagTurns = 0;
  /** While the process is frozen, answers wait until it goes on. A transaction under way is carried to its end first. */
  untilThawed: () => Promise<void> | undefined = () => undefined;
  /** What happens on the way of a call to the database, or of its answer, by the method's name: it gets there when this is over. */
  onTheWay: (method: string, way: "there" | "back") => Promise<void> | undefined = () => undefined;
  /** Called between the work of a transaction and its COMMIT. */
  beforeCommit: (name: string) => void = () => {};
  readonly store: Store;

  /** @param nowMs the clock of the database as the lease fence tells it; default: the real one */
  constructor(real: Store, private readonly nowMs?: () => number) {
    this.store = this.#guarded(real, false);
  }

  #guarded<T extends object>(target: T, inTransaction: boolean): T {
    return new Proxy(target, {
      get: (of, key) => {
        const value: unknown = Reflect.get(of, key, of);
        if (key === "transaction") {
          return (name: string, work: (tx: StoreTx) => Promise<unknown>) => this.#transaction(of as Store, name, work);
        }
        if (key === "renew") {
          return (lease: Lease, ttlMs: number) =>
            this.#call("renew", () => this.#renew(of as unknown as StoreTx["leases"], lease, ttlMs), inTransaction);
        }
        if (typeof value === "function") {
          return (...args: unknown[]) => this.#call(String(key), () => value.apply(of, args), inTransaction);
        }
        return typeof value === "object" && value !== null ? this.#guarded(value, inTransaction) : value;
      },
    });
  }

  async #call(method: string, call: () => unknown, inTransaction: boolean): Promise<unknown> {
    if (this.dead && inTransaction) throw new Died();
    if (this.dead) return await never();
    if (this.away) throw new StoreUnavailable("unreachable", "the test took the database away");
    // Not awaited when nothing happens: that would be a turn more, and found seeds live by their turns.
    const there = this.onTheWay(method, "there");
    if (there !== undefined) await there;
    await this.#lag();
    const result = await call();
    const back = this.onTheWay(method, "back");
    if (back !== undefined) await back;
    await this.#lag();
    if (!inTransaction) await this.untilThawed();
    return this.dead && !inTransaction ? await never() : result;
  }

  async #lag(): Promise<void> {
    for (let turn = 0; turn < this.lagTurns; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async #renew(leases: StoreTx["leases"], lease: Lease, ttlMs: number): Promise<number | undefined> {
    const nowMs = await leases.renew(lease, ttlMs);
    return nowMs === undefined ? undefined : this.nowMs?.() ?? nowMs;
  }

  async #transaction(of: Store, name: string, work: (tx: StoreTx) => Promise<unknown>): Promise<unknown> {
    try {
      const result = await this.#call("transaction", () =>
        of.transaction(name, async (tx) => {
          const result = await work(this.#guarded(tx, true));
          this.beforeCommit(name);
          if (this.dead) throw new Died();
          if (this.nextCommit === "lost_undone") {
            this.nextCommit = "answered";
            throw lostCommit(name);
          }
          return result;
        }), false);
      if (this.nextCommit === "lost_done") {
        this.nextCommit = "answered";
        throw lostCommit(name);
      }
      return result;
    } catch (error) {
      await this.untilThawed();
      if (this.dead) return await never();
      throw error;
    }
  }
}

class Died extends Error {
  override readonly name = "Died";
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function lostCommit(name: string): StoreUnavailable {
  return new StoreUnavailable("unreachable", `transaction ${name}: no answer to COMMIT`, { maybeCommitted: true });
}
