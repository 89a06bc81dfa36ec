/**
 * Pacing: a bucket per recipient, and people who were never written to.
 */
import assert from "node:assert/strict";
import { Pacing } from "../../lib/outbox/pacing.ts";
import { ManualClock } from "../support/recording.ts";
import { until } from "../support/until.ts";
import { number, person } from "./cast.ts";
import { rigTest, texts } from "./rig.ts";

const SECOND = 1_000;

Deno.test("who keeps the buckets for others to read is told when a recipient, or new people, may get nothing more", () => {
  let told = 0;
  const onExhausted = () => void told++;
  const pacing = new Pacing({
    limit: 3,
    periodMs: 30_000,
    newContactsPerHour: 2,
    clock: new ManualClock(),
    onExhausted,
  });
  pacing.spend("lane");
  pacing.spend("lane");
  pacing.spendNewContact("one");
  assert.equal(told, 0);
  pacing.spend("lane");
  assert.deepEqual([told, pacing.waitMs("lane")], [1, 10_000]);
  pacing.spendNewContact("two");
  assert.equal(told, 2);
});

Deno.test("when the clock is set back, nobody waits until it is as late again", async () => {
  const clock = new ManualClock();
  const pacing = new Pacing({ limit: 1, periodMs: 20 * SECOND, newContactsPerHour: 1, clock });
  pacing.spend("lane");
  pacing.spendNewContact("lane");
  clock.jumpWall(-86_400 * SECOND);
  assert.deepEqual([pacing.waitMs("lane"), pacing.newContactWaitMs()], [20 * SECOND, 3_600 * SECOND]);
  await clock.advance(20 * SECOND);
  assert.equal(pacing.allowance("lane"), 1);
  await clock.advance(3_580 * SECOND);
  assert.equal(pacing.newContactAllowance(), 1);
});

/** The level to which the bucket of new people is filled by who was met, so many minutes ago each. */
function filled(perHour: number, ...minutesAgo: number[]): Pacing {
  const pacing = new Pacing({ limit: 0, periodMs: SECOND, newContactsPerHour: perHour, clock: new ManualClock() });
  pacing.rememberContacts(minutesAgo.map((minutes) => minutes * 60 * SECOND));
  return pacing;
}

Deno.test("the limit on new people begins with what the last hours left of it", () => {
  assert.equal(filled(4).newContactAllowance(), 4);
  assert.equal(filled(4, 0, 0).newContactAllowance(), 2);
  assert.equal(filled(4, 0, 0, 0, 0).newContactAllowance(), 0);
  assert.equal(filled(4, 30, 30, 30, 30).newContactAllowance(), 2, "half an hour fills half of it");
  assert.equal(filled(4, 119, 118, 117).newContactAllowance(), 4);
  const unlimitedBefore = filled(4, ...Array.from({ length: 500 }, (_, n) => n / 10));
  assert.equal(unlimitedBefore.newContactAllowance(), 0);
  assert.ok(unlimitedBefore.newContactWaitMs() <= 900 * SECOND, "nobody works off more than the bucket holds");
});

rigTest(
  "a recipient gets a burst, then one per part of the period; others and exempt ones do not wait",
  async (rig) => {
    await rig.enqueue(person(0), texts("a", 8));
    const other = await rig.enqueue(person(1), texts("b", 3));
    const owner = await rig.enqueue(person(2), texts("o", 20));
    const one = await rig.start({
      pacing: { limit: 3, periodMs: 30 * SECOND },
      exempt: (recipient) => recipient === person(2),
    });
    await rig.reach([...other, ...owner], "accepted");
    assert.deepEqual(rig.signal.bodies(number(0)), texts("a", 3));
    // Nobody rings: it wakes up by itself.
    await rig.clock.advance(10 * SECOND);
    await until(async () => {
      await rig.clock.advance(25);
      return rig.signal.bodies(number(0)).length === 4;
    }, "the fourth");
    const saved = JSON.parse(JSON.stringify(one.pacing.snapshot()));
    await one.stop();
    const two = await rig.start({
      pacing: { limit: 3, periodMs: 30 * SECOND },
      prepare: ({ pacing }) => pacing.load(saved),
    });
    await rig.pass(5 * SECOND);
    assert.equal(rig.signal.bodies(number(0)).length, 4, "a restart fills no bucket");
    await rig.pass(40 * SECOND);
    await until(async () => {
      await rig.pass(SECOND);
      return rig.signal.bodies(number(0)).length === 8;
    }, "the rest");
    assert.deepEqual(rig.signal.bodies(number(0)), texts("a", 8));
    assert.equal(two.dispatcher.status().window, 0);
  },
);

