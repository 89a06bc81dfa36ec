/**
 * The settings as the rest of the program sees them: complete, frozen, and grouped by who needs them. `app.ts` hands
 * the groups out as plain options; no other room imports this one.
 *
 * @module
 */
import type { SettingValues } from "./schema.ts";
import type { LogLevel, SocketAddress, UnknownPolicies } from "./types.ts";

export interface MysqlConfig {
  readonly driver: "mysql";
  readonly host: string;
  readonly port: number;
  /** Unix socket, used in place of host and port. */
  readonly socketPath: string | undefined;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Connections that are kept; `poolMaxOverflow` more are opened under load. */
  readonly poolSize: number;
  readonly poolMaxOverflow: number;
  readonly poolTimeoutMs: number;
  readonly poolRecycleMs: number;
  readonly tls: "off" | "on" | "verify";
  /** PEM file. */
  readonly tlsCaPath: string | undefined;
}

export interface SqliteConfig {
  readonly driver: "sqlite";
  readonly path: string;
}

export interface Config {
  readonly signal: {
    /** Our own number, E.164. */
    readonly number: string;
    /** The owner's group, base64 as signal-cli prints it; or `name:` and its name, which `run` looks up first. */
    readonly groupId: string;
    readonly adminPhoneNumber: string;
    readonly transport: "jsonrpc" | "socket";
    /** Where a daemon listens; present whenever `transport` is `socket`. */
    readonly socket: SocketAddress | undefined;
    /** A name on PATH or a path. */
    readonly cliPath: string;
    readonly cliDataDir: string | undefined;
    readonly concurrency: number;
    readonly timeoutMs: number;
    /** 0 is off. */
    readonly canaryAfterMs: number;
    /** 0 is off. */
    readonly silenceFactor: number;
  };
  readonly shop: {
    readonly affiliateLink: string;
    readonly pollIntervalMs: number;
    readonly tokenLength: number;
    /** IANA name. */
    readonly timeZone: string;
    /** ISO 4217. */
    readonly currency: string;
    /** IANA name: how a DATETIME in `orders` is read. */
    readonly ordersTimeZone: string;
    /** Which old orders the very first start sends; undefined: not decided. A date is the first instant that counts. */
    readonly ordersSince: "all" | "now" | { readonly sinceMs: number } | undefined;
  };
  readonly database: MysqlConfig | SqliteConfig;
  readonly webhook: {
    /** True only with a `url`. */
    readonly enabled: boolean;
    readonly url: string | undefined;
    readonly timeoutMs: number;
    readonly retries: number;
    readonly format: "auto" | "slack" | "discord" | "json";
    /** `whsec_…`; present whenever `format` is `json`. */
    readonly signingSecret: string | undefined;
  };
  readonly delivery: {
    /** Further tries after a message fault. */
    readonly maxRetries: number;
    readonly sendWindow: number;
    /** Never above `sendWindow`. */
    readonly laneWindow: number;
    readonly workerPoolSize: number;
    readonly queueSize: number;
    readonly leaseMs: number;
    readonly maxAgeMs: number;
    readonly unknownPolicy: UnknownPolicies;
    readonly unknownWaitMs: number;
    readonly spoolMaxBytes: number;
    readonly dlqMaxRetries: number;
    /** Messages per `rateLimitPeriodMs` to one recipient; 0 is off. */
    readonly rateLimit: number;
    readonly rateLimitPeriodMs: number;
    readonly newContactRateLimit: number;
    readonly circuitBreakerThreshold: number;
    readonly circuitBreakerCooldownMs: number;
  };
  readonly http: {
    readonly host: string;
    /** 0 is off. */
    readonly port: number;
    readonly adminToken: string | undefined;
  };
  readonly privacy: { readonly retentionDays: number };
  readonly log: { readonly level: LogLevel; readonly dir: string | undefined };
  readonly files: {
    readonly templatesFile: string;
    readonly stateDir: string;
    readonly runtimeDir: string;
    readonly spoolDir: string;
  };
}

const DEFAULT_STATE_DIR = "/var/lib/signal-automation";
const DEFAULT_RUNTIME_DIR = "/run/signal-automation";
const BYTES_PER_MB = 1024 * 1024;

