/**
 * One SQLite connection, opened on first use, behind Kysely's driver interface.
 *
 * @module
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { CompiledQuery, DatabaseConnection, QueryResult } from "kysely";
import type { Clock } from "../../runtime/clock.ts";
import { mapSqliteError } from "./errors.ts";
import { Contended } from "../faults.ts";
import type { MannerOfQuery } from "../posted.ts";

/** How long another process may hold the file before a statement gives up. */
const BUSY_TIMEOUT_MS = 5_000;
/** Between two tries. The engine's own wait would stop the whole event loop meanwhile (facts: deno.md §5). */
const BUSY_RETRY_MS = 10;
/** Prepared statements kept; the oldest is dropped first. */
const STATEMENT_CACHE = 300;
/** Owner only: the file holds messages and numbers of people. */
const FILE_MODE = 0o600;

interface Prepared {
  readonly statement: StatementSync;
  readonly reader: boolean;
}

export class SqliteConnection implements DatabaseConnection {
  #db: DatabaseSync | undefined;
  readonly #prepared = new Map<string, Prepared>();

  constructor(private readonly path: string, private readonly clock: Clock) {}

  /** A statement is a call of a function here: what is posted is done and compared at once, so there is nothing to flush. */
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { goes } = query as MannerOfQuery;
    if (goes?.manner === "flush") return { rows: [] };
    const result = await this.#patiently<R>(query);
    const expected = goes?.manner === "posted" ? goes.expected : undefined;
    if (expected?.affected !== undefined && Number(result.numAffectedRows) !== expected.affected) {
      throw new Contended(expected.what);
    }
    return result;
  }

  async #patiently<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const deadline = this.clock.monotonicMs() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        return this.#execute<R>(query.sql, query.parameters);
      } catch (error) {
        const mapped = mapSqliteError(error, this.path);
        // Inside a transaction waiting would not help: BEGIN IMMEDIATE has the file already.
        const waits = mapped instanceof Contended && !(this.#db?.isTransaction ?? false);
        if (!waits || this.clock.monotonicMs() > deadline) throw mapped;
        await this.clock.sleepMs(BUSY_RETRY_MS);
      }
    }
  }

  #execute<R>(sql: string, parameters: readonly unknown[]): QueryResult<R> {
    const { statement, reader } = this.#prepare(sql);
    const values = parameters.map(toSqlite);
    if (reader) return { rows: readAll(statement, sql, values) as R[] };
    const { changes, lastInsertRowid } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql);
    if (prepared === undefined) {
      const statement = (this.#db ??= this.#open()).prepare(sql);
      prepared = { statement, reader: statement.columns().length > 0 };
      this.#prepared.set(sql, prepared);
      if (this.#prepared.size > STATEMENT_CACHE) this.#prepared.delete(this.#prepared.keys().next().value!);
    }
    return prepared;
  }

  #open(): DatabaseSync {
    if (this.path !== ":memory:") {
      // Made by us first, so that the mode is right from the first byte; -wal and -shm inherit it.
      Deno.openSync(this.path, { create: true, write: true, mode: FILE_MODE }).close();
    }
    const db = new DatabaseSync(this.path, { enableForeignKeyConstraints: false, timeout: 0 });
    try {
      // By prepare, since the errors of exec carry no code.
      db.prepare("PRAGMA journal_mode = WAL").all();
      // FULL: a commit that was answered survives a power cut.
      db.prepare("PRAGMA synchronous = FULL").run();
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  }

  // deno-lint-ignore require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("streaming is not used here");
  }

  close(): void {
    this.#prepared.clear();
    this.#db?.close();
    this.#db = undefined;
  }
}

/**
 * node:sqlite refuses to read an integer that a number cannot hold exactly. The shop's table may have one in any column: it
 * comes as text then, as it does from MySQL, and not one of the other rows is missing for it.
 */
function readAll(statement: StatementSync, sql: string, values: readonly SQLInputValue[]): unknown[] {
  try {
    return statement.all(...values);
  } catch (error) {
    // What changes something was carried out, and must not be once more.
    if (!(error instanceof RangeError) || !/^\s*SELECT\b/i.test(sql)) throw error;
    statement.setReadBigInts(true);
    try {
      return statement.all(...values).map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, fromBigInt(value)]))
      );
    } finally {
      statement.setReadBigInts(false);
    }
  }
}

function fromBigInt(value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/**
 * node:sqlite takes neither booleans nor undefined, and misreads a Date silently (facts: deno.md §5). It ends a text that it
 * reads at U+0000; the replacement character in its place keeps what follows.
 */
function toSqlite(value: unknown): SQLInputValue {
  if (typeof value === "string") return value.includes("\0") ? value.replaceAll("\0", "\ufffd") : value;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === undefined) return null;
  if (value instanceof Date) throw new TypeError("a Date is no SQL value: pass milliseconds");
  return value as SQLInputValue;
}
