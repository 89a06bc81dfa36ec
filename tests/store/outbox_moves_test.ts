import assert from "node:assert/strict";
import { ACCOUNT, attempt, candidateIds, everyEngine, leaseOf, message, nowMs, stealLease } from "./conformance.ts";

everyEngine("a message goes queued → sending → accepted, and its story is told from the archive", async ({ store }) => {
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue([message(1), message(2)]);
  assert.deepEqual(await store.outbox.markSending(ids, lease, 500), ids);
  assert.equal((await store.outbox.backlog(0)).sending, 2);
  const done = await store.outbox.settleAccepted(
    ids.map((id) => ({
      id,
      attempts: 0,
      attempt: attempt("accepted", { remoteId: `170000000${id}`, detail: '{"failedMembers":[]}' }),
    })),
    lease,
  );
  assert.deepEqual(done, ids);
  const story = await store.outbox.find(ids[0]!);
  assert.equal(story?.state, "accepted");
  assert.equal(story.remoteId, `170000000${ids[0]}`);
  assert.equal(story.finishedAtMs, 2_000);
  assert.deepEqual(story.timeline, [{
    attempts: 0,
    handedOverAtMs: 1_000,
    endedAtMs: 2_000,
    outcome: "accepted",
    remoteId: `170000000${ids[0]}`,
    detail: '{"failedMembers":[]}',
  }]);
  assert(!("body" in story));
  assert.deepEqual(
    await store.outbox.settleAccepted([{ id: ids[0]!, attempts: 0, attempt: attempt("accepted") }], lease),
    [],
  );
  assert.equal((await store.outbox.find(ids[0]!))?.timeline.length, 1);
});

everyEngine("`requeue()` keeps the count, the date and the line of each row", async ({ store }) => {
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue([message(1), message(2), message(3)]);
  await store.outbox.markSending(ids, lease, 0);
  const moved = await store.outbox.requeue(
    ids.map((id, i) => ({
      id,
      attempts: i,
      dueAtMs: 10_000 + i,
      attempt: attempt("retry", { reason: "unregistered" }),
    })),
    lease,
  );
  assert.deepEqual(moved, ids);
  for (const [i, id] of ids.entries()) {
    const story = await store.outbox.find(id);
    assert.equal(story?.state, "queued");
    assert.equal(story.attempts, i);
    assert.equal(story.dueAtMs, 10_000 + i);
    assert.equal(story.reason, "unregistered");
    assert.equal(story.timeline.length, 1);
  }
});

everyEngine("`giveBack()` leaves no line, costs nothing, and the row is due as before", async ({ store }) => {
  const lease = await leaseOf(store);
  const [id] = await store.outbox.enqueue([message(1)]);
  const before = await store.outbox.find(id!);
  await store.outbox.markSending([id!], lease, 0);
  assert.deepEqual(await store.outbox.giveBack([id!], lease), [id]);
  assert.deepEqual(await store.outbox.find(id!), before);
  assert.deepEqual(await store.outbox.giveBack([id!], lease), []);
});

everyEngine("`markDead()` takes queued, sending and unknown rows, with and without a try", async ({ store }) => {
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue([message(1), message(2), message(3)]);
  await store.outbox.markSending(ids.slice(1), lease, 0);
  await store.outbox.markUnknown([{ id: ids[2]!, attempts: 0, attempt: attempt("unknown") }], lease);
  const moved = await store.outbox.markDead(
    [
      { id: ids[0]!, reason: "expired", attempts: 0 },
      { id: ids[1]!, reason: "group_refused", attempts: 1, attempt: attempt("refused", { reason: "group_refused" }) },
      { id: ids[2]!, reason: "unknown", attempts: 2 },
    ],
    lease,
    9_000,
  );
  assert.deepEqual(moved, ids);
  const listed = await store.outbox.list({ states: ["dead"], limit: 10 });
  assert.deepEqual(listed.map((row) => [row.id, row.reason, row.attempts]), [
    [ids[0], "expired", 0],
    [ids[1], "group_refused", 1],
    [ids[2], "unknown", 2],
  ]);
  assert.deepEqual((await store.outbox.list({ states: ["dead"], limit: 1, afterId: ids[0]! })).map((row) => row.id), [
    ids[1],
  ]);
  assert.equal((await store.outbox.find(ids[0]!))?.finishedAtMs, 9_000);
  assert.deepEqual(await store.outbox.markDead([{ id: ids[0]!, reason: "expired", attempts: 0 }], lease, 0), []);
});

