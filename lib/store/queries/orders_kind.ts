/**
 * What the shop's table is, where it is not a table as ours are: what that costs, one sentence each.
 *
 * @module
 */
import { optionalText } from "../decode.ts";
import type { Scope } from "../scope.ts";

export interface OrdersKind {
  readonly isView: boolean;
  readonly oddities: readonly string[];
}

/** Looks at what is called `orders`; one that does not exist has nothing odd. */
export async function ordersKind(scope: Scope): Promise<OrdersKind> {
  return scope.dialect.name === "mysql" ? await onServer(scope) : await inFile(scope);
}

async function onServer(scope: Scope): Promise<OrdersKind> {
  const [row] = await scope.rows(
    `SELECT t.TABLE_TYPE AS kind, t.ENGINE AS engine, e.TRANSACTIONS AS transactions, v.IS_UPDATABLE AS updatable
     FROM information_schema.TABLES t
     LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
     LEFT JOIN information_schema.VIEWS v ON v.TABLE_SCHEMA = t.TABLE_SCHEMA AND v.TABLE_NAME = t.TABLE_NAME
     WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = 'orders'`,
  );
  if (row === undefined) return { isView: false, oddities: [] };
  if (optionalText(row, "kind") === "VIEW") return aView(optionalText(row, "updatable") !== "NO");
  const engine = optionalText(row, "engine");
  return { isView: false, oddities: optionalText(row, "transactions") === "NO" ? [withoutTransactions(engine)] : [] };
}

async function inFile(scope: Scope): Promise<OrdersKind> {
  const [row] = await scope.rows(
    `SELECT (SELECT COUNT(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'orders'
       AND sql LIKE '%INSTEAD OF UPDATE%') AS setters
     FROM sqlite_schema WHERE type = 'view' AND name = 'orders'`,
  );
  return row === undefined ? { isView: false, oddities: [] } : aView(Number(row["setters"]) > 0);
}

function aView(updatable: boolean): OrdersKind {
  const costs =
    "orders: a view, so the index on notified cannot be demanded: where the server does not choose it by itself, " +
    "every look at new orders reads the whole table behind it; helps: a table of that name, and the view under another";
  const useless =
    "orders: a view that cannot be updated: orders.notified cannot be set, and orders are not finished; " +
    "helps: a table of that name, or a view of a single table without DISTINCT, GROUP BY and UNION";
  return { isView: true, oddities: [updatable ? costs : useless] };
}

function withoutTransactions(engine: string | undefined): string {
  return `orders: engine ${
    engine ?? "unknown"
  }, which knows no transactions: a flag is not stored together with what was ` +
    "sent, so a crash of the server can lose it, and the order is sent again; and the shop's writes wait while orders are " +
    "read; helps: ALTER TABLE orders ENGINE = InnoDB";
}
