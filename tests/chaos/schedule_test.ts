/** @module */
import assert from "node:assert/strict";
import { type Plan, schedule } from "./schedule.ts";

const plan: Plan = {
  seed: 1,
  seconds: 600,
  instances: 2,
  server: true,
  disk: true,
  troubles: ["slow", "hang"],
  pausing: ["network"],
};

Deno.test("schedule() is the same for the same seed and another one for another", () => {
  assert.deepEqual(schedule(plan), schedule(plan));
  assert.notDeepEqual(schedule(plan), schedule({ ...plan, seed: 2 }));
});

Deno.test("schedule() draws every kind of mishap, in time, for every instance", () => {
  const mishaps = schedule(plan);
  assert.deepEqual(
    new Set(mishaps.map(({ kind }) => kind)),
    new Set([
      "kill_service",
      "kill_signal",
      "kill_database",
      "freeze_service",
      "freeze_database",
      "full_disk",
      "signal_trouble",
    ]),
  );
  assert.ok(mishaps.every(({ atMs }, at) => atMs >= (mishaps[at - 1]?.atMs ?? 0) && atMs < 600_000));
  assert.deepEqual(new Set(mishaps.flatMap((one) => "instance" in one ? [one.instance] : [])), new Set([0, 1]));
});

Deno.test("schedule() kills no server and fills no disk where there is none", () => {
  const kinds = new Set(schedule({ ...plan, server: false, disk: false }).map(({ kind }) => kind));
  assert.ok(!kinds.has("kill_database") && !kinds.has("full_disk"));
});
