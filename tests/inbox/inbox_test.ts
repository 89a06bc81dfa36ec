/**
 * Taking in and working off, with a real database and a real spool.
 */
import assert from "node:assert/strict";
import fc from "../support/property.ts";
import type { RawEvent } from "../../lib/channels/channel.ts";
import type { Automation } from "../../lib/domain/automation.ts";
import { makeAci, makeSignalAccount } from "../../lib/domain/address.ts";
import { DecodeError, LeaseLost, StoreUnavailable } from "../../lib/domain/errors.ts";
import { Intake } from "../../lib/inbox/intake.ts";
import { InboxWorker } from "../../lib/inbox/worker.ts";
import { systemClock, within } from "../../lib/runtime/clock.ts";
import { Spool, SpoolFull } from "../../lib/runtime/spool.ts";
import { LeaseKeeper } from "../../lib/store/lease_keeper.ts";
import type { StoreTx } from "../../lib/store/port.ts";
import { databases, databaseTest, openTestStore, type TestDatabase } from "../support/databases.ts";
import { MortalStore } from "../support/mortal_store.ts";
import { PATIENCE_MS } from "../support/recorder.ts";
import { ManualClock, RecordingAlarm, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";
import { until } from "../support/until.ts";

const ACCOUNT = makeSignalAccount("+15550100001");
const sqlite = databases()[0]!;
const event = (n: number, lane = "l"): RawEvent => ({
  account: ACCOUNT,
  externalId: `e${n}`,
  lane,
  body: `b${n}`,
  receivedAtMs: n,
});
const tools = () => ({ log: new RecordingLog(), counters: new RecordingCounters(), alarm: new RecordingAlarm() });

function intakeOn(db: TestDatabase, folder: string, maxBytes = 1e6) {
  const mortal = new MortalStore(db.openSession());
  const all = tools();
  const openSpool = () => Spool.open({ folder, maxBytes, log: all.log, counters: all.counters });
  const intake = new Intake({ store: mortal.store, openSpool, clock: systemClock, ...all, onStored: () => {} });
  return { mortal, intake, ...all };
}
const bodies = async (db: TestDatabase) =>
  (await db.adminQuery("SELECT body FROM inbox ORDER BY id")).map((row) => String(row.body));

databaseTest(
  sqlite,
  "with the database away events wait in the spool, and are stored before newer ones",
  async (db) => {
    const folder = await Deno.makeTempDir();
    const { intake, mortal } = intakeOn(db, folder);
    await intake.start();
    await intake.accept([event(1)]);
    mortal.away = true;
    await intake.accept([event(2), event(3)]);
    assert.ok(intake.spooling && intake.spooledBytes > 0);
    mortal.away = false;
    await intake.accept([event(4)]);
    await intake.accept([event(2)]);
    intake.databaseIsBack();
    await until(() => !intake.spooling, "the spool to be drained");
    await intake.accept([event(5), event(1)]);
    assert.deepEqual(await bodies(db), ["b1", "b2", "b3", "b4", "b5"]);
    await intake.stop();
    await Deno.remove(folder, { recursive: true });
  },
);

databaseTest(
  sqlite,
  "what comes in the very moment in which the spool has been drained does not stay in it",
  async (db) => {
    const folder = await Deno.makeTempDir();
    const { intake, mortal, counters } = intakeOn(db, folder);
    let onEmpty = () => {};
    const set = counters.set.bind(counters);
    counters.set = (name, value, labels) => {
      set(name, value, labels);
      if (name === "spool_bytes" && value === 0) onEmpty();
    };
    await intake.start();
    for (let turns = 0; turns < 20; turns++) {
      mortal.away = true;
      await intake.accept([event(2 * turns)]);
      let accepted: Promise<void> | undefined;
      onEmpty = () => {
        onEmpty = () => {};
        accepted = (async () => {
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          await intake.accept([event(2 * turns + 1)]);
        })();
      };
      mortal.away = false;
      intake.databaseIsBack();
      await until(() => accepted !== undefined, "the spool to be drained");
      await accepted;
      await until(async () => (await bodies(db)).includes(`b${2 * turns + 1}`), `what came ${turns} turns later`);
      await until(() => !intake.spooling, "the end of the spooling");
      assert.equal(intake.spooledBytes, 0);
    }
    await intake.stop();
    await Deno.remove(folder, { recursive: true });
  },
);

databaseTest(
  sqlite,
  "a full spool that was told is over after a restart with nothing in it: nobody is reminded of it for ever",
  async (db) => {
    const folder = await Deno.makeTempDir();
    const before = intakeOn(db, folder, 10);
    await before.intake.start();
    before.mortal.away = true;
    await assert.rejects(before.intake.accept([event(1)]), SpoolFull);
    assert.equal(before.alarm.raised("spool_full").length, 1);
    await before.intake.stop();
    const { intake, alarm } = intakeOn(db, folder);
    await intake.start();
    assert.equal(alarm.cleared("spool_full").length, 1);
    await intake.stop();
    await Deno.remove(folder, { recursive: true });
  },
);

databaseTest(
  sqlite,
  "a database that does not answer keeps nothing in memory: it goes to the spool, and is stored once",
  async (db) => {
    const folder = await Deno.makeTempDir();
    const { intake, mortal } = intakeOn(db, folder);
    await intake.start();
    await intake.accept([event(1)]);
    const thawed = Promise.withResolvers<void>();
    mortal.onTheWay = (method, way) => method === "accept" && way === "there" ? thawed.promise : undefined;
    // Whoever waited for the statement itself would wait for ever.
    for (const n of [2, 3]) await within(intake.accept([event(n)]), PATIENCE_MS, "taking in");
    assert.ok(intake.spooling);
    thawed.resolve();
    await until(() => !intake.spooling, "the spool to be drained");
    assert.deepEqual(await bodies(db), ["b1", "b2", "b3"]);
    await intake.stop();
    await Deno.remove(folder, { recursive: true });
  },
);

databaseTest(
  sqlite,
  "what a database that is there refuses to store is kept in the spool, over a restart too, and the admin is told",
  async (db) => {
    const folder = await Deno.makeTempDir();
    const first = intakeOn(db, folder);
    await first.intake.start();
    await first.intake.accept([event(1)]);
    await db.adminQuery(
      "CREATE TRIGGER refuse BEFORE INSERT ON inbox WHEN NEW.body = 'b2' BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    await first.intake.accept([event(2)]);
    await first.intake.accept([event(3)]);
    await until(() => first.alarm.raised("spool_stuck").length === 1, "the alarm");
    await first.intake.stop();
    assert.deepEqual(await bodies(db), ["b1"]);
    await db.adminQuery("DROP TRIGGER refuse");
    const { intake } = intakeOn(db, folder);
    await intake.start();
    await until(() => !intake.spooling, "the spool to be drained");
    assert.deepEqual(await bodies(db), ["b1", "b2", "b3"]);
    await intake.stop();
    await Deno.remove(folder, { recursive: true });
  },
);

databaseTest(sqlite, "what a stopped or killed process left in the spool is stored by the next one", async (db) => {
  const folder = await Deno.makeTempDir();
  const one = intakeOn(db, folder);
  await one.intake.start();
  one.mortal.away = true;
  await one.intake.accept([event(1), event(2)]);
  await one.intake.stop();
  const two = intakeOn(db, folder);
  await two.intake.start();
  await two.intake.accept([event(3)]);
  await until(() => !two.intake.spooling, "the spool to be drained");
  assert.deepEqual(await bodies(db), ["b1", "b2", "b3"]);
  await two.intake.stop();
  await Deno.remove(folder, { recursive: true });
});

databaseTest(sqlite, "a full spool refuses, tells the admin, and takes again once it is drained", async (db) => {
  const folder = await Deno.makeTempDir();
  const { intake, mortal, alarm } = intakeOn(db, folder, 400);
  await intake.start();
  mortal.away = true;
  await intake.accept([event(1)]);
  await assert.rejects(intake.accept([{ ...event(2), body: "x".repeat(400) }]), SpoolFull);
  assert.equal(alarm.raised("spool_full").length, 1);
  mortal.away = false;
  intake.databaseIsBack();
  await until(() => !intake.spooling, "the spool to be drained");
  assert.equal(alarm.calls.items.findLast(({ cause }) => cause === "spool_full")?.what, "clear");
  await intake.accept([event(2)]);
  assert.deepEqual(await bodies(db), ["b1", "b2"]);
  await intake.stop();
  await Deno.remove(folder, { recursive: true });
});

databaseTest(sqlite, "whatever comes, goes away and is restarted: each event once, in order", async (db) => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant("event" as const) },
    fc.constantFrom("away", "back", "restart", "repeat"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await db.adminQuery("DELETE FROM inbox");
      const folder = await Deno.makeTempDir();
      let one = intakeOn(db, folder);
      await one.intake.start();
      let next = 0;
      for (const what of steps) {
        if (what === "event") await one.intake.accept([event(next++)]);
        if (what === "repeat" && next > 0) await one.intake.accept([event(next - 1)]);
        if (what === "away") one.mortal.away = true;
        if (what === "back") {
          one.mortal.away = false;
          one.intake.databaseIsBack();
        }
        if (what === "restart") {
          await one.intake.stop();
          one = intakeOn(db, folder);
          await one.intake.start();
        }
      }
      one.mortal.away = false;
      one.intake.databaseIsBack();
      await until(() => !one.intake.spooling, "the spool to be drained");
      assert.deepEqual(await bodies(db), Array.from({ length: next }, (_, n) => `b${n}`));
      await one.intake.stop();
      await Deno.remove(folder, { recursive: true });
    }),
    { numRuns: 40 },
  );
});

