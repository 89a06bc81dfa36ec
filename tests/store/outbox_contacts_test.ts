/** Who was written to before, and since when. */
import assert from "node:assert/strict";
import { ACCOUNT, everyEngine } from "./conformance.ts";

everyEngine("`metSince()` names first contacts of the account only, and none twice", async (db) => {
  const { outbox } = db.store;
  await outbox.rememberLanes(ACCOUNT, ["a", "b"], 1_000);
  await outbox.rememberLanes(ACCOUNT, ["b", "c"], 2_000);
  await outbox.rememberLanes("signal:+15550100777" as typeof ACCOUNT, ["d"], 2_000);
  const since = async (sinceMs: number) => [...await outbox.metSince(ACCOUNT, sinceMs)].sort();
  assert.deepEqual(await since(0), [1_000, 1_000, 2_000]);
  assert.deepEqual(await since(1_001), [2_000]);
  assert.deepEqual(await since(2_001), []);
});
