import assert from "node:assert/strict";
import { systemClock } from "../../lib/runtime/clock.ts";
import { noCounters } from "../../lib/runtime/counters.ts";
import { mysqlEngine } from "../../lib/store/mysql/open.ts";
import type { MysqlOptions, SqliteOptions } from "../../lib/store/open.ts";
import { RETENTION_TABLES } from "../../lib/store/port.ts";
import { retentionQueries } from "../../lib/store/queries/retention.ts";
import {
  FIRST_LOOK_MS,
  PAGE_ROWS,
  RETENTION_LEASE,
  RetentionService,
  runRetention,
} from "../../lib/store/retention.ts";
import { Scope } from "../../lib/store/scope.ts";
import { sqliteEngine } from "../../lib/store/sqlite/open.ts";
import { type TestDatabase, testDeps } from "../support/databases.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { ACCOUNT, everyEngine, insertOrder, leaseOf, message, nowMs } from "./conformance.ts";

const DAY_MS = 86_400_000;
/** Above every id that the outbox gives out in a test: an archived row's id is never given out again. */
const FIRST_ID = 1_000_000;
const options = (db: TestDatabase) => ({
  store: db.store,
  holder: "one",
  retentionDays: 30,
  clock: systemClock,
  counters: noCounters,
});

/** A finished message with a try and a receipt. */
async function archived(db: TestDatabase, id: number, createdMs: number, finishedMs = createdMs): Promise<void> {
  await db.adminQuery(
    `INSERT INTO outbox_archive (id, state, account, lane, attempts, kind, origin_kind, origin_key, origin_generation,
       created_at_ms, finished_at_ms, recipient, body) VALUES (?, 'read', ?, 'l', 0, 'reply', 'inbound', '1', 1, ?, ?, 'r', 'b')`,
    [id, ACCOUNT, createdMs, finishedMs],
  );
  await db.adminQuery(
    "INSERT INTO outbox_attempts (outbox_id, attempts, handed_over_at_ms, ended_at_ms, outcome) VALUES (?, 0, 1, 1, 'accepted')",
    [id],
  );
  await db.adminQuery("INSERT INTO outbox_receipts (outbox_id, member, kind, at_ms) VALUES (?, 'm', 'read', 1)", [id]);
}

async function received(db: TestDatabase, id: string, state: string, atMs: number): Promise<void> {
  await db.adminQuery(
    `INSERT INTO inbox (account, external_id, state, lane, due_at_ms, received_at_ms, finished_at_ms, body)
     VALUES (?, ?, ?, 'l', 0, ?, ?, ?)`,
    [ACCOUNT, id, state, atMs, state === "new" ? null : atMs, state === "done" ? null : "{}"],
  );
}

async function column(db: TestDatabase, sql: string): Promise<unknown[]> {
  return (await db.adminQuery(sql)).map((row) => Object.values(row)[0]);
}

async function fillArchive(db: TestDatabase, count: number): Promise<void> {
  for (let at = 0; at < count; at += 100) {
    const rows = Array.from(
      { length: Math.min(100, count - at) },
      (_, i) => `(${FIRST_ID + at + i}, 'accepted', '${ACCOUNT}', 'l', 0, 'reply', 'inbound', '1', 1, 1, 1, 'r', 'b')`,
    );
    await db.adminScript([
      `INSERT INTO outbox_archive (id, state, account, lane, attempts, kind, origin_kind, origin_key, origin_generation,
        created_at_ms, finished_at_ms, recipient, body) VALUES ${rows.join(", ")}`,
    ]);
  }
}

