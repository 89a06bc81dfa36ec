/**
 * Bringing the tables to the version that this program needs.
 *
 * Files are re-runnable, because MySQL commits every DDL statement by itself: a run that was cut off is run again. Of many
 * that start at once one works, the others wait for it: whoever inserts row 0 of `schema_migrations`. That needs nothing
 * that one of the engines lacks, and a holder that died is recognised by the age of its row.
 *
 * @module
 */
import { StoreUnavailable } from "../domain/errors.ts";
import type { Engine } from "./engine.ts";
import { DuplicateKey } from "./faults.ts";
import { integer, text } from "./decode.ts";
import { mysqlEngine } from "./mysql/open.ts";
import type { MysqlOptions } from "./mysql/options.ts";
import { readSchemaVersion } from "./queries/schema.ts";
import { Scope } from "./scope.ts";
import { loadMigrations, loadSetup, type Migration, type SetupNames, splitSql } from "./sql_files.ts";
import { sqliteEngine, type SqliteOptions } from "./sqlite/open.ts";
import type { StoreDeps } from "./store.ts";

export { renderSql } from "./sql_files.ts";
export type { SetupNames } from "./sql_files.ts";

/** One statement may take this long: altering a large table copies it. */
const STATEMENT_TIMEOUT_MS = 10 * 60_000;
/** A lock that was not touched for longer belongs to a process that died. Longer than any statement may take. */
const LOCK_STALE_MS = 15 * 60_000;
/** How long to wait for another run before giving up. */
const LOCK_WAIT_MS = 20 * 60_000;
const LOCK_LOOK_MS = 100;

export interface MigrationStatus {
  /** `absent`: no tables of ours; `newer`: the tables need a newer program. */
  readonly state: "absent" | "older" | "current" | "newer";
  readonly found: number | undefined;
  readonly wanted: number;
  /** Names of the migrations that `apply` would run, oldest first. */
  readonly pending: readonly string[];
}

/** @param options for MySQL: of a user that may create tables; the pool settings are not used */
export async function openMigrator(
  options: MysqlOptions | SqliteOptions,
  assetsDir: string,
  deps: StoreDeps,
): Promise<Migrator> {
  const migrations = await loadMigrations(assetsDir, options.engine);
  const engine = options.engine === "sqlite" ? sqliteEngine(options, deps) : mysqlEngine({
    ...options,
    // One connection, since session variables and USE belong to it.
    poolSize: 1,
    maxOverflow: 0,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  }, deps);
  return new Migrator(engine, migrations, assetsDir, deps);
}

export class Migrator {
  constructor(
    private readonly engine: Engine,
    private readonly migrations: readonly Migration[],
    private readonly assetsDir: string,
    private readonly deps: StoreDeps,
  ) {}

  status(): Promise<MigrationStatus> {
    return this.#connected((scope) => this.#status(scope));
  }

  /**
   * Applies what is missing. May run at the same time as others do. @returns names of the migrations that ran here
   * @throws {StoreUnavailable} `schema` when the tables are newer, `denied` when a right is missing
   */
  apply(): Promise<readonly string[]> {
    return this.#connected((scope) => this.#apply(scope));
  }

  /**
   * MySQL only, as an administrator and on a connection without a database: makes the database, applies what is missing,
   * makes the user (one that exists keeps its password) and its grants. @returns names of the migrations that ran here
   */
  setUp(names: SetupNames): Promise<readonly string[]> {
    return this.#connected(async (scope) => {
      const { before, after } = await loadSetup(this.assetsDir, names);
      for (const statement of splitSql(before)) await scope.run(statement);
      const applied = await this.#apply(scope);
      for (const statement of splitSql(after)) await scope.run(statement);
      return applied;
    });
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  #connected<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
    return this.engine.db.connection().execute((db) => work(new Scope(db, this.engine.dialect, true)));
  }

  async #status(scope: Scope): Promise<MigrationStatus> {
    const found = await readSchemaVersion(scope);
    const wanted = this.migrations.length;
    const pending = this.migrations.filter(({ version }) => version > (found ?? 0)).map((one) => one.name);
    const state = found === undefined ? "absent" : found < wanted ? "older" : found > wanted ? "newer" : "current";
    return { state, found, wanted, pending };
  }

  async #apply(scope: Scope): Promise<readonly string[]> {
    // The first statement of all: the table in which everything else is recorded, the lock too.
    await scope.run(this.migrations[0]!.statements[0]!);
    const holder = crypto.randomUUID();
    if (!await this.#lock(scope, holder)) return [];
    try {
      const applied: string[] = [];
      const { found = 0 } = await this.#status(scope);
      for (const { version, name, statements } of this.migrations) {
        if (version <= found) continue;
        for (const statement of statements) {
          await scope.run(
            `UPDATE schema_migrations SET applied_at_ms = ${this.engine.dialect.nowMs} WHERE version = 0`,
          );
          await scope.run(statement);
        }
        applied.push(name);
      }
      return applied;
    } finally {
      await scope.run("DELETE FROM schema_migrations WHERE version = 0 AND name = ?", [holder]);
    }
  }

  /** @returns false when there is nothing to do any more. @throws {StoreUnavailable} for newer tables */
  async #lock(scope: Scope, holder: string): Promise<boolean> {
    const now = this.engine.dialect.nowMs;
    const deadlineMs = this.deps.clock.monotonicMs() + LOCK_WAIT_MS;
    for (;;) {
      const { state, found, wanted } = await this.#status(scope);
      if (state === "current") return false;
      if (state === "newer") {
        throw new StoreUnavailable(
          "schema",
          `the tables have version ${found}, this program knows ${wanted}; install the newer program`,
        );
      }
      try {
        await scope.run(`INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (0, ?, ${now})`, [holder]);
        return true;
      } catch (error) {
        if (!(error instanceof DuplicateKey)) throw error;
      }
      const lock = (await scope.rows(
        `SELECT name, ${now} - applied_at_ms AS age_ms FROM schema_migrations WHERE version = 0`,
      ))[0];
      if (lock !== undefined && integer(lock, "age_ms") > LOCK_STALE_MS) {
        const { affected } = await scope.run(
          `UPDATE schema_migrations SET name = ?, applied_at_ms = ${now}
           WHERE version = 0 AND name = ? AND applied_at_ms < ${now} - ?`,
          [holder, text(lock, "name"), LOCK_STALE_MS],
        );
        if (affected === 1) return true;
      }
      if (this.deps.clock.monotonicMs() > deadlineMs) {
        throw new StoreUnavailable("contention", "another migration has been under way for too long");
      }
      await this.deps.clock.sleepMs(LOCK_LOOK_MS);
    }
  }
}