/** Shapes checked values into the config. Pairs must have been checked before (`pairs.ts`). */
export function toConfig(v: SettingValues): Config {
  const stateDir = v.STATE_DIR ?? firstFolder(v.STATE_DIRECTORY) ?? DEFAULT_STATE_DIR;
  const ordersTimeZone = v.ORDERS_TIMEZONE ?? v.TIMEZONE;
  return deepFreeze({
    signal: {
      number: v.SIGNAL_NUMBER,
      groupId: v.SIGNAL_GROUP_ID,
      adminPhoneNumber: v.ADMIN_PHONE_NUMBER,
      transport: v.SIGNAL_TRANSPORT,
      socket: v.SIGNAL_SOCKET,
      cliPath: v.SIGNAL_CLI_PATH,
      cliDataDir: v.SIGNAL_CLI_DATA_DIR,
      concurrency: v.SIGNAL_CONCURRENCY,
      timeoutMs: v.SIGNAL_TIMEOUT,
      canaryAfterMs: v.RECEIVE_CANARY_MINUTES * 60_000,
      silenceFactor: v.SILENCE_FACTOR,
    },
    shop: {
      affiliateLink: v.AFFILIATE_LINK,
      pollIntervalMs: v.POLL_INTERVAL_SECONDS,
      tokenLength: v.TOKEN_LENGTH,
      timeZone: v.TIMEZONE,
      currency: v.CURRENCY,
      ordersTimeZone,
      ordersSince: readOrdersSince(v.ORDERS_SINCE, ordersTimeZone),
    },
    database: databaseOf(v, stateDir),
    webhook: {
      enabled: v.WEBHOOK_ENABLED && v.WEBHOOK_URL !== undefined,
      url: v.WEBHOOK_URL,
      timeoutMs: v.WEBHOOK_TIMEOUT,
      retries: v.WEBHOOK_RETRIES,
      format: v.WEBHOOK_FORMAT,
      signingSecret: v.WEBHOOK_SIGNING_SECRET,
    },
    delivery: {
      maxRetries: v.MAX_RETRIES,
      sendWindow: v.SEND_WINDOW,
      laneWindow: Math.min(v.LANE_WINDOW, v.SEND_WINDOW),
      workerPoolSize: v.WORKER_POOL_SIZE,
      queueSize: v.QUEUE_SIZE,
      leaseMs: v.LEASE_SECONDS,
      maxAgeMs: v.DELIVERY_MAX_AGE,
      unknownPolicy: v.UNKNOWN_POLICY,
      unknownWaitMs: v.UNKNOWN_WAIT_SECONDS,
      spoolMaxBytes: v.SPOOL_MAX_MB * BYTES_PER_MB,
      dlqMaxRetries: v.DLQ_MAX_RETRIES,
      rateLimit: v.RATE_LIMIT,
      rateLimitPeriodMs: v.RATE_LIMIT_PERIOD,
      newContactRateLimit: v.NEW_CONTACT_RATE_LIMIT,
      circuitBreakerThreshold: v.CIRCUIT_BREAKER_THRESHOLD,
      circuitBreakerCooldownMs: v.CIRCUIT_BREAKER_COOLDOWN,
    },
    http: { host: v.HTTP_HOST, port: v.HTTP_PORT, adminToken: v.ADMIN_TOKEN },
    privacy: { retentionDays: v.RETENTION_DAYS },
    log: { level: v.LOG_LEVEL, dir: v.LOG_DIR },
    files: {
      templatesFile: v.TEMPLATES_FILE,
      stateDir,
      runtimeDir: v.RUNTIME_DIR ?? firstFolder(v.RUNTIME_DIRECTORY) ?? DEFAULT_RUNTIME_DIR,
      spoolDir: v.SPOOL_DIR ?? `${stateDir}/spool`,
    },
  });
}

function databaseOf(v: SettingValues, stateDir: string): MysqlConfig | SqliteConfig {
  if (v.DB_DRIVER === "sqlite") return { driver: "sqlite", path: v.SQLITE_PATH ?? `${stateDir}/signal-automation.db` };
  return {
    driver: "mysql",
    host: v.DB_HOST,
    port: v.DB_PORT,
    socketPath: v.DB_SOCKET,
    database: v.DB_NAME,
    user: v.DB_USER,
    password: v.DB_PASSWORD ?? "",
    poolSize: v.DB_POOL_SIZE,
    poolMaxOverflow: v.DB_POOL_MAX_OVERFLOW,
    poolTimeoutMs: v.DB_POOL_TIMEOUT,
    poolRecycleMs: v.DB_POOL_RECYCLE,
    tls: v.DB_TLS,
    tlsCaPath: v.DB_TLS_CA,
  };
}

/** systemd joins several folders of one directive with colons; the first is ours. */
function firstFolder(list: string | undefined): string | undefined {
  return list?.split(":")[0] || undefined;
}

function readOrdersSince(text: string | undefined, timeZone: string): Config["shop"]["ordersSince"] {
  if (text === undefined || text === "all" || text === "now") return text;
  return { sinceMs: Temporal.PlainDateTime.from(text).toZonedDateTime(timeZone).epochMilliseconds };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === "object" && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
