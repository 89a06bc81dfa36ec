/** Connections that end in the middle: before a COMMIT, behind it, inside a packet; and answers that come too late. */
import assert from "node:assert/strict";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { type TestDatabase, testDeps } from "../support/databases.ts";
import type { MysqlOptions } from "../../lib/store/open.ts";
import { until } from "../support/until.ts";
import type { Trouble } from "../support/mysql_proxy.ts";
import { IMPATIENT, Proxied, STATEMENT_TIMEOUT_MS } from "../support/proxied.ts";
import { RecordingCounters } from "../support/recording.ts";
import { everyServer, leaseOf, message, TTL_MS } from "./conformance.ts";

/** Far less than the hours for which a server keeps what a client that is gone has locked. */
const NOT_LONG_MS = 30_000;
/** Longer than a statement may take. */
const TOO_LONG_MS = STATEMENT_TIMEOUT_MS + 300;

/** A wire that waits as long as it takes, unless the trouble is that nothing comes. */
function wireFor(db: TestDatabase, trouble: Trouble): Proxied {
  return Proxied.open(db, testDeps, trouble.type.startsWith("freeze") ? IMPATIENT : {});
}

/** One transaction that meets the trouble at the statement. @returns the error, and how often the work ran */
async function meet({ proxy, store }: Proxied, at: RegExp, trouble: Trouble) {
  await store.pulse();
  proxy.once(at, trouble);
  let runs = 0;
  const error = await store.transaction("x", async (tx) => {
    runs++;
    await tx.state.put("a", "1");
    await tx.state.get("a");
  }).then(() => undefined, (error: unknown) => error);
  assert.deepEqual([...proxy.happened], [[trouble.type, 1]]);
  return { error, runs };
}

function assertLost(error: unknown, maybeCommitted: boolean): void {
  assert(error instanceof StoreUnavailable, String(error));
  assert.ok(["unreachable", "timeout"].includes(error.fault), error.fault);
  assert.equal(error.maybeCommitted, maybeCommitted);
}

/** The server notices the end of a connection, and undoes what was under way on it: a locking read waits for that. */
async function isUndone(db: TestDatabase): Promise<void> {
  assert.deepEqual(await db.adminQuery("SELECT * FROM service_state FOR UPDATE"), []);
}

const NOT_DONE: readonly Trouble[] = [
  { type: "cut_before" },
  { type: "cut_in_request" },
  { type: "freeze_before", ms: TOO_LONG_MS },
];
const DONE: readonly Trouble[] = [
  { type: "cut_after" },
  { type: "cut_in_answer" },
  { type: "freeze_after", ms: TOO_LONG_MS },
];

for (const trouble of NOT_DONE) {
  everyServer(`${trouble.type} a COMMIT: it may have committed, and did not; the work ran once`, async (db) => {
    await using proxied = wireFor(db, trouble);
    const { error, runs } = await meet(proxied, /^COMMIT/, trouble);
    assertLost(error, true);
    assert.equal(runs, 1);
    await isUndone(db);
    await proxied.store.state.put("a", "2");
  });
}

for (const trouble of DONE) {
  everyServer(`${trouble.type} a COMMIT: it may have committed, and did; the work ran once`, async (db) => {
    await using proxied = wireFor(db, trouble);
    const { error, runs } = await meet(proxied, /^COMMIT/, trouble);
    assertLost(error, true);
    assert.equal(runs, 1);
    assert.equal(await proxied.store.state.get("a"), "1");
  });
}

for (const trouble of [...NOT_DONE, ...DONE]) {
  for (const at of [/^START TRANSACTION/, /service_state/]) {
    // It leaves with the first statement. Its freezing says nothing that a statement's does not.
    if (at.source.includes("START") && trouble.type.startsWith("freeze")) continue;
    everyServer(`${trouble.type} ${at}: it certainly did not commit, and nothing of it remains`, async (db) => {
      await using proxied = wireFor(db, trouble);
      const { error, runs } = await meet(proxied, at, trouble);
      assertLost(error, false);
      assert.equal(runs, 1);
      await isUndone(db);
      await proxied.store.state.put("a", "2");
    });
  }
}

