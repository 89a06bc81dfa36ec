import assert from "node:assert/strict";
import { CHANNEL_PAUSE_LONGEST_MS, channelPauseMs, messageRetryDelayMs } from "../../lib/outbox/backoff.ts";

const fixed = (fraction: number) => ({ fraction: () => fraction, bytes() {} });

Deno.test("a message fault waits 5 s, 30 s, then 2 min for every further try, and up to a fifth longer", () => {
  assert.deepEqual([1, 2, 3, 4, 9].map((n) => messageRetryDelayMs(n, fixed(0))), [5000, 30000, 120000, 120000, 120000]);
  assert.deepEqual([1, 2, 3].map((n) => messageRetryDelayMs(n, fixed(1))), [6000, 36000, 144000]);
});

Deno.test("an account's pause doubles from 1 s and stays at a minute", () => {
  const pauses = Array.from({ length: 9 }, (_, i) => channelPauseMs(i + 1, fixed(0)));
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]);
  assert.equal(channelPauseMs(1_000_000, fixed(0)), CHANNEL_PAUSE_LONGEST_MS);
});
