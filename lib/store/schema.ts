/**
 * The tables as Kysely sees them: our own as `sql/` makes them. What a database really answers is decoded from
 * `unknown` all the same (`decode.ts`); these types only keep names of tables and columns honest.
 *
 * @module
 */

/** What this program needs: the number of the newest file in `sql/mysql` and `sql/sqlite` (a test compares them). */
export const SCHEMA_VERSION = 1;

export interface AffiliatesTable {
  id: number;
  phone_number: string | null;
  token: string;
  created_at: string | null;
  is_active: number | null;
}

export interface AffiliateIdentitiesTable {
  identity: string;
  affiliate_id: number;
  created_at_ms: number;
}

export interface AffiliateMergesTable {
  from_id: number;
  into_id: number;
  merged_at_ms: number;
}

/** Only the columns whose form we may rely on; the others are read as they are found (`orders_table.ts`). */
export interface OrdersTable {
  id: number;
  notified: number | null;
}

export interface OrderDeliveriesTable {
  order_id: number;
  generation: number;
  state: string;
  remaining: number;
  accepted: number;
  dropped: number;
  dead: number;
  created_at_ms: number;
  changed_at_ms: number;
}

export interface OutboxTable {
  id: number;
  state: string;
  account: string;
  lane: string;
  due_at_ms: number;
  expires_at_ms: number;
  epoch: number;
  marked_at_ms: number;
  attempts: number;
  replays: number;
  reason: string | null;
  kind: string;
  origin_kind: string;
  origin_key: string;
  origin_generation: number;
  created_at_ms: number;
  recipient: string;
  body: string;
}

export interface OutboxAttemptsTable {
  id: number;
  outbox_id: number;
  attempts: number;
  handed_over_at_ms: number;
  ended_at_ms: number;
  outcome: string;
  reason: string | null;
  remote_id: string | null;
  detail: string | null;
}

export interface OutboxArchiveTable {
  id: number;
  state: string;
  account: string;
  lane: string;
  attempts: number;
  replays: number;
  reason: string | null;
  remote_id: string | null;
  kind: string;
  origin_kind: string;
  origin_key: string;
  origin_generation: number;
  created_at_ms: number;
  finished_at_ms: number;
  recipient: string;
  body: string;
}

export interface OutboxReceiptsTable {
  outbox_id: number;
  member: string;
  kind: string;
  at_ms: number;
}

export interface OutboxContactsTable {
  account: string;
  lane: string;
  first_accepted_at_ms: number;
}

export interface IdempotencyKeysTable {
  key_hash: string;
  outbox_id: number;
  body_hash: string;
  created_at_ms: number;
}

export interface InboxTable {
  id: number;
  account: string;
  external_id: string;
  state: string;
  lane: string;
  due_at_ms: number;
  attempts: number;
  reason: string | null;
  received_at_ms: number;
  finished_at_ms: number | null;
  body: string | null;
}

export interface LeasesTable {
  name: string;
  holder: string;
  epoch: number;
  expires_at_ms: number;
}

export interface ServiceStateTable {
  name: string;
  value: string;
}

export interface SchemaMigrationsTable {
  version: number;
  name: string;
  applied_at_ms: number;
}

export interface Tables {
  affiliates: AffiliatesTable;
  affiliate_identities: AffiliateIdentitiesTable;
  affiliate_merges: AffiliateMergesTable;
  orders: OrdersTable;
  order_deliveries: OrderDeliveriesTable;
  outbox: OutboxTable;
  outbox_attempts: OutboxAttemptsTable;
  outbox_archive: OutboxArchiveTable;
  outbox_receipts: OutboxReceiptsTable;
  outbox_contacts: OutboxContactsTable;
  idempotency_keys: IdempotencyKeysTable;
  inbox: InboxTable;
  leases: LeasesTable;
  service_state: ServiceStateTable;
  schema_migrations: SchemaMigrationsTable;
}
