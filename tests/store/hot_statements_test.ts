/**
 * What is asked all the time must not read history: with 20,000 finished rows everywhere, the servers' own counters of rows
 * read, and SQLite's query plans, have to say so.
 */
import assert from "node:assert/strict";
import { mysqlEngine } from "../../lib/store/mysql/open.ts";
import type { MysqlOptions, SqliteOptions } from "../../lib/store/open.ts";
import type { Engine } from "../../lib/store/engine.ts";
import { ordersQueries } from "../../lib/store/queries/orders.ts";
import { OrdersTableReader } from "../../lib/store/queries/orders_table.ts";
import { inboxQueries } from "../../lib/store/queries/inbox.ts";
import { outboxQueries } from "../../lib/store/queries/outbox.ts";
import { PulseReader } from "../../lib/store/queries/pulse.ts";
import { Scope } from "../../lib/store/scope.ts";
import { sqliteEngine } from "../../lib/store/sqlite/open.ts";
import { laneOf } from "../../lib/store/lane.ts";
import { type TestDatabase, testDeps } from "../support/databases.ts";
import { ACCOUNT, attempt, everyEngine, leaseOf, message, nowMs, person } from "./conformance.ts";

const HISTORY = 20_000;
/** Rows in work while the statements run. */
const LANES = 20, PER_LANE = 10, LONG_LANE = 5_000;
/** Rows that one call may read: a small multiple of the work, far below the history. */
const READ_LIMIT = 3_000;

/** Keeps what is sent. */
class Watched extends Scope {
  readonly statements: string[] = [];
  override async run(sql: string, parameters: readonly unknown[] = []) {
    this.statements.push(sql);
    return await super.run(sql, parameters);
  }
}

async function fillHistory(db: TestDatabase): Promise<void> {
  const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) ";
  const fill = async (into: string, select: string) => {
    // MySQL wants the WITH behind INSERT … (columns), SQLite takes it there too.
    await db.adminScript([
      ...(db.name === "mysql" ? [`SET SESSION cte_max_recursion_depth = ${HISTORY + 1}`] : []),
      ...(db.name === "mariadb" ? [`SET SESSION max_recursive_iterations = ${HISTORY + 1}`] : []),
      `INSERT INTO ${into} ${numbers.replace("?", String(HISTORY))} SELECT ${select} FROM n`,
    ]);
  };
  await fill(
    "outbox_archive (id, state, account, lane, attempts, kind, origin_kind, origin_key, origin_generation, created_at_ms, finished_at_ms, recipient, body)",
    `1000000 + i, 'accepted', '${ACCOUNT}', 'x', 0, 'reply', 'inbound', 'old', 1, 1, 1, 'r', 'b'`,
  );
  await fill(
    "outbox_attempts (outbox_id, attempts, handed_over_at_ms, ended_at_ms, outcome)",
    "1000000 + i, 0, 1, 1, 'accepted'",
  );
  await fill(
    "outbox (state, account, lane, due_at_ms, expires_at_ms, kind, origin_kind, origin_key, origin_generation, created_at_ms, recipient, body)",
    `'dead', '${ACCOUNT}', 'x', 0, 0, 'reply', 'inbound', 'old', 1, 1, 'r', 'b'`,
  );
  await fill(
    "inbox (account, external_id, state, lane, due_at_ms, received_at_ms, finished_at_ms)",
    `'${ACCOUNT}', i, 'done', 'x', 0, 1, 1`,
  );
  await fill("orders (id, client, notified)", "i, 'old', 1");
  await fill(
    "order_deliveries (order_id, generation, state, remaining, created_at_ms, changed_at_ms)",
    "i, 1, 'done', 0, 1, 1",
  );
  await fill("idempotency_keys (key_hash, outbox_id, body_hash, created_at_ms)", "i, i, 'h', 1");
}

async function rowsRead(scope: Scope): Promise<number> {
  const rows = await scope.rows("SHOW SESSION STATUS LIKE 'Handler_read%'");
  return rows.reduce((sum, row) => sum + Number(row["Value"]), 0);
}

