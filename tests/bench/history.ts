/**
 * Finished rows, many of them, and whether anybody reads them while the service works.
 *
 * @module
 */
import type { TestDatabase } from "../support/databases.ts";
import { ACCOUNT } from "../support/simulated_signal.ts";
import type { Shop } from "./shop.ts";

export const HISTORY_ROWS = 50_000;
/** Ids below those of the messages to come. */
const FIRST_ID = 1;
const DAY_MS = 86_400_000;

/** Inserts finished rows by SQL, as they would be after some weeks: written to be read by nobody but people. */
export async function addHistory(shop: Shop, count: number): Promise<void> {
  const account = `signal:${ACCOUNT}`;
  const endMs = Date.now() - DAY_MS;
  const each = <T>(row: (id: number, atMs: number) => T) =>
    Array.from({ length: count }, (_, i) => row(FIRST_ID + i, endMs - (count - i) * 1_000));
  const lane = (id: number) => (id % 1_000).toString(16).padStart(32, "0");
  await shop.insert(
    "outbox_archive",
    [
      "id",
      "state",
      "account",
      "lane",
      "attempts",
      "remote_id",
      "kind",
      "origin_kind",
      "origin_key",
      "origin_generation",
      "created_at_ms",
      "finished_at_ms",
      "recipient",
      "body",
    ],
    each((id, atMs) => [
      id,
      "accepted",
      account,
      lane(id),
      0,
      String(atMs),
      "order_owner",
      "order",
      String(id),
      1,
      atMs,
      atMs + 20,
      "signal:tel:+15552000000",
      "x".repeat(120),
    ]),
  );
  await shop.insert(
    "outbox_attempts",
    ["outbox_id", "attempts", "handed_over_at_ms", "ended_at_ms", "outcome", "remote_id"],
    each((id, atMs) => [id, 0, atMs, atMs + 20, "accepted", String(atMs)]),
  );
  await shop.insert(
    "inbox",
    ["account", "external_id", "state", "lane", "due_at_ms", "received_at_ms", "finished_at_ms"],
    each((id, atMs) => [account, `history-${id}`, "done", lane(id), 0, atMs, atMs + 5]),
  );
  await shop.insert(
    "orders",
    ["client", "total", "notified"],
    each((id) => [`Client ${id}`, "12.50", 1]),
  );
  if (shop.isMysql) {
    // Ids of messages go on behind those of history, as they would.
    await shop.query(`ALTER TABLE outbox AUTO_INCREMENT = ${FIRST_ID + count}`);
    await shop.query("ANALYZE TABLE outbox_archive, outbox_attempts, inbox, orders");
  } else {
    await shop.query("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)", [FIRST_ID + count]);
  }
}

const HISTORY_TABLES = ["outbox_archive", "outbox_attempts"] as const;

/**
 * Rows of the history tables that the server itself counted as read, whatever statement read them. MariaDB counts by
 * `userstat`, MySQL by its performance schema; SQLite does not count.
 */
export class HistoryReads {
  private constructor(
    private readonly count: () => Promise<number | undefined>,
    private readonly before: number | undefined,
  ) {}

  static async begin(shop: Shop, db: TestDatabase): Promise<HistoryReads> {
    const marks = HISTORY_TABLES.map(() => "?").join(", ");
    const schema = "(SELECT DATABASE())";
    let count: () => Promise<number | undefined>;
    if (db.name === "sqlite") {
      count = () => Promise.resolve(undefined);
    } else if (db.name === "mariadb") {
      await shop.query("SET GLOBAL userstat = 1");
      count = async () => {
        const [row] = await shop.query(
          `SELECT COALESCE(SUM(ROWS_READ), 0) AS n FROM information_schema.TABLE_STATISTICS
           WHERE TABLE_SCHEMA = ${schema} AND TABLE_NAME IN (${marks})`,
          HISTORY_TABLES,
        );
        return Number(row!["n"]);
      };
    } else {
      count = async () => {
        const [row] = await shop.query(
          `SELECT COALESCE(SUM(COUNT_FETCH), 0) AS n FROM performance_schema.table_io_waits_summary_by_table
           WHERE OBJECT_SCHEMA = ${schema} AND OBJECT_NAME IN (${marks})`,
          HISTORY_TABLES,
        );
        return Number(row!["n"]);
      };
    }
    return new HistoryReads(count, await count());
  }

  /** @returns rows read since the beginning; undefined where nobody counts */
  async end(): Promise<number | undefined> {
    const now = await this.count();
    return now === undefined || this.before === undefined ? undefined : now - this.before;
  }
}