everyEngine("old finished rows go with what belongs to them; unfinished, dead and young ones stay", async (db) => {
  const now = await nowMs(db.store);
  const [old, young] = [now - 31 * DAY_MS, now - 29 * DAY_MS];
  await archived(db, 1001, old);
  await archived(db, 1002, old, young);
  await archived(db, 1003, young);
  const [dead] = await db.store.outbox.enqueue([message(1, "t", { idempotencyKey: "kept: unfinished" })]);
  await db.adminQuery("UPDATE outbox SET state = 'dead', created_at_ms = 1 WHERE id = ?", [dead!]);
  await db.adminQuery("UPDATE idempotency_keys SET created_at_ms = 1");
  await db.adminQuery("INSERT INTO idempotency_keys VALUES ('gone', 999999, 'h', ?)", [now - 61 * DAY_MS]);
  await db.adminQuery("INSERT INTO idempotency_keys VALUES ('kept', 999999, 'h', ?)", [now - 59 * DAY_MS]);
  await received(db, "gone", "done", now - 61 * DAY_MS);
  await received(db, "kept: key", "done", now - 59 * DAY_MS);
  await received(db, "kept: dead", "dead", now - 90 * DAY_MS);
  await received(db, "kept: new", "new", now - 90 * DAY_MS);
  const deliveries: [state: string, notified: number, atMs: number][] = [
    ["done", 1, old],
    ["done", 1, young],
    ["done", 0, old],
    ["dead", 1, old],
    ["open", 0, old],
    ["held", 0, old],
  ];
  for (const [state, notified, atMs] of deliveries) {
    const id = await insertOrder(db, { notified });
    await db.adminQuery(
      `INSERT INTO order_deliveries (order_id, generation, state, remaining, created_at_ms, changed_at_ms)
       VALUES (?, 1, ?, 0, ?, ?)`,
      [id, state, atMs, atMs],
    );
  }
  const expected = { outbox_archive: 1, inbox: 1, idempotency_keys: 1, order_deliveries: 1 };
  const dry = await runRetention(options(db), { dryRun: true });
  assert.deepEqual(dry, { end: "complete", removed: expected });
  assert.equal((await column(db, "SELECT id FROM outbox_archive")).length, 3, "a dry run removes nothing");

  const counters = new RecordingCounters();
  assert.deepEqual(await runRetention({ ...options(db), counters }), { end: "complete", removed: expected });
  assert.deepEqual(
    counters.measurements.items.map(({ name, value, labels }) => [name, value, labels["table"]]),
    RETENTION_TABLES.map((table) => ["retention_rows_removed_total", 1, table]),
  );
  assert.deepEqual((await column(db, "SELECT id FROM outbox_archive ORDER BY id")).map(Number), [1002, 1003]);
  for (const table of ["outbox_attempts", "outbox_receipts"]) {
    const left = await column(db, `SELECT outbox_id FROM ${table} ORDER BY outbox_id`);
    assert.deepEqual(left.map(Number), [1002, 1003], table);
  }
  assert.deepEqual(await column(db, "SELECT external_id FROM inbox ORDER BY id"), [
    "kept: key",
    "kept: dead",
    "kept: new",
  ]);
  assert.equal((await column(db, "SELECT key_hash FROM idempotency_keys")).length, 2);
  assert.equal((await column(db, "SELECT id FROM outbox")).length, 1);
  assert.deepEqual((await column(db, "SELECT order_id FROM order_deliveries ORDER BY order_id")).map(Number), [
    2,
    3,
    4,
    5,
    6,
  ]);
  assert.equal((await column(db, "SELECT id FROM orders")).length, 6);
});

everyEngine("a replayed message keeps its key, however old it is", async (db) => {
  const keyed = message(1, "t", { idempotencyKey: "once" });
  const [id] = await db.store.outbox.enqueue([keyed]);
  await db.adminQuery("UPDATE outbox SET state = 'dead', created_at_ms = 1 WHERE id = ?", [id!]);
  await db.adminQuery("UPDATE idempotency_keys SET created_at_ms = 1");
  const { nowMs } = await db.store.pulse();
  await db.store.outbox.replay([id!], 3, nowMs);
  await runRetention(options(db));
  await db.store.outbox.enqueue([keyed]);
  assert.equal((await column(db, "SELECT id FROM outbox")).length, 1, "the same request is not sent twice");
});

everyEngine("between two pages others work; an abort ends the run, and the next one goes on", async (db) => {
  const rows = 3 * PAGE_ROWS + 7;
  await fillArchive(db, rows);
  const other = db.openSession();
  const stop = new AbortController();
  const seen: number[] = [];
  let beside: Promise<unknown> = Promise.resolve();
  const cut = await runRetention(options(db), {
    signal: stop.signal,
    onProgress: (done) => {
      seen.push(done);
      beside = other.outbox.enqueue([message(seen.length)]);
      if (seen.length === 2) stop.abort();
    },
  });
  await beside;
  assert.deepEqual([cut.end, seen], ["cut_short", [PAGE_ROWS, 2 * PAGE_ROWS]]);
  assert.equal((await other.outbox.backlog(0)).queued, 2);
  const rest = await runRetention(options(db));
  assert.deepEqual([rest.end, rest.removed.outbox_archive], ["complete", rows - 2 * PAGE_ROWS]);
});

everyEngine("another session's statements go on while a page is being removed", async (db) => {
  if (db.name === "sqlite") return await sqliteReadsGoOn(db);
  await fillArchive(db, 2 * PAGE_ROWS);
  const other = db.openSession();
  await db.store.transaction("test", async (tx) => {
    const { keys } = await tx.retention.look("outbox_archive", { after: undefined, limit: PAGE_ROWS, beforeMs: 10 });
    assert.equal(await tx.retention.remove("outbox_archive", keys, 10), PAGE_ROWS);
    // Not committed yet: the outbox takes messages, and settles into the very table.
    const lease = await leaseOf(other);
    const ids = await other.outbox.enqueue([message(1)]);
    await other.outbox.markSending(ids, lease, 1);
    const attempt = { handedOverAtMs: 1, endedAtMs: 2, outcome: "accepted" };
    assert.deepEqual(await other.outbox.settleAccepted([{ id: ids[0]!, attempts: 0, attempt }], lease), ids);
  });
  assert.equal((await column(db, "SELECT id FROM outbox_archive")).length, PAGE_ROWS + 1);
});

