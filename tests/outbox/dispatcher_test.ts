/**
 * The dispatcher with a real database and the real channel: order, turns, and who pays for a failure.
 */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { GROUP, GROUP_ID, number, person } from "./cast.ts";
import { rigTest, texts } from "./rig.ts";

const ALL = ["sqlite", "mariadb", "mysql"] as const;
const SECOND = 1_000;

rigTest("messages to one recipient leave in the order in which they were enqueued", async (rig) => {
  const a = await rig.enqueue(person(0), texts("a", 60));
  const b = await rig.enqueue(person(1), texts("b", 60));
  const g = await rig.enqueue(GROUP, texts("g", 60));
  await rig.start();
  await rig.reach([...a, ...b, ...g], "accepted");
  assert.deepEqual(rig.signal.bodies(number(0)), texts("a", 60));
  assert.deepEqual(rig.signal.bodies(number(1)), texts("b", 60));
  assert.deepEqual(rig.signal.bodies(GROUP_ID), texts("g", 60));
}, { engines: ALL });

rigTest("ten thousand messages to one person delay another by no more than a window", async (rig) => {
  await rig.enqueue(person(0), texts("a", 10_000));
  const [other] = await rig.enqueue(person(1), ["b"]);
  const one = await rig.start();
  await rig.reach([other!], "accepted");
  const before = rig.signal.bodies().indexOf("b");
  assert.ok(before >= 0 && before <= 16, `it was number ${before}`);
  await one.stop();
});

rigTest(
  "a message fault is tried again after 5 s, 30 s and 2 min, then the message is dead, and the lane goes on",
  async (rig) => {
    rig.device.script({ to: number(0), times: 4, effect: { type: "result", result: "UNREGISTERED_FAILURE" } });
    const [bad, next] = await rig.enqueue(person(0), ["bad", "next"]);
    const [other] = await rig.enqueue(person(1), ["other"]);
    await rig.start();
    await rig.reach([other!], "accepted");
    for (const [tries, waitMs] of [[1, 5 * SECOND], [2, 30 * SECOND], [3, 120 * SECOND]] as const) {
      await until(async () => {
        await rig.pass(25);
        return (await rig.outcomes(bad!)).length === tries;
      }, `try ${tries}`);
      await rig.pass(waitMs - 2 * SECOND);
      assert.equal((await rig.outcomes(bad!)).length, tries, "not before its time");
      assert.equal(await rig.state(next!), "queued", "the head blocks its lane");
      await rig.pass(2 * SECOND);
    }
    await rig.reach([bad!], "dead");
    assert.deepEqual(await rig.outcomes(bad!), Array(4).fill("unregistered"));
    await rig.reach([next!], "accepted");
  },
);

rigTest("a channel fault costs no try and pauses the account", async (rig) => {
  rig.device.script({ to: number(0), times: 5, effect: { type: "result", result: "NETWORK_FAILURE" } });
  const one = await rig.start({ breaker: { threshold: 100, cooldownMs: SECOND } });
  const [id] = await rig.enqueue(person(0), ["a"]);
  await until(async () => {
    await rig.pass(SECOND);
    return await rig.state(id!) === "accepted";
  }, "the message to be accepted");
  const story = await rig.db.store.outbox.find(id!);
  assert.equal(story!.attempts, 0);
  assert.equal(story!.timeline.length, 6);
  assert.equal(rig.counters.total("account_pauses_total"), 5);
  assert.equal(one.dispatcher.status().pausedMs, 0);
});

rigTest(
  "a long pause is kept by whoever comes next, and an answer that only the journal knows begins it too",
  async (rig) => {
    rig.device.script({
      times: 1,
      effect: { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 3600 },
    });
    const [id] = await rig.enqueue(person(0), ["a"]);
    const one = await rig.start({
      // Killed in the transaction that would have stored it.
      prepare: ({ mortal, journal }) =>
        mortal.beforeCommit = () => {
          if (journal.answers.length > 0) mortal.dead = true;
        },
    });
    await until(async () => {
      await rig.pass(25);
      return one.mortal.dead;
    }, "the answer");
    await rig.kill(one);
    assert.equal(await rig.state(id!), "sending");
    const two = await rig.start();
    await until(() => two.dispatcher.status().pausedMs > 0, "the pause to be known");
    await rig.kill(two);
    const three = await rig.start();
    await until(() => three.dispatcher.status().pausedMs > 0, "the pause to be read");
    await rig.pass(3_400 * SECOND);
    assert.deepEqual(rig.signal.bodies(), []);
    await rig.pass(300 * SECOND);
    await rig.reach([id!], "accepted", "unknown");
  },
);

