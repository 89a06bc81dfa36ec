import assert from "node:assert/strict";
import { RECENT_MS, Vitals } from "../../lib/app/vitals.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";

Deno.test("a critical error is recent for five minutes, also when the wall clock is set back meanwhile", async () => {
  const clock = new ManualClock();
  const vitals = new Vitals({
    clock,
    log: new RecordingLog(),
    counters: new RecordingCounters(),
    backlog: () => Promise.reject(new Error("not asked")),
    reachable: () => false,
  });
  vitals.critical();
  clock.jumpWall(-2 * 3_600_000);
  assert.deepEqual(vitals.criticals(), { critical_errors: 1 });
  await clock.advance(RECENT_MS + 1);
  assert.deepEqual(vitals.criticals(), { critical_errors: 0 });
});
