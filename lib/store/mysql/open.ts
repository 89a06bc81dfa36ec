/**
 * @module
 */
import { Kysely } from "kysely";
import { StoreUnavailable } from "../../domain/errors.ts";
import { DeadlineExceeded, within } from "../../runtime/clock.ts";
import { integer, optionalInteger, text } from "../decode.ts";
import type { Engine } from "../engine.ts";
import type { Tables } from "../schema.ts";
import type { Dialect } from "../scope.ts";
import { EngineStore, type StoreDeps } from "../store.ts";
import { mysqlDialect } from "./driver.ts";
import { type MysqlOptions, serverName } from "./options.ts";
import { MysqlPool } from "./pool.ts";

export type { MysqlOptions, TlsMode } from "./options.ts";

const MYSQL: Dialect = {
  name: "mysql",
  // NOW is the time at which the statement began: a statement that waited for a lock makes dates earlier, never later.
  nowMs: "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
  forUpdate: " FOR UPDATE",
  // Lengths are checked before: IGNORE would cut values silently.
  insertIgnore: ["INSERT IGNORE INTO", () => ""],
  useOutboxWork: "FORCE INDEX (outbox_work)",
  joinInOrder: "STRAIGHT_JOIN",
  idStep: async (scope) => integer((await scope.rows("SELECT @@auto_increment_increment AS step"))[0]!, "step"),
};

/** A store on a MySQL-compatible server. Nothing is connected before the first statement. */
export function openMysqlStore(options: MysqlOptions, deps: StoreDeps): EngineStore {
  return new EngineStore(mysqlEngine(options, deps), options, deps);
}

/** The engine alone, for the migration runner. */
export function mysqlEngine(options: MysqlOptions, deps: StoreDeps): Engine {
  const pool = new MysqlPool(options, deps.clock);
  return {
    db: new Kysely<Tables>({ dialect: mysqlDialect(pool) }),
    dialect: MYSQL,
    begin: "START TRANSACTION",
    columns: async (scope, table) =>
      (await scope.rows(
        `SELECT COLUMN_NAME AS name, DATA_TYPE AS type, CHARACTER_MAXIMUM_LENGTH AS length
         FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`,
        [table],
      )).map((row) => ({
        name: text(row, "name"),
        type: text(row, "type").toLowerCase(),
        length: optionalInteger(row, "length"),
      })),
    indexes: async (scope, table) =>
      (await scope.rows(
        `SELECT INDEX_NAME AS name, COLUMN_NAME AS col FROM information_schema.STATISTICS
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND SEQ_IN_INDEX = 1 AND COLUMN_NAME IS NOT NULL`,
        [table],
      )).map((row) => ({ name: text(row, "name"), column: text(row, "col") })),
    ping: (timeoutMs) => ping(pool, options, timeoutMs),
    close: () => pool.close(),
  };
}

async function ping(pool: MysqlPool, options: MysqlOptions, timeoutMs: number): Promise<void> {
  const work = (async () => {
    const connection = await pool.acquire();
    try {
      await connection.ping(timeoutMs);
    } finally {
      pool.release(connection);
    }
  })();
  try {
    await within(work, timeoutMs, "asking the database");
  } catch (error) {
    if (!(error instanceof DeadlineExceeded)) throw error;
    throw new StoreUnavailable(
      "timeout",
      `the database at ${serverName(options)} did not answer within ${timeoutMs} ms`,
      {
        cause: error,
      },
    );
  }
}
