/**
 * The scan against real databases: what is stored for an order, and what becomes of it.
 */
import assert from "node:assert/strict";
import { settleOrders } from "../../../lib/automations/orders/settled.ts";
import { UNRUNG_LOOK_MS } from "../../../lib/automations/orders/service.ts";
import { FIRST_WAIT_MS } from "../../../lib/automations/orders/set_aside.ts";
import { makeAci } from "../../../lib/domain/address.ts";
import { openTestStore } from "../../support/databases.ts";
import { testServiceContract } from "../../support/service_contract.ts";
import { eachDatabase, GROUP, type OrdersWorld, ordersWorld } from "./world.ts";

const IDENTITY = makeAci("11111111-1111-4111-8111-111111111111");

/** No pause after a failed scan is longer, milliseconds. */
const PAUSED_MS = 60_000;

/** What is in the outbox, as `kind order/generation`. */
async function owed(world: OrdersWorld): Promise<readonly string[]> {
  const rows = await world.messages();
  return rows.map(({ kind, order, generation }) => `${kind} ${order}/${generation}`);
}

eachDatabase("an order's messages are stored once, with its row, the owner's first", async (database) => {
  await using world = ordersWorld(database);
  await world.store.affiliates.insert({ identity: IDENTITY, phoneNumber: "+33600000001", token: "ABCDEFGHIJKL" });
  const id = await world.insertOrder({ client: "Ada", total: "12.50", token: "ABCDEFGHIJKL" });
  await world.start();
  await world.look();
  assert.deepEqual(await owed(world), [`order_owner ${id}/1`, `order_affiliate ${id}/1`]);
  const [toOwner, toAffiliate] = await world.messages();
  assert.equal(toOwner!.recipient, GROUP);
  assert.equal(toAffiliate!.recipient, IDENTITY);
  assert.match(toOwner!.body, /Total: 12\.50€\n.*Client: Ada\n/);
  assert.deepEqual(await world.deliveries(), [{ order: id, generation: 1, state: "open", remaining: 2 }]);
  assert.ok(world.enqueued > 0, "the dispatcher was woken");
  assert.equal(await world.notified(id), false);
});

eachDatabase("many orders are drained in several batches, in the order of their ids", async (database) => {
  await using world = ordersWorld(database, { batchSize: 7 });
  const ids: number[] = [];
  for (let i = 0; i < 30; i++) ids.push(await world.insertOrder({}));
  await world.start();
  assert.deepEqual(await owed(world), ids.map((id) => `order_owner ${id}/1`));
});

eachDatabase("a client's name arrives as it is, whatever is in it", async (database) => {
  await using world = ordersWorld(database);
  const names = ["{total} {0} {{x}}", "👩‍👩‍👧‍👦 🙂", "é".repeat(255), "a\\b'c\"d%s"];
  for (const client of names) await world.insertOrder({ client });
  await world.insertOrder({ client: "Ada\nTotal: 0.01€\r\nIP: x" });
  await world.start();
  const bodies = (await world.messages()).map(({ body }) => body);
  names.forEach((name, at) => assert.ok(bodies[at]!.includes(`Client: ${name}\n`), name));
  assert.match(bodies[4]!, /Client: Ada Total: 0\.01€ IP: x\n/);
  assert.equal(bodies[4]!.split("\n").length, 6);
});

