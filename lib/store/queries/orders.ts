/**
 * The shop's orders and what we owe for them.
 *
 * @module
 */
import { integer, oneOf, text } from "../decode.ts";
import { Contended, DuplicateKey } from "../faults.ts";
import { LARGEST_ORDER_ID, type OrdersStore } from "../port.ts";
import { chunks, marks, type Scope, tuples } from "../scope.ts";
import { readStanding } from "./orders_standing.ts";
import type { OrdersTableReader } from "./orders_table.ts";

/** Orders of one statement. */
const CHUNK = 500;
const STATES = ["open", "held", "done", "dead"] as const;

/**
 * Unnotified, and no row of ours stands before it: none at all, or one that is done (the flag was turned back). One whose
 * id is no number that can be counted exactly is left out, or it would stop all others; `beyondReach` names it.
 */
export const dueOrders = (hint: string) =>
  `FROM orders o ${hint} LEFT JOIN order_deliveries d ON d.order_id = o.id
   WHERE o.notified = FALSE AND o.id <= ${LARGEST_ORDER_ID} AND (d.order_id IS NULL OR d.state = 'done')`;

/**
 * Flagged by somebody else while we still owe something: our own flag comes together with `done`. The join is told its
 * order: begun at `orders`, it would read everything that was ever notified.
 */
export const flaggedOrders = ({ dialect }: Scope) =>
  `FROM order_deliveries d ${dialect.joinInOrder} orders o ON o.id = d.order_id
   WHERE d.state IN ('open', 'held', 'dead') AND o.notified <> FALSE`;

type Opening = Parameters<OrdersStore["openMany"]>[0][number];
type Change = Parameters<OrdersStore["settle"]>[0][number];

