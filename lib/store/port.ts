/**
 * The port of the store: everything the service asks of its database, in words of the service. Behind it stand
 * MySQL-compatible servers and SQLite with the same behaviour; one suite (`tests/store/conformance.ts`) proves it.
 *
 * Three results (style, habit 5): a read that finds nothing gives `undefined` or an empty list; a write that can
 * collide gives a union; a database that cannot be used throws {@link StoreUnavailable}.
 *
 * Instants are milliseconds since 1970 UTC. `…Ms` columns of our own tables hold just that; the columns of the shop's
 * tables keep their SQL types. The clock of leases and due dates is the database's.
 *
 * @module
 */
import type { AffiliatesStore } from "./port/affiliates.ts";
import type { InboxStore } from "./port/inbox.ts";
import type { LeaseStore } from "./port/leases.ts";
import type { OrdersStore } from "./port/orders.ts";
import type { OutboxStore } from "./port/outbox.ts";
import type { RetentionStore, StateStore } from "./port/upkeep.ts";

export type { HeldLease, Lease, LeaseStore } from "./port/leases.ts";
export type {
  Attempt,
  DeadFilter,
  DeadMessage,
  OutboxListing,
  OutboxRow,
  OutboxStore,
  OutboxStory,
  SettledRow,
} from "./port/outbox.ts";
export type { InboxListing, InboxRow, InboxStore } from "./port/inbox.ts";
export { LARGEST_ORDER_ID } from "./port/orders.ts";
export type { DueOrder, OrdersStore, OrderStanding } from "./port/orders.ts";
export type { Affiliate, AffiliatesStore } from "./port/affiliates.ts";
export type { RetentionKey, RetentionStore, RetentionTable, StateStore } from "./port/upkeep.ts";
export { RETENTION_TABLES } from "./port/upkeep.ts";

/** What one statement a second learns (design §10, idle): is there anything to do? */
export interface Pulse {
  /** The database's clock. */
  readonly nowMs: number;
  /** Accounts with a queued row that is due. */
  readonly outboxDue: boolean;
  readonly inboxDue: boolean;
  readonly ordersDue: boolean;
  /** An order's flag was set by hand while messages were owed. */
  readonly ordersFlagged: boolean;
}

/** The parts of the store; the same inside and outside a transaction. */
export interface StoreSession {
  readonly leases: LeaseStore;
  readonly outbox: OutboxStore;
  readonly inbox: InboxStore;
  readonly orders: OrdersStore;
  readonly affiliates: AffiliatesStore;
  readonly state: StateStore;
  readonly retention: RetentionStore;
}

/** A transaction under way. */
export type StoreTx = StoreSession & { readonly inTransaction: true };

export interface Store extends StoreSession {
  readonly engine: "mysql" | "sqlite";
  /**
   * Runs `work` in one READ COMMITTED transaction. Deadlocks (1213) and lock waits (1205), also at COMMIT, run the
   * whole of it again, so it must keep no state outside. A throw rolls back and passes on.
   * @throws {StoreUnavailable} with `maybeCommitted` when the connection died during COMMIT
   */
  transaction<T>(name: string, work: (tx: StoreTx) => Promise<T>): Promise<T>;
  pulse(): Promise<Pulse>;
  /** One cheap statement within `timeoutMs`. @throws {StoreUnavailable} */
  ping(timeoutMs: number): Promise<void>;
  /** Whether the schema fits this program. @throws {StoreUnavailable} `schema`, with the command to run */
  checkSchema(): Promise<void>;
  /** Ends connections; never hangs, whatever the server does. */
  close(): Promise<void>;
}
