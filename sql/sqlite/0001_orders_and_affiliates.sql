-- Schema version 1: orders, affiliates, outbox, inbox, leases.
--
-- The same tables as for MySQL (sql/mysql), for SQLite 3.42 or later; may run again without harm. AUTOINCREMENT, so
-- that an id which went to the archive is never given out again. What the tables are for: sql/README.md.

CREATE TABLE IF NOT EXISTS schema_migrations (
  version INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at_ms INTEGER NOT NULL
);

-- The shop's own table. Only created where it is missing; one that exists is never altered.
CREATE TABLE IF NOT EXISTS orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  client VARCHAR(255),
  total DECIMAL(10, 2),
  ip_address VARCHAR(45),
  affiliate_token CHAR(12),
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  notified BOOLEAN DEFAULT FALSE
);
CREATE INDEX IF NOT EXISTS idx_affiliate_token ON orders (affiliate_token);
CREATE INDEX IF NOT EXISTS idx_notified ON orders (notified);
CREATE INDEX IF NOT EXISTS idx_created_at ON orders (created_at);

CREATE TABLE IF NOT EXISTS affiliates (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  phone_number VARCHAR(20) UNIQUE,
  token CHAR(12) NOT NULL UNIQUE,
  created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  is_active BOOLEAN DEFAULT TRUE
);

CREATE TABLE IF NOT EXISTS affiliate_identities (
  identity TEXT NOT NULL PRIMARY KEY,
  affiliate_id INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS affiliate_identities_affiliate ON affiliate_identities (affiliate_id);

CREATE TABLE IF NOT EXISTS affiliate_merges (
  from_id INTEGER NOT NULL PRIMARY KEY,
  into_id INTEGER NOT NULL,
  merged_at_ms INTEGER NOT NULL,
  CHECK (from_id <> into_id)
);
CREATE INDEX IF NOT EXISTS affiliate_merges_into ON affiliate_merges (into_id);

CREATE TABLE IF NOT EXISTS order_deliveries (
  order_id INTEGER NOT NULL PRIMARY KEY,
  generation INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'held', 'done', 'dead')),
  remaining INTEGER NOT NULL,
  accepted INTEGER NOT NULL DEFAULT 0,
  dropped INTEGER NOT NULL DEFAULT 0,
  dead INTEGER NOT NULL DEFAULT 0,
  created_at_ms INTEGER NOT NULL,
  changed_at_ms INTEGER NOT NULL,
  CHECK (remaining >= 0 AND accepted >= 0 AND dropped >= 0 AND dead >= 0)
);
CREATE INDEX IF NOT EXISTS order_deliveries_state ON order_deliveries (state, order_id);

-- Hot: only what is not finished. One secondary index serves the search for work, the pulse, the counts and the takeover.
CREATE TABLE IF NOT EXISTS outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'unknown', 'dead')),
  account TEXT NOT NULL,
  lane TEXT NOT NULL,
  due_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  epoch INTEGER NOT NULL DEFAULT 0,
  marked_at_ms INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  replays INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  kind TEXT NOT NULL,
  origin_kind TEXT NOT NULL,
  origin_key TEXT NOT NULL,
  origin_generation INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS outbox_work ON outbox (state, account, lane, id, due_at_ms, expires_at_ms);
CREATE INDEX IF NOT EXISTS outbox_origin ON outbox (origin_key, origin_kind);

CREATE TABLE IF NOT EXISTS outbox_attempts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  outbox_id INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  handed_over_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'retry', 'refused', 'paused', 'unknown')),
  reason TEXT,
  remote_id TEXT,
  detail TEXT
);
CREATE INDEX IF NOT EXISTS outbox_attempts_message ON outbox_attempts (outbox_id);

-- History: appended in the order of ids; read by id, and by remote_id when a receipt comes.
CREATE TABLE IF NOT EXISTS outbox_archive (
  id INTEGER NOT NULL PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('accepted', 'delivered', 'read', 'dropped')),
  account TEXT NOT NULL,
  lane TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  replays INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  remote_id TEXT,
  kind TEXT NOT NULL,
  origin_kind TEXT NOT NULL,
  origin_key TEXT NOT NULL,
  origin_generation INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  body TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS outbox_archive_remote ON outbox_archive (account, remote_id);

CREATE TABLE IF NOT EXISTS outbox_receipts (
  outbox_id INTEGER NOT NULL,
  member TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('delivered', 'read')),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (outbox_id, member, kind)
) WITHOUT ROWID;

-- Lanes that had a message accepted: everybody else is a new contact.
CREATE TABLE IF NOT EXISTS outbox_contacts (
  account TEXT NOT NULL,
  lane TEXT NOT NULL,
  first_accepted_at_ms INTEGER NOT NULL,
  PRIMARY KEY (account, lane)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS idempotency_keys (
  key_hash TEXT NOT NULL PRIMARY KEY,
  outbox_id INTEGER NOT NULL,
  body_hash TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS inbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  external_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('new', 'done', 'dead')),
  lane TEXT NOT NULL,
  due_at_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  received_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  body TEXT,
  UNIQUE (account, external_id),
  CHECK (state = 'done' OR body IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS inbox_work ON inbox (state, id, lane, due_at_ms);

-- A row is never deleted: its epoch only grows.
CREATE TABLE IF NOT EXISTS leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS service_state (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

INSERT INTO schema_migrations (version, name, applied_at_ms)
VALUES (1, 'orders_and_affiliates', CAST(unixepoch('subsec') * 1000 AS INTEGER))
ON CONFLICT (version) DO NOTHING;
