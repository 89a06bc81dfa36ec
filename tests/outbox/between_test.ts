/**
 * What comes in between: answers while the database is asked, a database that goes away while messages are handed over, and
 * COMMITs of unknown fate while messages are in doubt.
 */
import assert from "node:assert/strict";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { until } from "../support/until.ts";
import { number, person } from "./cast.ts";
import { AHEAD_MS, rigTest, texts } from "./rig.ts";

const SECOND = 1_000;
const ALL = ["sqlite", "mariadb", "mysql"] as const;

rigTest("a refusal that comes while the next messages are searched for lets none of them overtake", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "result", result: "UNREGISTERED_FAILURE" } });
  const [first] = await rig.enqueue(person(0), ["first"]);
  let second: number | undefined;
  const one = await rig.start({
    prepare: ({ mortal, dispatcher, journal }) =>
      mortal.onTheWay = async (method, way) => {
        const searchesBehindIt = method === "candidates" && way === "there" && dispatcher.status().inFlight === 1;
        if (second !== undefined || !searchesBehindIt || journal.answers.length > 0) return;
        [second] = await rig.enqueue(person(0), ["second"]);
        await until(() => journal.answers.length === 1 && dispatcher.status().inFlight === 0, "the refusal");
      },
  });
  await until(() => second !== undefined, "a search while the first one is in flight");
  await until(async () => {
    await rig.pass(SECOND);
    return await rig.state(second!) === "accepted";
  }, "the second one");
  assert.equal(one.journal.answers[0]!.outcome.outcome, "retry");
  assert.equal(await rig.state(first!), "accepted");
  assert.deepEqual(rig.signal.bodies(), ["first", "second"]);
}, { engines: ALL });

rigTest("a refusal that comes while the next messages are being marked lets none of them overtake", async (rig) => {
  rig.device.script(
    { id: "late", times: 1, effect: { type: "delay", ms: 1 } },
    { id: "refused", times: 1, effect: { type: "result", result: "UNREGISTERED_FAILURE" } },
  );
  const [first] = await rig.enqueue(person(0), ["first"]);
  const one = await rig.start();
  await until(() => one.journal.handOvers === 1, "the first one to be handed over");
  const [second] = await rig.enqueue(person(0), ["second"]);
  let answersBefore: number | undefined;
  let refused = false;
  one.mortal.onTheWay = async (method, way) => {
    if (method !== "markSending" || way !== "there" || answersBefore !== undefined) return;
    answersBefore = one.journal.answers.length;
    rig.letGo();
    await until(() => one.journal.answers.length === 1 && one.dispatcher.status().inFlight === 0, "the refusal");
    refused = true;
  };
  one.dispatcher.look();
  await until(() => refused, "the refusal to come in between");
  await until(async () => {
    await rig.pass(SECOND);
    return await rig.state(second!) === "accepted";
  }, "the second one");
  assert.equal(answersBefore, 0);
  assert.equal(await rig.state(first!), "accepted");
  assert.deepEqual(rig.signal.bodies(), ["first", "second"]);
}, { held: true });

rigTest("a message that is stored while the dispatcher finds nothing to do is not left lying", async (rig) => {
  const one = await rig.start();
  await one.dispatcher.whenQuiet(SECOND);
  let stored = false;
  one.mortal.onTheWay = async (method, way) => {
    if (method !== "candidates" || way !== "back" || stored) return;
    stored = true;
    await rig.enqueue(person(0), ["a"]);
    one.dispatcher.look();
  };
  one.dispatcher.look();
  await rig.signal.sent.waitForCount(1);
  assert.deepEqual(rig.signal.bodies(), ["a"]);
}, { engines: ALL });

rigTest("a search that the database did not answer is made again without a bell", async (rig) => {
  const one = await rig.start();
  await one.dispatcher.whenQuiet(SECOND);
  let failed: number | undefined;
  let againMs: number | undefined;
  one.mortal.onTheWay = async (method, way) => {
    if (method !== "candidates") return;
    if (way === "there" && failed !== undefined) againMs ??= rig.clock.nowMs();
    if (way === "there" || failed !== undefined) return;
    failed = rig.clock.nowMs();
    throw new StoreUnavailable("unreachable", "the test cut the wire");
  };
  await rig.enqueue(person(0), ["a"]);
  one.dispatcher.look();
  await until(() => failed !== undefined, "the search");
  await until(async () => {
    await rig.clock.advance(100);
    return rig.signal.sent.items.length > 0;
  }, "the message to leave");
  assert.ok(againMs! - failed! < 5 * SECOND, `it lay there for ${againMs! - failed!} ms`);
}, { engines: ALL });

rigTest("while the database is away nothing more is handed over, and what was answered is not doubled", async (rig) => {
  rig.device.world.update({ sendDelayMs: 2 });
  const ids = (await Promise.all([0, 1, 2].map((n) => rig.enqueue(person(n), texts(`p${n}.`, 12))))).flat();
  const one = await rig.start({ concurrency: 2 });
  await rig.signal.sent.waitForCount(2);
  one.mortal.away = true;
  // Answers are gathered for a moment, then the database would have to learn of them.
  await until(async () => {
    await rig.clock.advance(25);
    return rig.log.text().includes("the database is away");
  }, "the database to be missed");
  const handedOver = one.journal.handOvers;
  await until(() => one.dispatcher.status().inFlight === 0, "what is in flight to be answered");
  assert.equal(one.journal.handOvers, handedOver, "nobody else could know of these");
  assert.ok(handedOver < ids.length);
  one.mortal.away = false;
  await rig.reach(ids, "accepted");
  for (let n = 0; n < 3; n++) assert.deepEqual(rig.signal.bodies(number(n)), texts(`p${n}.`, 12));
});

