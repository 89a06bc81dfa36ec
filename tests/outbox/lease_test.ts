/**
 * Leases that end while messages are under way, COMMITs of unknown fate, and disks that refuse.
 */
import assert from "node:assert/strict";
import { JournalFailed } from "../../lib/outbox/journal.ts";
import { until } from "../support/until.ts";
import { number, person } from "./cast.ts";
import { rigTest, texts } from "./rig.ts";

const SECOND = 1_000;

rigTest(
  "an answer that comes after the lease ran out and was prolonged again settles its message: sent once",
  async (rig) => {
    rig.device.script({ times: 1, effect: { type: "delay_answer", ms: 1 } });
    const [id, next] = await rig.enqueue(person(0), ["a", "b"]);
    const one = await rig.start({ leaseMs: 3 * SECOND, unknownWaitMs: 3_600 * SECOND });
    await rig.signal.sent.waitForCount(1);
    one.mortal.away = true;
    await rig.clock.advance(1.5 * SECOND);
    // The bell rings while the lease is out: the dispatcher lets go of its window.
    await rig.pass(100);
    await rig.pass(100);
    assert.equal(one.lease, undefined);
    one.mortal.away = false;
    await rig.pass(1.5 * SECOND);
    await rig.reach([id!], "unknown");
    rig.letGo();
    await rig.reach([id!, next!], "accepted");
    assert.deepEqual(rig.signal.bodies(), ["a", "b"]);
    assert.deepEqual(await rig.outcomes(id!), ["disconnected", "late_answer"]);
  },
  { held: true },
);

rigTest("a late answer to a request that was given up is not taken for the answer to the next one", async (rig) => {
  rig.device.script(
    { id: "late", times: 1, effect: { type: "delay", ms: 1 } },
    { id: "refused", times: 1, effect: { type: "result", result: "UNREGISTERED_FAILURE" } },
    { id: "silent", times: 1, effect: { type: "hang" } },
  );
  const [id] = await rig.enqueue(person(0), ["a"]);
  const one = await rig.start({ leaseMs: 3 * SECOND, unknownWaitMs: 2 * SECOND });
  await until(() => one.journal.handOvers === 1, "the first request");
  one.mortal.away = true;
  await rig.clock.advance(1.5 * SECOND);
  await rig.pass(100);
  await rig.pass(100);
  assert.equal(one.lease, undefined);
  one.mortal.away = false;
  await rig.pass(1.5 * SECOND);
  await until(async () => {
    await rig.pass(100);
    return one.journal.handOvers === 2;
  }, "the second request");
  const landed = () => rig.counters.measurements.items.filter(({ name }) => name === "hand_over_seconds").length;
  assert.equal(landed(), 0);
  rig.letGo();
  await until(() => landed() === 1, "the answer to the first one");
  await rig.kill(one);
  await rig.start({ unknownWaitMs: 3_600 * SECOND });
  await rig.reach([id!], "unknown");
  assert.equal(rig.counters.total("messages_unknown_total"), 2, "it may have arrived each time");
}, { held: true });

rigTest("a stop without the lease waits for what is in flight", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "delay_answer", ms: 1 } });
  const [id] = await rig.enqueue(person(0), ["a"]);
  const one = await rig.start();
  await rig.signal.sent.waitForCount(1);
  one.mortal.away = true;
  await rig.clock.advance(20 * SECOND);
  const stopped = one.dispatcher.stop();
  rig.letGo();
  await stopped;
  assert.deepEqual(one.journal.answers.map(({ outcome }) => outcome.outcome), ["accepted"]);
  one.mortal.away = false;
  await rig.kill(one);
  await rig.start();
  await rig.reach([id!], "accepted");
  assert.deepEqual(rig.signal.bodies(), ["a"]);
}, { held: true });

rigTest("what the channel had not written when the lease ended does not leave", async (rig) => {
  rig.device.script({ on: "stdin", after: 2, effect: { type: "stop_reading", ms: 1 } });
  const ids = (await Promise.all([0, 1, 2, 3, 4].map((n) => rig.enqueue(person(n), texts(`p${n}.`, 3))))).flat();
  const one = await rig.start({ concurrency: 5 });
  await until(() => one.dispatcher.status().inFlight > 0, "the hand-over");
  one.mortal.away = true;
  await rig.clock.advance(20 * SECOND);
  const handedOver = one.journal.handOvers;
  const stopped = one.dispatcher.stop();
  rig.letGo();
  await stopped;
  assert.equal(one.journal.handOvers, handedOver);
  one.mortal.away = false;
  await rig.kill(one);
  rig.device.script();
  await rig.start();
  await rig.pass(11 * SECOND);
  await rig.reach(ids, "accepted");
}, { held: true });