everyServer("a COMMIT refused as a deadlock runs the whole transaction again, on the same connection", async (db) => {
  const counters = new RecordingCounters();
  await using proxied = Proxied.open(db, { ...testDeps, counters });
  const { error, runs } = await meet(proxied, /^COMMIT/, { type: "refuse" });
  assert.equal(error, undefined);
  assert.equal(runs, 2);
  assert.equal(await db.store.state.get("a"), "1");
  assert.equal(counters.total("store_transaction_retries_total", { transaction: "x" }), 1);
});

everyServer("a COMMIT that arrives after its sender gave it up: who asks for the lease waits for it", async (db) => {
  const lease = await leaseOf(db.store);
  await using proxied = Proxied.open(db, testDeps, IMPATIENT);
  const { proxy, store } = proxied;
  await store.pulse();
  const arrives = Promise.withResolvers<void>();
  proxy.once(/^COMMIT/, { type: "late", ms: arrives.promise });
  const work = store.transaction("x", async (tx) => {
    await tx.leases.renew(lease, TTL_MS);
    await tx.state.put("a", "1");
  });
  await assert.rejects(work, (error) => (assertLost(error, true), true));
  // At this moment nothing of it can be seen, and a look without the lease would say that it never happened.
  assert.equal(await db.store.state.get("a"), undefined);
  const seen = db.store.transaction("y", async (tx) => {
    await tx.leases.renew(lease, TTL_MS);
    return await tx.state.get("a");
  });
  arrives.resolve();
  assert.equal(await seen, "1");
});

everyServer(
  "messages whose COMMIT was cut behind the server are stored once when they come again by key",
  async (db) => {
    await using proxied = Proxied.open(db);
    const { proxy, store } = proxied;
    await store.pulse();
    const some = [1, 2, 3].map((n) => message(n, `m${n}`, { idempotencyKey: `k${n}` }));
    proxy.once(/^COMMIT/, { type: "cut_after" });
    await assert.rejects(store.outbox.enqueue(some), (error) => (assertLost(error, true), true));
    const ids = await store.outbox.enqueue(some);
    const rows = await db.adminQuery("SELECT id FROM outbox ORDER BY id");
    assert.deepEqual(rows.map((row) => Number(row.id)), ids);
  },
);

everyServer(
  "a host that loses power in the middle of a transaction keeps nobody from its lease for long",
  async (db) => {
    const lease = await leaseOf(db.store);
    await using proxied = Proxied.open(db, testDeps, { ...IMPATIENT, silenceSeconds: 2 });
    const { proxy, store } = proxied;
    await store.pulse();
    proxy.once(/^COMMIT/, { type: "vanish" });
    const work = store.transaction("x", async (tx) => {
      await tx.leases.renew(lease, 0);
      await tx.state.put("a", "1");
    });
    await assert.rejects(work);
    const begunMs = performance.now();
    const taken = await db.store.leases.acquire(lease.name, "holder-2", TTL_MS);
    assert.ok(performance.now() - begunMs < NOT_LONG_MS);
    // The transaction was undone: what the lease was before counts.
    assert.equal(taken.result, "held");
    assert.equal(await db.store.state.get("a"), undefined);
  },
);

everyServer("connections that are kept and not used are not given up by the server", async (db) => {
  // So long that a machine which stands still for two seconds is no reason to give one up.
  const silenceSeconds = 4;
  await using proxied = Proxied.open(db, testDeps, { silenceSeconds });
  const { store } = proxied;
  await Promise.all([1, 2, 3].map((n) => store.state.put(`k${n}`, "1")));
  const connections = async () =>
    (await db.adminQuery("SELECT id AS n FROM information_schema.processlist WHERE user = ? ORDER BY id", [
      (db.options as MysqlOptions).user,
    ])).map((row) => Number(row.n));
  const before = await connections();
  const endMs = performance.now() + 1.5 * silenceSeconds * 1_000;
  await until(async () => {
    await store.pulse();
    return performance.now() > endMs;
  }, "longer than the server's patience");
  assert.deepEqual(await connections(), before);
});