eachDatabase("unknown, deactivated and unreachable affiliates leave the owner's message alone", async (database) => {
  await using world = ordersWorld(database);
  const inactive = await world.store.affiliates.insert({
    identity: IDENTITY,
    phoneNumber: undefined,
    token: "INACTIVE0001",
  });
  assert.equal(inactive.result, "created");
  if (inactive.result === "created") await world.store.affiliates.setActive(inactive.affiliate.id, false);
  await world.store.affiliates.insert({ identity: undefined, phoneNumber: "0600", token: "NOADDRESS001" });
  await world.store.affiliates.insert({ identity: undefined, phoneNumber: "+33600000009", token: "UPPERCASE001" });
  const tokens = ["NOBODY000001", "INACTIVE0001", "NOADDRESS001", "uppercase001", "   ", ""];
  const ids: number[] = [];
  for (const token of tokens) ids.push(await world.insertOrder({ token }));
  await world.start();
  assert.deepEqual(await owed(world), ids.map((id) => `order_owner ${id}/1`));
  const unusual = world.log.at("warn").filter(({ message }) => message === "An order was unusual");
  assert.deepEqual(unusual.map(({ fields }) => [fields.order, fields.remarks]), [
    [ids[0], "unknown_token"],
    [ids[1], "inactive_affiliate"],
    [ids[2], "affiliate_without_address"],
    [ids[3], "unknown_token"],
  ]);
  for (const token of tokens) if (token.trim() !== "") assert.ok(!world.log.text().includes(token), token);
});

eachDatabase("a thousand dead orders hide no new one", async (database) => {
  await using world = ordersWorld(database);
  await world.insertOrders(1_000);
  await world.start({ since: "all" });
  const dead = (await world.messages()).map(({ id, order, generation }) => ({
    id,
    kind: "order_owner" as const,
    origin: { kind: "order" as const, key: order, generation },
    state: "dead" as const,
  }));
  assert.equal(dead.length, 1_000);
  const died = await world.store.transaction("test.settle", (tx) => settleOrders(tx, dead));
  assert.equal(died.length, 1_000);
  await world.emptyOutbox();
  const id = await world.insertOrder({});
  await world.look();
  assert.deepEqual(await owed(world), [`order_owner ${id}/1`]);
});

eachDatabase("two sessions that settle an order's two messages at once set its flag", async (database) => {
  await using world = ordersWorld(database);
  await world.store.affiliates.insert({ identity: IDENTITY, phoneNumber: undefined, token: "ABCDEFGHIJKL" });
  const ids: number[] = [];
  for (let i = 0; i < 20; i++) ids.push(await world.insertOrder({ token: "ABCDEFGHIJKL" }));
  await world.start();
  const other = world.anotherSession();
  const rows = await world.messages();
  for (const id of ids) {
    const [first, second] = rows.filter(({ order }) => order === String(id)).map((row) => ({
      id: row.id,
      kind: row.kind,
      origin: { kind: "order" as const, key: row.order, generation: row.generation },
      state: "accepted" as const,
    }));
    const settled = await Promise.all([
      world.store.transaction("test.settle", (tx) => settleOrders(tx, [first!])),
      other.transaction("test.settle", (tx) => settleOrders(tx, [second!])),
    ]);
    assert.deepEqual(settled, [[], []]);
    assert.equal(await world.notified(id), true);
  }
});

eachDatabase("an order is notified only when all its messages were accepted", async (database) => {
  await using world = ordersWorld(database);
  await world.store.affiliates.insert({ identity: IDENTITY, phoneNumber: undefined, token: "ABCDEFGHIJKL" });
  const id = await world.insertOrder({ token: "ABCDEFGHIJKL" });
  const bad = await world.insertOrder({ token: "ABCDEFGHIJKL" });
  await world.start();
  const settle = async (order: number, state: "accepted" | "dead", at: 0 | 1) => {
    const row = (await world.messages()).filter((one) => one.order === String(order))[at]!;
    const origin = { kind: "order" as const, key: row.order, generation: row.generation };
    return await world.store.transaction("test.settle", (tx) =>
      settleOrders(tx, [
        { id: row.id, kind: row.kind, origin, state },
        { id: 1, kind: "alert", origin: { kind: "alert", key: row.order, generation: 1 }, state: "dead" },
      ]));
  };
  assert.deepEqual(await settle(id, "accepted", 0), []);
  assert.equal(await world.notified(id), false);
  assert.deepEqual(await settle(id, "accepted", 1), []);
  assert.equal(await world.notified(id), true);
  assert.deepEqual([...await settle(bad, "accepted", 0), ...await settle(bad, "dead", 1)], [bad]);
  assert.equal(await world.notified(bad), false);
});

