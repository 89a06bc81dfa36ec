/**
 * Old rows, found and removed page by page along the primary keys: no index on a date is needed, no statement touches
 * more rows than its page, and none waits behind or holds up the hot ones.
 *
 * @module
 */
import { flag, integer, type Row, text } from "../decode.ts";
import type { RetentionKey, RetentionStore, RetentionTable } from "../port.ts";
import { marks, type Scope } from "../scope.ts";
import { IS_MESSAGE } from "./outbox_moving.ts";

/** How one table is walked. */
interface Walk {
  readonly table: string;
  readonly key: string;
  readonly keyOf: (row: Row) => RetentionKey;
  /** Before the first key. */
  readonly start: RetentionKey;
  /** `old`: whether the row may go, given the limit's one parameter. */
  readonly old: string;
  /**
   * Where keys grow with time: the date that grows with them. A page without an older one ends the walk, so that it costs
   * what is old and not what is kept.
   */
  readonly grows?: string;
  /** Rows of other tables that belong to it, by a column that holds its key. */
  readonly attached: readonly { readonly table: string; readonly column: string }[];
}

const byNumber = (column: string) => (row: Row) => integer(row, column);

const WALKS: Readonly<Record<RetentionTable, Walk>> = {
  outbox_archive: {
    table: "outbox_archive",
    key: "id",
    keyOf: byNumber("id"),
    start: 0,
    old: "finished_at_ms < ?",
    grows: "created_at_ms",
    attached: [{ table: "outbox_receipts", column: "outbox_id" }, { table: "outbox_attempts", column: "outbox_id" }],
  },
  inbox: {
    table: "inbox",
    key: "id",
    keyOf: byNumber("id"),
    start: 0,
    old: "state = 'done' AND finished_at_ms < ?",
    grows: "received_at_ms",
    attached: [],
  },
  idempotency_keys: {
    table: "idempotency_keys",
    key: "key_hash",
    keyOf: (row) => text(row, "key_hash"),
    start: "",
    // A message that is not finished keeps its key, however old: else the same request would send it twice. A replayed one has
    // another id; where it went stands in history.
    old: "created_at_ms < ? AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.id = idempotency_keys.outbox_id) " +
      `AND NOT EXISTS (SELECT 1 FROM outbox_archive a WHERE a.id = idempotency_keys.outbox_id AND NOT ${IS_MESSAGE})`,
    attached: [],
  },
  order_deliveries: {
    table: "order_deliveries",
    key: "order_id",
    keyOf: byNumber("order_id"),
    start: 0,
    old: "state = 'done' AND changed_at_ms < ? AND EXISTS " +
      "(SELECT 1 FROM orders o WHERE o.id = order_deliveries.order_id AND o.notified = TRUE)",
    attached: [],
  },
};

export function retentionQueries(scope: Scope): RetentionStore {
  return {
    async look(table, { after, limit, beforeMs }) {
      const walk = WALKS[table];
      const page = await scope.rows(
        `SELECT ${walk.key}, ${walk.grows ?? "0"} AS grown_ms, (${walk.old}) AS old
         FROM ${walk.table} WHERE ${walk.key} > ? ORDER BY ${walk.key} LIMIT ?`,
        [beforeMs, after ?? walk.start, limit],
      );
      const ended = page.length < limit ||
        (walk.grows !== undefined && page.every((row) => integer(row, "grown_ms") >= beforeMs));
      return {
        keys: page.filter((row) => flag(row, "old")).map(walk.keyOf),
        next: ended ? undefined : walk.keyOf(page.at(-1)!),
      };
    },

    async remove(table, keys, beforeMs) {
      if (keys.length === 0) return 0;
      const walk = WALKS[table];
      return await scope.atomic("retention_remove", async (scope) => {
        const { affected } = await scope.run(removal(walk, keys.length), [...keys, beforeMs]);
        for (const { table, column } of walk.attached) {
          // What belongs to a row that stayed stays too.
          await scope.run(
            `DELETE FROM ${table} WHERE ${column} IN (${marks(keys.length)}) AND NOT EXISTS
             (SELECT 1 FROM ${walk.table} kept WHERE kept.${walk.key} = ${table}.${column})`,
            keys,
          );
        }
        return affected;
      });
    },
  };
}

/** Asks again whether each row is old: since it was seen, an order's flag may have been turned back. */
function removal(walk: Walk, count: number): string {
  return `DELETE FROM ${walk.table} WHERE ${walk.key} IN (${marks(count)}) AND ${walk.old}`;
}
