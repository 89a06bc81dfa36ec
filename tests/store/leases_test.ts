import assert from "node:assert/strict";
import { candidateIds, everyEngine, leaseOf, message, stealLease, TTL_MS } from "./conformance.ts";

everyEngine("a lease is taken once, kept by its holder, and named to the others", async ({ store }) => {
  const first = await store.leases.acquire("a", "one", TTL_MS);
  assert(first.result === "acquired");
  assert.deepEqual(first.lease, { name: "a", holder: "one", epoch: 1 });
  assert(Math.abs(first.nowMs - (await store.pulse()).nowMs) < 60_000);
  const again = await store.leases.acquire("a", "one", TTL_MS);
  assert(again.result === "acquired" && again.lease.epoch === 1);
  const other = await store.leases.acquire("a", "two", TTL_MS);
  assert(other.result === "held");
  assert.equal(other.holder, "one");
  assert(other.expiresInMs > TTL_MS - 60_000 && other.expiresInMs <= TTL_MS);
  assert.equal((await store.leases.acquire("b", "two", TTL_MS)).result, "acquired");
});

everyEngine("an epoch grows with each change of holder, also over a release", async (db) => {
  const { store } = db;
  const one = await leaseOf(store, "one");
  await store.leases.release(one);
  const two = await leaseOf(store, "two");
  assert.equal(two.epoch, one.epoch + 1);
  await store.leases.release(one);
  assert.equal((await store.leases.acquire("account", "three", TTL_MS)).result, "held");
  const three = await stealLease(db, "three");
  assert.equal(three.epoch, two.epoch + 1);
  assert.equal(await store.leases.renew(two, TTL_MS), undefined);
  assert.equal(typeof await store.leases.renew(three, TTL_MS), "number");
  const listed = await store.leases.list();
  assert.deepEqual(listed.map(({ expiresInMs: _, ...rest }) => rest), [three]);
});

everyEngine(
  "a lease from before the database's clock was set back ends as soon as the longest lease may",
  async (db) => {
    const { store } = db;
    await store.leases.acquire("a", "dead", 10_000);
    await db.adminQuery("UPDATE leases SET expires_at_ms = expires_at_ms + 86400000");
    const held = await store.leases.acquire("a", "next", 10_000);
    assert(held.result === "held" && held.holder === "dead" && held.expiresInMs <= 300_000);
    const [kept] = await store.leases.list();
    assert(kept!.holder === "dead" && kept!.expiresInMs <= 300_000 && kept!.expiresInMs > 290_000);
  },
);

everyEngine("`renew()` answers the database's clock and prolongs", async ({ store }) => {
  const lease = await leaseOf(store);
  const before = (await store.pulse()).nowMs;
  const nowMs = await store.leases.renew(lease, 1_000);
  assert(nowMs! >= before && nowMs! < before + 60_000);
  const [listed] = await store.leases.list();
  assert(listed!.expiresInMs <= 1_000);
  assert.equal(await store.leases.renew({ ...lease, holder: "other" }, 1_000), undefined);
  assert.equal(await store.leases.renew({ ...lease, name: "other" }, 1_000), undefined);
});

everyEngine("of twenty that want a free lease at once, one gets it", async (db) => {
  const sessions = Array.from({ length: 4 }, () => db.openSession());
  const taken = await Promise.all(
    Array.from({ length: 20 }, (_, i) => sessions[i % 4]!.leases.acquire("race", `holder-${i}`, TTL_MS)),
  );
  assert.equal(taken.filter((one) => one.result === "acquired").length, 1);
});

everyEngine("a renewal in a transaction is a fence: nobody takes the lease over before its end", async (db) => {
  const lease = await leaseOf(db.store, "one");
  const [id] = await db.store.outbox.enqueue([message(1)]);
  const other = db.openSession();
  const renewed = Promise.withResolvers<void>();
  const order: string[] = [];
  const working = db.store.transaction("work", async (tx) => {
    assert.notEqual(await tx.leases.renew(lease, 0), undefined);
    renewed.resolve();
    // The lease has run out by the clock already, and still the other session has to wait for our end.
    for (let looks = 0; looks < 50; looks++) await tx.leases.list();
    const marked = await tx.outbox.markSending([id!], lease, 0);
    order.push("marked");
    return marked;
  });
  await renewed.promise;
  const taking = other.leases.acquire("account", "two", TTL_MS).then((taken) => {
    order.push("taken");
    return taken;
  });
  assert.deepEqual(await working, [id]);
  const taken = await taking;
  assert.deepEqual(order, ["marked", "taken"]);
  assert(taken.result === "acquired" && taken.lease.epoch === lease.epoch + 1);
  assert.deepEqual(await candidateIds(db.store), []);
});
