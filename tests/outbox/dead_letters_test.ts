/**
 * Dead letters: sent again in their old order, or given up, with their orders kept in step.
 */
import assert from "node:assert/strict";
import { MortalStore } from "../support/mortal_store.ts";
import { until } from "../support/until.ts";
import { number, person } from "./cast.ts";
import { type Rig, rigTest, texts } from "./rig.ts";

async function buried(rig: Rig, count: number): Promise<readonly number[]> {
  rig.device.script({ effect: { type: "error", code: -1 } });
  const ids = await rig.enqueue(person(0), texts("a", count));
  const one = await rig.start();
  await rig.reach(ids, "dead");
  rig.device.script();
  await one.stop();
  return ids;
}

rigTest("replayed messages go behind everything in their lane, in their old order, at most so often", async (rig) => {
  const ids = await buried(rig, 5);
  const later = await rig.enqueue(person(0), ["later"]);
  const letters = rig.deadLetters(1);
  const replayed = await letters.replay([...ids].reverse());
  assert.deepEqual(replayed.map(({ oldId }) => oldId), ids);
  assert.deepEqual(await letters.replay(ids), [], "they are not dead any more");
  await rig.start();
  await rig.reach([...later, ...replayed.map(({ newId }) => newId)], "accepted");
  assert.deepEqual(rig.signal.bodies(number(0)), ["later", ...texts("a", 5)]);
});

rigTest("a message that was replayed DLQ_MAX_RETRIES times stays dead", async (rig) => {
  const ids = await buried(rig, 1);
  const letters = rig.deadLetters(1);
  const newId = (await letters.replay(ids))[0]!.newId;
  rig.device.script({ effect: { type: "error", code: -1 } });
  await rig.start();
  await rig.reach([newId], "dead");
  assert.deepEqual(await letters.replay([newId]), []);
});

rigTest("killed between two transactions, replay has moved whole batches and loses nothing", async (rig) => {
  const ids = await buried(rig, 250);
  const mortal = new MortalStore(rig.db.openSession());
  let batches = 0;
  mortal.beforeCommit = () => void (mortal.dead = ++batches === 2);
  void rig.deadLetters(3, mortal.store).replay(ids);
  await until(() => mortal.dead, "the kill");
  const { queued, dead } = await rig.db.store.outbox.backlog(Date.now());
  assert.deepEqual({ queued, dead }, { queued: 100, dead: 150 });
  assert.equal((await rig.deadLetters().replay(ids)).length, 150);
  await rig.start();
  await until(async () => {
    await rig.pass(25);
    return rig.signal.bodies().length >= 250;
  }, "all to be sent");
  assert.deepEqual(rig.signal.bodies(), texts("a", 250));
});

rigTest("an order is notified after its dead message was replayed and accepted, and not before", async (rig) => {
  rig.device.script({ to: number(1), times: 1, effect: { type: "error", code: -1 } });
  const { order, ids: [first, second] } = await rig.order([person(0), person(1)]);
  await rig.start();
  await rig.reach([first!], "accepted");
  await rig.reach([second!], "dead");
  assert.equal(await rig.notified(order), false);
  assert.equal((await rig.db.store.orders.counts()).dead, 1);
  const newId = (await rig.deadLetters().replay([second!]))[0]!.newId;
  assert.equal((await rig.db.store.orders.counts()).open, 1);
  await rig.pass(25);
  await rig.reach([newId], "accepted");
  assert.equal(await rig.notified(order), true);
});

rigTest("a dropped message is no longer owed, and the drop is recorded", async (rig) => {
  rig.device.script({ to: number(1), effect: { type: "error", code: -1 } });
  const { order, ids: [first, second] } = await rig.order([person(0), person(1)]);
  await rig.start();
  await rig.reach([first!], "accepted");
  await rig.reach([second!], "dead");
  assert.equal((await rig.deadLetters().drop([first!, second!], "by_hand")).length, 1, "only dead ones");
  const story = await rig.db.store.outbox.find(second!);
  assert.deepEqual([story!.state, story!.reason], ["dropped", "by_hand"]);
  assert.equal(await rig.notified(order), true);
});
