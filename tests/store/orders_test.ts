import assert from "node:assert/strict";
import type { TestDatabase } from "../support/databases.ts";
import { everyEngine, insertOrder, isNotified } from "./conformance.ts";

const settled = (
  orderId: number,
  more: Partial<{ generation: number; accepted: number; dropped: number; dead: number }>,
) => [
  { orderId, generation: 1, accepted: 0, dropped: 0, dead: 0, ...more },
];

async function dueIds(db: TestDatabase, limit = 100): Promise<readonly number[]> {
  return (await db.store.orders.due(limit)).map((order) => order.id);
}

everyEngine("an order is due until it is opened, with all its values", async (db) => {
  const id = await insertOrder(db, {
    client: "Zoë 😀 {x} ' \" \\",
    total: "1234567.80",
    affiliate_token: "ABCDEFGHIJKL",
    created_at: "2026-01-15 11:30:00",
  });
  assert.deepEqual(await db.store.orders.due(10), [{
    id,
    client: "Zoë 😀 {x} ' \" \\",
    total: "1234567.80",
    ipAddress: "192.0.2.1",
    affiliateToken: "ABCDEFGHIJKL",
    createdAtMs: Date.UTC(2026, 0, 15, 11, 30),
    generation: 1,
    problems: [],
  }]);
  assert.equal(await db.store.orders.open(id, 1, 2, "open"), "opened");
  assert.deepEqual(await dueIds(db), []);
  assert.equal(await db.store.orders.open(id, 1, 2, "open"), "conflict");
  assert.deepEqual(await db.store.orders.counts(), { open: 1, held: 0, dead: 0 });
});

everyEngine("NULLs are absent values; NULL in `notified` is not due", async (db) => {
  const id = await insertOrder(db, {
    client: null,
    total: null,
    ip_address: null,
    affiliate_token: null,
    created_at: null,
  });
  await insertOrder(db, { notified: null });
  await insertOrder(db, { notified: 1 });
  const [order, ...rest] = await db.store.orders.due(10);
  assert.deepEqual(rest, []);
  const { client, total, ipAddress, affiliateToken, createdAtMs, problems } = order!;
  assert.equal(order!.id, id);
  assert.deepEqual([client, total, ipAddress, affiliateToken, createdAtMs], Array(5).fill(undefined));
  assert.deepEqual(problems, []);
});

everyEngine("a client of 255 emoji and a total of 0 arrive as they are", async (db) => {
  await insertOrder(db, { client: "😀".repeat(255), total: 0 });
  const [order] = await db.store.orders.due(1);
  assert.equal(order!.client, "😀".repeat(255));
  assert.equal(order!.total, "0.00");
});

everyEngine("`due()` is oldest first by id and limited", async (db) => {
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push(await insertOrder(db));
  assert.deepEqual(await dueIds(db, 3), ids.slice(0, 3));
});

everyEngine("the flag turns TRUE with the last message, not before", async (db) => {
  const { orders } = db.store;
  const id = await insertOrder(db);
  await orders.open(id, 1, 2, "open");
  assert.deepEqual(await orders.settle(settled(id, { accepted: 1 })), []);
  assert.equal(await isNotified(db, id), false);
  assert.deepEqual(await orders.settle(settled(id, { accepted: 1 })), [{ orderId: id, end: "done" }]);
  assert.equal(await isNotified(db, id), true);
  assert.deepEqual(await orders.counts(), { open: 0, held: 0, dead: 0 });
  assert.deepEqual(await orders.settle([]), []);
});

everyEngine("two sessions that settle an order's two messages at once: one of them sets the flag", async (db) => {
  const other = db.openSession();
  for (let round = 0; round < 15; round++) {
    const id = await insertOrder(db);
    await db.store.orders.open(id, 1, 2, "open");
    const ends = await Promise.all(
      [db.store, other].map((session) =>
        session.transaction("settle", async (tx) => await tx.orders.settle(settled(id, { accepted: 1 })))
      ),
    );
    assert.deepEqual(ends.flat(), [{ orderId: id, end: "done" }]);
    assert.equal(await isNotified(db, id), true);
  }
});

