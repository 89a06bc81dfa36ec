/**
 * When a receipt becomes evidence.
 */
import assert from "node:assert/strict";
import type { Evidence } from "../../lib/outbox/evidence.ts";
import { Receipts, TRANSCRIPT_GRACE_MS } from "../../lib/outbox/receipts.ts";
import { openTestStore } from "../support/databases.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { ACCOUNT, person } from "./cast.ts";

Deno.test("a receipt that belongs to nothing becomes evidence when the transcript that may claim it had its time", async () => {
  await using db = await openTestStore("sqlite");
  const clock = new ManualClock();
  const told: { readonly evidence: readonly Evidence[]; readonly atMs: number }[] = [];
  const receipts = new Receipts({
    store: db.store,
    account: ACCOUNT,
    clock,
    log: new RecordingLog(),
    counters: new RecordingCounters(),
    onEvidence: (evidence) => told.push({ evidence, atMs: clock.monotonicMs() }),
  });
  await receipts.start();
  const heardAtMs = clock.monotonicMs();
  receipts.add([{
    from: person(0),
    fromNumber: undefined,
    kind: "delivery",
    timestamps: [1_784_000_000_000],
    whenMs: 1_784_000_000_100,
  }]);
  while (told.length === 0) await clock.advance(25);
  assert.ok(told[0]!.atMs - heardAtMs >= TRANSCRIPT_GRACE_MS);
  assert.ok(told[0]!.atMs - heardAtMs < 2 * TRANSCRIPT_GRACE_MS);
  assert.deepEqual(told[0]!.evidence.map(({ remoteId }) => remoteId), ["1784000000000"]);
  await receipts.stop();
});
