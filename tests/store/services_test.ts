/** The services of this room keep the contract; what the heartbeat does when it fails. */
import assert from "node:assert/strict";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import type { Condition } from "../../lib/runtime/service.ts";
import { LONGEST_RETRY_MS, PulseService, SILENT_AFTER_MS } from "../../lib/store/pulse.ts";
import { RetentionService } from "../../lib/store/retention.ts";
import type { Store } from "../../lib/store/port.ts";
import { databases, databaseTest, openTestStore } from "../support/databases.ts";
import { MortalStore } from "../support/mortal_store.ts";
import { Recorder } from "../support/recorder.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";

const INTERVAL_MS = 5_000;
const sqlite = databases()[0]!;

function heartbeat(store: Store, onArrival: () => Promise<void> = () => Promise.resolve()) {
  const clock = new ManualClock();
  const conditions = new Recorder<Condition["state"]>();
  const pulses = new Recorder<number>();
  const fatal = new Recorder<unknown>();
  const silences = new Recorder<Condition>();
  const service: PulseService = new PulseService({
    store,
    intervalMs: INTERVAL_MS,
    clock,
    log: new RecordingLog(),
    onPulse: ({ nowMs }) => pulses.push(nowMs),
    onCondition: ({ state }) => conditions.push(state),
    onSilence: () => silences.push(service.condition()),
    onArrival,
    onFatal: (error) => fatal.push(error),
  });
  return { service, clock, conditions, pulses, fatal, silences };
}

testServiceContract("PulseService", async () => {
  const db = await openTestStore("sqlite");
  return { service: heartbeat(db.store).service, cleanUp: async () => await db[Symbol.asyncDispose]() };
});

testServiceContract("RetentionService", async () => {
  const db = await openTestStore("sqlite");
  const service = new RetentionService({
    store: db.store,
    clock: systemClock,
    holder: "h",
    retentionDays: 30,
    counters: new RecordingCounters(),
    log: new RecordingLog(),
  });
  return { service, cleanUp: async () => await db[Symbol.asyncDispose]() };
});

databaseTest(sqlite, "the heartbeat tells of changes only, and looks sooner while the database is away", async (db) => {
  const mortal = new MortalStore(db.store);
  mortal.away = true;
  const { service, clock, conditions, pulses } = heartbeat(mortal.store);
  await service.start();
  await conditions.waitForCount(1);
  for (let n = 0; n < 3; n++) {
    await clock.untilSleeping();
    await clock.advance(LONGEST_RETRY_MS);
  }
  assert.deepEqual(conditions.items, ["down"]);
  mortal.away = false;
  await clock.untilSleeping();
  await clock.advance(LONGEST_RETRY_MS);
  await pulses.waitForCount(1);
  for (let n = 2; n < 4; n++) {
    await clock.untilSleeping();
    await clock.advance(INTERVAL_MS);
    await pulses.waitForCount(n);
  }
  assert.deepEqual(conditions.items, ["down", "live"]);
  service.lookNow();
  await pulses.waitForCount(4);
  await service.stop();
  assert.equal(clock.sleeping, 0);
});

databaseTest(
  sqlite,
  "a database that leaves a statement unanswered is said to be late, until it answers",
  async (db) => {
    const mortal = new MortalStore(db.store);
    const { service, clock, conditions, pulses, silences } = heartbeat(mortal.store);
    await service.start();
    await pulses.waitForCount(1);
    const thaw = Promise.withResolvers<void>();
    mortal.onTheWay = (_, way) => way === "back" ? thaw.promise : undefined;
    await clock.untilSleeping();
    await clock.advance(INTERVAL_MS);
    await clock.untilSleeping();
    await clock.advance(SILENT_AFTER_MS - 1);
    assert.deepEqual([service.condition().state, service.silentMs()], ["live", 0]);
    await clock.advance(1);
    await silences.waitForCount(1);
    await clock.advance(2_000);
    assert.deepEqual(service.condition(), { state: "degraded", reason: "has not answered for 6 s" });
    thaw.resolve();
    await pulses.waitForCount(2);
    assert.deepEqual([service.condition().state, service.silentMs()], ["live", 0]);
    assert.deepEqual(silences.items.map(({ state }) => state), ["degraded", "live"]);
    assert.deepEqual(conditions.items, ["live"], "nobody is told that it went away");
    await service.stop();
    assert.equal(clock.sleeping, 0);
  },
);

databaseTest(
  sqlite,
  "a schema that does not fit, or a bug, is told once and ends the heartbeat, not its contract",
  async (db) => {
    for (const error of [new StoreUnavailable("schema", "the tables are missing"), new TypeError("a bug")]) {
      const { service, clock, fatal, pulses } = heartbeat(db.store, () => Promise.reject(error));
      await service.start();
      await fatal.waitForCount(1);
      assert.deepEqual([fatal.items, pulses.items, clock.sleeping], [[error], [], 0]);
      await service.stop();
      await service.start();
      await fatal.waitForCount(2);
      await service.stop();
    }
  },
);
