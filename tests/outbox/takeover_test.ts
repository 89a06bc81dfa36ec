/**
 * An instance on another host takes over while nobody knows what the former one had sent: transcripts say it.
 */
import assert from "node:assert/strict";
import { makeAci } from "../../lib/domain/address.ts";
import type { SentRecord } from "../../lib/simulator/world.ts";
import type { Device } from "../support/in_process_signal.ts";
import { until } from "../support/until.ts";
import { GROUP, NUMBER, number, person, uuid } from "./cast.ts";
import type { Instance, InstanceOptions } from "./instance.ts";
import { AHEAD_MS, type Rig, rigTest, texts } from "./rig.ts";

const aci = (n: number) => makeAci(uuid(n));

/** So long that proof which was sent comes in time, whatever the machine does besides. */
const WAIT_MS = 20_000;

/** The simulator's timestamps run with the real clock, the rig's clock does not: how far it is ahead. */
function aheadMs(rig: Rig): number {
  return rig.clock.nowMs() - Date.now();
}

/** What a linked device hears of messages that another one sent, and their receipts. @returns the timestamps that it hears, by text */
function tell(
  rig: Rig,
  device: Device,
  records: readonly SentRecord[],
  receipts = true,
): ReadonlyMap<string, string> {
  const told = new Map<string, string>();
  // One figure for all: their timestamps stay different from each other.
  const ahead = aheadMs(rig);
  for (const { to, body, timestamp } of records) {
    const where = "group" in to ? { group: to.group } : { to: to.uuid };
    const atMs = timestamp + ahead;
    device.world.push(NUMBER, { sync: { ...where, text: body }, timestamp: atMs, receivedAtMs: atMs });
    if (receipts) device.world.push(NUMBER, { from: uuid(0), receipt: { type: "delivery", timestamps: [atMs] } });
    told.set(body, String(atMs));
  }
  return told;
}

/** Sends all that it marked at its first tick and settles none of it. Then it is dead, with its host. */
async function sendAndDie(rig: Rig, count: number): Promise<void> {
  let marked = false;
  const one: Instance = await rig.start({
    prepare: ({ mortal }) =>
      mortal.beforeCommit = (name) => {
        if (name !== "outbox_tick") return;
        if (marked) mortal.nextCommit = "lost_undone";
        marked = true;
      },
  });
  await rig.signal.sent.waitForCount(count);
  await rig.kill(one);
}

/** Another host: its own device of the account, its own RUNTIME_DIR. */
function takeOver(rig: Rig, device: Device, options: InstanceOptions = {}): Promise<Instance> {
  const runtimeDir = `${rig.folder}/other`;
  Deno.mkdirSync(runtimeDir, { recursive: true });
  return rig.start({ device, runtimeDir, unknownWaitMs: WAIT_MS, ...options });
}

/** What was to be heard was heard: now the wait passes, in steps in which a lease is renewed. */
async function waitOut(rig: Rig): Promise<void> {
  for (let leftMs = WAIT_MS; leftMs > 0; leftMs -= 1_000) await rig.pass(1_000);
}

for (const engine of ["sqlite", "mariadb", "mysql"] as const) {
  rigTest("what the former holder sent is proven by its transcripts: sent once, in order", async (rig) => {
    const ids = (await Promise.all([
      rig.enqueue(aci(0), texts("a", 4)),
      rig.enqueue(person(1), texts("b", 4)),
      rig.enqueue(GROUP, texts("g", 4)),
    ])).flat();
    await sendAndDie(rig, 12);
    const later = await rig.enqueue(aci(0), ["later"]);
    const other = rig.signal.addDevice();
    const told = tell(rig, other, rig.signal.sent.items);
    await takeOver(rig, other);
    await rig.reach([...ids, ...later], "accepted", "delivered");
    assert.deepEqual(rig.signal.bodies(uuid(0)), [...texts("a", 4), "later"]);
    assert.deepEqual(rig.signal.bodies(number(1)), texts("b", 4));
    assert.equal(rig.signal.bodies().length, 13);
    assert.equal(rig.counters.total("messages_proven_total"), 12);
    assert.equal(rig.counters.total("messages_resent_total"), 0);
    assert.deepEqual(await rig.outcomes(ids[0]!), ["disconnected", "transcript"]);
    assert.equal((await rig.db.store.outbox.find(ids[0]!))!.remoteId, told.get("a0"));
  }, { engines: [engine] });
}