everyEngine("no hot statement reads history", async (db) => {
  await fillHistory(db);
  const lease = await leaseOf(db.store);
  await db.store.inbox.accept([{ account: ACCOUNT, externalId: "new", lane: "l", body: "{}", receivedAtMs: 1 }]);
  const engine: Engine = db.name === "sqlite"
    ? sqliteEngine(db.options as SqliteOptions, testDeps)
    : mysqlEngine({ ...db.options as MysqlOptions, poolSize: 1, maxOverflow: 0 }, testDeps);
  const scope = new Watched(engine.db, engine.dialect, true);
  const outbox = outboxQueries(scope, 1_000_000);
  const table = new OrdersTableReader(engine, testDeps.clock, "UTC");
  const orders = ordersQueries(scope, table);
  const now = await nowMs(db.store);

  const orderIds = Array.from({ length: 20 }, (_, i) => HISTORY + 1 + i);
  for (const id of orderIds) {
    await db.adminQuery("INSERT INTO orders (id, client, notified) VALUES (?, 'new', 0)", [id]);
  }
  const ids = await outbox.enqueue(
    Array.from({ length: LANES * PER_LANE }, (_, i) => message(i % LANES, "text", { idempotencyKey: `new ${i}` })),
  );
  await outbox.enqueue(Array.from({ length: LONG_LANE }, () => message(5_000)));
  await orders.due(100);
  const sending = ids.slice(0, 64);

  const calls: [string, () => Promise<unknown>][] = [
    ["pulse", () => new PulseReader(table, testDeps.clock).read(scope)],
    [
      "enqueue",
      () => outbox.enqueue(Array.from({ length: 64 }, (_, i) => message(900 + i, "t", { idempotencyKey: `k${i}` }))),
    ],
    ["candidates", () =>
      outbox.candidates(ACCOUNT, {
        afterLane: undefined,
        limit: 64,
        perLane: 16,
        nowMs: now + 60_000,
        running: new Map(),
        skip: new Set(),
      })],
    ["candidates, some first", () =>
      outbox.candidates(ACCOUNT, {
        afterLane: laneOf(ACCOUNT, person(3)),
        limit: 64,
        perLane: 16,
        nowMs: now + 60_000,
        running: new Map(),
        skip: new Set(),
        first: new Set([laneOf(ACCOUNT, person(5_000))]),
      })],
    ["markSending", () => outbox.markSending(sending, lease, now)],
    [
      "settleAccepted",
      () => outbox.settleAccepted(sending.map((id) => ({ id, attempts: 0, attempt: attempt("accepted") })), lease),
    ],
    ["heads", () => outbox.heads(ACCOUNT, [5_000, 1, 2].map((n) => laneOf(ACCOUNT, person(n))))],
    ["takeOver", () => outbox.takeOver(lease, ACCOUNT)],
    ["dropQueued", () => outbox.dropQueued({ kind: "order", key: "1" }, "x", now)],
    ["inbox.due", () => inboxQueries(scope).due({ limit: 10, nowMs: now, busyLanes: new Set() })],
    ["orders.due", () => orders.due(100)],
    ["orders.beyondReach", () => orders.beyondReach()],
    [
      "orders.openMany",
      () => orders.openMany(orderIds.map((orderId) => ({ orderId, generation: 1, remaining: 1, state: "open" }))),
    ],
    ["orders.flaggedByHand", () => orders.flaggedByHand(100)],
    [
      "orders.settle",
      () => orders.settle(orderIds.map((orderId) => ({ orderId, generation: 1, accepted: 1, dropped: 0, dead: 0 }))),
    ],
  ];
  for (const [name, call] of calls) {
    scope.statements.length = 0;
    if (db.name !== "sqlite") {
      const before = await rowsRead(scope);
      await call();
      const read = await rowsRead(scope) - before;
      assert(read < READ_LIMIT, `${name} read ${read} rows`);
      continue;
    }
    await call();
    for (const sql of scope.statements.splice(0)) {
      const plan = (await scope.rows(`EXPLAIN QUERY PLAN ${sql}`, []))
        .map((row) => String(row["detail"]));
      const scans = plan.filter((line) => /^SCAN (?!CONSTANT|h\b|v\b|lanes|\(|\d)/.test(line));
      assert.deepEqual(scans, [], `${name}: ${plan.join(" | ")}`);
    }
  }
  await engine.close();
});
