/**
 * The shop's table as it really is: which columns there are and of which type, so that statements name only what exists.
 *
 * @module
 */
import { StoreUnavailable } from "../../domain/errors.ts";
import type { Clock } from "../../runtime/clock.ts";
import { integer, type Row } from "../decode.ts";
import type { Engine } from "../engine.ts";
import type { DueOrder } from "../port.ts";
import type { Scope } from "../scope.ts";
import { ordersKind } from "./orders_kind.ts";
import { localText, type Read, readDecimal, readInstant, readText, readToken } from "./orders_values.ts";

export interface ColumnInfo {
  readonly name: string;
  /** Lower case, without its length: `varchar`, `decimal`, `timestamp`. */
  readonly type: string;
  /** Characters that a text column holds. */
  readonly length: number | undefined;
}

/** Looked at again after this time: an ALTER TABLE by the shop is noticed without a restart. */
const RECHECK_MS = 10 * 60_000;
const OPTIONAL = ["client", "total", "ip_address", "affiliate_token"] as const;
/** The original's columns, in its order. */
const EXPECTED: readonly [name: string, types: readonly string[]][] = [
  ["id", ["int", "integer", "bigint"]],
  ["client", ["varchar", "text", "char"]],
  ["total", ["decimal", "numeric"]],
  ["ip_address", ["varchar", "text", "char"]],
  ["affiliate_token", ["char", "varchar", "text"]],
  ["created_at", ["timestamp"]],
  ["notified", ["tinyint", "boolean", "bool"]],
];

export interface OrdersTableShape {
  /** Columns to select, from `orders o`. */
  readonly select: string;
  /** `FORCE INDEX (…)` with whatever the index on `notified` is called; empty without one. */
  readonly hint: string;
  /** True where the order is older than the instant or has no date; with its parameters. */
  olderThan(instantMs: number): readonly [sql: string, parameters: readonly unknown[]];
  /** `generation` is the column `last_generation` plus one. */
  decode(row: Row): DueOrder;
}

export class OrdersTableReader {
  #shape: OrdersTableShape | undefined;
  #readAtMs = 0;

  constructor(private readonly engine: Engine, private readonly clock: Clock, private readonly zone: string) {}