rigTest(
  "what has no transcript is sent again behind what has one, and nothing of its lane overtakes it",
  async (rig) => {
    const ids = await rig.enqueue(aci(0), texts("a", 4));
    await sendAndDie(rig, 4);
    const later = await rig.enqueue(aci(0), ["later"]);
    const others = await rig.enqueue(aci(1), ["other"]);
    const other = rig.signal.addDevice();
    tell(rig, other, rig.signal.sent.items.slice(0, 2));
    const two = await takeOver(rig, other);
    await rig.reach(others, "accepted");
    await rig.reach(ids.slice(0, 2), "accepted", "delivered");
    assert.equal(two.dispatcher.status().unknown, 2);
    assert.deepEqual(await Promise.all(later.map((id) => rig.state(id))), ["queued"], "a lane waits for its oldest");
    await waitOut(rig);
    await rig.reach([...ids, ...later], "accepted", "delivered");
    assert.deepEqual(rig.signal.bodies(uuid(0)), [...texts("a", 4), "a2", "a3", "later"]);
  },
);

rigTest("a transcript that signal-cli lost: a newer one of the lane says that there was an answer", async (rig) => {
  const ids = await rig.enqueue(aci(0), texts("a", 4));
  const [old, newer] = [
    ...await rig.enqueue(aci(1), ["old"], { maxAgeMs: AHEAD_MS + 8_000 }),
    ...await rig.enqueue(aci(1), ["newer"]),
  ];
  await sendAndDie(rig, 6);
  const other = rig.signal.addDevice();
  tell(rig, other, rig.signal.sent.items.filter(({ body }) => body === "a1" || body === "a3" || body === "newer"));
  await takeOver(rig, other);
  await rig.reach([ids[1]!, ids[3]!, newer!], "accepted", "delivered");
  await waitOut(rig);
  await rig.reach(ids, "accepted", "delivered");
  // This one may have been refused by ourselves, as too old.
  await rig.reach([old!], "dead", "accepted", "delivered");
  assert.deepEqual(rig.signal.bodies(uuid(0)), texts("a", 4));
  assert.deepEqual(await rig.outcomes(ids[0]!), ["disconnected", "overtaken"]);
  assert.deepEqual(await rig.outcomes(ids[2]!), ["disconnected", "overtaken"]);
  assert.ok(!(await rig.outcomes(old!)).includes("overtaken"));
});

rigTest("a group's transcript says that it was tried: the last one takes a receipt, or goes again", async (rig) => {
  const ids = await rig.enqueue(GROUP, texts("g", 3));
  await sendAndDie(rig, 3);
  const later = await rig.enqueue(GROUP, ["later"]);
  const other = rig.signal.addDevice();
  const told = tell(rig, other, rig.signal.sent.items, false);
  const two = await takeOver(rig, other);
  await rig.reach(ids.slice(0, 2), "accepted", "delivered");
  assert.equal(two.dispatcher.status().unknown, 1);
  // A receipt of the last but one, which comes late, proves nothing of the last one.
  other.world.push(NUMBER, { from: uuid(1), receipt: { type: "delivery", timestamps: [Number(told.get("g1"))] } });
  await rig.reach([ids[1]!], "delivered");
  await waitOut(rig);
  await rig.reach([...ids, ...later], "accepted", "delivered");
  assert.deepEqual(rig.signal.bodies(), [...texts("g", 3), "g2", "later"]);
});

rigTest("a group's last message is proven by transcript and receipt together", async (rig) => {
  const ids = await rig.enqueue(GROUP, ["only"]);
  await sendAndDie(rig, 1);
  const other = rig.signal.addDevice();
  const told = tell(rig, other, rig.signal.sent.items, false);
  await takeOver(rig, other);
  await rig.pass(1_000);
  other.world.push(NUMBER, { from: uuid(1), receipt: { type: "delivery", timestamps: [Number(told.get("only"))] } });
  await rig.reach(ids, "accepted", "delivered");
  assert.deepEqual(rig.signal.bodies(), ["only"]);
  assert.deepEqual(await rig.outcomes(ids[0]!), ["disconnected", "receipt"]);
});

rigTest("equal texts: as many are proven as were sent, the oldest first", async (rig) => {
  const ids = await rig.enqueue(aci(0), ["same", "same", "same"]);
  await sendAndDie(rig, 3);
  const other = rig.signal.addDevice();
  tell(rig, other, rig.signal.sent.items.slice(0, 2));
  await takeOver(rig, other);
  await rig.reach(ids.slice(0, 2), "accepted", "delivered");
  await waitOut(rig);
  await rig.reach(ids, "accepted", "delivered");
  assert.equal(rig.signal.bodies().length, 4);
  assert.deepEqual(await Promise.all(ids.map((id) => rig.outcomes(id))), [
    ["disconnected", "transcript"],
    ["disconnected", "transcript"],
    ["disconnected", "accepted"],
  ]);
});

