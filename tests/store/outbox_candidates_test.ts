import assert from "node:assert/strict";
import { makeTel } from "../../lib/domain/address.ts";
import { laneOf } from "../../lib/store/lane.ts";
import {
  ACCOUNT,
  attempt,
  candidateIds,
  candidates,
  everyEngine,
  leaseOf,
  message,
  nowMs,
  OTHER_ACCOUNT,
  person,
} from "./conformance.ts";

const laneFor = (to: number) => laneOf(ACCOUNT, person(to));

everyEngine("`candidates()` gives each lane in its order, and lanes in turn", async ({ store }) => {
  const ids = await store.outbox.enqueue([message(1), message(1), message(1), message(2), message(3), message(2)]);
  const { rows, nextLane } = await candidates(store);
  assert.deepEqual(rows.map((row) => row.id).toSorted((a, b) => a - b), ids);
  assert.equal(new Set(rows.slice(0, 3).map((row) => row.lane)).size, 3);
  for (const lane of new Set(rows.map((row) => row.lane))) {
    const own = rows.filter((row) => row.lane === lane).map((row) => row.id);
    assert.deepEqual(own, own.toSorted((a, b) => a - b));
  }
  assert.equal(nextLane, undefined);
});

everyEngine("`candidates()` takes at most `perLane` of a lane and `limit` in all", async ({ store }) => {
  await store.outbox.enqueue([
    ...Array.from({ length: 40 }, () => message(1)),
    ...Array.from({ length: 3 }, () => message(2)),
  ]);
  const { rows } = await candidates(store, { perLane: 16 });
  assert.equal(rows.filter((row) => row.recipient === person(1)).length, 16);
  assert.equal(rows.filter((row) => row.recipient === person(2)).length, 3);
  assert.equal((await candidates(store, { perLane: 1 })).rows.length, 2);
  assert.equal((await candidates(store, { limit: 7 })).rows.length, 7);
  assert.equal((await candidates(store, { limit: 0 })).rows.length, 0);
});

everyEngine("a lane of 2,000 rows hides no other: a full round reaches each of 150 lanes", async ({ store }) => {
  await store.outbox.enqueue(Array.from({ length: 2_000 }, () => message(0)));
  await store.outbox.enqueue(Array.from({ length: 149 }, (_, i) => message(i + 1)));
  const seen = new Map<string, number>();
  let afterLane: string | undefined;
  let calls = 0;
  do {
    const found = await candidates(store, { afterLane, limit: 10 });
    for (const row of found.rows) seen.set(row.lane, (seen.get(row.lane) ?? 0) + 1);
    afterLane = found.nextLane;
    calls++;
  } while (afterLane !== undefined && calls < 15);
  assert.equal(seen.size, 150);
  assert(calls <= 16);
  assert([...seen.values()].every((n) => n === 1));
});

everyEngine("`candidates()` goes on behind `afterLane` and round to it", async ({ store }) => {
  await store.outbox.enqueue(Array.from({ length: 6 }, (_, i) => message(i)));
  const lanes = Array.from({ length: 6 }, (_, i) => laneFor(i)).sort();
  const { rows, nextLane } = await candidates(store, { afterLane: lanes[3]!, limit: 4 });
  assert.deepEqual(rows.map((row) => row.lane), [lanes[4], lanes[5], lanes[0], lanes[1]]);
  assert.equal(nextLane, lanes[1]);
  const all = await candidates(store, { afterLane: lanes[3]! });
  assert.deepEqual(all.rows.map((row) => row.lane), [...lanes.slice(4), ...lanes.slice(0, 4)]);
  assert.equal(all.nextLane, undefined);
});

