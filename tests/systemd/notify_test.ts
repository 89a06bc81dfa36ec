import assert from "node:assert/strict";
import { systemClock } from "../../lib/runtime/clock.ts";
import { silentLog } from "../../lib/runtime/log.ts";
import { type SendNotice, systemdNotice, SystemdNotify, watchdogMs } from "../../lib/runtime/systemd.ts";
import { Recorder } from "../support/recorder.ts";
import { ManualClock, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";

testServiceContract("SystemdNotify", () =>
  Promise.resolve({
    service: new SystemdNotify({
      send: () => Promise.resolve(),
      watchdogMs: 60_000,
      alive: () => true,
      status: () => "fine",
      clock: systemClock,
      log: silentLog,
    }),
  }));

function recorded(options: { alive?: () => boolean; status?: () => string; refuse?: () => boolean } = {}) {
  const clock = new ManualClock();
  const log = new RecordingLog();
  const told = new Recorder<string>();
  const send: SendNotice = (assignments) => {
    if (options.refuse?.() ?? false) return Promise.reject(new Error("nobody there"));
    told.push(assignments.join(" "));
    return Promise.resolve();
  };
  const service = new SystemdNotify({
    send,
    watchdogMs: 60_000,
    alive: options.alive ?? (() => true),
    status: options.status ?? (() => "fine"),
    clock,
    log,
  });
  return { service, clock, log, told };
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= 1_000) {
    await clock.untilSleeping();
    await clock.advance(1_000);
  }
  await clock.untilSleeping();
}

Deno.test("SystemdNotify says ready with the first status, feeds three times a period, and says that it stops", async () => {
  const { service, clock, told } = recorded();
  await service.start();
  await pass(clock, 60_000);
  await service.stop();
  assert.deepEqual(told.items, [
    "READY=1 STATUS=fine WATCHDOG=1",
    "WATCHDOG=1",
    "WATCHDOG=1",
    "WATCHDOG=1",
    "STOPPING=1 STATUS=stopping",
  ]);
});

Deno.test("SystemdNotify left behind for another one says nothing of a stop", async () => {
  const { service, clock, told } = recorded();
  await service.start();
  await clock.untilSleeping();
  assert.equal(await service.leave(), true);
  await service.stop();
  assert.deepEqual(told.items, ["READY=1 STATUS=fine WATCHDOG=1"]);
});

Deno.test("SystemdNotify tells a status only when it changed, as one line", async () => {
  let status = "fine";
  const { service, clock, told } = recorded({ status: () => status });
  await service.start();
  await pass(clock, 5_000);
  status = "database: down\nsince 8:00";
  await pass(clock, 5_000);
  await service.stop();
  assert.deepEqual(told.items.slice(1, -1), ["STATUS=database: down since 8:00"]);
});

Deno.test("SystemdNotify does not feed the watchdog while the work stands still", async () => {
  let alive = true;
  const { service, clock, log, told } = recorded({ alive: () => alive });
  await service.start();
  await pass(clock, 5_000);
  alive = false;
  await pass(clock, 120_000);
  assert.deepEqual(told.items.length, 1);
  assert.equal(log.at("error").length, 1);
  alive = true;
  await pass(clock, 5_000);
  assert.equal(told.items.at(-1), "WATCHDOG=1");
  await service.stop();
});

Deno.test("SystemdNotify goes on when systemd cannot be told, and says ready later", async () => {
  let refuse = true;
  const { service, clock, log, told } = recorded({ refuse: () => refuse });
  await service.start();
  await pass(clock, 20_000);
  assert.deepEqual(told.items, []);
  assert.equal(log.at("warn").length, 1);
  refuse = false;
  await pass(clock, 5_000);
  assert.match(told.items[0]!, /^READY=1 /);
  await service.stop();
});

Deno.test("without systemd nothing is sent and nothing waits", async () => {
  assert.equal(systemdNotice(() => undefined), undefined);
  assert.equal(watchdogMs(() => undefined), undefined);
  assert.equal(watchdogMs(() => "nonsense"), undefined);
  assert.equal(watchdogMs(() => "60000000"), 60_000);
  const service = new SystemdNotify({
    send: undefined,
    watchdogMs: undefined,
    alive: () => true,
    status: () => "",
    clock: systemClock,
    log: silentLog,
  });
  await service.start();
  await service.stop();
});
