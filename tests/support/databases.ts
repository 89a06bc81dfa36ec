/**
 * Real databases for tests: SQLite files, MariaDB and MySQL servers.
 *
 *     for (const engine of databases()) {
 *       databaseTest(engine, "`enqueue()` keeps the order", async (db) => { await db.store.outbox.enqueue(…) });
 *     }
 *
 * One server per engine serves all tests of a run, each test has a database and a least-privilege user of its own.
 *
 * @module
 */
import mysql from "mysql2/promise";
import net from "node:net";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../lib/runtime/clock.ts";
import { systemRandom } from "../../lib/runtime/random.ts";
import { openMigrator } from "../../lib/store/migrate.ts";
import { type MysqlOptions, openStore, type SqliteOptions, type StoreDeps } from "../../lib/store/open.ts";
import type { Store } from "../../lib/store/port.ts";
import { sharedServer, type TestServer, whyNot } from "./database_server.ts";

export type DatabaseName = "sqlite" | "mariadb" | "mysql";

/** An engine, and why it cannot be tested here. */
export interface TestEngine {
  readonly name: DatabaseName;
  readonly skip?: string;
}

/** The folder that holds `sql/`. */
export const ASSETS = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

export const testDeps: StoreDeps = { clock: systemClock, random: systemRandom };

/** All three engines, in the order in which they are quick; one that this machine has not says why. */
export function databases(): readonly TestEngine[] {
  return (["sqlite", "mariadb", "mysql"] as const).map((name) => {
    const skip = name === "sqlite" ? undefined : whyNot(name);
    return skip === undefined ? { name } : { name, skip };
  });
}

/** A test on one engine, named after it; an engine that is not to be had shows as ignored, with the reason. */
export function databaseTest(
  engine: TestEngine,
  name: string,
  test: (db: TestDatabase) => Promise<void>,
  options: OpenTestStoreOptions = {},
): void {
  Deno.test({
    name: `${engine.name}: ${name}${engine.skip === undefined ? "" : ` (skipped: ${engine.skip})`}`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using db = await openTestStore(engine.name, options);
      await test(db);
    },
  });
}

export interface OpenTestStoreOptions {
  /** Tables are there unless this is `false`: then the database is empty, and there is no user. */
  readonly migrated?: boolean;
  readonly deps?: Partial<StoreDeps>;
  /** Changes to what the store is opened with. */
  readonly mysql?: Partial<MysqlOptions>;
  /** Another server than the shared one, such as one that is about to be killed. */
  readonly server?: TestServer;
  readonly ordersTimezone?: string;
}

type Cell = string | number | bigint | null | Uint8Array;

export interface TestDatabase extends AsyncDisposable {
  readonly name: DatabaseName;
  readonly store: Store;
  /** What the store was opened with: the rights of the service, no more. */
  readonly options: MysqlOptions | SqliteOptions;
  /** The same with the rights of an administrator. */
  readonly adminOptions: MysqlOptions | SqliteOptions;
  /** The database as the settings of the service name it (`DB_DRIVER`, `DB_HOST`, …). */
  readonly settings: Readonly<Record<string, string>>;
  /** Another session: a second store on the same database, closed with the first. */
  openSession(changes?: Partial<MysqlOptions>): Store;
  /** One statement as administrator, or as the shop would run it. */
  adminQuery(sql: string, values?: readonly Cell[]): Promise<readonly Record<string, unknown>[]>;
  /** Statements one after another on one connection. */
  adminScript(statements: readonly string[]): Promise<void>;
}

/** @param engine one that {@link databases} does not skip. Close it: `await using db = await openTestStore("sqlite")` */
export function openTestStore(engine: DatabaseName, options: OpenTestStoreOptions = {}): Promise<TestDatabase> {
  return engine === "sqlite" ? openSqlite(options) : openMysql(engine, options);
}