rigTest("a captcha is told with the next step, and stops the account until its time", async (rig) => {
  const effect = { type: "result", result: "RATE_LIMIT_FAILURE", token: "t", retryAfterSeconds: 600 } as const;
  rig.device.script({ times: 1, effect });
  const ids = await rig.enqueue(person(0), ["a"]);
  const one = await rig.start();
  await until(async () => {
    await rig.pass(25);
    return rig.alarm.raised("proof_required").length > 0;
  }, "the alarm");
  assert.match(rig.alarm.raised("proof_required")[0]!.message, /Next step: open signalcaptchas\.org/);
  const more = await rig.enqueue(person(1), ["b"]);
  await rig.pass(500 * SECOND);
  assert.deepEqual(rig.signal.bodies(), []);
  assert.ok(one.dispatcher.status().pausedMs > 0);
  await rig.pass(150 * SECOND);
  await rig.reach([...ids, ...more], "accepted");
  assert.equal(rig.alarm.raised("proof_required").length, 1);
});

rigTest("a rate limit is told with its end and the next step", async (rig) => {
  const effect = { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 90 } as const;
  rig.device.script({ times: 1, effect });
  const ids = await rig.enqueue(person(0), ["a"]);
  await rig.start();
  await until(async () => {
    await rig.pass(25);
    return rig.alarm.raised("rate_limited").length > 0;
  }, "the alarm");
  const { severity, message } = rig.alarm.raised("rate_limited")[0]!;
  assert.equal(severity, "warning");
  assert.match(
    message,
    /slow down\. Next step: none.* Messages wait until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, none is lost/,
  );
  await rig.pass(120 * SECOND);
  await rig.reach(ids, "accepted");
  assert.equal(rig.alarm.raised("rate_limited").length, 1);
});

rigTest("members whom a group's message did not reach are counted by reason", async (rig) => {
  rig.device.script({ effect: { type: "result", result: "UNREGISTERED_FAILURE", members: [number(0)] } });
  const ids = await rig.enqueue(GROUP, ["a", "b"]);
  await rig.start();
  await rig.reach(ids, "accepted");
  assert.equal(rig.counters.total("members_not_reached_total", { reason: "unregistered" }), 2);
});

rigTest("a recipient whose sends always look like a network fault starves nobody", async (rig) => {
  rig.device.script({ to: number(0), effect: { type: "result", result: "NETWORK_FAILURE" } });
  await rig.enqueue(person(0), ["poison"]);
  const good = await rig.enqueue(person(1), texts("good", 50));
  await rig.start({ breaker: { threshold: 5, cooldownMs: 30 * SECOND } });
  await until(async () => {
    await rig.pass(SECOND);
    const states = await Promise.all(good.map((id) => rig.state(id)));
    return states.every((state) => state === "accepted");
  }, "the others");
  assert.deepEqual(rig.signal.bodies(), texts("good", 50));
});

rigTest("the breaker opens on channel faults only, survives a restart, lets one go first, and closes", async (rig) => {
  const breaker = { threshold: 3, cooldownMs: 60 * SECOND };
  rig.device.script({ effect: { type: "result", result: "UNREGISTERED_FAILURE" } });
  const bad = (await Promise.all([0, 1, 2, 3, 4].map((n) => rig.enqueue(person(n), ["x"], { maxAgeMs: 1e9 })))).flat();
  const one = await rig.start({ breaker, maxRetries: 0 });
  await rig.reach(bad, "dead");
  assert.equal(one.dispatcher.status().breaker, "closed", "five bad recipients do not open it");

  rig.device.script({ effect: { type: "result", result: "NETWORK_FAILURE" } });
  const ids = (await Promise.all([0, 1, 2, 3].map((n) => rig.enqueue(person(n), [`m${n}`])))).flat();
  await until(async () => {
    await rig.pass(SECOND);
    return one.dispatcher.status().breaker === "open";
  }, "it to open");
  assert.ok(one.dispatcher.status().pausedMs > 50 * SECOND);
  await rig.pass(25);
  await rig.kill(one);
  const two = await rig.start({ breaker });
  await until(() => two.dispatcher.status().breaker !== "closed", "the state to be read");
  const tries = async () => (await Promise.all(ids.map((id) => rig.outcomes(id)))).flat().length;
  const before = await tries();
  await rig.pass(61 * SECOND);
  await until(async () => {
    await rig.pass(25);
    return await tries() > before;
  }, "the probe");
  assert.equal(await tries(), before + 1, "one goes first");
  rig.device.script();
  await rig.pass(70 * SECOND);
  await rig.reach(ids, "accepted");
  assert.equal(two.dispatcher.status().breaker, "closed");
});

