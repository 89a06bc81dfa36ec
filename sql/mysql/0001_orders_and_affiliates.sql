-- Schema version 1: orders, affiliates, outbox, inbox, leases.
--
-- Runs on MySQL 8.0.16 or later and on MariaDB 10.5 or later, again and again without harm: MySQL commits each of these
-- statements by itself, so a run that was cut off is simply run once more. What the tables are for: sql/README.md.

CREATE TABLE IF NOT EXISTS schema_migrations (
  version INT NOT NULL PRIMARY KEY,
  name VARCHAR(190) NOT NULL,
  applied_at_ms BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The shop's own table. Only created where it is missing; one that exists is never altered.
CREATE TABLE IF NOT EXISTS orders (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  client VARCHAR(255),
  total DECIMAL(10, 2),
  ip_address VARCHAR(45),
  affiliate_token CHAR(12) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  notified BOOLEAN DEFAULT FALSE,
  INDEX idx_affiliate_token (affiliate_token),
  INDEX idx_notified (notified),
  INDEX idx_created_at (created_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS affiliates (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  phone_number VARCHAR(20) NULL UNIQUE,
  token CHAR(12) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL UNIQUE,
  created_at TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP,
  is_active BOOLEAN DEFAULT TRUE
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;

-- An affiliates table of the original has NOT NULL here, but a Signal person may hide the number. Type, character set
-- and collation stay as they are found; where NULL is allowed already, nothing is done.
SET @make_nullable = (
  SELECT CONCAT('ALTER TABLE affiliates MODIFY phone_number ', COLUMN_TYPE, ' CHARACTER SET ', CHARACTER_SET_NAME,
    ' COLLATE ', COLLATION_NAME, ' NULL')
  FROM information_schema.COLUMNS
  WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'affiliates' AND COLUMN_NAME = 'phone_number' AND IS_NULLABLE = 'NO'
);
SET @make_nullable = COALESCE(@make_nullable, 'DO 0');
PREPARE make_nullable FROM @make_nullable;
EXECUTE make_nullable;
DEALLOCATE PREPARE make_nullable;

CREATE TABLE IF NOT EXISTS affiliate_identities (
  identity VARCHAR(190) NOT NULL PRIMARY KEY,
  affiliate_id INT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  INDEX affiliate_identities_affiliate (affiliate_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS affiliate_merges (
  from_id INT NOT NULL PRIMARY KEY,
  into_id INT NOT NULL,
  merged_at_ms BIGINT NOT NULL,
  INDEX affiliate_merges_into (into_id),
  CONSTRAINT affiliate_merges_two CHECK (from_id <> into_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS order_deliveries (
  order_id BIGINT NOT NULL PRIMARY KEY,
  generation INT NOT NULL,
  state VARCHAR(8) NOT NULL,
  remaining INT NOT NULL,
  accepted INT NOT NULL DEFAULT 0,
  dropped INT NOT NULL DEFAULT 0,
  dead INT NOT NULL DEFAULT 0,
  created_at_ms BIGINT NOT NULL,
  changed_at_ms BIGINT NOT NULL,
  INDEX order_deliveries_state (state, order_id),
  CONSTRAINT order_deliveries_states CHECK (state IN ('open', 'held', 'done', 'dead')),
  CONSTRAINT order_deliveries_counts CHECK (remaining >= 0 AND accepted >= 0 AND dropped >= 0 AND dead >= 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Hot: only what is not finished. One secondary index serves the search for work, the pulse, the counts and the takeover.
CREATE TABLE IF NOT EXISTS outbox (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  state VARCHAR(8) NOT NULL,
  account VARCHAR(64) NOT NULL,
  lane CHAR(32) NOT NULL,
  due_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  epoch BIGINT NOT NULL DEFAULT 0,
  marked_at_ms BIGINT NOT NULL DEFAULT 0,
  attempts INT NOT NULL DEFAULT 0,
  replays INT NOT NULL DEFAULT 0,
  reason VARCHAR(40) NULL,
  kind VARCHAR(40) NOT NULL,
  origin_kind VARCHAR(16) NOT NULL,
  origin_key VARCHAR(190) NOT NULL,
  origin_generation INT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  recipient VARCHAR(512) NOT NULL,
  body MEDIUMTEXT NOT NULL,
  INDEX outbox_work (state, account, lane, id, due_at_ms, expires_at_ms),
  INDEX outbox_origin (origin_key, origin_kind),
  CONSTRAINT outbox_states CHECK (state IN ('queued', 'sending', 'unknown', 'dead'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_attempts (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  outbox_id BIGINT NOT NULL,
  attempts INT NOT NULL,
  handed_over_at_ms BIGINT NOT NULL,
  ended_at_ms BIGINT NOT NULL,
  outcome VARCHAR(16) NOT NULL,
  reason VARCHAR(40) NULL,
  remote_id VARCHAR(190) NULL,
  detail TEXT NULL,
  INDEX outbox_attempts_message (outbox_id),
  CONSTRAINT outbox_attempts_outcomes CHECK (outcome IN ('accepted', 'retry', 'refused', 'paused', 'unknown'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- History: appended in the order of ids; read by id, and by remote_id when a receipt comes.
CREATE TABLE IF NOT EXISTS outbox_archive (
  id BIGINT NOT NULL PRIMARY KEY,
  state VARCHAR(10) NOT NULL,
  account VARCHAR(64) NOT NULL,
  lane CHAR(32) NOT NULL,
  attempts INT NOT NULL,
  replays INT NOT NULL DEFAULT 0,
  reason VARCHAR(190) NULL,
  remote_id VARCHAR(190) NULL,
  kind VARCHAR(40) NOT NULL,
  origin_kind VARCHAR(16) NOT NULL,
  origin_key VARCHAR(190) NOT NULL,
  origin_generation INT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  finished_at_ms BIGINT NOT NULL,
  recipient VARCHAR(512) NOT NULL,
  body MEDIUMTEXT NOT NULL,
  INDEX outbox_archive_remote (account, remote_id),
  CONSTRAINT outbox_archive_states CHECK (state IN ('accepted', 'delivered', 'read', 'dropped'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS outbox_receipts (
  outbox_id BIGINT NOT NULL,
  member VARCHAR(190) NOT NULL,
  kind VARCHAR(9) NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (outbox_id, member, kind),
  CONSTRAINT outbox_receipts_kinds CHECK (kind IN ('delivered', 'read'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Lanes that had a message accepted: everybody else is a new contact.
CREATE TABLE IF NOT EXISTS outbox_contacts (
  account VARCHAR(64) NOT NULL,
  lane CHAR(32) NOT NULL,
  first_accepted_at_ms BIGINT NOT NULL,
  PRIMARY KEY (account, lane)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS idempotency_keys (
  key_hash CHAR(64) NOT NULL PRIMARY KEY,
  outbox_id BIGINT NOT NULL,
  body_hash CHAR(64) NOT NULL,
  created_at_ms BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS inbox (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  account VARCHAR(64) NOT NULL,
  external_id VARCHAR(190) NOT NULL,
  state VARCHAR(8) NOT NULL,
  lane VARCHAR(64) NOT NULL,
  due_at_ms BIGINT NOT NULL,
  attempts INT NOT NULL DEFAULT 0,
  reason VARCHAR(190) NULL,
  received_at_ms BIGINT NOT NULL,
  finished_at_ms BIGINT NULL,
  body MEDIUMTEXT NULL,
  UNIQUE INDEX inbox_once (account, external_id),
  INDEX inbox_work (state, id, lane, due_at_ms),
  CONSTRAINT inbox_states CHECK (state IN ('new', 'done', 'dead')),
  CONSTRAINT inbox_body CHECK (state = 'done' OR body IS NOT NULL)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A row is never deleted: its epoch only grows.
CREATE TABLE IF NOT EXISTS leases (
  name VARCHAR(190) NOT NULL PRIMARY KEY,
  holder VARCHAR(190) NOT NULL,
  epoch BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS service_state (
  name VARCHAR(190) NOT NULL PRIMARY KEY,
  value MEDIUMTEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO schema_migrations (version, name, applied_at_ms)
VALUES (1, 'orders_and_affiliates', CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED))
ON DUPLICATE KEY UPDATE version = 1;
