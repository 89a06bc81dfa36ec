import assert from "node:assert/strict";
import { type Listening, Patience, PATIENCE_CAP_MS } from "../../lib/outbox/patience.ts";
import { ManualClock } from "../support/recording.ts";

const WAIT = 10_000;
const TAKEN = 1_784_000_000_000;

function waiting() {
  const clock = new ManualClock(TAKEN);
  const startMs = clock.monotonicMs();
  const heard: { -readonly [Key in keyof Listening]: Listening[Key] } = {
    sinceMs: undefined,
    lastFrameAtMs: undefined,
    newestMs: undefined,
  };
  const patience = new Patience(clock, WAIT, () => heard);
  return { clock, heard, endsInMs: () => patience.endsAtMs() - startMs, nowMs: () => clock.monotonicMs() };
}

Deno.test("the wait begins with the subscription", async () => {
  const { clock, heard, endsInMs, nowMs } = waiting();
  assert.equal(endsInMs(), PATIENCE_CAP_MS);
  await clock.advance(20_000);
  heard.sinceMs = nowMs();
  assert.equal(endsInMs(), 30_000);
});

Deno.test("a subscription from before the take-over counts from the take-over", () => {
  const { heard, endsInMs, nowMs } = waiting();
  heard.sinceMs = nowMs() - 60_000;
  heard.lastFrameAtMs = nowMs() - 60_000;
  assert.equal(endsInMs(), WAIT);
});

Deno.test("as long as older messages keep coming it begins anew, but not for ever", async () => {
  const { clock, heard, endsInMs, nowMs } = waiting();
  heard.sinceMs = nowMs();
  for (let n = 1; n <= 5; n++) {
    await clock.advance(WAIT - 1);
    heard.lastFrameAtMs = nowMs();
    heard.newestMs = TAKEN - 100_000 + n;
    assert.equal(endsInMs(), n * (WAIT - 1) + WAIT);
  }
  await clock.advance(PATIENCE_CAP_MS);
  heard.lastFrameAtMs = nowMs();
  assert.equal(endsInMs(), PATIENCE_CAP_MS);
});

Deno.test("once something newer than the take-over came all older is read: what comes then prolongs nothing", async () => {
  const { clock, heard, endsInMs, nowMs } = waiting();
  heard.sinceMs = nowMs();
  for (let n = 0; n < 5; n++) {
    await clock.advance(1_000);
    heard.lastFrameAtMs = nowMs();
    heard.newestMs = TAKEN + 500 + n;
    assert.equal(endsInMs(), 1_000 + WAIT);
  }
  heard.sinceMs = undefined;
  assert.equal(endsInMs(), 1_000 + WAIT);
});
