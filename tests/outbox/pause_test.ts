/**
 * How long an account is left alone, and that a restart knows it.
 */
import assert from "node:assert/strict";
import { AccountPause } from "../../lib/outbox/pause.ts";
import { openTestStore } from "../support/databases.ts";
import { ManualClock } from "../support/recording.ts";
import { ACCOUNT } from "./cast.ts";

const SECOND = 1_000;
const LONG = { outcome: "paused", reason: "rate_limited", retryAfterMs: 600 * SECOND } as const;
const SHORT = { outcome: "paused", reason: "network" } as const;
const RANDOM = { fraction: () => 0, bytes: () => {} };

function accountPause(clock = new ManualClock(), threshold = 5) {
  return new AccountPause(ACCOUNT, clock, RANDOM, { threshold, cooldownMs: 30 * SECOND });
}

/** What a process that starts now reads. */
async function stored(clock: ManualClock, state: Parameters<AccountPause["load"]>[0], threshold = 5) {
  const next = accountPause(clock, threshold);
  await next.load(state);
  return next;
}

Deno.test("a short pause that comes while a long one lasts does not end it earlier", () => {
  const pause = accountPause();
  pause.begin(LONG);
  pause.begin(SHORT);
  assert.equal(pause.remainingMs(), 600 * SECOND);
});

Deno.test("an answer that says `at once` is no reason to ask in a tight loop: each pause is longer than the one before", () => {
  const pause = accountPause();
  const lengths = [1, 2, 3].map(() => pause.begin({ ...LONG, retryAfterMs: 0 }));
  assert.deepEqual(lengths, [1 * SECOND, 2 * SECOND, 4 * SECOND]);
});

Deno.test("a pause that a person lifted does not come back with a restart", async () => {
  await using db = await openTestStore("sqlite");
  const { state } = db.store;
  const clock = new ManualClock();
  const pause = accountPause(clock);
  pause.begin(LONG);
  await pause.save(state);
  pause.saved();
  assert.equal((await stored(clock, state)).remainingMs(), 600 * SECOND);
  pause.lift();
  await pause.save(state);
  pause.saved();
  assert.equal((await stored(clock, state)).remainingMs(), 0);
});

Deno.test("a pause that begins while an earlier one is being stored is stored too", async () => {
  await using db = await openTestStore("sqlite");
  const { state } = db.store;
  const clock = new ManualClock();
  const pause = accountPause(clock);
  pause.begin({ ...LONG, retryAfterMs: 10 * SECOND });
  await pause.save(state);
  pause.begin(LONG);
  pause.saved();
  await pause.save(state);
  pause.saved();
  assert.equal((await stored(clock, state)).remainingMs(), 600 * SECOND);
});

Deno.test("a recovery that comes while its breaker is being stored as open is stored too", async () => {
  await using db = await openTestStore("sqlite");
  const { state } = db.store;
  const clock = new ManualClock();
  const pause = accountPause(clock, 1);
  pause.begin(SHORT);
  await pause.save(state);
  pause.worked();
  pause.saved();
  await pause.save(state);
  pause.saved();
  await clock.advance(60 * SECOND);
  assert.equal((await stored(clock, state, 1)).breakerState(), "closed");
});

Deno.test("a clock that is set back makes no pause longer, not even across a restart", async () => {
  await using db = await openTestStore("sqlite");
  const { state } = db.store;
  const clock = new ManualClock();
  const pause = accountPause(clock);
  pause.begin(LONG);
  await pause.save(state);
  pause.saved();
  clock.jumpWall(-86_400 * SECOND);
  assert.equal(pause.remainingMs(), 600 * SECOND);
  assert.equal((await stored(clock, state)).remainingMs(), 600 * SECOND);
  await clock.advance(600 * SECOND);
  assert.equal(pause.remainingMs(), 0);
});

Deno.test("a stored pause says that it goes on, with the moment at which it was met first", async () => {
  await using db = await openTestStore("sqlite");
  const { state } = db.store;
  const clock = new ManualClock();
  const metAtMs = clock.nowMs();
  const pause = accountPause(clock);
  pause.begin(LONG);
  await clock.advance(SECOND);
  pause.begin(LONG);
  await pause.save(state);
  pause.saved();
  const next = accountPause(clock);
  const told: unknown[] = [];
  next.onResumed((resumed) => told.push(resumed));
  await next.load(state);
  assert.deepEqual(told, [{ reason: "rate_limited", sinceMs: metAtMs, untilMs: clock.nowMs() + 600 * SECOND }]);
  await clock.advance(600 * SECOND);
  await next.load(state);
  assert.equal(told.length, 1, "a pause that is over is no news");
});

Deno.test("a pause that only the journal knows says that it goes on, as of the request that met it", () => {
  const clock = new ManualClock();
  const pause = accountPause(clock);
  const told: unknown[] = [];
  pause.onResumed(({ reason, sinceMs }) => told.push({ reason, sinceMs }));
  pause.resume(LONG, clock.nowMs() - 5 * SECOND);
  assert.deepEqual(told, [{ reason: "rate_limited", sinceMs: clock.nowMs() - 5 * SECOND }]);
});
