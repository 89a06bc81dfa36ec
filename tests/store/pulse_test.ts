import assert from "node:assert/strict";
import { ACCOUNT, everyEngine, insertOrder, message } from "./conformance.ts";
import { testDeps } from "../support/databases.ts";

everyEngine("`pulse()` says what there is to do", async (db) => {
  const nothing = { outboxDue: false, inboxDue: false, ordersDue: false, ordersFlagged: false };
  const ask = async () => {
    const { nowMs, ...rest } = await db.store.pulse();
    assert(Math.abs(nowMs - testDeps.clock.nowMs()) < 60_000);
    return rest;
  };
  assert.deepEqual(await ask(), nothing);
  await db.store.outbox.enqueue([message(1)]);
  assert.deepEqual(await ask(), { ...nothing, outboxDue: true });
  await db.adminQuery("UPDATE outbox SET due_at_ms = due_at_ms + 60000");
  await db.store.inbox.accept([{ account: ACCOUNT, externalId: "1", lane: "l", body: "{}", receivedAtMs: 1 }]);
  assert.deepEqual(await ask(), { ...nothing, inboxDue: true });
  await db.adminQuery("UPDATE inbox SET state = 'done'");
  const id = await insertOrder(db);
  assert.deepEqual(await ask(), { ...nothing, ordersDue: true });
  await db.store.orders.open(id, 1, 1, "open");
  assert.deepEqual(await ask(), nothing);
  await db.adminQuery("UPDATE orders SET notified = 1");
  assert.deepEqual(await ask(), { ...nothing, ordersFlagged: true });
});

/** Every look at it moves it on: whatever is measured with it takes that long. */
const slow = { stepMs: 0, atMs: 0 };
const slowClock = {
  ...testDeps.clock,
  monotonicMs: () => slow.atMs += slow.stepMs,
};

everyEngine(
  "where a full look is dear, a new order is seen at once and the others at the next full look",
  async (db) => {
    Object.assign(slow, { stepMs: 60, atMs: 0 });
    const old = await insertOrder(db);
    await db.store.orders.hold(undefined, 10);
    assert.equal((await db.store.pulse()).ordersDue, false);
    assert.equal((await db.store.pulse()).ordersDue, false);
    await db.adminQuery("DELETE FROM order_deliveries WHERE order_id = ?", [old]);
    assert.equal((await db.store.pulse()).ordersDue, false);
    const fresh = await insertOrder(db);
    assert.equal((await db.store.pulse()).ordersDue, true);
    await db.store.orders.open(fresh, 1, 1, "open");
    assert.equal((await db.store.pulse()).ordersDue, false);
    slow.atMs += 30_000;
    assert.equal((await db.store.pulse()).ordersDue, true);
    slow.stepMs = 0;
  },
  { deps: { clock: slowClock } },
);