everyEngine(
  "lanes that come first wait for no turn, in order, and leave half of the room to the others",
  async ({ store }) => {
    await store.outbox.enqueue(Array.from({ length: 40 }, () => message(0)));
    await store.outbox.enqueue(Array.from({ length: 40 }, (_, i) => message(i + 1)));
    const own = laneFor(0);
    const found = await candidates(store, { first: new Set([own]), limit: 20, perLane: 16 });
    assert.deepEqual(found.rows.map((row) => row.lane === own), Array.from({ length: 20 }, (_, at) => at < 10));
    const ids = found.rows.slice(0, 10).map((row) => row.id);
    assert.deepEqual(ids, ids.toSorted((a, b) => a - b));
    assert.equal(new Set(found.rows.map((row) => row.id)).size, 20);
    const inHand = { first: new Set([own]), limit: 20, running: new Map([[own, 3]]) };
    assert.equal((await candidates(store, inHand)).rows.filter((row) => row.lane === own).length, 3);
    const skipped = await candidates(store, { first: new Set([own]), limit: 20, skip: new Set([own]) });
    assert.deepEqual(skipped.rows.filter((row) => row.lane === own), []);
    assert.equal(skipped.rows.length, 20);
  },
);

everyEngine(
  "where one row is wanted at a time, a lane that comes first has its turn all the same",
  async ({ store }) => {
    await store.outbox.enqueue(Array.from({ length: 5 }, (_, i) => message(i)));
    const recipients = [];
    let afterLane: string | undefined = laneFor(1);
    for (let turn = 0; turn < 5; turn++) {
      const found = await candidates(store, { first: new Set([laneFor(0)]), limit: 1, afterLane });
      recipients.push(...found.rows.map((row) => row.recipient));
      afterLane = found.nextLane;
    }
    assert.deepEqual(recipients.toSorted(), [0, 1, 2, 3, 4].map(person).toSorted());
  },
);

everyEngine("a lane that comes first is blocked by its head like any other", async ({ store }) => {
  const lease = await leaseOf(store);
  const [head] = await store.outbox.enqueue([message(1), message(1), message(2)]);
  const now = await nowMs(store);
  await store.transaction("test", (tx) => tx.outbox.markSending([head!], lease, now));
  const first = { first: new Set([laneFor(1)]) };
  assert.deepEqual((await candidates(store, first)).rows.map((row) => row.recipient), [person(2)]);
  await store.transaction(
    "test",
    (tx) => tx.outbox.requeue([{ id: head!, attempts: 1, dueAtMs: now + 60_000, attempt: attempt("retry") }], lease),
  );
  assert.deepEqual((await candidates(store, first)).rows.map((row) => row.recipient), [person(2)]);
});

everyEngine("a head that waits for its date blocks those behind it, and nobody else", async ({ store }) => {
  const lease = await leaseOf(store);
  const [head, , other] = await store.outbox.enqueue([message(1), message(1), message(2)]);
  const now = await nowMs(store);
  await store.outbox.markSending([head!], lease, now);
  await store.outbox.requeue([{ id: head!, attempts: 1, attempt: attempt("retry"), dueAtMs: now + 60_000 }], lease);
  assert.deepEqual(await candidateIds(store), [other]);
  assert.equal((await candidateIds(store, { nowMs: now + 60_000 })).length, 3);
});

everyEngine("what is due by the database's clock is found, however old the caller's idea of it", async ({ store }) => {
  const ids = await store.outbox.enqueue([message(1), message(2)]);
  const old = { nowMs: await nowMs(store) - 300_000 };
  assert.deepEqual((await candidateIds(store, old)).toSorted((a, b) => a - b), ids);
  const first = new Set([laneFor(1), laneFor(2)]);
  assert.equal((await candidateIds(store, { ...old, first })).length, 2);
});

everyEngine("what was stored before the database's clock was set back waits for nobody", async (db) => {
  const { store } = db;
  const stored = await store.outbox.enqueue([message(1)]);
  // As if the clock had been right only since: an hour ago is now.
  await db.adminQuery("UPDATE outbox SET due_at_ms = due_at_ms + 3600000");
  assert.equal((await store.pulse()).outboxDue, true);
  const ids = [...stored, ...await store.outbox.enqueue([message(1), message(2)])];
  assert.deepEqual((await candidateIds(store)).toSorted((a, b) => a - b), ids);
});

