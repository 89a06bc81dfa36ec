/**
 * Measures the transaction of a dispatcher's tick on all engines: settle 64, mark 64, with durable commits.
 *
 *     scripts/deno run -A tests/store/measure_tick.ts [sqlite] [mariadb] [mysql] [mysql+binlog]
 *
 * Prints messages a second for 10,000 messages to 1,000 recipients (without handing them over), where the time of a tick
 * goes, and the same where each two messages settle an order.
 *
 * @module
 */
import type { OutboxRow, Store } from "../../lib/store/port.ts";
import { startServer } from "../support/database_server.ts";
import { type DatabaseName, openTestStore, type TestDatabase } from "../support/databases.ts";
import { ACCOUNT, attempt, leaseOf, message } from "./conformance.ts";

const MESSAGES = 10_000, RECIPIENTS = 1_000, WINDOW = 64, ROUNDS = 5;

class Stopwatch {
  readonly spentMs = new Map<string, number>();
  async time<T>(name: string, work: Promise<T>): Promise<T> {
    const startedAtMs = performance.now();
    const result = await work;
    this.spentMs.set(name, (this.spentMs.get(name) ?? 0) + performance.now() - startedAtMs);
    return result;
  }
}

interface Measured {
  readonly perSecond: number;
  readonly tickMs: number;
  readonly partsMs: Readonly<Record<string, number>>;
}

async function fill(store: Store, withOrders: boolean): Promise<void> {
  for (let at = 0; at < MESSAGES; at += 500) {
    await store.transaction("fill", async (tx) => {
      await tx.outbox.enqueue(Array.from({ length: 500 }, (_, i) =>
        message((at + i) % RECIPIENTS, "x".repeat(120), {
          origin: { kind: withOrders ? "order" : "inbound", key: String((at + i) >> 1), generation: 1 },
        })));
      if (!withOrders) return;
      const orders = Array.from({ length: 250 }, (_, i) => (at >> 1) + i);
      await tx.orders.openMany(orders.map((orderId) => ({ orderId, generation: 1, remaining: 2, state: "open" })));
    });
  }
}

async function drain(store: Store, withOrders: boolean): Promise<Measured> {
  const watch = new Stopwatch();
  const lease = await leaseOf(store, "bench");
  const { nowMs } = await store.pulse();
  let flying: readonly OutboxRow[] = [];
  let afterLane: string | undefined;
  let settled = 0, ticks = 0;
  const startedAtMs = performance.now();
  while (settled < MESSAGES) {
    ticks++;
    const found = await watch.time(
      "candidates",
      store.outbox.candidates(ACCOUNT, {
        afterLane,
        limit: WINDOW,
        perLane: 16,
        nowMs: nowMs + 3_600_000,
        running: new Map(flying.map((row) => [row.lane, 16])),
        skip: new Set(),
      }),
    );
    afterLane = found.nextLane;
    const before = performance.now();
    await store.transaction("tick", async (tx) => {
      await watch.time("fence", tx.leases.renew(lease, 15_000));
      if (flying.length > 0) {
        await watch.time(
          "settleAccepted",
          tx.outbox.settleAccepted(
            flying.map((row) => ({
              id: row.id,
              attempts: 0,
              attempt: attempt("accepted", { remoteId: "1784000000123" }),
            })),
            lease,
          ),
        );
        if (withOrders) {
          await watch.time(
            "orders.settle",
            tx.orders.settle(flying.map((row) => ({
              orderId: Number(row.origin.key),
              generation: 1,
              accepted: 1,
              dropped: 0,
              dead: 0,
            }))),
          );
        }
      }
      if (found.rows.length > 0) {
        await watch.time("markSending", tx.outbox.markSending(found.rows.map((row) => row.id), lease, nowMs));
      }
    });
    watch.spentMs.set("transaction", (watch.spentMs.get("transaction") ?? 0) + performance.now() - before);
    settled += flying.length;
    flying = found.rows;
  }
  const ms = performance.now() - startedAtMs;
  return {
    perSecond: MESSAGES / ms * 1_000,
    tickMs: ms / ticks,
    partsMs: Object.fromEntries([...watch.spentMs].map(([name, spent]) => [name, Number((spent / ticks).toFixed(2))])),
  };
}

async function measure(db: TestDatabase, withOrders: boolean): Promise<Measured> {
  const rounds: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    if (withOrders) {
      await db.adminQuery("DELETE FROM orders");
      await db.adminQuery("DELETE FROM order_deliveries");
      const values = Array.from({ length: MESSAGES / 2 }, (_, i) => `(${i + 1}, 'x', 0)`).join(", ");
      await db.adminQuery(`INSERT INTO orders (id, client, notified) VALUES ${values}`);
    }
    await fill(db.store, withOrders);
    rounds.push(await drain(db.store, withOrders));
  }
  return rounds.toSorted((a, b) => a.perSecond - b.perSecond)[ROUNDS >> 1]!;
}

const chosen = Deno.args.length > 0 ? Deno.args : ["sqlite", "mariadb", "mysql", "mysql+binlog"];
for (const name of chosen) {
  const [engine, binlog] = name.split("+") as [DatabaseName, string | undefined];
  const args = binlog === undefined ? [] : ["--log-bin=binlog", "--sync-binlog=1", "--server-id=1"];
  await using server = engine === "sqlite" ? undefined : await startServer(engine, { fast: false, args });
  await using db = await openTestStore(engine, server === undefined ? {} : { server });
  for (const withOrders of [false, true]) {
    const { perSecond, tickMs, partsMs } = await measure(db, withOrders);
    console.log(
      `${name}${withOrders ? ", orders" : ""}: ${Math.round(perSecond)} messages/s, ${tickMs.toFixed(2)} ms a tick`,
      partsMs,
    );
  }
}
