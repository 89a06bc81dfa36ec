/**
 * Unknown outcomes, evidence and receipts: the timestamps are signal-cli's, which goes by the clock of the test.
 */
import assert from "node:assert/strict";
import { makeAci } from "../../lib/domain/address.ts";
import { UNKNOWN_LIMIT } from "../../lib/outbox/unknowns.ts";
import { until } from "../support/until.ts";
import { GROUP, NUMBER, number, person, uuid } from "./cast.ts";
import { type Rig, rigTest } from "./rig.ts";

const aci = (n: number) => makeAci(uuid(n));
const WAIT = { sendTimeoutMs: 1_000, unknownWaitMs: 20_000 };
const receipt = (rig: Rig, from: number, timestamp: number, type = "delivery") =>
  rig.device.world.push(NUMBER, {
    ...{ account: NUMBER, from: uuid(from), receivedAtMs: rig.clock.nowMs() },
    receipt: { type, timestamps: [timestamp] },
  });
const sentAt = (rig: Rig, n = 0) => rig.signal.sent.items[n]!.timestamp;

for (const [what, to] of [["a person", aci(0)], ["a person known by number", person(0)], ["a group", GROUP]] as const) {
  rigTest(`a receipt proves that a message to ${what} arrived although its answer was lost: sent once`, async (rig) => {
    rig.device.script({ times: 1, effect: { type: "lose_answer" } });
    const [id, next] = await rig.enqueue(to, ["a", "b"]);
    await rig.start(WAIT);
    await rig.reach([id!], "unknown");
    receipt(rig, 0, sentAt(rig));
    await rig.reach([id!, next!], "accepted", "delivered");
    assert.deepEqual(rig.signal.bodies(), ["a", "b"]);
    assert.deepEqual(await rig.outcomes(id!), ["no_answer", "receipt"]);
    assert.equal(rig.counters.total("messages_proven_total"), 1);
  }, { oneClock: true });
}

rigTest("an answer that comes after its deadline is the proof: sent once", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "delay_answer", ms: 1 } });
  const [id, next] = await rig.enqueue(person(0), ["a", "b"]);
  await rig.start({ sendTimeoutMs: 1_000, unknownWaitMs: 3_600_000 });
  await rig.reach([id!], "unknown");
  rig.letGo();
  await rig.reach([id!, next!], "accepted");
  assert.deepEqual(rig.signal.bodies(), ["a", "b"]);
  assert.deepEqual(await rig.outcomes(id!), ["no_answer", "late_answer"]);
}, { held: true });

rigTest("without evidence an unknown message is sent again, or held, as the policy of its kind says", async (rig) => {
  rig.device.script({ times: 2, effect: { type: "hang" } });
  const [again] = await rig.enqueue(person(0), ["again"]);
  const [held] = await rig.enqueue(person(1), ["held"], { kind: "alert" });
  await rig.start({
    ...WAIT,
    unknownWaitMs: 200,
    unknownPolicy: (kind) => kind === "alert" ? "hold" : "resend",
  });
  await rig.reach([again!], "accepted");
  await rig.reach([held!], "dead");
  assert.equal((await rig.db.store.outbox.find(held!))!.reason, "unknown");
  assert.deepEqual(rig.signal.bodies(), ["again"]);
  assert.equal(rig.counters.total("messages_unknown_total", { reason: "no_answer" }), 2);
  assert.equal(rig.counters.total("messages_resent_total"), 1);
}, { oneClock: true });

rigTest(
  "a message that kills its channel each time is given up, and costs the others nothing but time",
  async (rig) => {
    rig.device.script({ to: number(0), effect: { type: "crash_before" } });
    const [poison, behind] = await rig.enqueue(person(0), ["poison", "behind"]);
    const [other] = await rig.enqueue(person(1), ["other"]);
    await rig.start();
    const tries = async (id: number) => (await rig.outcomes(id)).length;
    await until(async () => {
      await rig.pass(1_000);
      return await rig.state(poison!) === "dead";
    }, "it to be given up");
    assert.deepEqual(await rig.outcomes(poison!), Array(UNKNOWN_LIMIT).fill("disconnected"));
    const story = (await rig.db.store.outbox.find(poison!))!;
    assert.deepEqual([story.reason, story.attempts], ["unknown", 0]);
    await rig.reach([other!], "accepted");
    // The next one of its lane has its own count.
    await until(async () => {
      await rig.pass(1_000);
      return await tries(behind!) > 1;
    }, "the next one's turn");
    assert.ok(await tries(behind!) < UNKNOWN_LIMIT);
    assert.deepEqual(rig.signal.bodies(), ["other"]);
  },
);

rigTest(
  "a receipt that was looked up before its message was settled is no proof for the message behind it",
  async (rig) => {
    rig.device.script({ nth: 2, effect: { type: "hang" } });
    const [first, second] = await rig.enqueue(GROUP, ["a", "b"]);
    const one = await rig.start({ ...WAIT, unknownWaitMs: 400, concurrency: 1 });
    await until(() => one.journal.handOvers === 2, "both hand-overs");
    await rig.reach([second!], "unknown");
    const story = (await rig.db.store.outbox.find(second!))!;
    const { handedOverAtMs } = story.timeline.at(-1)!;
    const remoteId = (await rig.db.store.outbox.find(first!))!.remoteId!;
    // Only so close does it fit at all.
    assert.ok(handedOverAtMs - Number(remoteId) <= 50, `${handedOverAtMs} ${remoteId}`);
    // What a look from before the settling of `a` would tell.
    one.dispatcher.evidence([{ remoteId, from: aci(0) }]);
    await rig.reach([second!], "accepted");
    assert.deepEqual(rig.signal.bodies(), ["a", "b"]);
    assert.equal(rig.counters.total("messages_proven_total"), 0);
    assert.equal(rig.counters.total("messages_resent_total"), 1);
  },
  { oneClock: true },
);