/** SQLite has one writer: readers go on, writers wait for the few milliseconds of a page. */
async function sqliteReadsGoOn(db: TestDatabase): Promise<void> {
  await fillArchive(db, PAGE_ROWS);
  const other = db.openSession();
  let write: Promise<unknown> = Promise.resolve();
  await db.store.transaction("test", async (tx) => {
    const { keys } = await tx.retention.look("outbox_archive", { after: undefined, limit: PAGE_ROWS, beforeMs: 10 });
    await tx.retention.remove("outbox_archive", keys, 10);
    assert.equal((await other.outbox.find(FIRST_ID))?.id, FIRST_ID);
    write = other.outbox.enqueue([message(1)]);
  });
  await write;
}

everyEngine("one instance works at a time, and stops when the lease is lost", async (db) => {
  await fillArchive(db, 2 * PAGE_ROWS);
  const held = await db.store.leases.acquire(RETENTION_LEASE, "two", 60_000);
  assert(held.result === "acquired");
  assert.equal((await runRetention(options(db))).end, "busy");
  await db.store.leases.release(held.lease);
  let stolen: Promise<unknown> = Promise.resolve();
  const result = await runRetention({
    ...options(db),
    clock: {
      ...systemClock,
      sleepMs: async () => {
        await stolen;
        stolen = db.adminQuery("UPDATE leases SET holder = 'two', epoch = epoch + 1 WHERE name = ?", [RETENTION_LEASE]);
        await stolen;
      },
    },
  });
  assert.deepEqual([result.end, result.removed.outbox_archive], ["cut_short", PAGE_ROWS]);
});

everyEngine("every statement walks the primary key", async (db) => {
  await fillArchive(db, 2_000);
  const engine = db.name === "sqlite"
    ? sqliteEngine(db.options as SqliteOptions, testDeps)
    : mysqlEngine(db.options as MysqlOptions, testDeps);
  const statements: [string, readonly unknown[]][] = [];
  class Watched extends Scope {
    override run(sql: string, parameters: readonly unknown[] = []) {
      statements.push([sql, parameters]);
      return super.run(sql, parameters);
    }
  }
  const scope = new Watched(engine.db, engine.dialect, true);
  const retention = retentionQueries(scope);
  for (const table of RETENTION_TABLES) {
    const after = table === "idempotency_keys" ? "a" : FIRST_ID + 1_000;
    await retention.look(table, { after, limit: 10, beforeMs: 0 });
    // Nothing is that old: only the statements count.
    await retention.remove(table, table === "idempotency_keys" ? ["a", "b"] : [FIRST_ID + 1_001, FIRST_ID + 1_002], 0);
  }
  assert.equal(statements.length, 4 + 4 + 2);
  for (const [sql, parameters] of [...statements]) {
    const plan = await scope.rows(
      `${db.name === "sqlite" ? "EXPLAIN QUERY PLAN" : "EXPLAIN"} ${sql}`,
      db.name === "sqlite" ? [] : parameters,
    );
    for (const line of plan) {
      const scanned = db.name === "sqlite"
        ? /^SCAN (?!CONSTANT)/.test(String(line["detail"]))
        // Tables with no row that could match are never read ("Impossible WHERE", "no matching row").
        : line["type"] === "ALL" || (line["type"] === "index" && line["key"] !== "PRIMARY");
      assert(!scanned || isEmpty(sql), `${sql}: ${JSON.stringify(line)}`);
    }
  }
  await engine.close();

  /** Planners read an empty table whole: there is nothing to read. Only the archive was filled. */
  function isEmpty(sql: string): boolean {
    return db.name !== "sqlite" && !/^\s*(?:SELECT[\s\S]*FROM|DELETE FROM) outbox_archive/.test(sql);
  }
});

everyEngine("the service runs once a day, remembered in the database, and again after a failure", async (db) => {
  await fillArchive(db, 3);
  const clock = new ManualClock(await nowMs(db.store));
  const counters = new RecordingCounters();
  const service = new RetentionService({ ...options(db), clock, counters, log: new RecordingLog() });
  const runs = () => counters.measurements.items.filter(({ name }) => name === "retention_runs_total").length;
  await service.start();
  await assert.rejects(service.start());
  await clock.advance(FIRST_LOOK_MS);
  await counters.measurements.waitFor(({ name }) => name === "retention_runs_total");
  assert.equal((await column(db, "SELECT id FROM outbox_archive")).length, 0);
  await service.stop();
  await service.stop();
  assert.equal(runs(), 1);
  const lastRun = await db.store.state.get("retention.last_run_ms");
  assert(Math.abs(Number(lastRun) - clock.nowMs()) < 3_600_000);
});