  /** Runs `work` with the table's shape; once more with a fresh look when the table turns out to have changed. */
  async with<T>(scope: Scope, work: (shape: OrdersTableShape) => Promise<T>): Promise<T> {
    const known = this.#shape;
    try {
      return await work(await this.#look(scope));
    } catch (error) {
      if (known === undefined || !(error instanceof StoreUnavailable) || error.fault !== "schema") throw error;
      this.#shape = undefined;
      return await work(await this.#look(scope));
    }
  }

  /** Kept as a value, not as a promise: a transaction must not wait for a look that waits for its connection. */
  async #look(scope: Scope): Promise<OrdersTableShape> {
    const nowMs = this.clock.monotonicMs();
    if (this.#shape !== undefined && nowMs - this.#readAtMs < RECHECK_MS) return this.#shape;
    const shape = await this.#read(scope);
    this.#readAtMs = nowMs;
    this.#shape = shape;
    return shape;
  }

  async #read(scope: Scope): Promise<OrdersTableShape> {
    const mysql = scope.dialect.name === "mysql";
    const columns = new Map((await this.engine.columns(scope, "orders")).map((column) => [column.name, column]));
    const index = (await this.engine.indexes(scope, "orders")).find((one) => one.column === "notified")?.name;
    const created = columns.get("created_at");
    // A TIMESTAMP is an instant. MySQL converts it from the session's zone, which is UTC; SQLite's CURRENT_TIMESTAMP is UTC.
    const isInstant = created?.type === "timestamp";
    const zone = isInstant ? "UTC" : this.zone;
    const isNumber = created !== undefined && /int|real|double|float|decimal|numeric/.test(created.type);
    const select = [
      "o.id",
      ...OPTIONAL.map((name) => columns.has(name) ? `o.${name}` : `NULL AS ${name}`),
      created === undefined
        ? "NULL AS created_at"
        : isInstant && mysql
        ? "UNIX_TIMESTAMP(o.created_at) AS created_at"
        : "o.created_at",
    ].join(", ");
    return {
      select,
      hint: index === undefined ? "" : mysql ? `FORCE INDEX (\`${index}\`)` : `INDEXED BY "${index}"`,
      olderThan(instantMs) {
        if (created === undefined) return ["1 = 1", []];
        if (isNumber) {
          return [
            "(o.created_at IS NULL OR CASE WHEN o.created_at < 100000000000 THEN o.created_at * 1000 ELSE o.created_at END < ?)",
            [instantMs],
          ];
        }
        if (mysql && isInstant) {
          return ["(o.created_at IS NULL OR UNIX_TIMESTAMP(o.created_at) * 1000 < ?)", [instantMs]];
        }
        const compare = mysql ? "o.created_at < ?" : "julianday(o.created_at) < julianday(?)";
        return [`(o.created_at IS NULL OR ${compare})`, [localText(instantMs, zone)]];
      },
      decode: (row) => decodeOrder(row, mysql && isInstant, zone),
    };
  }

  /** What is unusual about the table, one sentence each. */
  async inspect(scope: Scope): Promise<readonly string[]> {
    const columns = await this.engine.columns(scope, "orders");
    if (columns.length === 0) return ["table orders: does not exist"];
    const found = new Map(columns.map((column) => [column.name, column]));
    const oddities: string[] = [];
    for (const [name, types] of EXPECTED) {
      const column = found.get(name);
      if (column === undefined) oddities.push(`orders.${name}: missing`);
      else if (name === "created_at" && column.type === "datetime") {
        oddities.push(`orders.created_at: DATETIME, read as local time in ${this.zone} (ORDERS_TIMEZONE)`);
      } else if (name === "notified" && /^(enum|set)$/.test(column.type)) {
        oddities.push(`orders.notified: type ${column.type}, of which no value equals FALSE: no order is ever due`);
      } else if (!types.includes(column.type)) {
        oddities.push(`orders.${name}: type ${column.type}, expected ${types[0]}`);
      }
    }
    const known = EXPECTED.map(([name]) => name);
    const order = columns.map((column) => column.name).filter((name) => known.includes(name));
    if (order.join() !== known.filter((name) => found.has(name)).join()) {
      oddities.push("orders: another order of columns");
    }
    const extra = columns.filter((column) => !known.includes(column.name)).map((column) => column.name);
    if (extra.length > 0) oddities.push(`orders: further columns (${extra.join(", ")}), left alone`);
    const { isView, oddities: ofKind } = await ordersKind(scope);
    oddities.push(...ofKind);
    const indexes = await this.engine.indexes(scope, "orders");
    if (!isView && !indexes.some((index) => index.column === "notified")) {
      oddities.push(
        "orders.notified: no index, every look at new orders reads the whole table; " +
          "helps: CREATE INDEX idx_notified ON orders (notified)",
      );
    }
    return oddities;
  }
}

function decodeOrder(row: Row, unixSeconds: boolean, zone: string): DueOrder {
  const problems: string[] = [];
  const take = <T>(column: string, read: Read<T>): T | undefined => {
    if ("value" in read) return read.value;
    problems.push(`${column}: ${read.problem}`);
    return undefined;
  };
  const created = row["created_at"];
  return {
    id: integer(row, "id"),
    client: take("client", readText(row["client"])),
    total: take("total", readDecimal(row["total"])),
    ipAddress: take("ip_address", readText(row["ip_address"])),
    affiliateToken: take("affiliate_token", readToken(row["affiliate_token"])),
    createdAtMs: take("created_at", readInstant(unixSeconds && created !== null ? Number(created) : created, zone)),
    generation: integer(row, "last_generation") + 1,
    problems,
  };
}
