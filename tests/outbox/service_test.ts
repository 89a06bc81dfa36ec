/** The service contract, and bugs that must not end a service. */
import assert from "node:assert/strict";
import { openTestStore } from "../support/databases.ts";
import { testServiceContract } from "../support/service_contract.ts";
import { until } from "../support/until.ts";
import { person } from "./cast.ts";
import { Instance } from "./instance.ts";
import { Rig, rigTest } from "./rig.ts";

/** An instance of which nothing runs but what the test starts. */
async function atRest() {
  const db = await openTestStore("sqlite");
  const rig = new Rig(db, { realTime: true });
  const one = new Instance(rig, {});
  const cleanUp = async () => {
    await one.end();
    await rig[Symbol.asyncDispose]();
    await db[Symbol.asyncDispose]();
  };
  return { one, cleanUp };
}

testServiceContract("Dispatcher without a lease", async () => {
  const { one, cleanUp } = await atRest();
  return { service: one.dispatcher, cleanUp };
});

testServiceContract("Dispatcher with a lease and a channel", async () => {
  const { one, cleanUp } = await atRest();
  await one.start();
  await one.dispatcher.stop();
  return { service: one.dispatcher, cleanUp };
});

testServiceContract("Receipts", async () => {
  const { one, cleanUp } = await atRest();
  return { service: one.receipts, cleanUp };
});

rigTest("a bug in the dispatcher's loop is counted and told, and it goes on", async (rig) => {
  let bugs = 2;
  const one = await rig.start({
    prepare: ({ mortal }) =>
      mortal.beforeCommit = (name) => {
        if (name === "outbox_tick" && bugs-- > 0) throw new TypeError("a bug with +15550100001 in it");
      },
  });
  const ids = await rig.enqueue(person(0), ["a", "b"]);
  one.dispatcher.look();
  await until(async () => {
    await rig.pass(500);
    return (await Promise.all(ids.map((id) => rig.state(id)))).every((state) => state === "accepted");
  }, "both to be accepted");
  assert.deepEqual(rig.signal.bodies(), ["a", "b"]);
  assert.equal(rig.counters.total("bugs_total", { room: "outbox" }), 2);
  assert.equal(rig.alarm.raised("outbox_failure").length, 2);
  assert.ok(!rig.log.text().includes("+15550100001"));
});

rigTest("after a stop the dispatcher has no timer left, whatever it waited for", async (rig) => {
  const one = await rig.start({ unknownWaitMs: 3_600_000, sendTimeoutMs: 1_000 });
  await rig.clock.advance(1);
  const before = rig.clock.sleeping;
  await one.dispatcher.stop();
  const without = rig.clock.sleeping;
  assert.ok(without < before, `${without} sleeping, ${before} before`);
  // One message is unknown, one waits for a date, and the account pauses.
  rig.device.script(
    { times: 1, effect: { type: "lose_answer" } },
    { times: 1, effect: { type: "result", result: "UNREGISTERED_FAILURE" } },
    { times: 1, effect: { type: "result", result: "NETWORK_FAILURE" } },
  );
  const ids = (await Promise.all([0, 1, 2].map((n) => rig.enqueue(person(n), ["x"])))).flat();
  await one.dispatcher.start();
  await rig.reach([ids[0]!], "unknown");
  await rig.pass(100);
  await one.dispatcher.stop();
  assert.equal(rig.clock.sleeping, without);
  await one.dispatcher.start();
  rig.device.script();
  await rig.pass(3_600_000);
  await rig.reach(ids, "accepted");
});