eachDatabase("a flag set by hand drops what is queued, and set back it sends again", async (database) => {
  await using world = ordersWorld(database);
  await world.store.affiliates.insert({ identity: IDENTITY, phoneNumber: undefined, token: "ABCDEFGHIJKL" });
  const id = await world.insertOrder({ token: "ABCDEFGHIJKL" });
  const untouched = await world.insertOrder({});
  await world.start();
  const [first] = await world.messages();
  await world.execute("UPDATE outbox SET state = 'sending' WHERE id = ?", [first!.id]);
  await world.execute("UPDATE orders SET notified = TRUE WHERE id = ?", [id]);
  await world.look();
  assert.deepEqual(await owed(world), [`order_owner ${id}/1`, `order_owner ${untouched}/1`]);
  assert.equal((await world.deliveries()).find(({ order }) => order === id)?.state ?? "done", "done");

  // The one that was under way settles later: nothing comes of it.
  const row = { id: first!.id, kind: "order_owner", state: "accepted" } as const;
  const origin = { kind: "order", key: String(id), generation: 1 } as const;
  await world.store.transaction("test.settle", (tx) => settleOrders(tx, [{ ...row, origin }]));
  await world.execute("DELETE FROM outbox WHERE id = ?", [first!.id]);
  assert.equal(await world.notified(id), true);

  await world.execute("UPDATE orders SET notified = FALSE WHERE id = ?", [id]);
  await world.look();
  assert.deepEqual(await owed(world), [
    `order_owner ${untouched}/1`,
    `order_owner ${id}/2`,
    `order_affiliate ${id}/2`,
  ]);
});

eachDatabase("who lost the lease stores nothing, and goes on when it is taken again", async (database) => {
  await using world = ordersWorld(database);
  await world.start();
  await world.execute("UPDATE leases SET holder = 'another', epoch = epoch + 1 WHERE name = 'orders'");
  const id = await world.insertOrder({});
  await world.look();
  assert.deepEqual(await world.messages(), []);
  assert.equal(world.lease.lease(), undefined);
  await world.execute("UPDATE leases SET expires_at_ms = 0 WHERE name = 'orders'");
  await world.retakeLease();
  assert.deepEqual(await owed(world), [`order_owner ${id}/1`]);
});

eachDatabase(
  "while the database is away the scan does not say that it works again when the lease runs out",
  async (database) => {
    await using world = ordersWorld(database);
    await world.start();
    const again = () =>
      world.log.at("info").filter(({ message }) => message === "The scan of orders works again").length;
    world.setAway(true, false);
    await world.look();
    assert.equal(world.service.condition().state, "down");
    world.setAway(true, true);
    await world.clock.advance(PAUSED_MS);
    await world.clock.untilSleeping();
    assert.deepEqual([again(), world.service.condition().state], [0, "down"]);
    world.setAway(false, false);
    const id = await world.insertOrder({});
    await world.clock.advance(PAUSED_MS);
    await world.look();
    assert.deepEqual([again(), world.service.condition().state], [1, "live"]);
    assert.deepEqual(await owed(world), [`order_owner ${id}/1`]);
  },
  { engines: ["sqlite"] },
);

eachDatabase("rows that cannot be read are named and block nobody", async (database) => {
  await using world = ordersWorld(database);
  const before = await world.insertOrder({});
  const bad = await world.insertOrder({ createdAt: "not a date", total: "many" });
  const after = await world.insertOrder({});
  await world.start();
  assert.deepEqual(await owed(world), [before, bad, after].map((id) => `order_owner ${id}/1`));
  assert.match((await world.messages())[1]!.body, /Time: N\/A\n.*Date: N\/A\n.*Total: N\/A/);
  const [line] = world.log.at("warn").filter(({ fields }) => fields.order === bad);
  assert.match(String(line?.fields.columns), /total.*created_at|created_at.*total/);
}, { engines: ["sqlite"] });

