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
}

export const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;
export const DEFAULT_STATEMENT_TIMEOUT_MS = 20_000;

/** Where the server is, for texts. */
export function serverName(options: MysqlOptions): string {
  return options.socketPath ?? `${options.host}:${options.port}`;
}
