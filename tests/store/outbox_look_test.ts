import assert from "node:assert/strict";
import { laneOf } from "../../lib/store/lane.ts";
import {
  ACCOUNT,
  attempt,
  everyEngine,
  insertOrder,
  leaseOf,
  message,
  nowMs,
  OTHER_ACCOUNT,
  person,
} from "./conformance.ts";

const ALL = { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };

everyEngine("`deadLetters()` filters by reason, channel and time of death, and pages by id", async ({ store }) => {
  const ids = await store.outbox.enqueue([message(1), message(2), message(3), message(4)]);
  const lease = await leaseOf(store);
  const dead = (at: number, reason: "unregistered" | "expired", diedAtMs: number) =>
    store.outbox.markDead([{ id: ids[at]!, reason, attempts: 1 }], lease, diedAtMs);
  await dead(0, "unregistered", 1_000);
  await dead(1, "expired", 2_000);
  await dead(2, "unregistered", 3_000);
  const found = async (more: object) =>
    (await store.outbox.deadLetters({ limit: 10, ...more })).map((row) => ids.indexOf(row.id));
  assert.deepEqual(await found({}), [0, 1, 2]);
  assert.deepEqual(await found({ reason: "unregistered" }), [0, 2]);
  assert.deepEqual(await found({ diedUntilMs: 2_000 }), [0, 1]);
  assert.deepEqual(await found({ diedUntilMs: 2_000, reason: "unregistered", channel: "signal" }), [0]);
  assert.deepEqual(await found({ channel: "whatsapp" }), []);
  assert.deepEqual(await found({ limit: 1 }), [0]);
  assert.deepEqual(await found({ afterId: ids[0]! }), [1, 2]);
  assert.deepEqual(await found({ newestFirst: true }), [2, 1, 0]);
  assert.deepEqual(await found({ newestFirst: true, beforeId: ids[2]!, limit: 1 }), [1]);
  const [first] = await store.outbox.deadLetters({ limit: 1 });
  assert.deepEqual([first?.diedAtMs, first?.replays, first?.reason], [1_000, 0, "unregistered"]);
});

everyEngine(
  "`ahead()` shows what blocks the lane, and nothing for the first, the dead and the finished",
  async (db) => {
    const { store } = db;
    const ids = await store.outbox.enqueue([message(1), message(1), message(2), message(1)]);
    const lease = await leaseOf(store);
    assert.equal(await store.outbox.ahead(ids[0]!), undefined);
    assert.equal(await store.outbox.ahead(ids[2]!), undefined);
    const last = await store.outbox.ahead(ids[3]!);
    assert.deepEqual([last?.count, last?.head.id, last?.head.state], [2, ids[0], "queued"]);
    await store.outbox.markDead([{ id: ids[0]!, reason: "expired", attempts: 1 }], lease, 1_000);
    assert.equal((await store.outbox.ahead(ids[3]!))?.head.id, ids[1]);
    assert.equal(await store.outbox.ahead(ids[0]!), undefined);
    assert.equal(await store.outbox.ahead(999), undefined);
  },
);

everyEngine("`heads()` finds what stands first in each lane, whatever it does", async (db) => {
  const { store } = db;
  const ids = await store.outbox.enqueue([message(1), message(1), message(2), message(3), message(3)]);
  const lease = await leaseOf(store);
  await store.outbox.markSending([ids[3]!], lease, 1_000);
  await store.outbox.markDead([ids[0]!, ids[2]!].map((id) => ({ id, reason: "expired", attempts: 1 })), lease, 1_000);
  const lanes = [1, 2, 3, 4].map((n) => laneOf(ACCOUNT, person(n)));
  const heads = await store.outbox.heads(ACCOUNT, lanes);
  assert.deepEqual(lanes.map((lane) => heads.get(lane)).map((head) => head && [ids.indexOf(head.id), head.state]), [
    [1, "queued"],
    undefined,
    [3, "sending"],
    undefined,
  ]);
  assert.equal((await store.outbox.heads(OTHER_ACCOUNT, lanes)).size, 0);
  assert.equal((await store.outbox.heads(ACCOUNT, [])).size, 0);
});

everyEngine("`body()` gives the text from the hot table and from history", async ({ store }) => {
  const [one, two] = await store.outbox.enqueue([message(1, "first"), message(2, "second")]);
  const lease = await leaseOf(store);
  await store.outbox.markSending([one!], lease, 1_000);
  await store.outbox.settleAccepted(
    [{ id: one!, attempts: 0, attempt: attempt("accepted", { remoteId: "5" }) }],
    lease,
  );
  assert.deepEqual([await store.outbox.body(one!), await store.outbox.body(two!)], ["first", "second"]);
  assert.equal(await store.outbox.body(999), undefined);
  const story = await store.outbox.find(two!);
  assert.deepEqual([typeof story?.lane, typeof story?.expiresAtMs, story?.markedAtMs], ["string", "number", undefined]);
});

everyEngine(
  "`recordedRemoteIds()` knows finished messages of the account, however many are asked for",
  async ({ store }) => {
    const ids = await store.outbox.enqueue([message(1), message(2), message(3, "text", { account: OTHER_ACCOUNT })]);
    const lease = await leaseOf(store);
    await store.outbox.markSending(ids, lease, 1_000);
    const accepted = (n: number, remoteId: string) => ({
      id: ids[n]!,
      attempts: 0,
      attempt: attempt("accepted", { remoteId }),
    });
    await store.outbox.settleAccepted([accepted(0, "5"), accepted(2, "7")], lease);
    await store.outbox.markUnknown(
      [{ id: ids[1]!, attempts: 0, attempt: attempt("paused", { remoteId: "6" }) }],
      lease,
    );
    const asked = Array.from({ length: 1_000 }, (_, n) => String(n));
    assert.deepEqual([...await store.outbox.recordedRemoteIds(ACCOUNT, asked)], ["5"]);
    assert.deepEqual([...await store.outbox.recordedRemoteIds(ACCOUNT, [])], []);
  },
);

