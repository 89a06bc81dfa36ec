import assert from "node:assert/strict";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { Contended } from "../../lib/store/faults.ts";
import { everyEngine, everyServer, message } from "./conformance.ts";

everyEngine("a throw rolls back and passes on; a commit keeps all", async ({ store }) => {
  const failure = new Error("no");
  await assert.rejects(
    store.transaction("fails", async (tx) => {
      await tx.outbox.enqueue([message(1)]);
      await tx.state.put("a", "1");
      throw failure;
    }),
    (error) => error === failure,
  );
  assert.equal(await store.state.get("a"), undefined);
  assert.equal((await store.outbox.backlog(0)).queued, 0);
  const result = await store.transaction("works", async (tx) => {
    await tx.state.put("a", "1");
    assert.equal(await tx.state.get("a"), "1");
    return 42;
  });
  assert.equal(result, 42);
  assert.equal(await store.state.get("a"), "1");
});

everyEngine("small facts: `put`, `putIfAbsent`, `remove`", async ({ store: { state } }) => {
  assert.equal(await state.get("k"), undefined);
  assert.equal(await state.putIfAbsent("k", '{"a":"😀"}'), true);
  assert.equal(await state.putIfAbsent("k", "other"), false);
  assert.equal(await state.get("k"), '{"a":"😀"}');
  await state.put("k", "new");
  await state.put("k", "new");
  assert.equal(await state.get("k"), "new");
  await state.remove("k");
  await state.remove("k");
  assert.equal(await state.get("k"), undefined);
});

everyEngine("nobody sees a transaction before its commit", async (db) => {
  const other = db.openSession();
  await db.store.transaction("quiet", async (tx) => {
    await tx.state.put("a", "1");
    assert.equal(await other.state.get("a"), undefined);
  });
  assert.equal(await other.state.get("a"), "1");
});

everyEngine("many transactions at once on one store all take effect", async ({ store }) => {
  await store.state.put("n", "0");
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      store.transaction("count", async (tx) => {
        await tx.state.put(`n${i}`, String(i));
      })),
  );
  for (let i = 0; i < 40; i++) assert.equal(await store.state.get(`n${i}`), String(i));
});

everyServer("a deadlock runs the whole transaction again, and both sides take effect", async (db) => {
  await db.store.state.put("a", "0");
  await db.store.state.put("b", "0");
  const runs = { ab: 0, ba: 0 };
  const met = { ab: Promise.withResolvers<void>(), ba: Promise.withResolvers<void>() };
  const both = async (first: string, second: string, mine: "ab" | "ba", theirs: "ab" | "ba") => {
    await db.store.transaction(mine, async (tx) => {
      runs[mine]++;
      await tx.state.put(first, mine);
      met[mine].resolve();
      await met[theirs].promise;
      await tx.state.put(second, mine);
      await tx.state.put(mine, "done");
    });
  };
  await Promise.all([both("a", "b", "ab", "ba"), both("b", "a", "ba", "ab")]);
  assert.equal(runs.ab + runs.ba, 3);
  assert.deepEqual([await db.store.state.get("ab"), await db.store.state.get("ba")], ["done", "done"]);
});

everyEngine("a transaction that always loses is given up as contention", async (db) => {
  let runs = 0;
  await assert.rejects(
    db.store.transaction("unlucky", () => {
      runs++;
      throw new Contended(1213);
    }),
    (error) => error instanceof StoreUnavailable && error.fault === "contention" && !error.maybeCommitted,
  );
  assert.equal(runs, 10);
});

everyEngine("a closed store says so, and closing twice is allowed", async (db) => {
  const session = db.openSession();
  await session.pulse();
  await session.close();
  await session.close();
  await assert.rejects(session.pulse(), (error) => error instanceof StoreUnavailable && error.fault === "unreachable");
});
