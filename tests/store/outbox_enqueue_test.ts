import assert from "node:assert/strict";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { IdempotencyConflict } from "../../lib/store/faults.ts";
import { laneOf } from "../../lib/store/lane.ts";
import { ACCOUNT, attempt, candidates, everyEngine, leaseOf, message, nowMs, person } from "./conformance.ts";

everyEngine("`enqueue()` gives ids that grow in the given order", async ({ store }) => {
  const messages = Array.from({ length: 450 }, (_, i) => message(i % 7, `text ${i}`));
  const ids = await store.outbox.enqueue(messages);
  assert.equal(ids.length, messages.length);
  assert.deepEqual([...ids].sort((a, b) => a - b), ids);
  assert.equal(new Set(ids).size, ids.length);
  for (const at of [0, 199, 200, 201, 449]) {
    const found = await store.outbox.find(ids[at]!);
    assert.equal(found?.recipient, messages[at]!.recipient);
  }
  assert.deepEqual(await store.outbox.enqueue([]), []);
});

everyEngine("`enqueue()` by many sessions at once gives every message its own id", async (db) => {
  const sessions = [db.store, db.openSession(), db.openSession()];
  const ids = await Promise.all(
    Array.from({ length: 30 }, async (_, i) => {
      const own = await sessions[i % 3]!.outbox.enqueue(Array.from({ length: 10 }, (_, k) => message(i, `${i}/${k}`)));
      for (const [k, id] of own.entries()) {
        const [row] = await db.adminQuery("SELECT body FROM outbox WHERE id = ?", [id]);
        assert.equal(row!["body"], `${i}/${k}`);
      }
      return own;
    }),
  );
  assert.equal(new Set(ids.flat()).size, 300);
});

everyEngine(
  "a body arrives as it is: emoji, every script, quotes, control characters, and 100,000 characters",
  async ({ name, store }) => {
    const bodies = [
      "😀 👩‍👩‍👧‍👦 é ß 漢字 עברית \u0000 \t \r\n ' \" ` \\ % _ {x} ?",
      "x".repeat(100_000),
      "😀".repeat(255),
      "",
    ];
    await store.outbox.enqueue(bodies.map((body, i) => message(i, body)));
    const { rows } = await candidates(store);
    // node:sqlite would end the text there: what follows is worth more than the character itself.
    const expected = bodies.map((body) => name === "sqlite" ? body.replaceAll("\0", "\ufffd") : body);
    const byId = rows.toSorted((a, b) => a.id - b.id);
    assert(byId.every((row, i) => row.body === expected[i]));
  },
);

everyEngine("a candidate has all that was enqueued", async ({ store }) => {
  const before = await nowMs(store);
  const origin = { kind: "order", key: "42", generation: 3 } as const;
  const [id] = await store.outbox.enqueue([message(5, "text", { kind: "order_owner", origin, maxAgeMs: 60_000 })]);
  const { rows: [row] } = await candidates(store);
  assert.equal(row!.id, id);
  assert.equal(row!.account, ACCOUNT);
  assert.equal(row!.recipient, person(5));
  assert.equal(row!.lane, laneOf(ACCOUNT, person(5)));
  assert.equal(row!.kind, "order_owner");
  assert.deepEqual(row!.origin, origin);
  assert.equal(row!.attempts, 0);
  assert(row!.createdAtMs >= before);
  assert.equal(row!.expiresAtMs, row!.createdAtMs + 60_000);
});

everyEngine("an idempotency key stores one message, also when the first is in the archive", async ({ store }) => {
  const keyed = (to: number, key: string) => message(to, "once", { idempotencyKey: key });
  const [first, other] = await store.outbox.enqueue([keyed(1, "a"), keyed(2, "b")]);
  assert.deepEqual(
    await store.outbox.enqueue([keyed(1, "a"), message(3), keyed(2, "b")]).then((ids) => [ids[0], ids[2]]),
    [
      first,
      other,
    ],
  );
  const lease = await leaseOf(store);
  await store.outbox.markSending([first!], lease, 0);
  await store.outbox.settleAccepted([{ id: first!, attempts: 0, attempt: attempt("accepted") }], lease);
  assert.deepEqual(await store.outbox.enqueue([keyed(1, "a")]), [first]);
  assert.equal((await store.outbox.backlog(0)).queued, 2);
});

everyEngine("a key twice in one batch is one message", async ({ store }) => {
  const twin = message(1, "once", { idempotencyKey: "k" });
  const [a, b] = await store.outbox.enqueue([twin, twin]);
  assert.equal(a, b);
  assert.equal((await store.outbox.backlog(0)).queued, 1);
});

everyEngine("the same key with another body is an error, and nothing of the batch is stored", async ({ store }) => {
  await store.outbox.enqueue([message(1, "one", { idempotencyKey: "k" })]);
  await assert.rejects(
    store.outbox.enqueue([message(2, "new"), message(1, "two", { idempotencyKey: "k" })]),
    IdempotencyConflict,
  );
  await assert.rejects(
    store.outbox.enqueue([message(3, "x", { idempotencyKey: "m" }), message(3, "y", { idempotencyKey: "m" })]),
    IdempotencyConflict,
  );
  assert.equal((await store.outbox.backlog(0)).queued, 1);
  assert(!(new IdempotencyConflict(1) instanceof StoreUnavailable));
});

everyEngine("one key from twenty sessions at once is one message", async (db) => {
  const sessions = Array.from({ length: 4 }, () => db.openSession());
  const ids = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) => sessions[i % 4]!.outbox.enqueue([message(1, "once", { idempotencyKey: "k" })]),
    ),
  );
  assert.equal(new Set(ids.flat()).size, 1);
  assert.equal((await db.store.outbox.backlog(0)).queued, 1);
});
