-- Everything that an administrator does once: database, tables, least-privilege user, grants. In this order, because a
-- table has to exist before it can be granted. May run again; on a database of the original system it adds what is new.
--
--   mysql < sql/setup.sql                               from the root of the repository
--   signal-automation migrate --sql | mysql             the same from the binary alone, with the names of your settings
--
-- Set the password first. A user that exists keeps the one it has.

CREATE DATABASE IF NOT EXISTS `database_card_store` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
USE `database_card_store`;

SOURCE sql/mysql/0001_orders_and_affiliates.sql;

CREATE USER IF NOT EXISTS 'signal_automation'@'localhost' IDENTIFIED BY 'REPLACE_THIS_PASSWORD';

-- The shop's table: of its columns the service writes one.
GRANT SELECT, UPDATE (notified) ON `database_card_store`.orders TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE ON `database_card_store`.affiliates TO 'signal_automation'@'localhost';

-- Its own tables. None of them may be altered or dropped by the service.
GRANT SELECT ON `database_card_store`.schema_migrations TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.affiliate_identities TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.affiliate_merges TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.order_deliveries TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.outbox TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.outbox_attempts TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.outbox_archive TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.outbox_receipts TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.outbox_contacts TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.idempotency_keys TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.inbox TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE ON `database_card_store`.leases TO 'signal_automation'@'localhost';
GRANT SELECT, INSERT, UPDATE, DELETE ON `database_card_store`.service_state TO 'signal_automation'@'localhost';
