/**
 * @module
 */
import { Kysely } from "kysely";
import { integer, text } from "../decode.ts";
import type { Engine } from "../engine.ts";
import type { Tables } from "../schema.ts";
import { type Dialect, Scope } from "../scope.ts";
import { EngineStore, type StoreDeps, type StoreOptions } from "../store.ts";
import { SqliteConnection } from "./connection.ts";
import { sqliteDialect, SqliteDriver } from "./driver.ts";

export interface SqliteOptions extends StoreOptions {
  readonly engine: "sqlite";
  /** The database's file, made with mode 0600 when it is missing; `:memory:` for one that lives as long as the store. */
  readonly path: string;
  /** How long a statement may wait for the one connection, milliseconds. Default: 30,000. */
  readonly acquireTimeoutMs?: number;
}

const DEFAULT_ACQUIRE_TIMEOUT_MS = 30_000;

const SQLITE: Dialect = {
  name: "sqlite",
  nowMs: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
  forUpdate: "",
  insertIgnore: ["INSERT INTO", (unique) => `ON CONFLICT (${unique}) DO NOTHING`],
  useOutboxWork: "INDEXED BY outbox_work",
  joinInOrder: "CROSS JOIN",
  idStep: () => Promise.resolve(1),
};

/** A store in a SQLite file. Nothing is opened before the first statement. */
export function openSqliteStore(options: SqliteOptions, deps: StoreDeps): EngineStore {
  return new EngineStore(sqliteEngine(options, deps), options, deps);
}

/** The engine alone, for the migration runner. */
export function sqliteEngine(options: SqliteOptions, deps: StoreDeps): Engine {
  const driver = new SqliteDriver(
    new SqliteConnection(options.path, deps.clock),
    deps.clock,
    options.acquireTimeoutMs ?? DEFAULT_ACQUIRE_TIMEOUT_MS,
  );
  const db = new Kysely<Tables>({ dialect: sqliteDialect(driver) });
  return {
    db,
    dialect: SQLITE,
    begin: "BEGIN IMMEDIATE",
    columns: async (scope, table) =>
      (await scope.rows("SELECT name, type FROM pragma_table_info(?) ORDER BY cid", [table])).map((row) => {
        const [, type = "", length] = /^([^(]*?)\s*(?:\(\s*([0-9]+).*)?$/.exec(text(row, "type").toLowerCase()) ?? [];
        return { name: text(row, "name"), type, length: length === undefined ? undefined : Number(length) };
      }),
    indexes: async (scope, table) =>
      (await scope.rows(
        `SELECT l.name AS name, i.name AS col FROM pragma_index_list(?) l JOIN pragma_index_info(l.name) i
         WHERE i.seqno = 0 AND l.partial = 0 AND i.name IS NOT NULL`,
        [table],
      )).map((row) => ({ name: text(row, "name"), column: text(row, "col") })),
    ping: async () => {
      const rows = await new Scope(db, SQLITE, true).rows("SELECT 1 AS one");
      integer(rows[0]!, "one");
    },
    close: () => driver.destroy(),
  };
}
