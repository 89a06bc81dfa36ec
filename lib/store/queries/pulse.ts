/**
 * @module
 */
import { flag, integer } from "../decode.ts";
import type { Pulse } from "../port.ts";
import type { Scope } from "../scope.ts";
import { dueOrders, flaggedOrders } from "./orders.ts";
import type { OrdersTableReader } from "./orders_table.ts";

/** One statement; each question ends at its first hit, and none reads history. */
export async function readPulse(scope: Scope, table: OrdersTableReader): Promise<Pulse> {
  const ask = (hint: string) =>
    scope.rows(
      `SELECT ${scope.dialect.nowMs} AS now_ms,
      EXISTS (SELECT 1 FROM outbox ${scope.dialect.useOutboxWork}
        WHERE state = 'queued' AND due_at_ms <= ${scope.dialect.nowMs}) AS outbox_due,
      EXISTS (SELECT 1 FROM inbox WHERE state = 'new' AND due_at_ms <= ${scope.dialect.nowMs}) AS inbox_due,
      EXISTS (SELECT 1 ${dueOrders(hint)}) AS orders_due,
      EXISTS (SELECT 1 ${flaggedOrders(scope)}) AS orders_flagged`,
    );
  const row = (await table.with(scope, (shape) => ask(shape.hint)))[0]!;
  return {
    nowMs: integer(row, "now_ms"),
    outboxDue: flag(row, "outbox_due"),
    inboxDue: flag(row, "inbox_due"),
    ordersDue: flag(row, "orders_due"),
    ordersFlagged: flag(row, "orders_flagged"),
  };
}
