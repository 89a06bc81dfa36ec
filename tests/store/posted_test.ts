/** Statements that leave together: what they did is known before anything is committed, and what failed is found. */
import assert from "node:assert/strict";
import { StatementRefused } from "../../lib/store/faults.ts";
import { openStore } from "../../lib/store/open.ts";
import { testDeps } from "../support/databases.ts";
import { Proxied } from "../support/proxied.ts";
import { RecordingCounters } from "../support/recording.ts";
import { everyServer, insertOrder, isNotified, leaseOf, message } from "./conformance.ts";

const ATTEMPT = { handedOverAtMs: 1, endedAtMs: 2, outcome: "accepted", remoteId: "1" } as const;

everyServer("a tick of full windows is three journeys, COMMIT included", async (db) => {
  const lease = await leaseOf(db.store);
  const ids = await db.store.outbox.enqueue([1, 2, 3, 4].map((n) => message(n, `m${n}`)));
  await db.store.outbox.markSending(ids.slice(0, 2), lease, 1);
  await using proxied = Proxied.open(db);
  await proxied.store.pulse();
  const heard: string[] = [];
  proxied.proxy.decide = (sql) => {
    heard.push(sql);
    return undefined;
  };
  await proxied.store.transaction("tick", async (tx) => {
    const nowMs = await tx.leases.renew(lease, 60_000);
    await tx.outbox.settleAccepted(ids.slice(0, 2).map((id) => ({ id, attempt: ATTEMPT, attempts: 0 })), lease);
    await tx.outbox.markSending(ids.slice(2), lease, nowMs!);
  });
  assert.deepEqual(
    heard.map((sql) => sql.split(";\n").map((statement) => statement.slice(0, 11).trim())),
    [["START TRANS", "UPDATE leas"], ["INSERT INTO", "DELETE FROM", "INSERT INTO", "UPDATE outb"], ["COMMIT"]],
  );
  assert.deepEqual(
    await db.adminQuery("SELECT id, state FROM outbox ORDER BY id"),
    ids.slice(2).map((id) => ({ id, state: "sending" })),
  );
});

everyServer(
  "a statement refused among others is found by asking one by one, and nothing of them remains",
  async (db) => {
    const lease = await leaseOf(db.store);
    const order = await insertOrder(db, {});
    await db.store.orders.open(order, 1, 1, "open");
    const [id] = await db.store.outbox.enqueue([message(1, "m")]);
    await db.store.outbox.markSending([id!], lease, 1);
    await db.adminQuery(
      "CREATE TRIGGER no_flag BEFORE UPDATE ON orders FOR EACH ROW SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1644",
    );
    const counters = new RecordingCounters();
    const store = openStore(db.options, { ...testDeps, counters });
    try {
      const settle = () =>
        store.transaction("tick", async (tx) => {
          await tx.outbox.settleAccepted([{ id: id!, attempt: ATTEMPT, attempts: 0 }], lease);
          await tx.orders.settle([{ orderId: order, generation: 1, accepted: 1, dropped: 0, dead: 0 }]);
        });
      await assert.rejects(settle, (error) => error instanceof StatementRefused && String(error.code).includes("1644"));
      assert.equal(counters.total("store_transaction_retries_total", { transaction: "tick" }), 1);
      assert.deepEqual(await db.adminQuery("SELECT id FROM outbox_archive"), []);
      assert.equal((await store.outbox.find(id!))?.state, "sending");
      await db.adminQuery("DROP TRIGGER no_flag");
      // On the same connection: what was posted for a transaction that failed is not sent with the next one.
      await settle();
      assert.equal(await isNotified(db, order), true);
      assert.deepEqual(await db.adminQuery("SELECT COUNT(*) AS n FROM outbox_attempts"), [{ n: 1 }]);
    } finally {
      await store.close();
    }
  },
);

everyServer("what was posted for work that then failed is never sent", async (db) => {
  const lease = await leaseOf(db.store);
  const ids = await db.store.outbox.enqueue([message(1, "m1"), message(2, "m2")]);
  await using proxied = Proxied.open(db);
  const heard: string[] = [];
  proxied.proxy.decide = (sql) => {
    heard.push(sql);
    return undefined;
  };
  await assert.rejects(
    proxied.store.transaction("x", async (tx) => {
      await tx.outbox.markSending(ids, lease, 1);
      throw new Error("the work failed");
    }),
    /the work failed/,
  );
  await proxied.store.transaction("y", (tx) => tx.state.put("a", "1"));
  assert.deepEqual(heard.filter((sql) => sql.includes("'sending'")), []);
  assert.equal((await db.store.outbox.find(ids[0]!))?.state, "queued");
});

for (const type of ["cut_before", "cut_in_request", "cut_after", "cut_in_answer"] as const) {
  everyServer(
    `${type} statements that leave together: nothing of them remains, and COMMIT was not asked`,
    async (db) => {
      const lease = await leaseOf(db.store);
      const ids = await db.store.outbox.enqueue([message(1, "m1"), message(2, "m2")]);
      await db.store.outbox.markSending(ids.slice(0, 1), lease, 1);
      await using proxied = Proxied.open(db);
      await proxied.store.pulse();
      proxied.proxy.once(/outbox_archive/, { type });
      const work = proxied.store.transaction("tick", async (tx) => {
        await tx.outbox.settleAccepted([{ id: ids[0]!, attempt: ATTEMPT, attempts: 0 }], lease);
        await tx.outbox.markSending(ids.slice(1), lease, 1);
      });
      await assert.rejects(work, { maybeCommitted: false });
      // A locking read waits until the server has noticed and undone it.
      assert.deepEqual(
        (await db.adminQuery("SELECT state FROM outbox ORDER BY id FOR UPDATE")).map((row) => row.state),
        ["sending", "queued"],
      );
      assert.deepEqual(await db.adminQuery("SELECT id FROM outbox_archive"), []);
    },
  );
}
