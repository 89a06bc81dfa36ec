/**
 * Which rights the service's user lacks, for `doctor`. Asked by EXPLAIN, which needs the rights of its statement and does
 * nothing: reading `SHOW GRANTS` would mean to know the roles, patterns and levels of every server.
 *
 * @module
 */
import { StoreUnavailable } from "../../domain/errors.ts";
import { StatementRefused } from "../faults.ts";
import { Scope } from "../scope.ts";
import { loadSetup } from "../sql_files.ts";
import type { StoreDeps } from "../store.ts";
import { mysqlEngine } from "./open.ts";
import type { MysqlOptions } from "./options.ts";

/** One right of `sql/setup.sql`. */
interface Right {
  readonly verb: string;
  readonly table: string;
  /** Undefined: any column. */
  readonly column: string | undefined;
}

/**
 * The rights that `sql/setup.sql` grants and this user has not: `UPDATE (notified) ON orders`. Empty when none is missing.
 * @param assetsDir the folder that holds `sql/`
 * @throws {StoreUnavailable} when the server cannot be used at all, or a table is missing
 */
export async function missingRights(
  options: MysqlOptions,
  assetsDir: string,
  deps: StoreDeps,
): Promise<readonly string[]> {
  const engine = mysqlEngine({ ...options, poolSize: 1, maxOverflow: 0 }, deps);
  try {
    const scope = new Scope(engine.db, engine.dialect, true);
    const missing: string[] = [];
    for (const right of await wanted(assetsDir)) {
      const column = right.column ?? (await engine.columns(scope, right.table))[0]?.name;
      if (column === undefined || !await allowed(scope, right, column)) missing.push(nameOf(right));
    }
    return missing;
  } finally {
    await engine.close();
  }
}

async function wanted(assetsDir: string): Promise<readonly Right[]> {
  const { after } = await loadSetup(assetsDir, { database: "d", user: "u", clientHost: "h" });
  return [...after.matchAll(/^GRANT (.+) ON `d`\.(\w+) TO/gm)].flatMap(([, verbs, table]) =>
    [...verbs!.matchAll(/(SELECT|INSERT|UPDATE|DELETE)(?: \((\w+)\))?/g)].map(([, verb, column]) => ({
      verb: verb!,
      table: table!,
      column,
    }))
  );
}

/** Names come from our own files and from the server's list of columns. */
async function allowed(scope: Scope, { verb, table }: Right, column: string): Promise<boolean> {
  const name = `\`${column.replaceAll("`", "``")}\``;
  const statements: Readonly<Record<string, string>> = {
    SELECT: `SELECT ${name} FROM ${table} WHERE 1 = 0`,
    INSERT: `INSERT INTO ${table} (${name}) SELECT ${name} FROM ${table} WHERE 1 = 0`,
    UPDATE: `UPDATE ${table} SET ${name} = ${name} WHERE 1 = 0`,
    DELETE: `DELETE FROM ${table} WHERE 1 = 0`,
  };
  try {
    await scope.run(`EXPLAIN ${statements[verb]}`);
    return true;
  } catch (error) {
    if (error instanceof StoreUnavailable && error.fault === "denied") return false;
    // MariaDB asks for values without a default, and looks at rights before.
    if (error instanceof StatementRefused) return true;
    throw error;
  }
}

function nameOf({ verb, table, column }: Right): string {
  return `${verb}${column === undefined ? "" : ` (${column})`} ON ${table}`;
}
