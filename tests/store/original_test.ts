/** A database of the original system, taken over and given back. */
import assert from "node:assert/strict";
import { makeAci } from "../../lib/domain/address.ts";
import { openMigrator } from "../../lib/store/migrate.ts";
import { type MysqlOptions, openStore } from "../../lib/store/open.ts";
import { ASSETS, type TestDatabase, testDeps } from "../support/databases.ts";
import { everyServer } from "./conformance.ts";

/** Tables as the original made them: no character set named, numbers required. */
const ORIGINAL = [
  `CREATE TABLE affiliates (id INT AUTO_INCREMENT PRIMARY KEY, phone_number VARCHAR(20) UNIQUE NOT NULL,
    token CHAR(12) UNIQUE NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, is_active BOOLEAN DEFAULT TRUE,
    INDEX idx_phone (phone_number), INDEX idx_token (token))`,
  `CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, client VARCHAR(255), total DECIMAL(10,2),
    ip_address VARCHAR(45), affiliate_token CHAR(12), created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    notified BOOLEAN DEFAULT FALSE, INDEX idx_affiliate_token (affiliate_token), INDEX idx_notified (notified),
    INDEX idx_created_at (created_at))`,
];
const USER = "original";
const PASSWORD = "original password";

function serviceOptions(db: TestDatabase): MysqlOptions {
  return { ...(db.adminOptions as MysqlOptions), user: userOf(db), password: PASSWORD };
}
const userOf = (db: TestDatabase) => `${USER}_${(db.adminOptions as MysqlOptions).database!.slice(-8)}`;

async function makeOriginal(db: TestDatabase): Promise<void> {
  const [{ charset }] = await db.adminQuery("SELECT @@character_set_database AS charset") as [{ charset: string }];
  assert.notEqual(charset, "");
  // What a server set up long ago would have given the tables.
  await db.adminQuery(`ALTER DATABASE \`${(db.adminOptions as MysqlOptions).database}\` CHARACTER SET latin1`);
  for (const statement of ORIGINAL) await db.adminQuery(statement);
  await db.adminQuery(`CREATE USER '${userOf(db)}'@'%' IDENTIFIED BY '${PASSWORD}'`);
  await db.adminQuery(`GRANT SELECT, INSERT, UPDATE ON affiliates TO '${userOf(db)}'@'%'`);
  await db.adminQuery(`GRANT SELECT, UPDATE ON orders TO '${userOf(db)}'@'%'`);
  await db.adminQuery(
    "INSERT INTO affiliates (phone_number, token, is_active) VALUES ('+33611111111', 'AAAABBBBCCCC', 1), ('+33622222222', 'DDDDEEEEFFFF', 0)",
  );
  await db.adminQuery(
    "INSERT INTO orders (client, total, ip_address, affiliate_token, created_at, notified) VALUES " +
      "('Zoë', 12.50, '192.0.2.1', 'AAAABBBBCCCC', '2026-01-15 11:30:00', 0), ('Old', 1, NULL, NULL, '2025-01-01 00:00:00', 1)",
  );
}

async function takeOver(db: TestDatabase): Promise<void> {
  const { database, ...admin } = db.adminOptions as MysqlOptions;
  const migrator = await openMigrator({ ...admin, database: undefined }, ASSETS, testDeps);
  await migrator.setUp({
    database: database!,
    user: userOf(db),
    clientHost: "%",
    password: "not taken: the user exists",
  });
  await migrator.close();
}

const dump = (db: TestDatabase) =>
  Promise.all([
    db.adminQuery("SELECT id, phone_number, token, created_at, is_active FROM affiliates ORDER BY id"),
    db.adminQuery("SELECT * FROM orders ORDER BY id"),
    db.adminQuery("SHOW CREATE TABLE orders"),
  ]);