everyEngine("a move from the wrong state moves nothing", async ({ store }) => {
  const lease = await leaseOf(store);
  const [queued, sending] = await store.outbox.enqueue([message(1), message(2)]) as [number, number];
  await store.outbox.markSending([sending], lease, 0);
  const tried = (id: number) => [{ id, attempts: 0, attempt: attempt("accepted"), dueAtMs: 0 }];
  assert.deepEqual(await store.outbox.markSending([sending], lease, 0), []);
  assert.deepEqual(await store.outbox.settleAccepted(tried(queued), lease), []);
  assert.deepEqual(await store.outbox.requeue(tried(queued), lease), []);
  assert.deepEqual(await store.outbox.giveBack([queued], lease), []);
  assert.deepEqual(await store.outbox.markUnknown(tried(queued), lease), []);
  assert.deepEqual(await store.outbox.resend([queued, sending], lease), []);
  assert.deepEqual(await store.outbox.settleAccepted(tried(999_999), lease), []);
  assert.deepEqual(await store.outbox.markSending([], lease, 0), []);
  assert.equal((await store.outbox.find(queued))?.timeline.length, 0);
});

everyEngine("a stale epoch moves nothing, and the rows of a batch that are ours move", async (db) => {
  const { store } = db;
  const old = await leaseOf(store, "old");
  const ids = await store.outbox.enqueue([message(1), message(2), message(3)]) as [number, number, number];
  await store.outbox.markSending(ids.slice(0, 2), old, 0);
  const lease = await stealLease(db, "new");
  assert.equal(lease.epoch, old.epoch + 1);
  const tried = ids.map((id) => ({ id, attempts: 0, attempt: attempt("accepted"), dueAtMs: 0 }));
  assert.deepEqual(await store.outbox.markSending([ids[2]], old, 0), []);
  for (const stale of [old, { ...old, epoch: lease.epoch }]) {
    assert.deepEqual(await store.outbox.settleAccepted(tried, stale), []);
    assert.deepEqual(await store.outbox.requeue(tried, stale), []);
    assert.deepEqual(await store.outbox.giveBack(ids, stale), []);
    assert.deepEqual(await store.outbox.markUnknown(tried, stale), []);
    assert.deepEqual(
      await store.outbox.markDead(ids.map((id) => ({ id, reason: "expired" as const, attempts: 0 })), stale, 0),
      [],
    );
    assert.deepEqual(await store.outbox.takeOver(stale, ACCOUNT), []);
  }
  // The new holder has not taken the rows over yet: they still belong to the epoch under which they were marked.
  assert.deepEqual(await store.outbox.settleAccepted(tried.slice(0, 2), lease), []);
  const left = await store.outbox.takeOver(lease, ACCOUNT);
  assert.deepEqual(left.map((row) => [row.id, row.state, row.epoch]), [
    [ids[0], "sending", old.epoch],
    [ids[1], "sending", old.epoch],
  ]);
  assert.deepEqual(await store.outbox.settleAccepted(tried, lease), ids.slice(0, 2));
});