type Handle = (body: string, tx: StoreTx) => Promise<void> | void;

async function workerOn(db: TestDatabase, handle: Handle, holder = "w") {
  const all = tools();
  const mortal = new MortalStore(db.openSession());
  const clock = new ManualClock(Date.now());
  const lease = { name: "inbox", holder, epoch: 1 };
  const ours = () => lease;
  const held = { name: "inbox", lease: ours, lastKnown: ours, confirmed() {}, lost() {}, onChange: () => () => {} };
  const automation: Automation<StoreTx> = {
    name: "test",
    wants: () => true,
    handle: async (event, tx) => await handle(event.type === "text" ? event.body : "", tx),
  };
  const worker = new InboxWorker({
    store: mortal.store,
    held,
    automations: [automation],
    decode: (body, account) => {
      if (body.includes("bad")) throw new DecodeError("body", "bad");
      return { type: "text", account, sender: { address: makeAci(crypto.randomUUID()) }, body, sentAtMs: 1 };
    },
    clock,
    ...all,
    workers: 4,
    onEffects: () => {},
  });
  await worker.start();
  return { worker, mortal, clock, ...all };
}
const rows = (db: TestDatabase) => db.adminQuery("SELECT body, state, attempts, reason FROM inbox ORDER BY id");

databaseTest(sqlite, "an event that cannot be decoded is dead with its body kept, and blocks nobody", async (db) => {
  const seen: string[] = [];
  const { worker, alarm } = await workerOn(db, (body) => void seen.push(body));
  await db.store.inbox.accept([{ ...event(1), body: "bad" }, event(2)]);
  worker.look();
  await until(() => seen.length === 1, "the second event");
  await worker.stop();
  const [bad] = await rows(db);
  assert.deepEqual([bad!.body, bad!.state, bad!.reason], ["bad", "dead", "decode"]);
  assert.equal(alarm.raised("inbound_dead").length, 1);
});