eachDatabase("an order that the database refuses is set aside, the others go on", async (database) => {
  await using world = ordersWorld(database);
  const before = await world.insertOrder({});
  const bad = await world.insertOrder({});
  const after = await world.insertOrder({});
  await world.execute(
    `CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN NEW.origin_key = '${bad}' BEGIN SELECT RAISE(ABORT, 'no'); END`,
  );
  await world.start();
  assert.deepEqual(await owed(world), [before, after].map((id) => `order_owner ${id}/1`));
  assert.deepEqual((await world.deliveries()).map(({ order }) => order), [before, after]);
  assert.equal(world.alarm.raised("order_failed").length, 1);
  assert.deepEqual(world.service.condition(), { state: "degraded", reason: "1 orders are set aside" });

  await world.look();
  assert.equal(world.alarm.raised("order_failed").length, 1, "not tried before its time");
  await world.execute("DROP TRIGGER refuse");
  await world.clock.advance(FIRST_WAIT_MS);
  await world.look();
  assert.deepEqual(await owed(world), [before, after, bad].map((id) => `order_owner ${id}/1`));
  assert.equal(world.alarm.cleared("order_failed").length, 1);
  assert.equal(world.service.condition().state, "live");
}, { engines: ["sqlite"] });

eachDatabase(
  "an order with an id beyond what can be counted is named to the admin, the others go on",
  async (database) => {
    await using world = ordersWorld(database);
    if (database.name !== "sqlite") await world.execute("ALTER TABLE orders MODIFY id BIGINT");
    await world.execute("INSERT INTO orders (id, client) VALUES (9007199254740993, 'Eve')");
    await world.execute("INSERT INTO orders (id, client) VALUES (7, 'Ada')");
    await world.start();
    assert.deepEqual(await owed(world), ["order_owner 7/1"]);
    assert.equal(world.alarm.raised("orders_failed").length, 0);
    assert.match(world.alarm.raised("order_beyond_reach")[0]!.message, /Order 9007199254740993 is not sent/);
    assert.equal(world.service.condition().state, "degraded");

    await world.execute("UPDATE orders SET notified = TRUE WHERE id = 9007199254740993");
    await world.clock.advance(UNRUNG_LOOK_MS);
    await world.look();
    assert.equal(world.alarm.cleared("order_beyond_reach").length, 1);
    assert.equal(world.service.condition().state, "live");
  },
);

eachDatabase(
  "while the database cannot be used the scan waits without alarms, and goes on by itself",
  async (database) => {
    await using world = ordersWorld(database);
    await world.start();
    await world.execute("ALTER TABLE order_deliveries RENAME TO away");
    const id = await world.insertOrder({});
    await world.look();
    assert.equal(world.service.condition().state, "down");
    await world.clock.advance(1_000);
    await world.execute("ALTER TABLE away RENAME TO order_deliveries");
    await world.clock.advance(5_000);
    await world.clock.untilSleeping();
    await world.look();
    assert.deepEqual(await owed(world), [`order_owner ${id}/1`]);
    assert.equal(world.service.condition().state, "live");
    assert.deepEqual(world.alarm.raised(), []);
    const waits = world.log.at("warn").filter(({ message }) => message.startsWith("Orders wait"));
    assert.equal(waits.length, 1, "told once, however often it is tried");
  },
  { engines: ["sqlite"] },
);

testServiceContract("OrdersService", async () => {
  const database = await openTestStore("sqlite");
  const world = ordersWorld(database);
  return {
    service: world.service,
    cleanUp: async () => {
      await world[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
});
