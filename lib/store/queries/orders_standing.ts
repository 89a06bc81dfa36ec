/**
 * Looking at one order's notification.
 *
 * @module
 */
import { flag, integer, oneOf } from "../decode.ts";
import type { OrderStanding } from "../port.ts";
import type { Scope } from "../scope.ts";

const STATES = ["open", "held", "done", "dead"] as const;

export async function readStanding(scope: Scope, orderId: number): Promise<OrderStanding | undefined> {
  const [row] = await scope.rows(
    `SELECT o.id, o.notified, d.order_id, d.generation, d.state, d.remaining, d.accepted, d.dropped, d.dead,
       d.created_at_ms, d.changed_at_ms
     FROM orders o LEFT JOIN order_deliveries d ON d.order_id = o.id WHERE o.id = ?`,
    [orderId],
  );
  if (row === undefined) return undefined;
  return {
    orderId: integer(row, "id"),
    notified: row["notified"] === null ? undefined : flag(row, "notified"),
    delivery: row["order_id"] === null ? undefined : {
      generation: integer(row, "generation"),
      state: oneOf(row, "state", STATES),
      remaining: integer(row, "remaining"),
      accepted: integer(row, "accepted"),
      dropped: integer(row, "dropped"),
      dead: integer(row, "dead"),
      createdAtMs: integer(row, "created_at_ms"),
      changedAtMs: integer(row, "changed_at_ms"),
    },
  };
}