rigTest("evidence from somebody else, or for another time, proves nothing", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "hang" } });
  const [id] = await rig.enqueue(aci(0), ["a"]);
  const startedAtMs = rig.clock.nowMs();
  await rig.start({ ...WAIT, unknownWaitMs: 800 });
  await rig.reach([id!], "unknown");
  receipt(rig, 1, startedAtMs + 50);
  receipt(rig, 0, startedAtMs - 5_000);
  receipt(rig, 0, rig.clock.nowMs() + 5_000);
  await rig.reach([id!], "accepted");
  assert.deepEqual(await rig.outcomes(id!), ["no_answer", "accepted"]);
  assert.equal(rig.counters.total("messages_proven_total"), 0);
}, { oneClock: true });

rigTest("evidence that may belong to a message that is still in flight proves nothing", async (rig) => {
  rig.device.script(
    { to: number(0), times: 1, effect: { type: "hang" } },
    { to: number(1), times: 1, effect: { type: "delay_answer", ms: 700 } },
  );
  const [lost] = await rig.enqueue(person(0), ["lost"]);
  const [slow] = await rig.enqueue(person(1), ["slow"]);
  await rig.start({ sendTimeoutMs: 1_000, unknownWaitMs: 800 });
  await rig.signal.sent.waitForCount(1);
  // Its answer is not here; the lost one becomes unknown later, with this time between its hand-over and its end.
  receipt(rig, 1, sentAt(rig));
  await rig.reach([slow!], "delivered", "accepted");
  await rig.reach([lost!], "accepted");
  assert.deepEqual(await rig.outcomes(lost!), ["no_answer", "accepted"]);
  await rig.reach([slow!], "delivered");
}, { oneClock: true });

rigTest("evidence that may belong to a message that gets in doubt just now proves nothing", async (rig) => {
  rig.device.script({ times: 2, effect: { type: "hang" } });
  const [lost] = await rig.enqueue(GROUP, ["lost"]);
  const one = await rig.start({ sendTimeoutMs: 1_000, unknownWaitMs: 60_000 });
  await until(() => one.journal.handOvers === 1, "the first hand-over");
  await rig.clock.advance(500);
  const [slow] = await rig.enqueue(aci(1), ["slow"]);
  await rig.pass(1);
  await until(() => one.journal.handOvers === 2, "the second hand-over");
  const remoteId = String(rig.clock.nowMs() + 200);
  await rig.clock.advance(520);
  await until(() => one.dispatcher.status().unknown === 1, "the doubt");
  let weighed = false;
  one.mortal.onTheWay = async (method, way) => {
    if (method !== "recordedRemoteIds" || way !== "there" || weighed) return;
    weighed = true;
    await rig.clock.advance(500);
    await until(() => one.dispatcher.status().inFlight === 0, "the silence about the second one");
  };
  // It speaks of the second one, whose recipient is a member of the group.
  one.dispatcher.evidence([{ remoteId, from: aci(1) }]);
  await until(() => weighed && one.dispatcher.status().unknown === 2, "both to be in doubt");
  assert.equal(rig.counters.total("messages_proven_total"), 0);
  await rig.pass(60_000);
  await rig.reach([lost!, slow!], "accepted");
  assert.deepEqual(rig.signal.bodies(), ["lost", "slow"]);
});

for (const arrived of [true, false]) {
  rigTest(
    `a rate limit answered with a timestamp: ${arrived ? "a receipt proves it arrived" : "without receipt sent again"}`,
    async (rig) => {
      const effect = { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 1 } as const;
      rig.device.script({ times: 1, effect });
      const [id] = await rig.enqueue(aci(0), ["a"]);
      await rig.start({ ...WAIT, unknownWaitMs: arrived ? 20_000 : 300 });
      await rig.reach([id!], "unknown");
      const remoteId = (await rig.db.store.outbox.find(id!))!.timeline[0]!.remoteId!;
      if (arrived) receipt(rig, 0, Number(remoteId));
      await rig.reach([id!], "accepted", "delivered");
      assert.deepEqual(rig.signal.bodies(), arrived ? [] : ["a"]);
      assert.deepEqual(await rig.outcomes(id!), ["rate_limited", arrived ? "receipt" : "accepted"]);
    },
    { oneClock: true },
  );
}

rigTest("receipts make a message delivered, then read, per member of a group, and never the other way", async (rig) => {
  const [id] = await rig.enqueue(GROUP, ["a"]);
  await rig.start(WAIT);
  await rig.reach([id!], "accepted");
  receipt(rig, 0, sentAt(rig));
  await rig.reach([id!], "delivered");
  receipt(rig, 1, sentAt(rig), "read");
  await rig.reach([id!], "read");
  receipt(rig, 2, sentAt(rig));
  const story = () => rig.db.store.outbox.find(id!);
  await until(async () => {
    await rig.pass(25);
    return (await story())!.receipts.length === 3;
  }, "the third receipt");
  assert.deepEqual(
    (await story())!.receipts.map(({ member, kind }) => `${member} ${kind}`).sort(),
    [`${aci(0)} delivered`, `${aci(1)} read`, `${aci(2)} delivered`].sort(),
  );
  assert.equal(await rig.state(id!), "read");
}, { oneClock: true });