rigTest(
  "a half-open breaker lets one message go first after a restart that came when its pause was over",
  async (rig) => {
    const breaker = { threshold: 2, cooldownMs: 20 * SECOND };
    rig.device.script({ effect: { type: "result", result: "NETWORK_FAILURE" } });
    const ids = (await Promise.all([0, 1, 2, 3].map((n) => rig.enqueue(person(n), [`m${n}`])))).flat();
    const one = await rig.start({ breaker });
    await until(async () => {
      await rig.pass(25);
      return one.dispatcher.status().breaker === "open";
    }, "it to open");
    await rig.pass(50);
    await rig.kill(one);
    await rig.pass(100 * SECOND);
    const asked = rig.counters.total("send_outcomes_total");
    await rig.start({ breaker });
    // Whichever message goes first may have to wait for evidence of its last try.
    await until(async () => {
      await rig.pass(SECOND);
      return rig.counters.total("send_outcomes_total") > asked;
    }, "the probe");
    await rig.pass(50);
    assert.equal(rig.counters.total("send_outcomes_total"), asked + 1);
    rig.device.script();
    await until(async () => {
      await rig.pass(SECOND);
      return (await Promise.all(ids.map((id) => rig.state(id)))).every((state) => state === "accepted");
    }, "all");
  },
);

rigTest("a message that grew too old is dead, and its owner hears of it once", async (rig) => {
  const old = await rig.enqueue(person(0), texts("old", 120), { maxAgeMs: 1 });
  const [young] = await rig.enqueue(person(0), ["young"]);
  const one = await rig.start();
  one.mortal.nextCommit = "lost_undone";
  await rig.reach(old, "dead");
  await rig.reach([young!], "accepted");
  assert.deepEqual(rig.signal.bodies(), ["young"]);
  assert.equal(rig.settled.filter(({ state }) => state === "dead").length, 120);
});

rigTest("stop records what is in flight and gives the rest back", async (rig) => {
  rig.device.world.update({ sendDelayMs: 5 });
  const ids = await rig.enqueue(person(0), texts("a", 60));
  const one = await rig.start();
  await rig.signal.sent.waitForCount(5);
  await one.stop();
  const sent = rig.signal.bodies().length;
  const states = await Promise.all(ids.map((id) => rig.state(id)));
  assert.deepEqual(states, [...Array(sent).fill("accepted"), ...Array(60 - sent).fill("queued")]);
});

rigTest("a forced stop gives up what is in flight: unknown, and settled by the next instance", async (rig) => {
  rig.device.script({ times: 1, effect: { type: "hang" } });
  const [id, next] = await rig.enqueue(person(0), ["a", "b"]);
  const one = await rig.start();
  await until(() => one.dispatcher.status().inFlight === 1, "the hand-over");
  const stopped = one.stop();
  one.lifecycle.stopWork("forced");
  await stopped;
  assert.deepEqual(await Promise.all([rig.state(id!), rig.state(next!)]), ["unknown", "queued"]);
  await rig.start();
  await rig.pass(11 * SECOND);
  await rig.reach([id!, next!], "accepted");
  assert.deepEqual(rig.signal.bodies(), ["a", "b"]);
});

rigTest("the owner's group does not wait for its turn behind a thousand others, nor they for it", async (rig) => {
  const others = Array.from({ length: 300 }, (_, n) => person(n));
  for (const other of others) await rig.enqueue(other, [`to ${other}`]);
  const notices = await rig.enqueue(GROUP, texts("g", 64));
  const one = await rig.start({ exempt: (recipient) => recipient === GROUP });
  await rig.reach(notices, "accepted");
  await one.stop();
  const bodies = rig.signal.bodies();
  assert.deepEqual(rig.signal.bodies(GROUP_ID), texts("g", 64));
  const before = bodies.lastIndexOf("g63");
  // At first nobody knows whose lane it is; from then on sixteen go with each window.
  assert.ok(before < 64 * 7, `it was number ${before}`);
  assert.ok(bodies.slice(0, before).filter((body) => body.startsWith("to ")).length >= 64);
}, { people: 300 });

rigTest("what was found ahead does not overtake a message that goes back to its place", async (rig) => {
  rig.device.script({ to: number(0), times: 2, effect: { type: "result", result: "UNREGISTERED_FAILURE" } });
  const ids: number[] = [];
  for (let n = 0; n < 20; n++) {
    for (let to = 0; to < 3; to++) ids.push(...await rig.enqueue(person(to), [`${to}.${n}`]));
  }
  await rig.start({ sendWindow: 6, laneWindow: 3, concurrency: 2 });
  await until(async () => {
    await rig.pass(5 * SECOND);
    return await rig.state(ids.at(-3)!) === "accepted";
  }, "the last one to the person who was refused at first");
  await rig.reach(ids, "accepted");
  for (let to = 0; to < 3; to++) {
    assert.deepEqual(rig.signal.bodies(number(to)), Array.from({ length: 20 }, (_, n) => `${to}.${n}`));
  }
}, { engines: ALL });
