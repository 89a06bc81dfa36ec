/**
 * @module
 */
import type { StoreOptions } from "../store.ts";

export type TlsMode = "off" | "on" | "verify";

export interface MysqlOptions extends StoreOptions {
  readonly engine: "mysql";
  readonly host: string;
  readonly port: number;
  /** Path of a unix socket; it wins over host and port. */
  readonly socketPath?: string;
  /** Undefined: none is chosen, for the administrator's set-up before it exists. */
  readonly database: string | undefined;
  readonly user: string;
  readonly password: string;
  /** Connections that are kept (`DB_POOL_SIZE`). */
  readonly poolSize: number;
  /** Connections on top of these for a rush; closed when they are idle for a minute (`DB_POOL_MAX_OVERFLOW`). */
  readonly maxOverflow: number;
  /** How long a statement may wait for a connection (`DB_POOL_TIMEOUT`). */
  readonly acquireTimeoutMs: number;
  /** Age at which a connection is replaced (`DB_POOL_RECYCLE`); 0: never. */
  readonly recycleMs: number;
  /** `on`: encrypted, whoever the server is. `verify`: its certificate must be good, for its name. */
  readonly tls: TlsMode;
  /** PEM of the authorities to believe instead of the system's (`DB_TLS_CA`). */
  readonly caPem?: string;
  /** How long connecting, with login and session set-up, may take. Default: 5,000. */
  readonly connectTimeoutMs?: number;
  /** How long a statement may take before its connection is given up. Default: 20,000. */
  readonly statementTimeoutMs?: number;
  /** How long the server waits for the next word of a connection, whole seconds. Default: {@link DEFAULT_SILENCE_SECONDS}. */
  readonly silenceSeconds?: number;
}

export const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;
export const DEFAULT_STATEMENT_TIMEOUT_MS = 20_000;
/**
 * A host that lost power, or a process that was frozen, in the middle of a transaction keeps its row locks until the server gives the
 * connection up: eight hours by default, in which nobody could take its leases over. Shorter than the shortest lease that
 * makes sense and the five seconds that a take-over may last.
 */
export const DEFAULT_SILENCE_SECONDS = 12;

/** Where the server is, for texts. */
export function serverName(options: MysqlOptions): string {
  return options.socketPath ?? `${options.host}:${options.port}`;
}
