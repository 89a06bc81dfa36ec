import assert from "node:assert/strict";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { openMigrator, renderSql } from "../../lib/store/migrate.ts";
import { type MysqlOptions, openStore } from "../../lib/store/open.ts";
import { SCHEMA_VERSION } from "../../lib/store/schema.ts";
import { loadMigrations, splitSql } from "../../lib/store/sql_files.ts";
import { ASSETS, type TestDatabase, testDeps } from "../support/databases.ts";
import { everyEngine, everyServer, insertOrder, message } from "./conformance.ts";

const migratorOf = (db: TestDatabase) => openMigrator(db.adminOptions, ASSETS, testDeps);
const EMPTY = { migrated: false };

async function refused(db: TestDatabase): Promise<StoreUnavailable> {
  // The rights of the service come with the set-up: before it, only the administrator gets as far as the tables.
  const store = openStore(db.adminOptions, testDeps);
  try {
    await store.checkSchema();
  } catch (error) {
    assert(error instanceof StoreUnavailable);
    return error;
  } finally {
    await store.close();
  }
  assert.fail("the schema was accepted");
}

everyEngine("an empty database is refused with the command, and migrated", async (db) => {
  const migrator = await migratorOf(db);
  assert.deepEqual(await migrator.status(), {
    state: "absent",
    found: undefined,
    wanted: SCHEMA_VERSION,
    pending: ["orders_and_affiliates"],
  });
  const before = await refused(db);
  assert.equal(before.fault, "schema");
  assert.match(before.message, /signal-automation migrate/);
  assert.deepEqual(await migrator.apply(), ["orders_and_affiliates"]);
  assert.deepEqual(await migrator.apply(), []);
  assert.deepEqual(await migrator.status(), {
    state: "current",
    found: SCHEMA_VERSION,
    wanted: SCHEMA_VERSION,
    pending: [],
  });
  await migrator.close();
}, EMPTY);

everyEngine("twenty migrations at once: one works, all end well", async (db) => {
  const migrators = await Promise.all(Array.from({ length: 20 }, () => migratorOf(db)));
  const applied = await Promise.all(migrators.map((migrator) => migrator.apply()));
  assert.equal(applied.flat().length, 1);
  const rows = await db.adminQuery("SELECT version FROM schema_migrations");
  assert.deepEqual(rows.map((row) => row["version"]), [SCHEMA_VERSION]);
  for (const migrator of migrators) await migrator.close();
}, EMPTY);

everyEngine("a run that was cut off is run again: every statement may be repeated", async (db) => {
  const migrations = await loadMigrations(ASSETS, db.name === "sqlite" ? "sqlite" : "mysql");
  const statements = migrations.flatMap((migration) => migration.statements);
  // As if killed half-way, with the lock of a process that died long ago.
  for (const statement of statements.slice(0, 3)) await db.adminQuery(statement);
  await db.adminQuery("INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (0, 'dead', 1)");
  const migrator = await migratorOf(db);
  assert.deepEqual(await migrator.apply(), ["orders_and_affiliates"]);
  await db.adminQuery("DELETE FROM schema_migrations");
  assert.deepEqual(await migrator.apply(), ["orders_and_affiliates"]);
  await migrator.close();
}, EMPTY);

everyEngine("rows survive a repeated migration", async (db) => {
  const id = await insertOrder(db);
  const [outboxId] = await db.store.outbox.enqueue([message(1)]);
  await db.adminQuery("DELETE FROM schema_migrations");
  const migrator = await migratorOf(db);
  await migrator.apply();
  await migrator.close();
  assert.equal((await db.store.orders.due(1))[0]!.id, id);
  assert.equal((await db.store.outbox.find(outboxId!))?.state, "queued");
});

everyEngine("newer tables are refused by the store and by `apply()`", async (db) => {
  await db.store.checkSchema();
  await db.adminQuery("INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (999, 'future', 1)");
  await assert.rejects(
    db.store.checkSchema(),
    (error) => error instanceof StoreUnavailable && error.fault === "schema" && /newer program/.test(error.message),
  );
  const migrator = await migratorOf(db);
  await assert.rejects(migrator.apply(), (error) => error instanceof StoreUnavailable && error.fault === "schema");
  assert.equal((await migrator.status()).state, "newer");
  await migrator.close();
});

everyServer("the service's own user may not migrate, and is told what helps", async (db) => {
  await db.adminQuery("DELETE FROM schema_migrations");
  const migrator = await openMigrator(db.options, ASSETS, testDeps);
  await assert.rejects(
    migrator.apply(),
    (error) => error instanceof StoreUnavailable && error.fault === "denied" && /migrate --sql/.test(error.message),
  );
  await migrator.close();
});

everyServer("`renderSql()` makes everything through an administrator's own client", async (db) => {
  const { database } = db.adminOptions as MysqlOptions;
  const sql = await renderSql(ASSETS, "mysql", {
    database: database!,
    user: `it's ${database}`.slice(0, 30),
    clientHost: "%",
  });
  assert(!sql.includes("SOURCE"));
  // One connection, as a client has: session variables and USE belong to it.
  await db.adminScript(splitSql(sql.replace("REPLACE_THIS_PASSWORD", "a password")));
  const store = openStore({
    ...db.adminOptions as MysqlOptions,
    user: `it's ${database}`.slice(0, 30),
    password: "a password",
  }, testDeps);
  await store.checkSchema();
  await store.outbox.enqueue([message(1)]);
  await store.close();
  await db.adminQuery(`DROP USER 'it''${`s ${database}`.slice(0, 28)}'@'%'`);
}, EMPTY);

Deno.test("both engines have the same migrations, as many as the program says", async () => {
  const [mysql, sqlite] = [await loadMigrations(ASSETS, "mysql"), await loadMigrations(ASSETS, "sqlite")];
  assert.deepEqual(mysql.map((one) => one.name), sqlite.map((one) => one.name));
  assert.equal(mysql.length, SCHEMA_VERSION);
});

Deno.test("every table names utf8mb4 and a binary collation for what is compared", async () => {
  for (const { statements } of await loadMigrations(ASSETS, "mysql")) {
    for (const statement of statements.filter((one) => one.startsWith("CREATE TABLE"))) {
      assert.match(statement, /DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_(bin|unicode_ci)$/);
    }
  }
});

Deno.test("`setup.sql` sources every migration and grants every table", async () => {
  const setup = await Deno.readTextFile(`${ASSETS}/sql/setup.sql`);
  for (const { version, name, statements } of await loadMigrations(ASSETS, "mysql")) {
    assert(setup.includes(`SOURCE sql/mysql/${String(version).padStart(4, "0")}_${name}.sql;`));
    for (const statement of statements) {
      const [, table] = /^CREATE TABLE IF NOT EXISTS (\w+)/.exec(statement) ?? [];
      if (table !== undefined) assert(setup.includes(`\`database_card_store\`.${table} TO`), table);
    }
  }
});

Deno.test("`splitSql()` knows quotes and comments", () => {
  assert.deepEqual(
    splitSql("-- a; b\nSELECT ';', \"--\", `x;y` /* ; */;\n\nSELECT 'it''s; \\';' ;;"),
    ["SELECT ';', \"--\", `x;y`", "SELECT 'it''s; \\';'"],
  );
});