rigTest("a lease lost to another instance: the other one goes on, and knows what it cannot know", async (rig) => {
  const folder = await Deno.makeTempDir();
  rig.device.script({ to: number(0), times: 1, effect: { type: "delay_answer", ms: 1 } });
  const ids = await rig.enqueue(person(0), texts("a", 5));
  const one = await rig.start();
  await rig.signal.sent.waitForCount(1);
  await rig.expireLeases();
  const two = await rig.start({ device: rig.signal.addDevice(), runtimeDir: folder });
  await until(() => two.lease !== undefined, "the take-over");
  rig.letGo();
  await rig.pass(12 * SECOND);
  await rig.reach(ids, "accepted");
  assert.equal(one.dispatcher.status().window, 0);
  const bodies = rig.signal.bodies();
  assert.deepEqual([...new Set(bodies)], texts("a", 5));
  assert.ok(bodies.length <= 5 + 5, "a row marked by the first one may go twice, none more often");
  assert.ok(rig.counters.total("messages_unknown_total") > 0);
  await Deno.remove(folder, { recursive: true });
}, { held: true });

for (const fate of ["lost_done", "lost_undone"] as const) {
  for (const at of [1, 2, 3]) {
    rigTest(
      `COMMIT number ${at} is ${fate}: nothing is lost, nothing sent twice, no lane stands still`,
      async (rig) => {
        rig.device.script({ to: number(1), times: 1, effect: { type: "lose_answer" } });
        const ids = [
          ...await rig.enqueue(person(0), texts("a", 20)),
          ...await rig.enqueue(person(1), texts("b", 3)),
        ];
        let commits = 0;
        await rig.start({
          sendTimeoutMs: 2 * SECOND,
          prepare: ({ mortal }) =>
            mortal.beforeCommit = () => {
              if (++commits === at) mortal.nextCommit = fate;
            },
        });
        await until(async () => {
          await rig.pass(500);
          return (await Promise.all(ids.map((id) => rig.state(id)))).every((state) => state === "accepted");
        }, "all to be accepted");
        assert.deepEqual(rig.signal.bodies(number(0)), texts("a", 20));
        assert.deepEqual(rig.signal.bodies(number(1)), ["b0", "b0", "b1", "b2"], "only the lost answer doubles");
      },
    );
  }
}

rigTest("the COMMIT that makes a message unknown takes effect unseen: its lane does not stand still", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "lose_answer" } });
  const ids = await rig.enqueue(person(0), texts("a", 3));
  const one = await rig.start({
    sendTimeoutMs: SECOND,
    prepare: ({ mortal, journal }) =>
      mortal.beforeCommit = () => {
        if (journal.answers.length === 1) mortal.nextCommit = "lost_done";
        mortal.beforeCommit = journal.answers.length === 1 ? () => {} : mortal.beforeCommit;
      },
  });
  await until(async () => {
    await rig.pass(500);
    return (await Promise.all(ids.map((id) => rig.state(id)))).every((state) => state === "accepted");
  }, "all to be accepted");
  assert.equal(one.dispatcher.status().window, 0);
});

rigTest("a journal that cannot be written lets nothing leave, and costs nothing", async (rig) => {
  const ids = await rig.enqueue(person(0), texts("a", 3));
  let refusals = 3;
  let clearedMeanwhile = false;
  const one = await rig.start({
    prepare: ({ journal }) =>
      journal.onHandOver = () => {
        if (refusals-- <= 0) return;
        clearedMeanwhile ||= rig.alarm.cleared("journal_failed").length > 0;
        throw new Deno.errors.WriteZero("No space left on device");
      },
  });
  await until(async () => {
    await rig.pass(SECOND);
    return (await Promise.all(ids.map((id) => rig.state(id)))).every((state) => state === "accepted");
  }, "all to be accepted");
  assert.deepEqual(rig.signal.bodies(), texts("a", 3));
  assert.equal(rig.counters.total("messages_unknown_total"), 0);
  assert.equal(one.dispatcher.status().window, 0);
  assert.equal(rig.counters.total("bugs_total"), 0);
  assert.match(rig.alarm.raised("journal_failed")[0]!.message, /RUNTIME_DIR/);
  assert.equal(rig.alarm.raised("journal_failed").length, 3);
  assert.equal(clearedMeanwhile, false);
  assert.equal(rig.alarm.cleared("journal_failed").length, 1);
});

rigTest("a journal that cannot even be begun is told as what it is, and begun when the disk takes it", async (rig) => {
  const [id] = await rig.enqueue(person(0), texts("a", 1));
  let refusals = 2;
  await rig.start({
    prepare: ({ journal }) =>
      journal.onBegin = () => {
        if (refusals-- > 0) throw new JournalFailed("the disk under RUNTIME_DIR refuses the journal");
      },
  });
  await until(async () => {
    await rig.pass(SECOND);
    return await rig.state(id!) === "accepted";
  }, "it to be accepted");
  assert.deepEqual(rig.alarm.raised().map(({ cause }) => cause), ["journal_failed", "journal_failed"]);
  assert.equal(rig.counters.total("bugs_total"), 0);
  assert.equal(rig.alarm.cleared("journal_failed").length, 1);
});

rigTest("after a reboot every message under way is unknown, and goes again once", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "lose_answer" } });
  const ids = await rig.enqueue(person(0), texts("a", 10));
  const one = await rig.start();
  await rig.signal.sent.waitForCount(1);
  await rig.kill(one);
  rig.reboot();
  await rig.start();
  await until(async () => {
    await rig.pass(SECOND);
    return (await Promise.all(ids.map((id) => rig.state(id)))).every((state) => state === "accepted");
  }, "all to be accepted");
  assert.deepEqual(rig.signal.bodies(), ["a0", ...texts("a", 10)]);
});
