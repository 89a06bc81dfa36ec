import assert from "node:assert/strict";
import { makeSignalAccount } from "../../lib/domain/address.ts";
import { ACCOUNT, everyEngine } from "./conformance.ts";

const NOW_MS = 1_000_000;

function event(externalId: string, lane = "lane-1", body = `{"id":"${externalId}"}`) {
  return { account: ACCOUNT, externalId, lane, body, receivedAtMs: 5_000 };
}
const all = { limit: 100, nowMs: NOW_MS, busyLanes: new Set<string>() };

everyEngine("an event is stored once by account and external id", async ({ store }) => {
  assert.deepEqual(await store.inbox.accept([event("a"), event("b"), event("a")]), { stored: 2, duplicates: 1 });
  assert.deepEqual(await store.inbox.accept([event("b"), event("c")]), { stored: 1, duplicates: 1 });
  const elsewhere = { ...event("a"), account: makeSignalAccount("+15550100009") };
  assert.deepEqual(await store.inbox.accept([elsewhere]), { stored: 1, duplicates: 0 });
  assert.deepEqual(await store.inbox.accept([]), { stored: 0, duplicates: 0 });
  const [row] = await store.inbox.due(all);
  assert.deepEqual({ ...row, id: 0 }, {
    id: 0,
    account: ACCOUNT,
    lane: "lane-1",
    body: '{"id":"a"}',
    receivedAtMs: 5_000,
    attempts: 0,
  });
});

everyEngine("an external id is compared byte by byte", async ({ store }) => {
  assert.deepEqual(await store.inbox.accept([event("a"), event("A"), event("á")]), { stored: 3, duplicates: 0 });
});

everyEngine("an id that is too long is refused, never cut", async ({ store }) => {
  await assert.rejects(store.inbox.accept([event("x".repeat(191))]), RangeError);
  assert.equal((await store.inbox.accept([event("x".repeat(190))])).stored, 1);
});

everyEngine("twenty sessions that bring the same events store each once", async (db) => {
  const sessions = Array.from({ length: 4 }, () => db.openSession());
  const counts = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) => sessions[i % 4]!.inbox.accept(Array.from({ length: 30 }, (_, k) => event(`e${k}`))),
    ),
  );
  assert.equal(counts.reduce((sum, one) => sum + one.stored, 0), 30);
  assert.equal((await db.store.inbox.backlog()).waiting, 30);
});

everyEngine("a finished event is not due, its body is gone, its key is remembered", async (db) => {
  const { store } = db;
  await store.inbox.accept([event("a")]);
  const [row] = await store.inbox.due(all);
  assert.equal(await store.inbox.finish(row!.id, NOW_MS), true);
  assert.equal(await store.inbox.finish(row!.id, NOW_MS), false);
  assert.deepEqual(await store.inbox.due(all), []);
  const [kept] = await db.adminQuery("SELECT state, body FROM inbox");
  assert.deepEqual({ ...kept }, { state: "done", body: null });
  assert.deepEqual(await store.inbox.accept([event("a")]), { stored: 0, duplicates: 1 });
});

everyEngine("an event that waits blocks its lane, in order, and no other", async ({ store }) => {
  await store.inbox.accept([event("a1"), event("b1", "lane-2"), event("a2"), event("b2", "lane-2")]);
  const rows = await store.inbox.due(all);
  assert.deepEqual(rows.map((row) => row.body), ['{"id":"a1"}', '{"id":"b1"}', '{"id":"a2"}', '{"id":"b2"}']);
  await store.inbox.defer(rows[0]!.id, 1, NOW_MS + 5_000, "automation_failed");
  assert.deepEqual((await store.inbox.due(all)).map((row) => row.body), ['{"id":"b1"}', '{"id":"b2"}']);
  const later = await store.inbox.due({ ...all, nowMs: NOW_MS + 5_000 });
  assert.deepEqual(later.map((row) => row.attempts), [1, 0, 0, 0]);
  assert.deepEqual(
    (await store.inbox.due({ ...all, busyLanes: new Set(["lane-2"]) })).map((row) => row.body),
    [],
  );
});

everyEngine("an event that was put off before the clock was set back waits for nobody", async ({ store }) => {
  await store.inbox.accept([event("a1"), event("a2")]);
  const [first] = await store.inbox.due(all);
  await store.inbox.defer(first!.id, 1, NOW_MS + 3_600_000, "automation_failed");
  assert.deepEqual((await store.inbox.due(all)).map((row) => row.body), ['{"id":"a1"}', '{"id":"a2"}']);
  await store.inbox.defer(first!.id, 1, (await store.pulse()).nowMs + 3_600_000, "automation_failed");
  await store.inbox.finish((await store.inbox.due(all))[1]!.id, NOW_MS);
  assert.equal((await store.pulse()).inboxDue, true);
});

everyEngine("a buried event keeps its body, counts as dead and blocks nobody", async (db) => {
  const { store } = db;
  await store.inbox.accept([event("a1"), event("a2")]);
  const [first] = await store.inbox.due(all);
  await store.inbox.bury(first!.id, 5, "automation_failed", NOW_MS);
  assert.deepEqual((await store.inbox.due(all)).map((row) => row.body), ['{"id":"a2"}']);
  assert.deepEqual(await store.inbox.backlog(), { waiting: 1, dead: 1 });
  const [kept] = await db.adminQuery("SELECT body, attempts, reason FROM inbox WHERE id = ?", [first!.id]);
  assert.deepEqual({ ...kept }, { body: '{"id":"a1"}', attempts: 5, reason: "automation_failed" });
});

everyEngine("behind 1,500 events of a lane that waits, the event of another is found", async ({ store }) => {
  await store.inbox.accept(Array.from({ length: 1_500 }, (_, i) => event(`w${i}`)));
  const [head] = await store.inbox.due({ ...all, limit: 1 });
  await store.inbox.defer(head!.id, 1, NOW_MS + 5_000, "automation_failed");
  await store.inbox.accept([event("other", "lane-2")]);
  assert.deepEqual((await store.inbox.due({ ...all, limit: 1 })).map((row) => row.lane), ["lane-2"]);
});
