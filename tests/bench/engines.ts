/**
 * The databases of a run: durable ones, each started for the run and ended with it.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { openTestStore, type TestDatabase } from "../support/databases.ts";
import { startServer, type TestServer, whyNot } from "../support/database_server.ts";

export const ENGINES = ["sqlite", "mariadb", "mysql", "mysql-binlog"] as const;
export type EngineName = (typeof ENGINES)[number];

export interface Engine extends AsyncDisposable {
  readonly name: EngineName;
  /** Version and what makes its commits durable, as the engine itself reports it. */
  readonly conditions: string;
  /** A fresh database with the product's tables. */
  open(): Promise<TestDatabase>;
  readonly server: TestServer | undefined;
  /** The server's process; undefined where the database lives in the service's own. */
  readonly pid: number | undefined;
}

/** Why this engine cannot be measured here; undefined when it can. */
export function engineMissing(name: EngineName): string | undefined {
  return name === "sqlite" ? undefined : whyNot(name === "mariadb" ? "mariadb" : "mysql");
}

export async function startEngine(name: EngineName): Promise<Engine> {
  if (name === "sqlite") {
    const db = new DatabaseSync(":memory:");
    const { version } = db.prepare("SELECT sqlite_version() AS version").get() as { version: string };
    db.close();
    return {
      name,
      conditions: `SQLite ${version}, WAL, synchronous=FULL (set by the service)`,
      open: () => openTestStore("sqlite"),
      server: undefined,
      pid: undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const product = name === "mariadb" ? "mariadb" : "mysql";
  const args = name === "mysql-binlog" ? ["--log-bin", "--sync-binlog=1"] : [];
  const server = await startServer(product, { fast: false, args });
  const open = () => openTestStore(product, { server });
  let conditions: string;
  let pid: number;
  {
    await using db = await open();
    const rows = await db.adminQuery(
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'pid_file')",
    );
    const value = new Map(rows.map((row) => [String(row["Variable_name"]), String(row["Value"])]));
    conditions = `${product === "mariadb" ? "MariaDB" : "MySQL"} ${value.get("version")}, ` +
      `innodb_flush_log_at_trx_commit=${value.get("innodb_flush_log_at_trx_commit")}, ` +
      `log_bin=${value.get("log_bin")}` +
      (value.get("log_bin") === "ON" ? `, sync_binlog=${value.get("sync_binlog")}` : "");
    pid = Number(await Deno.readTextFile(value.get("pid_file")!));
  }
  return { name, conditions, open, server, pid, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
