import assert from "node:assert/strict";
import { ACCOUNT, everyEngine } from "./conformance.ts";

const NOW_MS = 1_000_000;
const DUE = { limit: 100, nowMs: NOW_MS, busyLanes: new Set<string>() };

function event(externalId: string, lane = "lane-1") {
  return { account: ACCOUNT, externalId, lane, body: `{"id":"${externalId}"}`, receivedAtMs: 5_000 };
}

everyEngine("a dead event comes back due now, with all its tries, at its old place", async ({ store }) => {
  await store.inbox.accept([event("a"), event("b")]);
  const [first, second] = await store.inbox.due(DUE);
  await store.inbox.bury(first!.id, 4, "automation_failed", NOW_MS);
  assert.deepEqual((await store.inbox.deadLetters({ limit: 5 })).map((row) => [row.id, row.reason, row.finishedAtMs]), [
    [first!.id, "automation_failed", NOW_MS],
  ]);
  assert.deepEqual(await store.inbox.replay([first!.id, second!.id, 999], NOW_MS), [first!.id]);
  assert.deepEqual(await store.inbox.replay([first!.id], NOW_MS), []);
  assert.deepEqual((await store.inbox.due(DUE)).map((row) => [row.id, row.attempts]), [
    [first!.id, 0],
    [second!.id, 0],
  ]);
  assert.deepEqual(await store.inbox.backlog(), { waiting: 2, dead: 0 });
});

everyEngine("a dropped event loses its body, keeps the reason, and is recognised when it comes again", async (db) => {
  const { store } = db;
  await store.inbox.accept([event("a")]);
  const [row] = await store.inbox.due(DUE);
  assert.deepEqual(await store.inbox.drop([row!.id], "not dead yet", NOW_MS), []);
  await store.inbox.bury(row!.id, 1, "decode", NOW_MS);
  assert.equal(await store.inbox.body(row!.id), '{"id":"a"}');
  assert.deepEqual(await store.inbox.drop([row!.id], "x🙍".repeat(150), NOW_MS + 5), [row!.id]);
  assert.equal(await store.inbox.body(row!.id), undefined);
  const found = await store.inbox.find(row!.id);
  assert.deepEqual([found?.state, found?.reason, found?.finishedAtMs], ["done", "x🙍".repeat(95), NOW_MS + 5]);
  assert.deepEqual(await store.inbox.accept([event("a")]), { stored: 0, duplicates: 1 });
  assert.equal(await store.inbox.find(999), undefined);
});

everyEngine(
  "`deadLetters()` of the inbox filters by reason, channel and time of death, and pages by id",
  async (db) => {
    const { store } = db;
    await store.inbox.accept([event("a"), event("b"), event("c")]);
    const ids = (await store.inbox.due(DUE)).map((row) => row.id);
    await store.inbox.bury(ids[0]!, 1, "decode", 1_000);
    await store.inbox.bury(ids[1]!, 4, "automation_failed", 2_000);
    await store.inbox.bury(ids[2]!, 1, "decode", 3_000);
    const found = async (more: object) =>
      (await store.inbox.deadLetters({ limit: 10, ...more })).map((row) => ids.indexOf(row.id));
    assert.deepEqual(await found({}), [0, 1, 2]);
    assert.deepEqual(await found({ reason: "decode", diedUntilMs: 2_500 }), [0]);
    assert.deepEqual(await found({ channel: "instagram" }), []);
    assert.deepEqual(await found({ channel: "signal", afterId: ids[0]!, limit: 1 }), [1]);
    assert.deepEqual(await found({ newestFirst: true, beforeId: ids[2]!, limit: 1 }), [1]);
  },
);

everyEngine("`ahead()` of the inbox shows what the same sender wrote before", async ({ store }) => {
  await store.inbox.accept([event("a"), event("b", "lane-2"), event("c")]);
  const byBody = new Map((await store.inbox.due(DUE)).map((row) => [row.body, row.id]));
  const [a, b, c] = ["a", "b", "c"].map((name) => byBody.get(`{"id":"${name}"}`)!);
  assert.equal(await store.inbox.ahead(a!), undefined);
  assert.equal(await store.inbox.ahead(b!), undefined);
  const before = await store.inbox.ahead(c!);
  assert.deepEqual([before?.count, before?.head.id], [1, a]);
  await store.inbox.finish(a!, NOW_MS);
  assert.equal(await store.inbox.ahead(c!), undefined);
});
