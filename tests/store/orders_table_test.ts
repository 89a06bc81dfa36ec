import assert from "node:assert/strict";
import { readDecimal, readInstant } from "../../lib/store/queries/orders_values.ts";
import type { TestDatabase } from "../support/databases.ts";
import { everyEngine, insertOrder } from "./conformance.ts";

everyEngine("the original's table is usual: nothing to name", async ({ store }) => {
  assert.deepEqual(await store.orders.inspect(), []);
});

everyEngine("another order of columns, further ones, DATETIME, a text total, no index: read and named", async (db) => {
  await db.adminQuery("DROP TABLE orders");
  await db.adminQuery(
    `CREATE TABLE orders (
       notified ${db.name === "sqlite" ? "BOOLEAN" : "TINYINT(1)"} DEFAULT 0, secret TEXT, created_at DATETIME,
       id ${db.name === "sqlite" ? "INTEGER PRIMARY KEY" : "INT AUTO_INCREMENT PRIMARY KEY"},
       total VARCHAR(20), client VARCHAR(255), affiliate_token VARCHAR(20), ip_address VARCHAR(45)
     )`,
  );
  const id = await insertOrder(db, { total: " 12,5", created_at: "2026-07-01 12:00:00", affiliate_token: "" });
  const bad = await insertOrder(db, { total: "a lot", created_at: "2026-03-29 02:30:00" });
  const [order, odd] = await db.store.orders.due(10);
  assert.equal(order!.id, id);
  assert.equal(order!.total, "12.50");
  // 12:00 in Paris in summer.
  assert.equal(order!.createdAtMs, Date.UTC(2026, 6, 1, 10));
  assert.equal(order!.affiliateToken, undefined);
  assert.deepEqual(order!.problems, []);
  assert.equal(odd!.id, bad);
  assert.equal(odd!.total, undefined);
  assert.deepEqual(odd!.problems, ["total: not a number"]);
  // 02:30 does not exist that night: an hour later.
  assert.equal(odd!.createdAtMs, Date.UTC(2026, 2, 29, 1, 30));
  const oddities = await db.store.orders.inspect();
  for (const word of ["another order", "secret", "DATETIME", "total: type varchar", "no index"]) {
    assert(oddities.some((one) => one.includes(word)), word);
  }
  assert.equal(oddities.length, 5);
  assert.equal((await db.store.orders.history(Date.UTC(2026, 6, 1, 9, 59))).older, 1);
  assert.equal(await db.store.orders.hold(Date.UTC(2026, 6, 1, 10, 0, 1), 10), 2);
  await db.store.orders.releaseHeld(Date.UTC(2026, 6, 1, 10), 10);
  assert.deepEqual((await db.store.orders.due(10)).map((one) => one.id), [id]);
  await db.store.orders.open(id, 1, 1, "open");
  await db.store.orders.settle([{ orderId: id, generation: 1, accepted: 1, dead: 0, dropped: 0 }]);
  assert.deepEqual(await db.store.orders.due(10), []);
}, { ordersTimezone: "Europe/Paris" });

everyEngine("a table with fewer columns is read; what is missing is named", async (db) => {
  await db.adminQuery("DROP TABLE orders");
  await db.adminQuery(
    `CREATE TABLE orders (id ${
      db.name === "sqlite" ? "INTEGER PRIMARY KEY" : "INT AUTO_INCREMENT PRIMARY KEY"
    }, client VARCHAR(255), notified BOOLEAN DEFAULT 0)`,
  );
  await db.adminQuery("INSERT INTO orders (client) VALUES ('Ada')");
  const [order] = await db.store.orders.due(10);
  assert.deepEqual([order!.client, order!.total, order!.createdAtMs], ["Ada", undefined, undefined]);
  assert.equal((await db.store.orders.inspect()).filter((one) => one.includes("missing")).length, 4);
  assert.equal(await db.store.orders.hold(0, 10), 1);
});

everyEngine("an id that cannot be counted exactly stops no other order, and is named", async (db) => {
  const sqlite = db.name === "sqlite";
  if (!sqlite) await db.adminQuery("ALTER TABLE orders MODIFY id BIGINT UNSIGNED AUTO_INCREMENT");
  const id = await insertOrder(db, {});
  assert.equal(await db.store.orders.beyondReach(), undefined);
  const beyond = sqlite ? "9223372036854775806" : "18446744073709551610";
  await db.adminQuery(`INSERT INTO orders (id, client) VALUES (${beyond}, 'Eve')`);
  assert.deepEqual((await db.store.orders.due(10)).map((order) => order.id), [id]);
  assert.equal(await db.store.orders.beyondReach(), beyond);
  const { unnotified, newestId } = await db.store.orders.history(Date.now());
  assert.deepEqual([unnotified, newestId], [1, id]);
  assert.equal(await db.store.orders.hold(undefined, 10), 1);
  assert.equal((await db.store.pulse()).ordersDue, false);
});

everyEngine("a number that cannot be counted exactly, in any column, stops no other order", async (db) => {
  const largest = "9223372036854775807";
  if (db.name !== "sqlite") {
    await db.adminQuery("ALTER TABLE orders MODIFY total BIGINT, MODIFY client BIGINT, MODIFY created_at BIGINT");
  }
  const odd = { client: largest, total: largest, created_at: "1767225600000000000" };
  await db.adminQuery(`INSERT INTO orders (${Object.keys(odd)}) VALUES (${Object.values(odd)})`);
  await db.adminQuery(`INSERT INTO orders (client, total, created_at) VALUES (7, 12, 1767225600)`);
  const [first, second] = await db.store.orders.due(10);
  assert.deepEqual([first!.client, first!.total, first!.createdAtMs], [largest, `${largest}.00`, undefined]);
  assert.deepEqual(first!.problems, ["created_at: not a date"]);
  assert.deepEqual([second!.client, second!.total, second!.createdAtMs], ["7", "12.00", Date.UTC(2026, 0, 1)]);
  assert.equal((await db.store.orders.find(first!.id))!.total, `${largest}.00`);
});

