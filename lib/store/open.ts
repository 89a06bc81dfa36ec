/**
 * @module
 */
import { type MysqlOptions, openMysqlStore } from "./mysql/open.ts";
import type { Store } from "./port.ts";
import { openSqliteStore, type SqliteOptions } from "./sqlite/open.ts";
import type { StoreDeps } from "./store.ts";

export type { MysqlOptions } from "./mysql/open.ts";
export type { SqliteOptions } from "./sqlite/open.ts";
export type { StoreDeps } from "./store.ts";

/** A store of either engine. Connects on first use: the server need not be there yet. */
export function openStore(options: MysqlOptions | SqliteOptions, deps: StoreDeps): Store {
  return options.engine === "mysql" ? openMysqlStore(options, deps) : openSqliteStore(options, deps);
}
