import assert from "node:assert/strict";
import { momentOf } from "../../lib/runtime/clock.ts";
import { LeaseKeeper, SAFETY_MARGIN_MS } from "../../lib/store/lease_keeper.ts";
import { databases, databaseTest } from "../support/databases.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";

const LEASE_MS = 15_000;
const sqlite = databases()[0]!;

databaseTest(
  sqlite,
  "after a pause of the whole machine nothing is done under a lease until the database has confirmed it again",
  async ({ store }) => {
    const clock = new ManualClock();
    const ground = { clock, log: new RecordingLog(), counters: new RecordingCounters() };
    const keeper = new LeaseKeeper({ ...ground, store, names: ["inbox"], holder: "ours", leaseMs: LEASE_MS });
    const held = keeper.held("inbox");
    await keeper.start();
    await clock.untilSleeping();
    const lease = held.lease();
    assert.notEqual(lease, undefined);
    // The monotonic clock stood still meanwhile; NTP or the host sets the wall clock right.
    clock.jumpWall(LEASE_MS - SAFETY_MARGIN_MS - 1);
    assert.equal(held.lease(), lease);
    clock.jumpWall(1);
    assert.equal(held.lease(), undefined);
    held.confirmed(lease!, { ...momentOf(clock), monotonicMs: clock.monotonicMs() + 1 });
    assert.equal(held.lease(), lease);
    // By its own look, at the latest after a third of the lease.
    clock.jumpWall(60_000);
    assert.equal(held.lease(), undefined);
    await clock.advance(LEASE_MS / 3);
    await clock.untilSleeping();
    assert.equal(held.lease(), lease);
    // A clock set back says nothing about the lease.
    clock.jumpWall(-3_600_000);
    assert.equal(held.lease(), lease);
    await keeper.stop();
  },
);