databaseTest(
  sqlite,
  "an automation that throws is tried again after its waits, in order, and the event dies in the end",
  async (db) => {
    const seen: string[] = [];
    const { worker, clock } = await workerOn(db, (body) => {
      seen.push(body);
      if (body === "b1") throw new Error("no");
    });
    await db.store.inbox.accept([event(1), event(2), event(3, "other")]);
    worker.look();
    await until(async () => {
      await clock.advance(1_000);
      worker.look();
      return seen.includes("b2");
    }, "the event behind it");
    await worker.stop();
    assert.equal(seen.filter((body) => body === "b1").length, 4);
    assert.equal(seen.indexOf("b2") > seen.lastIndexOf("b1"), true);
    assert.ok(seen.indexOf("b3") < seen.lastIndexOf("b1"), "another sender does not wait");
    const [first] = await rows(db);
    assert.deepEqual([first!.state, first!.attempts], ["dead", 4]);
  },
);

databaseTest(sqlite, "a database that goes away costs no try", async (db) => {
  let away = 3;
  const { worker, clock } = await workerOn(db, () => {
    if (away-- > 0) throw new StoreUnavailable("unreachable", "gone");
  });
  await db.store.inbox.accept([event(1)]);
  worker.look();
  await until(async () => {
    await clock.advance(600);
    return (await rows(db))[0]!.state === "done";
  }, "the event");
  assert.equal((await rows(db))[0]!.attempts, 0);
  await worker.stop();
});

