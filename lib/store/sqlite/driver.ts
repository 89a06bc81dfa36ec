/**
 * Kysely's driver over one {@link SqliteConnection}: whoever has it works alone, others queue.
 *
 * @module
 */
import {
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { StoreUnavailable } from "../../domain/errors.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { SqliteConnection } from "./connection.ts";

export class SqliteDriver implements Driver {
  #busy = false;
  #closed = false;
  readonly #waiting: { resolve(): void; reject(error: unknown): void }[] = [];

  constructor(
    private readonly connection: SqliteConnection,
    private readonly clock: Clock,
    private readonly acquireTimeoutMs: number,
  ) {}

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    if (this.#closed) throw new StoreUnavailable("unreachable", "the store is closed");
    if (!this.#busy) {
      this.#busy = true;
      return this.connection;
    }
    const timer = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { resolve, reject };
    this.#waiting.push(waiter);
    this.clock.sleepMs(this.acquireTimeoutMs, timer.signal).then(() => {
      const at = this.#waiting.indexOf(waiter);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(
        new StoreUnavailable("pool_exhausted", `the one SQLite connection stayed busy for ${this.acquireTimeoutMs} ms`),
      );
    });
    try {
      await promise;
    } finally {
      timer.abort();
    }
    return this.connection;
  }

  async releaseConnection(): Promise<void> {
    const next = this.#waiting.shift();
    if (next !== undefined) return next.resolve();
    this.#busy = false;
    if (this.#closed) this.connection.close();
  }

  async beginTransaction(): Promise<void> {
    throw new Error("transactions are begun by the store");
  }
  async commitTransaction(): Promise<void> {}
  async rollbackTransaction(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) {
      waiter.reject(new StoreUnavailable("unreachable", "the store is closed"));
    }
    if (!this.#busy) this.connection.close();
  }
}

/** Kysely would queue for a single connection by itself, and without a deadline: the driver does that here. */
class QueuedByDriver extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** The driver as Kysely wants to be given it. */
export function sqliteDialect(driver: SqliteDriver): Dialect {
  return {
    createAdapter: () => new QueuedByDriver(),
    createDriver: () => driver,
    // deno-lint-ignore no-explicit-any
    createIntrospector: (db: Kysely<any>) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}