everyEngine("a dead message makes the order dead: the flag stays FALSE whatever comes after", async (db) => {
  const { orders } = db.store;
  const id = await insertOrder(db);
  await orders.open(id, 1, 2, "open");
  assert.deepEqual(await orders.settle(settled(id, { dead: 1 })), [{ orderId: id, end: "dead" }]);
  assert.deepEqual(await orders.settle(settled(id, { accepted: 1 })), []);
  assert.equal(await isNotified(db, id), false);
  assert.deepEqual(await dueIds(db), []);
  assert.deepEqual(await orders.counts(), { open: 0, held: 0, dead: 1 });
});

everyEngine("a dropped message is no longer owed", async (db) => {
  const id = await insertOrder(db);
  await db.store.orders.open(id, 1, 2, "open");
  assert.deepEqual(await db.store.orders.settle(settled(id, { accepted: 1, dropped: 1 })), [{
    orderId: id,
    end: "done",
  }]);
  assert.equal(await isNotified(db, id), true);
});

everyEngine("`settle()` of 300 orders at once ends those that are complete, also given in pieces", async (db) => {
  const { orders } = db.store;
  const ids: number[] = [];
  for (let i = 0; i < 300; i++) ids.push(await insertOrder(db));
  const opened = await orders.openMany(ids.map((orderId) => ({ orderId, generation: 1, remaining: 2, state: "open" })));
  assert.equal(opened.size, 300);
  const ends = await orders.settle(ids.flatMap((id, i) => [
    ...settled(id, { accepted: 1 }),
    ...(i % 3 === 0 ? settled(id, { accepted: 1 }) : []),
    ...(i % 3 === 1 ? settled(id, { dead: 1 }) : []),
  ]));
  const end = new Map(ends.map((one) => [one.orderId, one.end]));
  for (const [i, id] of ids.entries()) assert.equal(end.get(id), ["done", "dead", undefined][i % 3]);
  const flagged = await db.adminQuery("SELECT COUNT(*) AS n FROM orders WHERE notified = 1");
  assert.equal(Number(flagged[0]!["n"]), 100);
});

everyEngine("`openMany()` leaves conflicts out; two sessions never both open an order", async (db) => {
  const ids: number[] = [];
  for (let i = 0; i < 40; i++) ids.push(await insertOrder(db));
  const batch = ids.map((orderId) => ({ orderId, generation: 1, remaining: 1, state: "open" as const }));
  const other = db.openSession();
  const [mine, theirs] = await Promise.all([db.store.orders.openMany(batch), other.orders.openMany(batch)]);
  assert.equal(mine.size + theirs.size, 40);
  assert.equal((await db.store.orders.openMany(batch)).size, 0);
});

everyEngine("1,000 dead orders before a new one do not hide it", async (db) => {
  for (let i = 0; i < 1_000; i += 100) {
    await db.adminQuery(`INSERT INTO orders (client, notified) VALUES ${Array(100).fill("('dead', 0)").join(", ")}`);
  }
  const dead = await db.store.orders.due(2_000);
  await db.store.transaction("dead", async (tx) => {
    await tx.orders.openMany(dead.map(({ id }) => ({ orderId: id, generation: 1, remaining: 1, state: "open" })));
    await tx.orders.settle(dead.flatMap(({ id }) => settled(id, { dead: 1 })));
  });
  assert.equal((await db.store.orders.counts()).dead, 1_000);
  const id = await insertOrder(db);
  assert.deepEqual(await dueIds(db, 1), [id]);
  assert.equal((await db.store.pulse()).ordersDue, true);
});