rigTest("a message whose wait is over goes at once, although the COMMIT that says so was lost", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "lose_answer" } });
  const ids = await rig.enqueue(person(0), texts("a", 2));
  const one = await rig.start({ sendTimeoutMs: SECOND, unknownWaitMs: 10 * SECOND });
  await until(async () => {
    await rig.pass(100);
    return one.dispatcher.status().unknown === 1;
  }, "the doubt");
  let lost = 0;
  one.mortal.beforeCommit = () => {
    if (rig.counters.total("messages_resent_total") === 0 || lost++ > 0) return;
    one.mortal.nextCommit = "lost_undone";
  };
  await rig.pass(10 * SECOND);
  await until(() => lost > 0, "the COMMIT to be lost");
  const sinceMs = rig.clock.nowMs();
  await rig.reach(ids, "accepted");
  assert.ok(rig.clock.nowMs() - sinceMs < 5 * SECOND, `its lane stood still for ${rig.clock.nowMs() - sinceMs} ms`);
  assert.deepEqual(rig.signal.bodies(), ["a0", "a0", "a1"]);
  assert.equal(rig.counters.total("messages_resent_total"), 1);
  assert.equal(rig.counters.total("outbox_moves_unmatched_total"), 0);
});

for (const [end, remains] of [["accepted", { accepted: 1, dead: 0 }], ["dead", { accepted: 0, dead: 1 }]] as const) {
  rigTest(
    `an order counts a message that is ${end} once, although the COMMIT that says so was done unseen`,
    async (rig) => {
      rig.device.script(
        { to: number(1), effect: { type: "hang" } },
        ...end === "dead" ? [{ to: number(0), effect: { type: "result", result: "IDENTITY_FAILURE" } } as const] : [],
      );
      const { order, ids } = await rig.order([person(0), person(1)]);
      let lost = 0;
      const one = await rig.start({
        maxRetries: 0,
        prepare: ({ mortal, journal }) =>
          mortal.beforeCommit = () => {
            if (journal.answers.length > 0 && lost++ === 0) mortal.nextCommit = "lost_done";
          },
      });
      await until(async () => {
        await rig.clock.advance(25);
        return rig.counters.total("outbox_moves_unmatched_total") > 0;
      }, "the second try");
      assert.deepEqual([await rig.state(ids[0]!), await rig.state(ids[1]!)], [end, "sending"]);
      assert.equal(await rig.notified(order), false);
      const { accepted, dead, remaining } = (await rig.db.store.orders.standing(order))!.delivery!;
      assert.deepEqual({ accepted, dead, remaining }, { ...remains, remaining: 1 });
      assert.equal(one.dispatcher.status().window, 1);
    },
  );
}

rigTest("a message that died is behind nothing when the host dies before the database knows of it", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "result", result: "UNREGISTERED_FAILURE" } });
  const ids = await rig.enqueue(person(0), texts("a", 2));
  const one = await rig.start({
    maxRetries: 0,
    prepare: ({ mortal, journal }) =>
      mortal.beforeCommit = () => {
        if (journal.answers.length > 0) mortal.dead = true;
      },
  });
  await until(() => one.mortal.dead, "the answer");
  // Whatever was handed over gets as far as it will.
  for (let turn = 0; turn < 20; turn++) await rig.clock.advance(1);
  await rig.kill(one);
  rig.reboot();
  await rig.start({ unknownWaitMs: SECOND });
  await until(async () => {
    await rig.pass(500);
    return (await Promise.all(ids.map((id) => rig.state(id)))).every((state) => state === "accepted");
  }, "all to be accepted");
  assert.deepEqual(rig.signal.bodies(), texts("a", 2));
});

rigTest("what a recovery made unknown is counted, although the database went away right behind it", async (rig) => {
  rig.device.script({ times: 2, effect: { type: "lose_answer" } });
  await rig.enqueue(person(0), ["known as unknown"]);
  const one = await rig.start({ sendTimeoutMs: SECOND, unknownWaitMs: 3_600 * SECOND });
  await until(async () => {
    await rig.pass(100);
    return one.dispatcher.status().unknown === 1;
  }, "the first doubt");
  await rig.enqueue(person(1), ["under way"]);
  one.dispatcher.look();
  await until(() => one.journal.handOvers === 2, "the second hand-over");
  await rig.kill(one);
  let failed = 0;
  const two = await rig.start({
    prepare: ({ mortal }) =>
      mortal.onTheWay = (method, way) => {
        if (method !== "find" || way !== "there" || failed++ > 0) return undefined;
        throw new StoreUnavailable("unreachable", "the test cut the wire");
      },
  });
  await until(async () => {
    await rig.clock.advance(25);
    return two.dispatcher.status().unknown === 2;
  }, "both doubts");
  assert.ok(failed > 0);
  assert.equal(rig.counters.total("messages_unknown_total"), 2);
});

rigTest("a message is sent at once although our clock was set back since anything was settled", async (rig) => {
  const [first] = await rig.enqueue(person(0), ["a"]);
  await rig.start();
  await until(async () => await rig.state(first!) === "accepted", "the first one");
  // Eight minutes behind that of the database.
  rig.clock.jumpWall(-AHEAD_MS - 480 * SECOND);
  const [second] = await rig.enqueue(person(1), ["b"]);
  await until(async () => {
    await rig.pass(SECOND);
    return await rig.state(second!) === "accepted";
  }, "the second one");
  assert.ok(rig.clock.monotonicMs() < 60 * SECOND);
});
