import assert from "node:assert/strict";
import { SilenceWatch } from "../../lib/inbox/silence.ts";
import { ManualClock, RecordingAlarm, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";

const MINUTE = 60_000;

function watch(settings: { factor?: number; canaryAfterMs?: number; receiving?: () => boolean } = {}) {
  const clock = new ManualClock();
  const alarm = new RecordingAlarm();
  const counters = new RecordingCounters();
  let canaries = 0;
  const silence = new SilenceWatch({
    factor: settings.factor ?? 20,
    canaryAfterMs: settings.canaryAfterMs ?? 0,
    sendCanary: () => {
      canaries++;
      return Promise.resolve(true);
    },
    isReceiving: settings.receiving ?? (() => true),
    clock,
    log: new RecordingLog(),
    counters,
    alarm,
  });
  return {
    silence,
    clock,
    alarm,
    counters,
    canaries: () => canaries,
    /** Time passes in steps in which the watch looks. */
    async pass(minutes: number) {
      for (let i = 0; i < minutes; i++) await clock.advance(MINUTE);
    },
  };
}

testServiceContract("silence", () => Promise.resolve({ service: watch().silence }));

Deno.test("silence that is many times longer than usual is told, and its end too", async () => {
  const { silence, alarm, pass } = watch();
  await silence.start();
  for (let i = 0; i < 30; i++) {
    await pass(10);
    silence.heard();
  }
  await pass(150);
  assert.deepEqual(alarm.raised(), [], "2.5 hours are not 20 times ten minutes");
  await pass(60);
  assert.ok(alarm.raised().some((call) => call.cause === "signal_silent"));
  assert.equal(silence.condition().state, "degraded");
  silence.heard();
  assert.ok(alarm.cleared().some((call) => call.cause === "signal_silent"));
  assert.equal(silence.condition().state, "live");
  await silence.stop();
});

Deno.test("a new installation, of which nothing is known to be usual, is not told of silence", async () => {
  const { silence, alarm, pass } = watch();
  await silence.start();
  silence.heard();
  await pass(60 * 5);
  assert.deepEqual(alarm.raised(), []);
  await silence.stop();
});

Deno.test("bursts of receipts, as a large group sends them, do not make silence unusual", async () => {
  const { silence, alarm, pass } = watch();
  await silence.start();
  for (let order = 0; order < 25; order++) {
    await pass(30);
    for (let receipt = 0; receipt < 60; receipt++) silence.heard();
  }
  await pass(5 * 60);
  assert.deepEqual(alarm.raised(), [], "five hours are not 20 times half an hour");
  await silence.stop();
});

Deno.test("where no canary ever came back the admin is told so once, and none is sent any more", async () => {
  const { silence, alarm, canaries, pass } = watch({ canaryAfterMs: 30 * MINUTE });
  await silence.start();
  silence.heard();
  await pass(60 * 5);
  assert.equal(canaries(), 1);
  assert.deepEqual(alarm.raised().map(({ cause }) => cause), ["canary_useless"]);
  assert.equal(silence.condition().state, "live");
  await silence.stop();
});

Deno.test("the canary of another instance, heard after a takeover, is no proof that ours come back", async () => {
  const { silence, alarm, canaries, pass } = watch({ canaryAfterMs: 30 * MINUTE });
  await silence.start();
  silence.heard(true);
  await pass(60 * 5);
  assert.equal(canaries(), 1);
  assert.deepEqual(alarm.raised().map(({ cause }) => cause), ["canary_useless"]);
  await silence.stop();
});

Deno.test("a canary is sent after so much silence; one that comes back is enough, one that is lost is told", async () => {
  const { silence, alarm, canaries, pass } = watch({ canaryAfterMs: 30 * MINUTE });
  await silence.start();
  await pass(31);
  assert.equal(canaries(), 1);
  silence.heard(true);
  await pass(25);
  assert.equal(canaries(), 1);
  await pass(7);
  assert.equal(canaries(), 2);
  await pass(4);
  assert.ok(alarm.raised().some((call) => call.cause === "signal_silent"));
  await silence.stop();
});

Deno.test("a quiet night is no trouble as long as the canary comes back, also where an hour is unusual", async () => {
  const { silence, clock, alarm, canaries, pass } = watch({ canaryAfterMs: 60 * MINUTE });
  await silence.start();
  for (let i = 0; i < 30; i++) {
    await pass(2);
    silence.heard();
  }
  await clock.advance(MINUTE / 2);
  silence.heard();
  for (let hour = 1; hour <= 8; hour++) {
    await pass(61);
    assert.equal(canaries(), hour);
    await clock.advance(1_000);
    silence.heard(true);
  }
  assert.deepEqual(alarm.raised(), []);
  await pass(65);
  assert.equal(alarm.raised("signal_silent").length > 0, true, "the ninth does not come back");
  await silence.stop();
});

Deno.test("an instance that was deaf and gave its lease away is no trouble any more, until it receives again", async () => {
  let receiving = true;
  const { silence, pass } = watch({ receiving: () => receiving });
  await silence.start();
  for (let i = 0; i < 30; i++) {
    await pass(2);
    silence.heard();
  }
  await pass(90);
  assert.equal(silence.condition().state, "degraded");
  receiving = false;
  assert.equal(silence.condition().state, "live");
  receiving = true;
  assert.equal(silence.condition().state, "degraded");
  await silence.stop();
});

Deno.test("an instance that does not receive, because another one does, hears no silence", async () => {
  const { silence, alarm, canaries, pass } = watch({ canaryAfterMs: MINUTE, receiving: () => false });
  await silence.start();
  await pass(60);
  assert.equal(canaries(), 0);
  assert.deepEqual(alarm.raised(), []);
  await silence.stop();
});