everyServer("an original database is taken over without loss, by its own user and rights", async (db) => {
  await makeOriginal(db);
  const before = await dump(db);
  await takeOver(db);
  await takeOver(db);
  assert.deepEqual(await dump(db), before);

  const store = openStore(serviceOptions(db), testDeps);
  await store.checkSchema();
  assert.deepEqual(await store.orders.inspect(), []);
  const [order] = await store.orders.due(10);
  assert.deepEqual([order!.client, order!.total, order!.createdAtMs], ["Zoë", "12.50", Date.UTC(2026, 0, 15, 11, 30)]);
  const old = await store.affiliates.byPhoneNumber("+33611111111");
  assert.equal(old?.token, "AAAABBBBCCCC");
  assert.equal((await store.affiliates.byToken("DDDDEEEEFFFF"))?.isActive, false);
  assert.equal(await store.affiliates.bindIdentity(old.id, makeAci("00000000-0000-4000-8000-000000000001")), "bound");
  // Somebody who hides the number: a row that the original could not have had.
  const hidden = await store.affiliates.insert({
    identity: makeAci("00000000-0000-4000-8000-000000000002"),
    phoneNumber: undefined,
    token: "GGGGHHHHIIII",
  });
  assert.equal(hidden.result, "created");
  await store.orders.open(order!.id, 1, 1, "open");
  await store.orders.settle([{ orderId: order!.id, generation: 1, accepted: 1, dead: 0, dropped: 0 }]);
  assert.deepEqual(await store.orders.due(10), []);
  await store.close();
  await db.adminQuery(`DROP USER '${userOf(db)}'@'%'`);
}, { migrated: false });

everyServer("going back to the original works with the statements of sql/README.md, and forward again", async (db) => {
  await makeOriginal(db);
  await takeOver(db);
  const store = openStore(serviceOptions(db), testDeps);
  const hidden = await store.affiliates.insert({
    identity: makeAci("00000000-0000-4000-8000-000000000002"),
    phoneNumber: undefined,
    token: "GGGGHHHHIIII",
  });
  assert(hidden.result === "created");

  for (const statement of await statementsOf("Going back to the original")) await db.adminQuery(statement);
  const [row] = await db.adminQuery("SELECT phone_number, token, is_active FROM affiliates WHERE id = ?", [
    hidden.affiliate.id,
  ]);
  assert.deepEqual(row, { phone_number: `unknown-${hidden.affiliate.id}`, token: "GGGGHHHHIIII", is_active: 0 });
  await assert.rejects(db.adminQuery("INSERT INTO affiliates (phone_number, token) VALUES (NULL, 'X')"));
  // The original's own statements, as its own user.
  const original = openStore(serviceOptions(db), testDeps);
  assert.equal((await original.affiliates.byPhoneNumber("+33611111111"))?.token, "AAAABBBBCCCC");
  await original.close();
  await db.adminQuery("INSERT INTO affiliates (phone_number, token) VALUES ('+33633333333', 'JJJJKKKKLLLL')");

  await takeOver(db);
  for (const statement of await statementsOf("Forward again")) await db.adminQuery(statement);
  const again = await store.affiliates.byIdentity(makeAci("00000000-0000-4000-8000-000000000002"));
  assert.deepEqual([again?.phoneNumber, again?.token, again?.isActive], [undefined, "GGGGHHHHIIII", true]);
  assert.equal((await store.affiliates.byPhoneNumber("+33633333333"))?.token, "JJJJKKKKLLLL");
  await store.close();
  await db.adminQuery(`DROP USER '${userOf(db)}'@'%'`);
}, { migrated: false });

/** The statements that stand under a heading of sql/README.md. */
async function statementsOf(heading: string): Promise<readonly string[]> {
  const text = await Deno.readTextFile(`${ASSETS}/sql/README.md`);
  const section = text.split(/^#+ /m).find((one) => one.startsWith(heading));
  assert(section !== undefined, heading);
  const [, sql] = /```sql\n([\s\S]*?)```/.exec(section)!;
  return sql!.split(";").map((one) => one.trim()).filter((one) => one !== "");
}