everyEngine("`takeOver()` finds what an earlier holder left, once as theirs", async (db) => {
  const { store } = db;
  const old = await leaseOf(store, "old");
  const ids = await store.outbox.enqueue([message(1), message(2), message(3)]);
  await store.outbox.markSending(ids.slice(0, 2), old, 777);
  await store.outbox.markUnknown([{ id: ids[1]!, attempts: 1, attempt: attempt("unknown") }], old);
  const lease = await stealLease(db, "new");
  const left = await store.outbox.takeOver(lease, ACCOUNT);
  assert.deepEqual(left.map((row) => [row.id, row.state, row.epoch, row.attempts, row.markedAtMs, row.kind]), [
    [ids[0], "sending", old.epoch, 0, 777, "reply"],
    [ids[1], "unknown", old.epoch, 1, 777, "reply"],
  ]);
  assert.deepEqual((await store.outbox.takeOver(lease, ACCOUNT)).map((row) => row.epoch), [lease.epoch, lease.epoch]);
  assert.deepEqual(await store.outbox.giveBack([ids[0]!], lease), [ids[0]]);
});

everyEngine("`dropQueued()` takes an owner's queued rows only, into the archive", async ({ store }) => {
  const lease = await leaseOf(store);
  const origin = { kind: "order", key: "7", generation: 1 } as const;
  const ids = await store.outbox.enqueue([
    message(1, "a", { origin }),
    message(2, "b", { origin }),
    message(3, "c", { origin: { ...origin, key: "8" } }),
    message(4, "d", { origin: { ...origin, kind: "inbound" } }),
  ]);
  await store.outbox.markSending([ids[0]!], lease, 0);
  const dropped = await store.outbox.dropQueued({ kind: "order", key: "7" }, "flagged_by_hand", 4_000);
  assert.deepEqual(dropped, [{ id: ids[1], kind: "reply", origin, state: "dropped" }]);
  const story = await store.outbox.find(ids[1]!);
  assert.deepEqual([story?.state, story?.reason, story?.finishedAtMs], ["dropped", "flagged_by_hand", 4_000]);
  assert.deepEqual(await store.outbox.dropQueued({ kind: "order", key: "7" }, "again", 0), []);
  assert.deepEqual((await candidateIds(store)).toSorted(), ids.slice(2));
});

everyEngine("`backlog()` counts by state and knows the age of the oldest queued row", async ({ store }) => {
  assert.deepEqual(await store.outbox.backlog(5), {
    queued: 0,
    sending: 0,
    unknown: 0,
    dead: 0,
    oldestQueuedAgeMs: undefined,
  });
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue(Array.from({ length: 5 }, (_, i) => message(i)));
  const now = await nowMs(store);
  await store.outbox.markSending([ids[0]!, ids[1]!], lease, now);
  await store.outbox.markUnknown([{ id: ids[1]!, attempts: 0, attempt: attempt("unknown") }], lease);
  await store.outbox.markDead([{ id: ids[2]!, reason: "expired", attempts: 0 }], lease, now);
  const { oldestQueuedAgeMs, ...counts } = await store.outbox.backlog(now + 10_000);
  assert.deepEqual(counts, { queued: 2, sending: 1, unknown: 1, dead: 1 });
  assert(oldestQueuedAgeMs! >= 10_000 && oldestQueuedAgeMs! < 60_000);
});

everyEngine("`find()` and `list()` of what is not there", async ({ store }) => {
  assert.equal(await store.outbox.find(1), undefined);
  assert.deepEqual(await store.outbox.list({ states: ["queued", "dead"], limit: 5 }), []);
  await store.outbox.enqueue([message(1)]);
  assert.deepEqual(await store.outbox.list({ states: ["accepted"], limit: 5 }), []);
  assert.equal((await store.outbox.list({ states: ["queued"], limit: 5 })).length, 1);
});

everyEngine("an id that went to the archive is never given out again", async ({ store }) => {
  const lease = await leaseOf(store);
  const [first] = await store.outbox.enqueue([message(1)]);
  await store.outbox.markSending([first!], lease, 0);
  await store.outbox.settleAccepted([{ id: first!, attempts: 0, attempt: attempt("accepted") }], lease);
  const [second] = await store.outbox.enqueue([message(1)]);
  assert(second! > first!);
});
