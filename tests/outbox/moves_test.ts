import assert from "node:assert/strict";
import { CHANNEL_FAULTS, MESSAGE_FAULTS, REFUSALS, type SendOutcome } from "../../lib/domain/message.ts";
import { makeTel } from "../../lib/domain/address.ts";
import { carryOut, type Subject, verdict } from "../../lib/outbox/moves.ts";
import { candidates, everyEngine, leaseOf, message, nowMs } from "../store/conformance.ts";

const random = { fraction: () => 0, bytes() {} };
const row = (attempts: number): Subject => ({
  recipient: makeTel("+15550100002"),
  id: 1,
  lane: "l",
  kind: "api",
  origin: { kind: "api", key: "1", generation: 1 },
  attempts,
});
const judge = (outcome: SendOutcome, attempts = 0, laneFaults = 1) =>
  verdict(row(attempts), outcome, { handedOverAtMs: 1, endedAtMs: 2 }, { maxRetries: 3, random, laneFaults });

Deno.test("a message fault costs one try, waits longer each time, and after MAX_RETRIES more tries the message is dead", () => {
  for (const reason of MESSAGE_FAULTS) {
    const story = [0, 1, 2, 3].map((attempts) => judge({ outcome: "retry", reason }, attempts));
    assert.deepEqual(story.map((m) => m.to), ["queued", "queued", "queued", "dead"]);
    assert.deepEqual(story.map((m) => m.to === "queued" ? m.dueInMs : 0), [5000, 30000, 120000, 0]);
    assert.deepEqual(story.map((m) => "attempts" in m ? m.attempts : 0), [1, 2, 3, 4]);
  }
});

Deno.test("a channel fault costs no try, however often it comes", () => {
  for (const reason of CHANNEL_FAULTS) {
    const move = judge({ outcome: "paused", reason }, 3, 50);
    assert.ok(move.to === "queued" && move.attempts === 3 && move.dueInMs === 60_000);
  }
});

Deno.test("a refusal is final at once", () => {
  for (const reason of REFUSALS) assert.equal(judge({ outcome: "refused", reason }).to, "dead");
});

Deno.test("silence of a living channel costs a try, a channel that died does not", () => {
  const silent = judge({ outcome: "unknown", reason: "no_answer" });
  const died = judge({ outcome: "unknown", reason: "disconnected" });
  assert.ok(silent.to === "unknown" && silent.attempts === 1);
  assert.ok(died.to === "unknown" && died.attempts === 0);
});

Deno.test("members that a group send did not reach stand in the attempt's detail, without the text of the message", () => {
  const move = judge({
    outcome: "accepted",
    remoteId: "5",
    failedMembers: [{ address: undefined, reason: "network" }],
  });
  assert.ok(move.to === "accepted");
  assert.deepEqual(JSON.parse(move.attempt.detail!), { notReached: { network: [null] } });
  assert.equal(move.attempt.remoteId, "5");
});

everyEngine("whether a message is too old says the database's clock, whatever ours was set to", async ({ store }) => {
  const lease = await leaseOf(store);
  await store.outbox.enqueue([message(1), message(2), message(3, "old", { maxAgeMs: -1 })]);
  const { rows } = await candidates(store);
  const at = await nowMs(store);
  const [marked] = rows.filter(({ body }) => body !== "old");
  await store.outbox.markSending([marked!.id], lease, at);
  const { settled } = await store.transaction(
    "test",
    (tx) => carryOut(tx, rows.map((row) => ({ row, to: "dead", reason: "expired", attempts: 0 })), lease, at),
  );
  const [old] = rows.filter(({ body }) => body === "old");
  assert.deepEqual(settled.map(({ id }) => id), [old!.id]);
  for (const { id } of rows) assert.equal((await store.outbox.find(id))!.state, id === old!.id ? "dead" : "queued");
});
