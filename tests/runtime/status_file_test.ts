import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../lib/runtime/clock.ts";
import { noCounters } from "../../lib/runtime/counters.ts";
import { silentLog } from "../../lib/runtime/log.ts";
import { readStatusFile, StatusFile } from "../../lib/runtime/status_file.ts";
import { Recorder } from "../support/recorder.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";

testServiceContract("StatusFile", async () => {
  const folder = await Deno.makeTempDir();
  const service = new StatusFile({
    path: join(folder, "status.json"),
    snapshot: () => ({}),
    clock: systemClock,
    log: silentLog,
    counters: noCounters,
  });
  return { service, cleanUp: () => Deno.remove(folder, { recursive: true }) };
});

Deno.test("the status file is written at start, at each interval, on touch, and once more by stop", async () => {
  const folder = await Deno.makeTempDir();
  const clock = new ManualClock();
  const path = join(folder, "status.json");
  const snapshots = new Recorder<number>();
  const file = new StatusFile({
    path,
    snapshot: () => {
      snapshots.push(snapshots.items.length);
      return { count: snapshots.items.length };
    },
    intervalMs: 5_000,
    clock,
    log: silentLog,
    counters: noCounters,
  });
  await file.start();
  await clock.untilSleeping();
  assert.deepEqual((await readStatusFile(path))!.status, { count: 1 });
  await clock.advance(5_000);
  await snapshots.waitForCount(2);
  await clock.untilSleeping();
  file.touch();
  await clock.advance(200);
  await snapshots.waitForCount(3);
  await clock.untilSleeping();
  const before = (await readStatusFile(path))!;
  assert.deepEqual([before.running, before.writtenAtMs, before.intervalMs], [true, clock.nowMs(), 5_000]);
  await file.stop();
  const after = (await readStatusFile(path))!;
  assert.deepEqual([after.running, after.status], [false, { count: 4 }]);
  assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["status.json"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a status that cannot be written is counted each time and logged once", async () => {
  const clock = new ManualClock();
  const [log, counters] = [new RecordingLog(), new RecordingCounters()];
  const file = new StatusFile({ path: "/dev/null/status.json", snapshot: () => ({}), clock, log, counters });
  await file.start();
  await clock.untilSleeping();
  await file.stop();
  assert.equal(counters.total("status_file_failures_total"), 2);
  assert.equal(log.at("error").length, 1);
});

Deno.test("readStatusFile tells absent from unreadable", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "status.json");
  assert.equal(await readStatusFile(path), undefined);
  for (const text of ["", "{", "{}", '{"format":99}', "null"]) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(readStatusFile(path), SyntaxError);
  }
  await Deno.remove(folder, { recursive: true });
});
