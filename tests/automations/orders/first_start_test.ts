/**
 * The first start against real databases: what is held, what is released, and what a kill in between changes.
 */
import assert from "node:assert/strict";
import {
  FIRST_START_KEY,
  type FirstStartPlan,
  HISTORY_AGE_MS,
  type OrdersSince,
} from "../../../lib/automations/orders/first_start.ts";
import type { TestDatabase } from "../../support/databases.ts";
import { eachDatabase, ordersWorld } from "./world.ts";

const DAY_MS = 24 * 60 * 60_000;

/** One life of the service. @returns order ids with messages, ids held, and how often the admin was asked */
async function live(database: TestDatabase, since: OrdersSince) {
  await using world = ordersWorld(database);
  await world.start({ since });
  const sent = (await world.messages()).map(({ order }) => Number(order));
  const held = (await world.deliveries()).filter(({ state }) => state === "held").map(({ order }) => order);
  return { sent, held, asked: world.alarm.raised("orders_held").length };
}

/** Orders with the given ages in days. @returns their ids */
async function history(database: TestDatabase, agesInDays: readonly number[]): Promise<readonly number[]> {
  await using world = ordersWorld(database);
  const ids: number[] = [];
  for (const age of agesInDays) ids.push(await world.insertOrder({ ageMs: age * DAY_MS }));
  return ids;
}

const days = (count: number, age: number) => new Array<number>(count).fill(age);

eachDatabase("50 old orders are sent at the first start", async (database) => {
  const ids = await history(database, days(50, 3));
  assert.deepEqual(await live(database, undefined), { sent: ids, held: [], asked: 0 });
});

eachDatabase("51 old orders are held, younger ones are sent, the admin is asked once", async (database) => {
  const old = await history(database, days(51, 3));
  const young = await history(database, days(5, 0.5));
  assert.deepEqual(await live(database, undefined), { sent: young, held: old, asked: 1 });
  assert.deepEqual(await live(database, undefined), { sent: young, held: old, asked: 0 });
  assert.deepEqual(await live(database, "now"), { sent: young, held: old, asked: 0 });
});

eachDatabase("`all` at a later start releases everything that is held", async (database) => {
  const old = await history(database, days(60, 3));
  assert.deepEqual(await live(database, undefined), { sent: [], held: old, asked: 1 });
  assert.deepEqual(await live(database, "all"), { sent: old, held: [], asked: 0 });
  assert.deepEqual(await live(database, "all"), { sent: old, held: [], asked: 0 });
});

eachDatabase("a date at a later start releases what was created since", async (database) => {
  const older = await history(database, days(40, 30));
  const newer = await history(database, days(20, 3));
  await live(database, undefined);
  const date = Date.now() - 10 * DAY_MS;
  assert.deepEqual(await live(database, date), { sent: newer, held: older, asked: 0 });
  assert.deepEqual(await live(database, date), { sent: newer, held: older, asked: 0 });
});

eachDatabase("a stated value decides at the first start, whatever the number of old orders", async (database) => {
  const ids = await history(database, [30, 3, 0]);
  assert.deepEqual(await live(database, Date.now() - 10 * DAY_MS), {
    sent: ids.slice(1),
    held: ids.slice(0, 1),
    asked: 0,
  });
});

eachDatabase("`all` at the first start sends a long history", async (database) => {
  const ids = await history(database, days(60, 3));
  assert.deepEqual(await live(database, "all"), { sent: ids, held: [], asked: 0 });
});

eachDatabase("`now` at the first start holds what is there and nothing that comes later", async (database) => {
  const there = await history(database, [3, 0]);
  assert.deepEqual(await live(database, "now"), { sent: [], held: there, asked: 0 });
  const later = await history(database, [3, 0]);
  assert.deepEqual(await live(database, "now"), { sent: later, held: there, asked: 0 });
});

eachDatabase("old orders that pile up after the first start are sent", async (database) => {
  assert.deepEqual(await live(database, undefined), { sent: [], held: [], asked: 0 });
  const ids = await history(database, days(60, 3));
  assert.deepEqual(await live(database, undefined), { sent: ids, held: [], asked: 0 });
});

eachDatabase("a first start that was interrupted is finished within the bounds of its plan", async (database) => {
  const old = await history(database, days(60, 3));
  {
    await using world = ordersWorld(database);
    const plan: FirstStartPlan = {
      atMs: Date.now(),
      hold: "before",
      beforeMs: Date.now() - HISTORY_AGE_MS,
      upToId: old.at(-1)!,
      ask: true,
      carriedOut: false,
    };
    await world.store.state.put(FIRST_START_KEY, JSON.stringify(plan));
    // So few are left that a new count would send them.
    await world.store.orders.hold(plan.beforeMs, 20, plan.upToId);
  }
  const later = await history(database, days(1, 3));
  assert.deepEqual(await live(database, undefined), { sent: later, held: old, asked: 1 });
});

eachDatabase("a plan that cannot be read stops the scan and is told", async (database) => {
  await using world = ordersWorld(database);
  await world.insertOrder({});
  for (const stored of ["", "{}", '{"atMs":1,"hold":"before","ask":true,"carriedOut":false}', "null"]) {
    await world.store.state.put(FIRST_START_KEY, stored);
    await world.start();
    assert.deepEqual(await world.messages(), []);
    await world.stop();
  }
  assert.ok(world.alarm.raised("orders_failed").length >= 4);
}, { engines: ["sqlite"] });