everyEngine("a flag turned back re-arms the order as its next generation", async (db) => {
  const { orders } = db.store;
  const id = await insertOrder(db);
  await orders.open(id, 1, 1, "open");
  await orders.settle(settled(id, { accepted: 1 }));
  await db.adminQuery("UPDATE orders SET notified = 0 WHERE id = ?", [id]);
  assert.equal((await db.store.pulse()).ordersDue, true);
  assert.deepEqual((await orders.due(10)).map((order) => [order.id, order.generation]), [[id, 2]]);
  assert.equal(await orders.open(id, 1, 1, "open"), "conflict");
  assert.equal(await orders.open(id, 3, 1, "open"), "conflict");
  assert.equal(await orders.open(id, 2, 1, "open"), "opened");
  assert.deepEqual(await orders.settle(settled(id, { accepted: 1, generation: 1 })), []);
  assert.equal(await isNotified(db, id), false);
  assert.deepEqual(await orders.settle(settled(id, { accepted: 1, generation: 2 })), [{ orderId: id, end: "done" }]);
  assert.equal(await isNotified(db, id), true);
});

everyEngine("a flag set by hand is seen while messages are owed, and closed", async (db) => {
  const { orders } = db.store;
  const [open, dead, held, done] = [
    await insertOrder(db),
    await insertOrder(db),
    await insertOrder(db),
    await insertOrder(db),
  ];
  await orders.openMany([open, dead, done].map((orderId) => ({ orderId, generation: 1, remaining: 1, state: "open" })));
  await orders.open(held, 1, 0, "held");
  await orders.settle([...settled(dead, { dead: 1 }), ...settled(done, { accepted: 1 })]);
  assert.deepEqual(await orders.flaggedByHand(10), []);
  assert.equal((await db.store.pulse()).ordersFlagged, false);
  await db.adminQuery("UPDATE orders SET notified = 1");
  assert.equal((await db.store.pulse()).ordersFlagged, true);
  const flagged = (await orders.flaggedByHand(10)).toSorted((a, b) => a.orderId - b.orderId);
  assert.deepEqual(flagged, [open, dead, held].map((orderId) => ({ orderId, generation: 1 })));
  assert.equal((await orders.flaggedByHand(1)).length, 1);
  for (const id of [open, dead, held]) await orders.closeByHand(id, 1);
  assert.deepEqual(await orders.flaggedByHand(10), []);
  assert.deepEqual(await orders.counts(), { open: 0, held: 0, dead: 0 });
});

everyEngine("history is counted, held in batches, and released", async (db) => {
  const { orders } = db.store;
  const old = [];
  for (let i = 0; i < 5; i++) old.push(await insertOrder(db, { created_at: `2020-01-0${i + 1} 00:00:00` }));
  const undated = await insertOrder(db, { created_at: null });
  const fresh = await insertOrder(db, { created_at: "2026-06-01 00:00:00" });
  const beforeMs = Date.UTC(2026, 0, 1);
  assert.deepEqual(await orders.history(beforeMs), { unnotified: 7, older: 6, newestId: fresh });
  assert.equal(await orders.hold(beforeMs, 4), 4);
  assert.equal(await orders.hold(beforeMs, 4, old[4]!), 1);
  assert.equal(await orders.hold(beforeMs, 4), 1);
  assert.equal(await orders.hold(beforeMs, 4), 0);
  assert.deepEqual(await dueIds(db), [fresh]);
  assert.equal((await orders.counts()).held, 6);
  assert.equal(await orders.releaseHeld(Date.UTC(2020, 0, 4), 10), 2);
  assert.deepEqual(await dueIds(db), [old[3], old[4], fresh]);
  assert.equal(await orders.releaseHeld(undefined, 3), 3);
  assert.equal(await orders.releaseHeld(undefined, 3), 1);
  assert.deepEqual(await dueIds(db), [...old, undated, fresh]);
  assert.equal(await orders.hold(undefined, 100), 7);
  assert.deepEqual(await orders.history(beforeMs), { unnotified: 0, older: 0, newestId: undefined });
});

everyEngine("an order that vanished is settled without harm", async (db) => {
  const id = await insertOrder(db);
  await db.store.orders.open(id, 1, 1, "open");
  await db.adminQuery("DELETE FROM orders WHERE id = ?", [id]);
  assert.deepEqual(await db.store.orders.settle(settled(id, { accepted: 1 })), [{ orderId: id, end: "done" }]);
});