rigTest(
  "people who were never written to come slowly, one message each at first; known ones do not wait",
  async (rig) => {
    const ids = [];
    for (let n = 0; n < 5; n++) ids.push(...await rig.enqueue(person(n), texts(`p${n}.`, 2)));
    await rig.start({ pacing: { newContactsPerHour: 2 } });
    await rig.reach(ids.slice(0, 0), "accepted");
    const met = () => new Set(rig.signal.sent.items.map(({ to }) => "number" in to ? to.number : "")).size;
    await until(async () => {
      await rig.clock.advance(25);
      return rig.signal.bodies().length === 4;
    }, "two people with both their messages");
    await rig.pass(60 * SECOND);
    assert.equal(met(), 2);
    await rig.pass(1_800 * SECOND);
    await until(async () => {
      await rig.clock.advance(25);
      return met() === 3;
    }, "the third");
    await rig.pass(60 * SECOND);
    assert.equal(met(), 3);
  },
);

rigTest("what a pause took back before it was handed over used up nothing of its recipient's limit", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "result", result: "NETWORK_FAILURE" } });
  await rig.enqueue(person(0), texts("a", 5));
  await rig.start({ pacing: { limit: 5, periodMs: 3_600 * SECOND } });
  await until(() => rig.counters.total("account_pauses_total") === 1, "the pause");
  const sinceMs = rig.clock.nowMs();
  await until(async () => {
    await rig.pass(100);
    return rig.signal.bodies().length === 4;
  }, "what the burst has left");
  assert.ok(rig.clock.nowMs() - sinceMs < 60 * SECOND, `it took ${rig.clock.nowMs() - sinceMs} ms`);
  assert.deepEqual(rig.signal.bodies(), texts("a", 4));
});

rigTest("a pause before a new person's first message uses up nothing of the limit on new people", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "result", result: "NETWORK_FAILURE" } });
  for (const n of [0, 1]) await rig.enqueue(person(n), ["hello"]);
  await rig.start({ pacing: { newContactsPerHour: 2 }, concurrency: 1 });
  await until(() => rig.counters.total("account_pauses_total") === 1, "the pause");
  const sinceMs = rig.clock.nowMs();
  await until(async () => {
    await rig.pass(100);
    return rig.signal.bodies().length === 1;
  }, "the other first message");
  assert.ok(rig.clock.nowMs() - sinceMs < 60 * SECOND, `it took ${rig.clock.nowMs() - sinceMs} ms`);
});

rigTest("a new person's first message that failed with the channel uses up the limit only once", async (rig) => {
  rig.device.script({ times: 3, effect: { type: "result", result: "NETWORK_FAILURE" } });
  await rig.enqueue(person(0), ["hello"]);
  await rig.start({ pacing: { newContactsPerHour: 1 } });
  await until(() => rig.counters.total("account_pauses_total") === 1, "the pause");
  const sinceMs = rig.clock.nowMs();
  await until(async () => {
    await rig.pass(100);
    return rig.signal.bodies().length === 1;
  }, "the message");
  assert.ok(rig.clock.nowMs() - sinceMs < 120 * SECOND, `it took ${rig.clock.nowMs() - sinceMs} ms`);
});

rigTest(
  "a restart that finds no buckets, or those of a time without a limit, knows who was met before it",
  async (rig) => {
    for (let n = 0; n < 5; n++) await rig.enqueue(person(n), [`hello ${n}`]);
    const met = () => rig.signal.bodies().length;
    const one = await rig.start({ pacing: { newContactsPerHour: 3 } });
    await until(async () => {
      await rig.clock.advance(25);
      return met() === 3;
    }, "as many as the limit");
    await one.stop();
    const two = await rig.start({
      pacing: { newContactsPerHour: 3 },
      prepare: ({ pacing }) => pacing.load({ newContacts: { tokens: 0, atMs: rig.clock.nowMs() }, buckets: [] }),
    });
    await rig.pass(60 * SECOND);
    assert.equal(met(), 3, "a restart grants nothing extra");
    await two.stop();
    await rig.pass(3_600 * SECOND);
    await rig.start({
      pacing: { newContactsPerHour: 3 },
      prepare: ({ pacing }) => pacing.load({ newContacts: { tokens: 0, atMs: rig.clock.nowMs() }, buckets: [] }),
    });
    await until(async () => {
      await rig.clock.advance(25);
      return met() === 5;
    }, "those who have waited for an hour already");
  },
);