everyEngine("a flag in which nothing equals FALSE is named as what it means", async (db) => {
  if (db.name === "sqlite") return;
  await db.adminQuery("ALTER TABLE orders MODIFY notified ENUM('0', '1') DEFAULT '0'");
  await insertOrder(db, { notified: "0" });
  assert.deepEqual(await db.store.orders.due(10), []);
  assert.match((await db.store.orders.inspect()).join(), /orders\.notified: type enum, .*no order is ever due/);
});

/** `orders` as a view of the original's table. */
async function behindView(db: TestDatabase, select: string): Promise<void> {
  await db.adminQuery("ALTER TABLE orders RENAME TO shop_orders");
  await db.adminQuery(`CREATE VIEW orders AS ${select}`);
}

everyEngine("orders behind a view are sent and flagged, and what the view costs is named", async (db) => {
  await behindView(db, "SELECT * FROM shop_orders");
  if (db.name === "sqlite") {
    await db.adminQuery(`CREATE TRIGGER set_flag INSTEAD OF UPDATE OF notified ON orders BEGIN
      UPDATE shop_orders SET notified = NEW.notified WHERE id = NEW.id; END`);
  }
  await db.adminQuery("INSERT INTO shop_orders (client) VALUES ('Ada')");
  const [order] = await db.store.orders.due(10);
  await db.store.orders.open(order!.id, 1, 1, "open");
  await db.store.orders.settle([{ orderId: order!.id, generation: 1, accepted: 1, dead: 0, dropped: 0 }]);
  assert.equal((await db.store.orders.standing(order!.id))?.notified, true);
  const oddities = (await db.store.orders.inspect()).filter((one) => one.startsWith("orders:"));
  assert.equal(oddities.length, 1, oddities.join());
  assert.match(oddities[0]!, /a view, so the index .* reads the whole table behind it; helps: a table of that name/);
  assert.ok(!(await db.store.orders.inspect()).some((one) => one.includes("CREATE INDEX")));
});

everyEngine("a view that takes no flag is named as what it means", async (db) => {
  await behindView(db, "SELECT DISTINCT * FROM shop_orders");
  assert.match(
    (await db.store.orders.inspect()).join(),
    /a view that cannot be updated: orders\.notified cannot be set/,
  );
});

everyEngine("a table without transactions is named with what that costs", async (db) => {
  if (db.name === "sqlite") return;
  await db.adminQuery("ALTER TABLE orders ENGINE = MyISAM");
  const id = await insertOrder(db);
  assert.deepEqual((await db.store.orders.due(10)).map((order) => order.id), [id]);
  assert.match(
    (await db.store.orders.inspect()).join(),
    /engine MyISAM, which knows no transactions: .*sent again; .*; helps: ALTER TABLE orders ENGINE = InnoDB$/,
  );
});

everyEngine("a table that changes while we run is looked at again", async (db) => {
  await insertOrder(db);
  assert.equal((await db.store.orders.due(10)).length, 1);
  await db.adminQuery(
    db.name === "sqlite" ? "DROP INDEX idx_notified" : "ALTER TABLE orders DROP INDEX idx_notified",
  );
  assert.equal((await db.store.orders.due(10)).length, 1);
  await db.adminQuery("ALTER TABLE orders DROP COLUMN ip_address");
  const [order] = await db.store.orders.due(10);
  assert.equal(order!.ipAddress, undefined);
  assert.equal((await db.store.pulse()).ordersDue, true);
});

Deno.test("`readDecimal()` reads what shops write, and nothing else", () => {
  const cases: [unknown, string | undefined][] = [
    ["12.5", "12.50"],
    ["12", "12.00"],
    ["-0.01", "-0.01"],
    ["+3.1", "3.10"],
    ["12.345", "12.345"],
    [12.5, "12.50"],
    ["12,50", "12.50"],
    ["1,234.50", undefined],
    ["", undefined],
    ["12€", undefined],
    ["1e3", undefined],
    [NaN, undefined],
    [new Uint8Array(), undefined],
  ];
  for (const [value, expected] of cases) {
    const read = readDecimal(value);
    assert.equal("value" in read ? read.value : undefined, expected, String(value));
    assert.equal("problem" in read, expected === undefined);
  }
});

Deno.test("`readInstant()` reads texts with and without offset, and numbers", () => {
  const at = (value: unknown, zone = "Europe/Paris") => {
    const read = readInstant(value, zone);
    return "value" in read ? read.value : read.problem;
  };
  assert.equal(at("2026-01-15 12:00:00"), Date.UTC(2026, 0, 15, 11));
  assert.equal(at("2026-01-15T12:00:00Z"), Date.UTC(2026, 0, 15, 12));
  assert.equal(at("2026-01-15 12:00:00+02:00"), Date.UTC(2026, 0, 15, 10));
  assert.equal(at("2026-01-15 12:00:00.123", "UTC"), Date.UTC(2026, 0, 15, 12, 0, 0, 123));
  assert.equal(at("2026-10-25 02:30:00"), Date.UTC(2026, 9, 25, 0, 30));
  assert.equal(at(1_768_478_400), 1_768_478_400_000);
  assert.equal(at(1_768_478_400_000), 1_768_478_400_000);
  assert.equal(at("0000-00-00 00:00:00"), "not a date");
  assert.equal(at("soon"), "not a date");
  assert.equal(at(0), "not a date");
});
