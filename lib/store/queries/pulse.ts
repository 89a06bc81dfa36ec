/**
 * @module
 */
import type { Clock } from "../../runtime/clock.ts";
import { flag, integer, optionalInteger } from "../decode.ts";
import { isDueSql } from "../due.ts";
import { LARGEST_ORDER_ID, type Pulse } from "../port.ts";
import type { Scope } from "../scope.ts";
import { dueOrders, flaggedOrders } from "./orders.ts";
import type { OrdersTableReader } from "./orders_table.ts";

/** A full look at the orders that costs less is taken every time. */
const CHEAP_LOOK_MS = 10;
/** Otherwise it is taken so seldom that it takes up this share of the time, and at least so often. */
const FULL_LOOK_SHARE = 1 / 100, FULL_LOOK_PAUSE_MS = 30_000;

const newestOrder = (hint: string) =>
  `(SELECT MAX(o.id) FROM orders o ${hint} WHERE o.notified = FALSE AND o.id <= ${LARGEST_ORDER_ID})`;

/**
 * Asks everything in one statement, in which each question ends at its first hit and none reads history.
 *
 * Only orders that are held or dead can make it dear: they stand before the new ones, and each has to be passed. Where they
 * are many, most looks ask for orders above the newest one seen, which is where a new order appears; those that appear
 * elsewhere (a flag turned back, a long transaction of the shop, a flag set by hand) wait for the next full look.
 */
export class PulseReader {
  #newestSeen = 0;
  #nextFullLookAtMs = 0;
  /** What the last full look cost: one dear look may have met a busy server, two have not. */
  #lastCostMs = 0;

  constructor(private readonly table: OrdersTableReader, private readonly clock: Clock) {}

  async read(scope: Scope): Promise<Pulse> {
    const startedAtMs = this.clock.monotonicMs();
    const full = startedAtMs >= this.#nextFullLookAtMs;
    const now = scope.dialect.nowMs;
    const due = isDueSql("due_at_ms", now);
    const row = (await this.table.with(scope, ({ hint }) =>
      scope.rows(
        `SELECT ${now} AS now_ms,
          EXISTS (SELECT 1 FROM outbox ${scope.dialect.useOutboxWork}
            WHERE state = 'queued' AND ${due}) AS outbox_due,
          EXISTS (SELECT 1 FROM inbox WHERE state = 'new' AND ${due}) AS inbox_due,
          EXISTS (SELECT 1 ${dueOrders(hint)} AND o.id > ?) AS orders_due,
          ${full ? `EXISTS (SELECT 1 ${flaggedOrders(scope)})` : "0"} AS orders_flagged,
          ${full ? newestOrder(hint) : "NULL"} AS newest`,
        [full ? 0 : this.#newestSeen],
      )))[0]!;
    const ordersDue = flag(row, "orders_due");
    if (full) {
      const costMs = this.clock.monotonicMs() - startedAtMs;
      const usualMs = Math.min(costMs, this.#lastCostMs);
      this.#lastCostMs = costMs;
      this.#nextFullLookAtMs = usualMs <= CHEAP_LOOK_MS
        ? 0
        : startedAtMs + Math.min(FULL_LOOK_PAUSE_MS, usualMs / FULL_LOOK_SHARE);
      if (!ordersDue) this.#newestSeen = optionalInteger(row, "newest") ?? 0;
    }
    return {
      nowMs: integer(row, "now_ms"),
      outboxDue: flag(row, "outbox_due"),
      inboxDue: flag(row, "inbox_due"),
      ordersDue,
      ordersFlagged: flag(row, "orders_flagged"),
    };
  }
}
