/** The services of this room keep the contract; what the heartbeat does when it fails. */
import assert from "node:assert/strict";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import type { Condition } from "../../lib/runtime/service.ts";
import { LONGEST_RETRY_MS, PulseService } from "../../lib/store/pulse.ts";
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
  const service = new PulseService({
    store,
    intervalMs: INTERVAL_MS,
    clock,
    log: new RecordingLog(),
    onPulse: ({ nowMs }) => pulses.push(nowMs),
    onCondition: ({ state }) => conditions.push(state),
    onArrival,
    onFatal: (error) => fatal.push(error),
  });
  return { service, clock, conditions, pulses, fatal };
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
