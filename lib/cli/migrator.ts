/**
 * A migrator for the settings, also as an administrator of the database server.
 *
 * @module
 */
import type { Config, MysqlConfig } from "../config/config.ts";
import { type Migrator, openMigrator } from "../store/migrate.ts";
import type { MysqlOptions, SqliteOptions } from "../store/open.ts";
import type { CliContext } from "./command.ts";

/** Who creates the tables, when the service's own user may not. */
export interface Administrator {
  readonly user: string;
  readonly password: string;
  /** Undefined: where the settings say. */
  readonly socketPath: string | undefined;
}

/** Longest wait for a connection of the one that is used, milliseconds. */
const ACQUIRE_TIMEOUT_MS = 10_000;

/**
 * @param reading it will only be asked for the status: then the database has to be there already
 * @throws {ConfigError} when the files inside the program are not as they should be
 */
export async function openConfiguredMigrator(
  config: Config,
  { assetsDir, clock, random }: CliContext,
  administrator: Administrator | undefined,
  reading: boolean,
): Promise<Migrator> {
  const options = await singleConnection(config, administrator, reading);
  if (options.engine === "sqlite") await makeFolderOf(options.path);
  return await openMigrator(options, assetsDir, { clock, random });
}

/** One connection, of the service's user or of an administrator. */
export async function singleConnection(
  config: Config,
  administrator?: Administrator,
  reading = true,
): Promise<MysqlOptions | SqliteOptions> {
  const { database } = config;
  const ordersTimezone = config.shop.ordersTimeZone;
  if (database.driver === "sqlite") return { engine: "sqlite", path: database.path, ordersTimezone };
  const socketPath = administrator?.socketPath ?? database.socketPath;
  return {
    engine: "mysql",
    host: database.host,
    port: database.port,
    ...(socketPath !== undefined && { socketPath }),
    // An administrator may be the one who makes the database.
    database: administrator === undefined || reading ? database.database : undefined,
    user: administrator?.user ?? database.user,
    password: administrator?.password ?? database.password,
    poolSize: 1,
    maxOverflow: 0,
    acquireTimeoutMs: ACQUIRE_TIMEOUT_MS,
    recycleMs: 0,
    tls: database.tls,
    ...(database.tlsCaPath !== undefined && { caPem: await Deno.readTextFile(database.tlsCaPath) }),
    ordersTimezone,
  };
}

/** SQLite makes the file and not the folder. */
async function makeFolderOf(path: string): Promise<void> {
  const cut = path.lastIndexOf("/");
  if (cut > 0) await Deno.mkdir(path.slice(0, cut), { recursive: true, mode: 0o700 });
}

/** From where the server sees the service come: what `'user'@'host'` has to name. `--client-host` says another one. */
export function clientHostOf({ socketPath, host }: MysqlConfig): string {
  if (socketPath !== undefined || host === "localhost") return "localhost";
  // As an address: a server with skip_name_resolve never makes `localhost` of it, and every other one matches it too.
  return LOOPBACK.test(host) ? host : "%";
}

const LOOPBACK = /^(127(\.[0-9]{1,3}){3}|::1)$/;