async function openSqlite(options: OpenTestStoreOptions): Promise<TestDatabase> {
  const folder = await Deno.makeTempDir({ prefix: "store-" });
  const path = `${folder}/test.db`;
  const chosen: SqliteOptions = { engine: "sqlite", path, ordersTimezone: options.ordersTimezone ?? "Europe/Paris" };
  const deps = { ...testDeps, ...options.deps };
  if (options.migrated !== false) {
    const migrator = await openMigrator(chosen, ASSETS, testDeps);
    await migrator.apply();
    await migrator.close();
  }
  const stores = [openStore(chosen, deps)];
  return {
    name: "sqlite",
    store: stores[0]!,
    options: chosen,
    adminOptions: chosen,
    settings: { DB_DRIVER: "sqlite", SQLITE_PATH: path },
    openSession() {
      const session = openStore(chosen, deps);
      stores.push(session);
      return session;
    },
    adminQuery(sql, values = []) {
      // Opened for each statement: a shop's program comes and goes as well.
      const db = new DatabaseSync(path, { timeout: 5_000 });
      try {
        const statement = db.prepare(sql);
        return Promise.resolve(
          statement.columns().length > 0 ? statement.all(...values) : (statement.run(...values), []),
        );
      } finally {
        db.close();
      }
    },
    adminScript(statements) {
      const db = new DatabaseSync(path, { timeout: 5_000 });
      try {
        for (const statement of statements) db.exec(statement);
        return Promise.resolve();
      } finally {
        db.close();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

let databasesMade = 0;

async function openMysql(engine: "mariadb" | "mysql", options: OpenTestStoreOptions): Promise<TestDatabase> {
  const server = options.server ?? await sharedServer(engine);
  const database = `t${Deno.pid}_${++databasesMade}_${crypto.randomUUID().slice(0, 8)}`;
  const password = 'it\'s a "test" \\ password';
  const common: MysqlOptions = {
    engine: "mysql",
    host: server.host,
    port: server.port,
    database,
    user: database,
    password,
    poolSize: 5,
    maxOverflow: 5,
    acquireTimeoutMs: 10_000,
    recycleMs: 3_600_000,
    tls: "off",
    ordersTimezone: options.ordersTimezone ?? "Europe/Paris",
  };
  const chosen: MysqlOptions = { ...common, ...options.mysql };
  const adminOptions: MysqlOptions = { ...common, user: server.user, password: server.password };
  const deps = { ...testDeps, ...options.deps };
  if (options.migrated === false) {
    await withAdmin(server, undefined, (admin) => admin.query(`CREATE DATABASE \`${database}\``));
  } else {
    const migrator = await openMigrator({ ...adminOptions, database: undefined }, ASSETS, testDeps);
    await migrator.setUp({ database, user: database, clientHost: "%", password });
    await migrator.close();
  }
  const stores = [openStore(chosen, deps)];
  return {
    name: engine,
    store: stores[0]!,
    options: chosen,
    adminOptions,
    settings: {
      DB_DRIVER: "mysql",
      DB_HOST: server.host,
      DB_PORT: String(server.port),
      DB_NAME: database,
      DB_USER: database,
      DB_PASSWORD: password,
    },
    openSession(changes = {}) {
      const session = openStore({ ...chosen, ...changes }, deps);
      stores.push(session);
      return session;
    },
    adminQuery: (sql, values = []) =>
      withAdmin(server, database, async (admin) => {
        const [rows] = await admin.query(sql, [...values]);
        return Array.isArray(rows) ? rows as Record<string, unknown>[] : [];
      }),
    adminScript: (statements) =>
      withAdmin(server, database, async (admin) => {
        for (const statement of statements) await admin.query(statement);
      }),
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store.close();
      if (!server.alive()) return;
      await withAdmin(server, undefined, async (admin) => {
        await admin.query(`DROP DATABASE IF EXISTS \`${database}\``);
        await admin.query(`DROP USER IF EXISTS '${database}'@'%'`);
      });
    },
  };
}

async function withAdmin<T>(
  server: TestServer,
  database: string | undefined,
  work: (admin: mysql.Connection) => Promise<T>,
): Promise<T> {
  const socket = net.connect(server.port, server.host);
  // Waited for at the end: the driver says goodbye and leaves the socket to close some time later, in another test.
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const admin = await mysql.createConnection({
    stream: () => socket,
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    charset: "utf8mb4",
    timezone: "Z",
    dateStrings: true,
    ...(database === undefined ? {} : { database }),
  });
  try {
    await admin.query("SET time_zone = '+00:00'");
    return await work(admin);
  } finally {
    await admin.end();
    socket.destroy();
    await closed;
  }
}
