/**
 * The store that the settings name, and what is done with it around the running service.
 *
 * @module
 */
import { reopenOrders } from "../automations/orders/owed_again.ts";
import { settleOrders } from "../automations/orders/settled.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../domain/errors.ts";
import { DeadLetters } from "../outbox/dead_letters.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import { openStore, type StoreDeps } from "../store/open.ts";
import type { Store } from "../store/port.ts";

/** The store that the settings name. Connects on first use. @throws {ConfigError} when DB_TLS_CA cannot be read */
export function openDatabase(config: Config, deps: StoreDeps): Store {
  const { database } = config;
  const common = { ordersTimezone: config.shop.ordersTimeZone, defaultMaxAgeMs: config.delivery.maxAgeMs };
  if (database.driver === "sqlite") return openStore({ engine: "sqlite", path: database.path, ...common }, deps);
  const caPem = readPem(database.tlsCaPath);
  return openStore({
    engine: "mysql",
    host: database.host,
    port: database.port,
    ...(database.socketPath === undefined ? {} : { socketPath: database.socketPath }),
    database: database.database,
    user: database.user,
    password: database.password,
    poolSize: database.poolSize,
    maxOverflow: database.poolMaxOverflow,
    acquireTimeoutMs: database.poolTimeoutMs,
    recycleMs: database.poolRecycleMs,
    tls: database.tls,
    ...(caPem === undefined ? {} : { caPem }),
    ...common,
  }, deps);
}

function readPem(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new ConfigError("DB_TLS_CA", "the file cannot be read", "a readable PEM file", { cause });
  }
}

/** The first look at a database: does it fit, and is there anything unusual that the operator should know? */
export async function arrive(store: Store, config: Config, log: Log): Promise<void> {
  await store.checkSchema();
  const width = await store.affiliates.tokenWidth();
  if (config.shop.tokenLength > width) {
    throw new ConfigError(
      "TOKEN_LENGTH",
      `is ${config.shop.tokenLength}`,
      `at most ${width}, the width of the token columns`,
    );
  }
  for (const oddity of await store.orders.inspect()) log.warn("The orders table is unusual", { what: oddity });
}

/** Dead letters of this store, with orders kept in step; for the commands, beside or without a running service. */
export function openDeadLetters(store: Store, config: Config, clock: Clock): DeadLetters {
  return new DeadLetters({
    store,
    maxReplays: config.delivery.dlqMaxRetries,
    nowMs: () => clock.nowMs(),
    onOwedAgain: reopenOrders,
    onSettled: async (tx, rows) => {
      await settleOrders(tx, rows);
      return () => {};
    },
  });
}