export function ordersQueries(scope: Scope, table: OrdersTableReader): OrdersStore {
  return {
    due: (limit) =>
      table.with(scope, async (shape) => {
        const rows = await scope.rows(
          `SELECT ${shape.select}, COALESCE(d.generation, 0) AS last_generation ${
            dueOrders(shape.hint)
          } ORDER BY o.id LIMIT ?`,
          [limit],
        );
        return rows.map((row) => shape.decode(row));
      }),

    find: (orderId) =>
      table.with(scope, async (shape) => {
        const rows = await scope.rows(`SELECT ${shape.select}, 0 AS last_generation FROM orders o WHERE o.id = ?`, [
          orderId,
        ]);
        return rows[0] === undefined ? undefined : shape.decode(rows[0]);
      }),

    standing: (orderId) => readStanding(scope, orderId),

    async open(orderId, generation, remaining, state) {
      const opened = await openMany(scope, [{ orderId, generation, remaining, state }]);
      return opened.has(orderId) ? "opened" : "conflict";
    },

    openMany: (orders) => openMany(scope, orders),

    settle: (changes) => settle(scope, changes),

    reopen: (changes) =>
      scope.atomic("orders_reopen", async (scope) => {
        for (const { orderId, generation, messages } of changes) {
          await scope.run(
            `UPDATE order_deliveries SET remaining = remaining + ?, dead = dead - ?, state = 'open',
               changed_at_ms = ${scope.dialect.nowMs}
             WHERE order_id = ? AND generation = ? AND dead >= ? AND state IN ('open', 'dead')`,
            [messages, messages, orderId, generation, messages],
          );
        }
      }),

    beyondReach: () =>
      table.with(scope, async ({ hint }) => {
        // As text: the number would lose digits on its way, or be refused by the driver.
        const rows = await scope.rows(
          `SELECT CAST(o.id AS CHAR) AS id FROM orders o ${hint}
           WHERE o.notified = FALSE AND o.id > ${LARGEST_ORDER_ID} ORDER BY o.id LIMIT 1`,
        );
        return rows[0] === undefined ? undefined : text(rows[0], "id");
      }),

    async flaggedByHand(limit) {
      // In the order of the index on states: ordered by id alone, MySQL would rather read all that were ever done.
      const rows = await scope.rows(
        `SELECT d.order_id, d.generation ${flaggedOrders(scope)} ORDER BY d.state, d.order_id LIMIT ?`,
        [limit],
      );
      return rows.map((row) => ({ orderId: integer(row, "order_id"), generation: integer(row, "generation") }));
    },

    async closeByHand(orderId, generation) {
      await scope.atomic("order_close", (scope) =>
        scope.run(
          `UPDATE order_deliveries SET state = 'done', remaining = 0, changed_at_ms = ${scope.dialect.nowMs}
           WHERE order_id = ? AND generation = ?`,
          [orderId, generation],
        ));
    },

    history: (beforeMs) =>
      table.with(scope, async (shape) => {
        const [older, parameters] = shape.olderThan(beforeMs);
        const row = (await scope.rows(
          `SELECT COUNT(*) AS unnotified, COALESCE(SUM(CASE WHEN ${older} THEN 1 ELSE 0 END), 0) AS older,
             MAX(o.id) AS newest ${dueOrders(shape.hint)}`,
          parameters,
        ))[0]!;
        const unnotified = integer(row, "unnotified");
        return {
          unnotified,
          older: integer(row, "older"),
          newestId: unnotified === 0 ? undefined : integer(row, "newest"),
        };
      }),

    hold: (beforeMs, limit, upToId) =>
      table.with(scope, (shape) => {
        const [older, parameters] = beforeMs === undefined ? ["1 = 1", []] as const : shape.olderThan(beforeMs);
        const now = scope.dialect.nowMs;
        return scope.atomic("orders_hold", async (scope) => {
          try {
            const { affected } = await scope.run(
              `INSERT INTO order_deliveries (order_id, generation, state, remaining, created_at_ms, changed_at_ms)
               SELECT o.id, 1, 'held', 0, ${now}, ${now} ${dueOrders(shape.hint)} AND d.order_id IS NULL AND ${older}
               ${upToId === undefined ? "" : "AND o.id <= ?"} ORDER BY o.id LIMIT ?`,
              [...parameters, ...(upToId === undefined ? [] : [upToId]), limit],
            );
            return affected;
          } catch (error) {
            // Another session opened one of them meanwhile: look again.
            throw error instanceof DuplicateKey ? new Contended("order_deliveries") : error;
          }
        });
      }),

    releaseHeld: (sinceMs, limit) =>
      table.with(scope, (shape) => {
        const [older, parameters] = sinceMs === undefined ? ["1 = 0", []] as const : shape.olderThan(sinceMs);
        return scope.atomic("orders_release", async (scope) => {
          const ids = (await scope.rows(
            `SELECT d.order_id FROM order_deliveries d JOIN orders o ON o.id = d.order_id
             WHERE d.state = 'held' AND NOT (${older}) ORDER BY d.order_id LIMIT ?`,
            [...parameters, limit],
          )).map((row) => integer(row, "order_id"));
          let released = 0;
          for (const some of chunks(ids, CHUNK)) {
            const { affected } = await scope.run(
              `DELETE FROM order_deliveries WHERE order_id IN (${marks(some.length)}) AND state = 'held'`,
              some,
            );
            released += affected;
          }
          return released;
        });
      }),

    async counts() {
      const rows = await scope.rows(
        "SELECT state, COUNT(*) AS n FROM order_deliveries WHERE state IN ('open', 'held', 'dead') GROUP BY state",
      );
      const counts = new Map(rows.map((row) => [text(row, "state"), integer(row, "n")]));
      return { open: counts.get("open") ?? 0, held: counts.get("held") ?? 0, dead: counts.get("dead") ?? 0 };
    },

    inspect: () => table.inspect(scope),
  };
}

async function openMany(scope: Scope, orders: readonly Opening[]): Promise<ReadonlySet<number>> {
  const opened = new Set<number>();
  if (orders.length === 0) return opened;
  return await scope.atomic("orders_open", async (scope) => {
    const now = scope.dialect.nowMs;
    for (const some of chunks(orders, CHUNK)) {
      const found = new Map(
        (await scope.rows(
          `SELECT order_id, generation, state FROM order_deliveries WHERE order_id IN (${marks(some.length)})
           ORDER BY order_id${scope.dialect.forUpdate}`,
          some.map((order) => order.orderId),
        )).map((row) => [integer(row, "order_id"), row]),
      );
      const fresh = some.filter((order) => order.generation === 1 && !found.has(order.orderId));
      const again = some.filter(({ orderId, generation }) => {
        const row = found.get(orderId);
        return row !== undefined && row["state"] === "done" && integer(row, "generation") === generation - 1;
      });
      if (fresh.length > 0) {
        try {
          await scope.run(
            `INSERT INTO order_deliveries (order_id, generation, state, remaining, created_at_ms, changed_at_ms)
             VALUES ${tuples(fresh.length, `(?, 1, ?, ?, ${now}, ${now})`)}`,
            fresh.flatMap((order) => [order.orderId, order.state, order.remaining]),
          );
        } catch (error) {
          // Another session was first since we looked: the next try sees its row and calls it a conflict.
          throw error instanceof DuplicateKey ? new Contended("order_deliveries") : error;
        }
      }
      if (again.length > 0) {
        const by = (of: (order: Opening) => unknown) => again.flatMap((order) => [order.orderId, of(order)]);
        const perOrder = `CASE order_id${" WHEN ? THEN ?".repeat(again.length)} END`;
        await scope.run(
          `UPDATE order_deliveries SET generation = generation + 1, remaining = ${perOrder}, state = ${perOrder},
             accepted = 0, dropped = 0, dead = 0, changed_at_ms = ${now} WHERE order_id IN (${marks(again.length)})`,
          [...by((order) => order.remaining), ...by((order) => order.state), ...again.map((order) => order.orderId)],
        );
      }
      for (const order of [...fresh, ...again]) opened.add(order.orderId);
    }
    return opened;
  });
}

