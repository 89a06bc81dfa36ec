/** Messages that could stop the others: tries that end unknown again and again, and outcomes that are too long to record. */
import assert from "node:assert/strict";
import { UNKNOWN_LIMIT } from "../../lib/outbox/unknowns.ts";
import { until } from "../support/until.ts";
import { GROUP, number, person } from "./cast.ts";
import { type Rig, rigTest } from "./rig.ts";

const OPTIONS = { unknownWaitMs: 200, sendTimeoutMs: 60_000 };

/** Starts instances that are killed in the middle of its hand-over, until it is given up. @returns how many */
async function killWhileSending(rig: Rig, id: number): Promise<number> {
  for (let kills = 0;; kills++) {
    const one = await rig.start(OPTIONS);
    await until(async () => {
      await rig.pass(50);
      return one.journal.handOvers > 0 || await rig.state(id) === "dead";
    }, "its next hand-over or its end");
    const isDead = await rig.state(id) === "dead";
    if (isDead) await one.stop();
    else await rig.kill(one);
    if (isDead) return kills;
  }
}

rigTest("a message in whose hand-over the service dies ten times is dead with the reason `unknown`", async (rig) => {
  rig.device.script({ to: number(0), effect: { type: "hang" } });
  const { order, ids: [poison, behind] } = await rig.order([person(0), person(1)]);
  assert.equal(await killWhileSending(rig, poison!), UNKNOWN_LIMIT);
  const { state, reason, attempts } = (await rig.db.store.outbox.find(poison!))!;
  // The kills are not its fault as far as tries that cost something go: it is the number of them that tells.
  assert.deepEqual({ state, reason, attempts }, { state: "dead", reason: "unknown", attempts: 0 });
  assert.deepEqual(await rig.outcomes(poison!), Array(UNKNOWN_LIMIT).fill("disconnected"));
  assert.equal(await rig.state(behind!), "accepted");
  assert.equal(await rig.notified(order), false);
  assert.equal((await rig.db.store.orders.standing(order))!.delivery!.state, "dead");
});

rigTest("silence of a living channel costs tries: they are used up long before", async (rig) => {
  rig.device.script({ to: number(0), effect: { type: "hang" } });
  const [id] = await rig.enqueue(person(0), ["a"]);
  await rig.start({ ...OPTIONS, sendTimeoutMs: 1_000, maxRetries: 2 });
  await until(async () => (await rig.pass(1_000), await rig.state(id!) === "dead"), "its end");
  assert.equal((await rig.db.store.outbox.find(id!))!.reason, "unknown");
  assert.deepEqual(await rig.outcomes(id!), Array(3).fill("no_answer"));
});

rigTest("a message that was given up as poison and is replayed has all its tries again", async (rig) => {
  rig.device.script({ to: number(0), effect: { type: "hang" } });
  const [id] = await rig.enqueue(person(0), ["a"]);
  await killWhileSending(rig, id!);
  const [replayed] = await rig.deadLetters().replay([id!]);
  assert.equal(await killWhileSending(rig, replayed!.newId), UNKNOWN_LIMIT);
});

rigTest("the largest group whose members were not reached is recorded, and nothing waits behind it", async (rig) => {
  const members = Array.from({ length: 999 }, (_, n) => number(n));
  rig.device.script({ effect: { type: "result", result: "IDENTITY_FAILURE", members } });
  const ids = await rig.enqueue(GROUP, ["a", "b"]);
  await rig.start();
  await rig.reach(ids, "accepted");
  for (const id of ids) {
    const [line] = (await rig.db.store.outbox.find(id))!.timeline;
    assert.equal(JSON.parse(line!.detail!).notReached.identity_changed.length, 999);
  }
}, { people: 1_000, engines: ["mariadb", "mysql"] });
