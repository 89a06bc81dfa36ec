/**
 * What every query of this room gets: a way to the database, and what differs between the engines.
 *
 * @module
 */
import { CompiledQuery, type Kysely } from "kysely";
import type { Row } from "./decode.ts";
import { Contended } from "./faults.ts";
import { type Expected, going } from "./posted.ts";
import type { Tables } from "./schema.ts";

/** The few pieces of SQL in which the engines differ. */
export interface Dialect {
  readonly name: "mysql" | "sqlite";
  /** The database's clock as an expression: whole milliseconds since 1970 UTC. */
  readonly nowMs: string;
  /** Ends a SELECT that locks what it reads. SQLite has one writer, which BEGIN IMMEDIATE makes us. */
  readonly forUpdate: string;
  /** Around an INSERT that leaves existing keys alone. */
  readonly insertIgnore: readonly [prefix: string, suffix: (uniqueColumns: string) => string];
  /** Keeps the planner on `outbox_work`: its statistics of a table that is empty most of the time mislead it. */
  readonly useOutboxWork: string;
  /** A join that reads its left table first. */
  readonly joinInOrder: string;
  /** Rows that one INSERT made have ids this far apart (Galera and multi-primary set-ups: more than 1). */
  idStep(scope: Scope): Promise<number>;
}

export interface Result {
  readonly rows: readonly Row[];
  /** Rows matched by an UPDATE or DELETE, added by an INSERT. */
  readonly affected: number;
  /** MySQL: id of the first row of an INSERT; SQLite: of the last. */
  readonly insertId: number;
}

export class Scope {
  constructor(
    readonly db: Kysely<Tables>,
    readonly dialect: Dialect,
    /** Runs `work` in the transaction that is under way, or in one of its own. */
    private readonly inTransaction:
      | true
      | (<T>(name: string, work: (scope: Scope) => Promise<T>) => Promise<T>),
    /**
     * The transaction runs again. Hot moves then look before they leap: the first time they move what matches and compare
     * counts, which saves a statement each, and a count that is off makes the transaction run again.
     */
    readonly careful = false,
  ) {}

  atomic<T>(name: string, work: (scope: Scope) => Promise<T>): Promise<T> {
    return this.inTransaction === true ? work(this) : this.inTransaction(name, work);
  }

  /**
   * {@link atomic} for work that is one statement: alone, that is a transaction by itself, without the two more round trips
   * of a stated one. Where it loses against others, it is tried again in one.
   */
  async single<T>(name: string, work: (scope: Scope) => Promise<T>): Promise<T> {
    if (this.inTransaction === true) return await work(this);
    try {
      return await work(this);
    } catch (error) {
      if (!(error instanceof Contended)) throw error;
      return await this.atomic(name, work);
    }
  }

  /** A statement written by hand: for the hot ones and where the engines differ. */
  async run(sql: string, parameters: readonly unknown[] = []): Promise<Result> {
    const result = await this.db.executeQuery<Row>(CompiledQuery.raw(sql, parameters as unknown[]));
    return {
      rows: result.rows,
      affected: Number(result.numAffectedRows ?? 0n),
      insertId: Number(result.insertId ?? 0n),
    };
  }

  /**
   * A statement of a transaction whose answer is known beforehand: it leaves with the next one, where that saves a journey, and is
   * compared at the end. Of a packet nobody can say which statement failed and why, so the transaction then runs again, carefully:
   * one statement after the other, and each one's own error is heard.
   * @throws {Contended} when it did not do what was expected; here, or from any statement behind it
   */
  async post(sql: string, parameters: readonly unknown[], expected: Expected): Promise<void> {
    if (this.inTransaction === true && !this.careful) {
      await this.db.executeQuery(going({ manner: "posted", expected }, sql, parameters));
      return;
    }
    const { affected } = await this.run(sql, parameters);
    if (expected.affected !== undefined && affected !== expected.affected) throw new Contended(expected.what);
  }

  async rows(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.run(sql, parameters)).rows;
  }
}

/** `?, ?, ?` */
export function marks(count: number): string {
  return new Array<string>(count).fill("?").join(", ");
}

/** `(?, ?), (?, ?)`, also with expressions in place of marks. */
export function tuples(count: number, tuple: string): string {
  return new Array<string>(count).fill(tuple).join(", ");
}

/** Cuts a list into pieces of at most `size`. */
export function* chunks<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}

/** Rows of one INSERT: few enough for SQLite's limit of 32,766 values. */
const INSERT_ROWS = 200;
/** Characters of text in one INSERT: far below the server's limit for a packet (16 MB by default on MariaDB). */
const INSERT_CHARACTERS = 1_000_000;

/** Cuts rows into pieces that fit into one INSERT each, by number and by the length of their text. */
export function* inserts<T>(list: readonly T[], lengthOf: (row: T) => number): Generator<readonly T[]> {
  let piece: T[] = [];
  let length = 0;
  for (const row of list) {
    const more = lengthOf(row);
    if (piece.length > 0 && (piece.length >= INSERT_ROWS || length + more > INSERT_CHARACTERS)) {
      yield piece;
      piece = [];
      length = 0;
    }
    piece.push(row);
    length += more;
  }
  if (piece.length > 0) yield piece;
}
