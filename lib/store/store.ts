/**
 * The store over any engine: sub-ports, transactions with their retries, the schema check.
 *
 * @module
 */
import { StoreUnavailable } from "../domain/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import { type Counters, noCounters } from "../runtime/counters.ts";
import type { Random } from "../runtime/random.ts";
import { Contended, StatementRefused } from "./faults.ts";
import type { Engine } from "./engine.ts";
import type {
  AffiliatesStore,
  InboxStore,
  LeaseStore,
  OrdersStore,
  OutboxStore,
  Pulse,
  RetentionStore,
  StateStore,
  Store,
  StoreSession,
  StoreTx,
} from "./port.ts";
import { affiliatesQueries } from "./queries/affiliates.ts";
import { inboxQueries } from "./queries/inbox.ts";
import { leaseQueries } from "./queries/leases.ts";
import { ordersQueries } from "./queries/orders.ts";
import { OrdersTableReader } from "./queries/orders_table.ts";
import { outboxQueries } from "./queries/outbox.ts";
import { PulseReader } from "./queries/pulse.ts";
import { retentionQueries } from "./queries/retention.ts";
import { readSchemaVersion } from "./queries/schema.ts";
import { stateQueries } from "./queries/state.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { going } from "./posted.ts";
import { Scope } from "./scope.ts";

/** Tries of a transaction before its deadlocks are given up as `contention`. */
const TRANSACTION_TRIES = 10;
/** Wait before the second try, doubled each time, with full jitter. */
const RETRY_BASE_MS = 5;
const RETRY_CAP_MS = 300;

/** What a store needs besides its database. */
export interface StoreDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters?: Counters;
}

/** What both engines are told. */
export interface StoreOptions {
  /** IANA zone in which DATETIME columns of the shop's table are meant (`ORDERS_TIMEZONE`). */
  readonly ordersTimezone: string;
  /** Age limit of messages that name none, milliseconds (`DELIVERY_MAX_AGE`). Default: 3 days. */
  readonly defaultMaxAgeMs?: number;
}

const DEFAULT_MAX_AGE_MS = 3 * 24 * 3_600_000;

export class EngineStore implements Store {
  readonly engine: "mysql" | "sqlite";
  readonly leases: LeaseStore;
  readonly outbox: OutboxStore;
  readonly inbox: InboxStore;
  readonly orders: OrdersStore;
  readonly affiliates: AffiliatesStore;
  readonly state: StateStore;
  readonly retention: RetentionStore;
  readonly #scope: Scope;
  readonly #ordersTable: OrdersTableReader;
  readonly #pulse: PulseReader;
  readonly #counters: Counters;

  constructor(
    private readonly of: Engine,
    private readonly options: StoreOptions,
    private readonly deps: StoreDeps,
  ) {
    this.engine = of.dialect.name;
    this.#counters = deps.counters ?? noCounters;
    this.#ordersTable = new OrdersTableReader(of, deps.clock, options.ordersTimezone);
    this.#pulse = new PulseReader(this.#ordersTable, deps.clock);
    this.#scope = new Scope(of.db, of.dialect, (name, work) => this.#transaction(name, work));
    const session = this.#session(this.#scope);
    this.leases = session.leases;
    this.outbox = session.outbox;
    this.inbox = session.inbox;
    this.orders = session.orders;
    this.affiliates = session.affiliates;
    this.state = session.state;
    this.retention = session.retention;
  }

  transaction<T>(name: string, work: (tx: StoreTx) => Promise<T>): Promise<T> {
    return this.#transaction(name, (scope) => work({ ...this.#session(scope), inTransaction: true }));
  }

  pulse(): Promise<Pulse> {
    return this.#pulse.read(this.#scope);
  }

  ping(timeoutMs: number): Promise<void> {
    return this.of.ping(timeoutMs);
  }

  async checkSchema(): Promise<void> {
    const found = await readSchemaVersion(this.#scope);
    if (found === SCHEMA_VERSION) return;
    throw new StoreUnavailable(
      "schema",
      found === undefined
        ? "the tables are missing; run: signal-automation migrate"
        : found < SCHEMA_VERSION
        ? `the tables have version ${found}, this program needs ${SCHEMA_VERSION}; run: signal-automation migrate`
        : `the tables have version ${found}, this program knows ${SCHEMA_VERSION}; ` +
          "install the newer program, or put back a copy of the database (signal-automation migrate --status shows both)",
    );
  }

  close(): Promise<void> {
    return this.of.close();
  }

  #session(scope: Scope): StoreSession {
    return {
      leases: leaseQueries(scope),
      outbox: outboxQueries(scope, this.options.defaultMaxAgeMs ?? DEFAULT_MAX_AGE_MS),
      inbox: inboxQueries(scope),
      orders: ordersQueries(scope, this.#ordersTable),
      affiliates: affiliatesQueries(scope, this.of),
      state: stateQueries(scope),
      retention: retentionQueries(scope),
    };
  }

  async #transaction<T>(name: string, work: (scope: Scope) => Promise<T>): Promise<T> {
    for (let tried = 1;; tried++) {
      try {
        return await this.#once(name, work, tried > 1);
      } catch (error) {
        if (!(error instanceof Contended)) throw error;
        this.#counters.add("store_transaction_retries_total", 1, { transaction: name });
        if (tried >= TRANSACTION_TRIES) {
          throw new StoreUnavailable("contention", `transaction ${name}: lost against others ${tried} times`, {
            cause: error,
          });
        }
      }
      const ceiling = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (tried - 1));
      await this.deps.clock.sleepMs(Math.ceil(ceiling * this.deps.random.fraction()));
    }
  }

  #once<T>(name: string, work: (scope: Scope) => Promise<T>, careful: boolean): Promise<T> {
    return this.of.db.connection().execute(async (db) => {
      const scope = new Scope(db, this.of.dialect, true, careful);
      await db.executeQuery(going({ manner: "posted" }, this.of.begin));
      let result: T;
      try {
        result = await work(scope);
        // COMMIT goes alone, behind an answer to everything else: only then is its own silence a doubt.
        await db.executeQuery(going({ manner: "flush" }, ""));
      } catch (error) {
        await rollback(scope);
        throw error;
      }
      try {
        await scope.run("COMMIT");
      } catch (error) {
        await rollback(scope);
        throw mayHaveCommitted(error) ? unknownCommit(name, error) : error;
      }
      return result;
    });
  }
}

/**
 * What made us roll back is what the caller hears of. A rollback that fails is no second trouble: the driver drops a
 * connection that does not answer, which rolls back too, and SQLite has rolled back by itself after the worst errors.
 */
async function rollback(scope: Scope): Promise<void> {
  try {
    await scope.db.executeQuery(going({ manner: "instead" }, "ROLLBACK"));
  } catch (error) {
    if (!(error instanceof StoreUnavailable) && !(error instanceof StatementRefused)) throw error;
  }
}

function mayHaveCommitted(error: unknown): error is StoreUnavailable {
  return error instanceof StoreUnavailable && (error.fault === "unreachable" || error.fault === "timeout");
}

function unknownCommit(name: string, error: StoreUnavailable): StoreUnavailable {
  return new StoreUnavailable(error.fault, `transaction ${name}: no answer to COMMIT (${error.message})`, {
    cause: error,
    maybeCommitted: true,
  });
}
