import assert from "node:assert/strict";
import { join } from "node:path";
import { writeFileAtomically } from "../../lib/runtime/atomic_file.ts";
import { DeadlineExceeded, within } from "../../lib/runtime/clock.ts";
import { LifecycleController, Stopping } from "../../lib/runtime/service.ts";
import { Wake } from "../../lib/runtime/wake.ts";
import { ManualClock } from "../support/recording.ts";

const never = new AbortController().signal;

Deno.test("Wake: a ring ends the wait under way", async () => {
  const clock = new ManualClock();
  const wake = new Wake(clock);
  const waiting = wake.wait(1_000, never);
  wake.ring();
  assert.equal(await waiting, true);
  assert.equal(clock.sleeping, 0);
});

Deno.test("Wake: rings between two waits end the next one at once, and count as one", async () => {
  const clock = new ManualClock();
  const wake = new Wake(clock);
  wake.ring();
  wake.ring();
  assert.equal(await wake.wait(1_000, never), true);
  const second = wake.wait(1_000, never);
  await clock.advance(1_000);
  assert.equal(await second, false);
});

Deno.test("Wake: an abort ends the wait without a ring, also one that came before", async () => {
  const clock = new ManualClock();
  const wake = new Wake(clock);
  const abort = new AbortController();
  const waiting = wake.wait(1_000, abort.signal);
  abort.abort();
  assert.equal(await waiting, false);
  assert.equal(await wake.wait(1_000, abort.signal), false);
  assert.equal(clock.sleeping, 0);
});

Deno.test("within passes a result and an error through", async () => {
  assert.equal(await within(Promise.resolve(1), 1_000, "work"), 1);
  await assert.rejects(within(Promise.reject(new RangeError("no")), 1_000, "work"), RangeError);
});

Deno.test("within names the operation at the deadline, and leaves no timer", async () => {
  await assert.rejects(
    within(new Promise(() => {}), 5, "asking"),
    (error) => error instanceof DeadlineExceeded && error.operation === "asking" && error.timeoutMs === 5,
  );
});

Deno.test("within ends with the reason of an abort, before or during the wait", async () => {
  const abort = new AbortController();
  const waiting = within(new Promise(() => {}), 60_000, "asking", abort.signal);
  const reason = new Error("stop");
  abort.abort(reason);
  await assert.rejects(waiting, reason);
  await assert.rejects(within(new Promise(() => {}), 60_000, "asking", abort.signal), reason);
});

Deno.test("LifecycleController: intake stops first, work later, each with its reason once", () => {
  const life = new LifecycleController();
  life.stopIntake("signal");
  assert.deepEqual([life.intake.aborted, life.work.aborted], [true, false]);
  life.stopWork("forced");
  assert.equal(life.work.aborted, true);
  assert.deepEqual([life.intake.reason.stage, life.intake.reason.cause_], ["intake", "signal"]);
  assert.deepEqual([life.work.reason.stage, life.work.reason.cause_], ["work", "forced"]);
  assert.ok(life.work.reason instanceof Stopping);
});

Deno.test("LifecycleController: stopping work stops intake too", () => {
  const life = new LifecycleController();
  life.stopWork("failure");
  assert.deepEqual([life.intake.reason.stage, life.intake.reason.cause_], ["intake", "failure"]);
});

Deno.test("writeFileAtomically replaces the content, keeps it private, and leaves nothing when it fails", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "file");
  await writeFileAtomically(path, "one");
  await writeFileAtomically(path, new Uint8Array([50]), { sync: false });
  assert.equal(await Deno.readTextFile(path), "2");
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  await assert.rejects(writeFileAtomically(join(folder, "absent", "file"), "x"), Deno.errors.NotFound);
  assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["file"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("ManualClock wakes sleepers in the order of their moments, also those that sleep again", async () => {
  const clock = new ManualClock(0);
  const woken: string[] = [];
  const loop = (async () => {
    for (let turn = 0; turn < 3; turn++) {
      await clock.sleepMs(10);
      woken.push(`loop ${clock.nowMs()}`);
    }
  })();
  const once = clock.sleepMs(15).then(() => woken.push(`once ${clock.nowMs()}`));
  await clock.advance(30);
  await Promise.all([loop, once]);
  assert.deepEqual(woken, ["loop 10", "once 15", "loop 20", "loop 30"]);
  assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [30, 30]);
  clock.jumpWall(-20);
  assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [10, 30]);
});

Deno.test("`within()` with a signal that has aborted already leaves no rejection without a listener", async () => {
  const late = Promise.withResolvers<void>();
  await assert.rejects(within(late.promise, 1_000, "a test", AbortSignal.abort(new Error("stop"))), /stop/);
  late.reject(new Error("nobody waits"));
  await Promise.resolve();
});