everyEngine("a row in the middle that waits for its date stops its lane there", async ({ store }) => {
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue([message(1), message(1), message(1)]);
  const now = await nowMs(store);
  await store.outbox.markSending([ids[1]!], lease, now);
  await store.outbox.requeue([{ id: ids[1]!, attempts: 1, attempt: attempt("retry"), dueAtMs: now + 60_000 }], lease);
  assert.deepEqual(await candidateIds(store), [ids[0]]);
});

everyEngine("what is `sending` blocks its lane, except where it is ours", async ({ store }) => {
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue(Array.from({ length: 10 }, () => message(1)));
  await store.outbox.markSending(ids.slice(0, 2), lease, 0);
  assert.deepEqual(await candidateIds(store), []);
  assert.deepEqual(await candidateIds(store, { running: new Map([[laneFor(1), 3]]) }), ids.slice(2, 5));
  assert.deepEqual(await candidateIds(store, { running: new Map([[laneFor(1), 0]]) }), []);
  assert.deepEqual(
    await candidateIds(store, { running: new Map([[laneFor(1), 3]]), skip: new Set([laneFor(1)]) }),
    [],
  );
});

everyEngine("what is `unknown` blocks its lane, ours or not, until it is resent", async ({ store }) => {
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue([message(1), message(1)]);
  await store.outbox.markSending([ids[0]!], lease, 0);
  await store.outbox.markUnknown([{ id: ids[0]!, attempts: 0, attempt: attempt("unknown") }], lease);
  assert.deepEqual(await candidateIds(store), []);
  assert.deepEqual(await candidateIds(store, { running: new Map([[laneFor(1), 3]]) }), []);
  assert.deepEqual(await store.outbox.resend([ids[0]!], lease), [ids[0]]);
  assert.deepEqual(await candidateIds(store), ids);
});

everyEngine("what is dead blocks nobody", async ({ store }) => {
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue([message(1), message(1)]);
  await store.outbox.markDead([{ id: ids[0]!, reason: "group_refused", attempts: 1 }], lease, 0);
  assert.deepEqual(await candidateIds(store), [ids[1]]);
});

everyEngine("accounts do not see each other's rows", async ({ store }) => {
  const [mine] = await store.outbox.enqueue([message(1), message(1, "text", { account: OTHER_ACCOUNT })]);
  assert.deepEqual(await candidateIds(store), [mine]);
});

everyEngine("a thousand lanes that wait hide none that is due", async ({ store }) => {
  const lease = await leaseOf(store);
  const ids = await store.outbox.enqueue(
    Array.from({ length: 1_000 }, (_, i) => message(i, "text", { recipient: makeTel(`+1556${1_000_000 + i}`) })),
  );
  const now = await nowMs(store);
  await store.transaction("wait", async (tx) => {
    await tx.outbox.markSending(ids, lease, now);
    const moved = await tx.outbox.requeue(
      ids.map((id) => ({ id, attempts: 1, attempt: attempt("retry"), dueAtMs: now + 60_000 })),
      lease,
    );
    assert.equal(moved.length, 1_000);
  });
  const [due] = await store.outbox.enqueue([message(5)]);
  const found = await candidates(store, { limit: 3 });
  assert.deepEqual(found.rows.map((row) => row.id), [due]);
});

everyEngine("`expired()` gives queued rows past their age, oldest first", async ({ store }) => {
  const ids = await store.outbox.enqueue([
    message(1, "a", { maxAgeMs: 1_000 }),
    message(2),
    message(3, "c", { maxAgeMs: 2_000 }),
  ]);
  const now = await nowMs(store);
  assert.deepEqual(await store.outbox.expired(ACCOUNT, now, 10), []);
  assert.deepEqual((await store.outbox.expired(ACCOUNT, now + 60_000, 10)).map((row) => row.id), [ids[0], ids[2]]);
  assert.deepEqual((await store.outbox.expired(ACCOUNT, now + 60_000, 1)).map((row) => row.id), [ids[0]]);
});