everyEngine("`ofOrigin()` finds an owner's messages in the hot table and in history, and no one else's", async (db) => {
  const { store } = db;
  const mine = { origin: { kind: "order" as const, key: "7", generation: 1 } };
  const ids = await store.outbox.enqueue([
    message(1, "a", mine),
    message(2, "b"),
    message(3, "c", mine),
    message(4, "d", { origin: { ...mine.origin, key: "77" } }),
    message(5, "e", { origin: { ...mine.origin, kind: "inbound" } }),
  ]);
  const lease = await leaseOf(store);
  await store.outbox.markSending(ids, lease, 1_000);
  await store.outbox.settleAccepted(
    ids.slice(0, 2).map((id) => ({ id, attempts: 0, attempt: attempt("accepted", { remoteId: String(id) }) })),
    lease,
  );
  const owner = { kind: "order", key: "7" } as const;
  assert.deepEqual(await store.outbox.ofOrigin(owner, ALL), [ids[0], ids[2]]);
  const now = await nowMs(store);
  assert.deepEqual(await store.outbox.ofOrigin(owner, { sinceMs: now, untilMs: now }), [ids[0], ids[2]]);
  assert.deepEqual(await store.outbox.ofOrigin({ kind: "order", key: "8" }, ALL), []);
});

everyEngine("`ofOrigin()` finds its place in a long history by dates, with gaps between the ids", async (db) => {
  const { store } = db;
  const hour = 3_600_000;
  for (let at = 1; at <= 40; at++) {
    await db.adminQuery(
      `INSERT INTO outbox_archive (id, state, account, lane, attempts, kind, origin_kind, origin_key, origin_generation,
         created_at_ms, finished_at_ms, recipient, body) VALUES (?, 'accepted', ?, 'x', 0, 'reply', 'order', '7', 1, ?, ?, ?, '')`,
      [at * 7, ACCOUNT, at * hour, at * hour + 5, message(1).recipient],
    );
  }
  const owner = { kind: "order", key: "7" } as const;
  const between = (from: number, to: number) =>
    store.outbox.ofOrigin(owner, { sinceMs: from * hour, untilMs: to * hour });
  assert.deepEqual(await between(3, 5), [21, 28, 35]);
  assert.deepEqual(await between(0, 1), [7]);
  assert.deepEqual(await between(40, 50), [280]);
  assert.deepEqual(await between(41, 50), []);
  assert.equal((await between(0, 100)).length, 40);
});

everyEngine("`standing()` shows flag and delivery of an order, whatever its state", async (db) => {
  const { store } = db;
  const id = await insertOrder(db);
  assert.equal(await store.orders.standing(id + 1), undefined);
  assert.deepEqual(await store.orders.standing(id), { orderId: id, notified: false, delivery: undefined });
  await store.orders.open(id, 1, 2, "open");
  const opened = await store.orders.standing(id);
  const { createdAtMs, changedAtMs, ...counts } = opened!.delivery!;
  assert.deepEqual(counts, { generation: 1, state: "open", remaining: 2, accepted: 0, dropped: 0, dead: 0 });
  assert.ok(createdAtMs > 0 && changedAtMs >= createdAtMs);
  await store.orders.settle([{ orderId: id, generation: 1, accepted: 2, dropped: 0, dead: 0 }]);
  assert.equal((await store.orders.standing(id))?.notified, true);
  const empty = await insertOrder(db, { notified: null });
  assert.equal((await store.orders.standing(empty))?.notified, undefined);
});

everyEngine("`replaysOf()` leads from every id that a message had to the one it has", async ({ store }) => {
  const mine = { origin: { kind: "order" as const, key: "7", generation: 1 } };
  const [first, other] = await store.outbox.enqueue([message(1, "text", mine), message(2)]);
  const lease = await leaseOf(store);
  const ids = [first!];
  for (const atMs of [1_000, 2_000]) {
    await store.outbox.markDead([{ id: ids.at(-1)!, reason: "expired", attempts: 1 }], lease, atMs);
    ids.push((await store.outbox.replay([ids.at(-1)!], 9, atMs))[0]!.newId);
  }
  const replays = [{ oldId: ids[0], newId: ids[1], atMs: 1_000 }, { oldId: ids[1], newId: ids[2], atMs: 2_000 }];
  for (const id of ids) assert.deepEqual(await store.outbox.replaysOf(id), replays);
  assert.deepEqual([await store.outbox.replaysOf(other!), await store.outbox.replaysOf(999)], [[], []]);
  for (const id of ids.slice(0, 2)) {
    assert.deepEqual([await store.outbox.find(id), await store.outbox.body(id)], [undefined, undefined]);
  }
  assert.equal(await store.outbox.body(ids[2]!), "text");
  assert.deepEqual(await store.outbox.ofOrigin(mine.origin, ALL), [ids[2]], "a message is told once");
  await store.outbox.markDead([{ id: ids[2]!, reason: "expired", attempts: 1 }], lease, 3_000);
  await store.outbox.drop([ids[2]!], "replayed: no, given up", 3_000);
  assert.equal((await store.outbox.find(ids[0]!))?.state, undefined);
  assert.equal((await store.outbox.find(ids[2]!))?.reason, "replayed: no, given up");
  assert.deepEqual(await store.outbox.replaysOf(ids[0]!), replays);
});