rigTest("the transcript of a message whose fate is known proves no other one with the same text", async (rig) => {
  const [known] = await rig.enqueue(aci(0), ["same"]);
  const one = await rig.start();
  await rig.reach([known!], "accepted");
  await rig.kill(one);
  rig.device.script({ effect: { type: "crash_before" } });
  const [id] = await rig.enqueue(aci(0), ["same"]);
  const two = await rig.start();
  await until(() => two.journal.handOvers > 0, "the hand-over");
  await rig.kill(two);
  const other = rig.signal.addDevice();
  const told = tell(rig, other, rig.signal.sent.items.slice(0, 1));
  await rig.change(`UPDATE outbox_archive SET remote_id = '${told.get("same")}'`);
  const three = await takeOver(rig, other);
  await until(() => three.channel.listening().newestMs === Number(told.get("same")), "the transcript to be heard");
  await rig.pass(1_000);
  await waitOut(rig);
  await rig.reach([id!], "accepted", "delivered");
  assert.equal(rig.signal.bodies().length, 2);
  assert.equal(rig.counters.total("messages_proven_total"), 0);
});

rigTest("transcripts that were heard before the take-over prove what is found at it", async (rig) => {
  const ids = await rig.enqueue(aci(0), texts("a", 3));
  await sendAndDie(rig, 3);
  const other = rig.signal.addDevice();
  const ahead = aheadMs(rig);
  await takeOver(rig, other, {
    prepare: ({ dispatcher }) =>
      dispatcher.transcripts(rig.signal.sent.items.map(({ body, timestamp }) => ({
        remoteId: String(timestamp + ahead),
        to: aci(0),
        toNumber: undefined,
        body,
      }))),
  });
  await rig.reach(ids, "accepted", "delivered");
  assert.equal(rig.signal.bodies().length, 3);
});

rigTest("a long queue at the server does not use up the wait: the proof at its end counts", async (rig) => {
  const ids = await rig.enqueue(aci(0), texts("a", 2));
  await sendAndDie(rig, 2);
  const other = rig.signal.addDevice();
  const two = await takeOver(rig, other, { unknownWaitMs: 1_000 });
  const beforeMs = rig.clock.nowMs() - 600_000;
  for (let n = 0; n < 10; n++) {
    const atMs = beforeMs + n;
    other.world.push(NUMBER, { from: uuid(3), text: "hello", timestamp: atMs, receivedAtMs: atMs });
    await until(() => two.channel.listening().newestMs === atMs, "it to be heard");
    await rig.pass(900);
  }
  assert.equal(two.dispatcher.status().unknown, 2);
  tell(rig, other, rig.signal.sent.items);
  await rig.reach(ids, "accepted", "delivered");
  assert.equal(rig.signal.bodies().length, 2);
});

rigTest(
  "a COMMIT of unknown fate cuts no wait short: the proof at the end of a long queue still counts",
  async (rig) => {
    const ids = await rig.enqueue(aci(0), texts("a", 2));
    await sendAndDie(rig, 2);
    const other = rig.signal.addDevice();
    const two = await takeOver(rig, other, { unknownWaitMs: 1_000 });
    const others: number[] = [];
    const beforeMs = rig.clock.nowMs() - 600_000;
    for (let n = 0; n < 10; n++) {
      if (n % 3 === 0) {
        two.mortal.nextCommit = n % 2 === 0 ? "lost_done" : "lost_undone";
        others.push(...await rig.enqueue(person(1), [`other ${n}`]));
        await rig.pass(1);
        await until(() => two.mortal.nextCommit === "answered", "the COMMIT to be lost");
      }
      const atMs = beforeMs + n;
      other.world.push(NUMBER, { from: uuid(3), text: "hello", timestamp: atMs, receivedAtMs: atMs });
      await until(() => two.channel.listening().newestMs === atMs, "it to be heard");
      await rig.pass(900);
    }
    assert.equal(two.dispatcher.status().unknown, 2);
    tell(rig, other, rig.signal.sent.items.slice(0, 2));
    await rig.reach([...ids, ...others], "accepted", "delivered");
    assert.deepEqual(rig.signal.bodies(uuid(0)), texts("a", 2));
    assert.equal(rig.counters.total("messages_resent_total"), 0);
  },
);