/** Changes of one order and generation as one. */
function merged(changes: readonly Change[]): Map<number, Change[]> {
  const byGeneration = new Map<number, Map<number, Change>>();
  for (const change of changes) {
    const orders = byGeneration.get(change.generation) ?? new Map<number, Change>();
    byGeneration.set(change.generation, orders);
    const before = orders.get(change.orderId);
    orders.set(
      change.orderId,
      before === undefined ? change : {
        ...change,
        accepted: change.accepted + before.accepted,
        dropped: change.dropped + before.dropped,
        dead: change.dead + before.dead,
      },
    );
  }
  return new Map([...byGeneration].map(([generation, orders]) => [generation, [...orders.values()]]));
}

async function settle(scope: Scope, changes: readonly Change[]): ReturnType<OrdersStore["settle"]> {
  if (changes.length === 0) return [];
  return await scope.atomic("orders_settle", async (scope) => {
    const ends: { orderId: number; end: "done" | "dead" }[] = [];
    for (const [generation, orders] of merged(changes)) {
      for (const some of chunks(orders, CHUNK)) ends.push(...await settleSome(scope, generation, some));
    }
    return ends;
  });
}

async function settleSome(scope: Scope, generation: number, orders: readonly Change[]) {
  const ids = orders.map((order) => order.orderId);
  const now = scope.dialect.nowMs;
  const perOrder = `CASE order_id${" WHEN ? THEN ?".repeat(orders.length)} END`;
  const by = (of: (order: Change) => number) => orders.flatMap((order) => [order.orderId, of(order)]);
  const greatest = scope.dialect.name === "mysql" ? "GREATEST" : "MAX";
  // First of all, so that its row locks make two sessions come one after the other: the second one then reads what the
  // first has left. Without it both would see the other's message still owed, and nobody would set the flag.
  await scope.post(
    `UPDATE order_deliveries SET remaining = ${greatest}(0, remaining - ${perOrder}), accepted = accepted + ${perOrder},
       dropped = dropped + ${perOrder}, dead = dead + ${perOrder}, changed_at_ms = ${now}
     WHERE order_id IN (${marks(ids.length)}) AND generation = ?`,
    [
      ...by((order) => order.accepted + order.dropped + order.dead),
      ...by((order) => order.accepted),
      ...by((order) => order.dropped),
      ...by((order) => order.dead),
      ...ids,
      generation,
    ],
    { what: "order_deliveries" },
  );
  const rows = await scope.rows(
    `SELECT order_id, remaining, dead, state FROM order_deliveries
     WHERE order_id IN (${marks(ids.length)}) AND generation = ?`,
    [...ids, generation],
  );
  const done: number[] = [];
  const dead: number[] = [];
  for (const row of rows) {
    if (oneOf(row, "state", STATES) !== "open") continue;
    if (integer(row, "dead") > 0) dead.push(integer(row, "order_id"));
    else if (integer(row, "remaining") === 0) done.push(integer(row, "order_id"));
  }
  for (const [state, ended] of [["done", done], ["dead", dead]] as const) {
    if (ended.length === 0) continue;
    await scope.post(
      `UPDATE order_deliveries SET state = ? WHERE order_id IN (${marks(ended.length)})`,
      [state, ...ended],
      { what: "order_deliveries" },
    );
  }
  if (done.length > 0) {
    await scope.post(`UPDATE orders SET notified = TRUE WHERE id IN (${marks(done.length)})`, done, { what: "orders" });
  }
  return [
    ...done.map((orderId) => ({ orderId, end: "done" as const })),
    ...dead.map((orderId) => ({ orderId, end: "dead" as const })),
  ];
}
