/**
 * What the program may touch: the permissions baked into the general build (design §9) and used by `deno task`
 * through `-P`. Every name is written out, no patterns.
 *
 * @module
 */
import { NOT_YET_SUPPORTED, SETTINGS } from "./schema.ts";

/** Variables that are no settings and yet are read, with who reads them. */
const OTHER_ENV_NAMES: Readonly<Record<string, string>> = {
  PATH: "handed to signal-cli",
  HOME: "handed to signal-cli",
  LANG: "handed to signal-cli",
  JAVA_HOME: "handed to signal-cli",
  XDG_DATA_HOME: "handed to signal-cli, whose data folder it moves",
  TZ: "mysql2 asks for it",
  LOG_TOKENS: "yaml asks for it on every parse and throws when refused",
  LOG_STREAM: "yaml asks for it on every parse and throws when refused",
  NOTIFY_SOCKET: "whether systemd wants to hear that we are ready",
  WATCHDOG_USEC: "how often systemd wants to hear that we live",
  JOURNAL_STREAM: "whether the log goes to the journal",
  INVOCATION_ID: "whether systemd started us",
  LOGS_DIRECTORY: "LogsDirectory= of the unit",
  CONFIGURATION_DIRECTORY: "ConfigurationDirectory= of the unit",
  CREDENTIALS_DIRECTORY: "LoadCredential= of the unit",
  NO_COLOR: "whether the terminal wants colours",
  FORCE_COLOR: "whether the terminal wants colours",
  CLICOLOR_FORCE: "commander asks for it",
  TERM: "whether the terminal wants colours",
  COLUMNS: "width of the terminal",
};

export interface PermissionList {
  /** Environment names. */
  readonly env: readonly string[];
  /** Folders; `./` is the folder where the program is started. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Programs by name: looked up on PATH when the program starts. */
  readonly run: readonly string[];
  readonly sys: readonly string[];
  /** Every host: which ones the settings name is not known when the general build is made. */
  readonly net: true;
}

const OWN_FOLDERS = [
  "./",
  "/opt/signal-automation",
  "/run/mysqld",
  "/run/signal-automation",
  "/var/lib/signal-automation",
  "/var/log/signal-automation",
  // Debian's server names its socket through this older spelling of /run/mysqld.
  "/var/run/mysqld",
];

/** The general build's permissions. */
export const GENERAL_PERMISSIONS: PermissionList = {
  env: [...Object.keys(SETTINGS), ...NOT_YET_SUPPORTED, ...Object.keys(OTHER_ENV_NAMES)].toSorted(),
  read: [...OWN_FOLDERS, "/etc/signal-automation"].toSorted(),
  write: OWN_FOLDERS,
  run: ["signal-cli", "systemctl", "systemd-notify"],
  sys: ["statfs"],
  net: true,
};

/**
 * For `deno task` in a checkout: the same, but every folder. Paths of a set are taken from where deno.json stands and
 * not from where the program is started (facts: deno.md §8, trap 4), so "the folder where it is started" cannot be named.
 */
export const CHECKOUT_PERMISSIONS = { ...GENERAL_PERMISSIONS, read: true, write: true } as const;

/** Why each kind of permission is there, for `scripts/compile.ts --explain`. */
export const PERMISSION_REASONS: Readonly<Record<keyof PermissionList, string>> = {
  env: "the settings, and what the libraries and signal-cli ask for; no other variable can be seen",
  read: "settings, templates, state, journal, spool, and the socket of a local database (2.7 wants read and write)",
  write: "state, journal, spool, log files, and the socket of a local database",
  run: "the Signal client, the service manager, and readiness; found on PATH, nothing else can be started",
  sys: "free space of the spool's disk",
  net: "the database, the webhook's receiver and the listen address are known only from the settings",
};