for (const engine of databases()) {
  databaseTest(
    engine,
    "two instances that both think they hold the lease: effects happen once, in order",
    async (db) => {
      let effects = 0;
      const handle: Handle = async (body, tx) => {
        await tx.state.put(`effect.${body}.${crypto.randomUUID()}`, "1");
        effects++;
      };
      const two = [await workerOn(db, handle, "one"), await workerOn(db, handle, "two")];
      await db.store.inbox.accept(Array.from({ length: 40 }, (_, n) => event(n, `lane${n % 5}`)));
      for (const { worker } of two) worker.look();
      await until(async () => (await db.store.inbox.backlog()).waiting === 0, "all events");
      for (const { worker } of two) await worker.stop();
      const stored = await db.adminQuery("SELECT COUNT(*) AS n FROM service_state");
      assert.equal(Number(stored[0]!.n), 40);
      assert.ok(effects >= 40);
    },
  );
}

testServiceContract("Intake", async () => {
  const db = await openTestStore("sqlite");
  const folder = await Deno.makeTempDir();
  const { intake } = intakeOn(db, folder);
  return {
    service: intake,
    cleanUp: async () => {
      await db[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
});
testServiceContract("InboxWorker", async () => {
  const db = await openTestStore("sqlite");
  const { worker } = await workerOn(db, () => {});
  await worker.stop();
  return { service: worker, cleanUp: async () => await db[Symbol.asyncDispose]() };
});
testServiceContract("LeaseKeeper", async () => {
  const db = await openTestStore("sqlite");
  const service = new LeaseKeeper({
    store: db.store,
    names: ["inbox"],
    holder: "h",
    leaseMs: 15_000,
    clock: systemClock,
    ...tools(),
  });
  return { service, cleanUp: async () => await db[Symbol.asyncDispose]() };
});

databaseTest(
  sqlite,
  "a lease that cannot be given back is named by its kind: its name holds our number",
  async (db) => {
    const mortal = new MortalStore(db.openSession());
    const { log, counters } = tools();
    const name = `account:${ACCOUNT}`;
    const leases = new LeaseKeeper({
      ...{ store: mortal.store, names: [name], holder: "h", leaseMs: 15_000 },
      ...{ clock: systemClock, log, counters },
    });
    await leases.start();
    await until(() => leases.held(name).lease() !== undefined, "the lease");
    mortal.away = true;
    await leases.stop();
    assert.match(JSON.stringify(log.lines.items), /could not be given back/);
    assert.doesNotMatch(JSON.stringify(log.lines.items), /1555/);
    assert.doesNotMatch(new LeaseLost(name).message, /1555/);
  },
);
