/**
 * What the program may touch: the permissions baked into the general build (design §9), those of a deployment build,
 * which are narrowed to one file of settings, and those used by `deno task` through `-P`. Every name is written out, no
 * patterns.
 *
 * @module
 */
import type { Config } from "./config.ts";
import { DEFAULT_ENV_FILES } from "./load.ts";
import { covers, reachOf } from "./reach.ts";
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

/** Granted things, each with why it is there. */
export type Reasons = Readonly<Record<string, string>>;

/** The permissions of a build with their reasons. Paths: `./` is the folder where the program is started. */
export interface Grants {
  readonly env: Reasons;
  readonly read: Reasons;
  readonly write: Reasons;
  /** Programs: a name is looked up on PATH when the program starts. */
  readonly run: Reasons;
  readonly sys: Reasons;
  /** `host:port` each, or every host. */
  readonly net: Reasons | "every host";
}

/** The same without reasons, as Deno's permission sets take it. */
export interface PermissionList {
  readonly env: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly run: readonly string[];
  readonly sys: readonly string[];
  readonly net: true | readonly string[];
}

const OWN_FOLDERS: Reasons = {
  "./": "demo, ./.env, and relative paths in the settings",
  "/opt/signal-automation": "where the original system lives, and may stay",
  "/run/mysqld": "socket of a local database, which wants read and write",
  "/run/signal-automation": "RUNTIME_DIR: hand-over journal, status",
  "/var/lib/signal-automation": "STATE_DIR: spool, SQLite, last good templates",
  "/var/log/signal-automation": "LOG_DIR",
  "/var/run/mysqld": "as /run/mysqld: Debian's server names its socket through this older spelling",
};

/** Of every build: readable, never written. */
const CREDENTIALS: Reasons = { "/run/credentials": "secrets that systemd hands over (LoadCredential=)" };

/** Of the general build: what every user of the machine may read, too. Crontabs of users are no part of it. */
const CRON: Reasons = {
  "/etc/cron.d": "doctor: lines that an original installation left",
  "/etc/crontab": "doctor: lines that an original installation left",
};

const ENV: Reasons = {
  ...Object.fromEntries([...Object.keys(SETTINGS), ...NOT_YET_SUPPORTED].map((name) => [name, "a setting"])),
  ...OTHER_ENV_NAMES,
};

const SYS: Reasons = {
  osUptime: "when this machine booted: a hand-over journal from before proves nothing",
  statfs: "free space of the spool's disk",
};

/** Of every build, whatever its settings say. */
const SERVICE_PROGRAMS: Reasons = {
  "systemctl": "the state of the service, for health, doctor and install",
  "systemd-notify": "tells systemd that the service is ready and lives",
};

/** The general build's permissions. */
export const GENERAL_GRANTS: Grants = {
  env: sorted(ENV),
  read: sorted({
    ...OWN_FOLDERS,
    ...CREDENTIALS,
    ...CRON,
    "/etc/signal-automation": "settings and templates, of every instance for doctor",
  }),
  write: sorted(OWN_FOLDERS),
  run: sorted({ "signal-cli": "the Signal client", ...SERVICE_PROGRAMS }),
  sys: sorted(SYS),
  net: "every host",
};

/**
 * The permissions of a program for one file of settings: what those reach (`reach.ts`), the places where settings are
 * looked for, and nothing else. The same settings give the same set, in the same order.
 * @param envFile where the program finds these settings; may be one of the usual places
 */
export function deploymentGrants(config: Config, envFile: string): Grants {
  const kinds: Record<"read" | "write" | "net" | "run", Record<string, string>> = {
    read: { ...CREDENTIALS, ...Object.fromEntries([...DEFAULT_ENV_FILES, envFile].map((path) => [path, "settings"])) },
    write: {},
    net: {},
    run: { ...SERVICE_PROGRAMS },
  };
  for (const { setting, kind, target, why } of reachOf(config)) {
    const present = kinds[kind][target];
    const reason = `${setting}: ${why}`;
    kinds[kind][target] = present === undefined ? reason : `${present}; ${reason}`;
  }
  return {
    env: sorted(ENV),
    read: sorted(withoutCovered(kinds.read)),
    write: sorted(withoutCovered(kinds.write)),
    run: sorted(kinds.run),
    sys: sorted(SYS),
    net: sorted(kinds.net),
  };
}

/** The flags' lists. */
export function permissionsOf(grants: Grants): PermissionList {
  const { env, read, write, run, sys, net } = grants;
  return {
    env: Object.keys(env),
    read: Object.keys(read),
    write: Object.keys(write),
    run: Object.keys(run),
    sys: Object.keys(sys),
    net: net === "every host" ? true : Object.keys(net),
  };
}

/** The general build's permissions, without reasons. */
export const GENERAL_PERMISSIONS: PermissionList = permissionsOf(GENERAL_GRANTS);

/**
 * For `deno task` in a checkout: the same, but every folder. Paths of a set are taken from where deno.json stands and
 * not from where the program is started (facts: deno.md §8, trap 4), so "the folder where it is started" cannot be named.
 */
export const CHECKOUT_PERMISSIONS = { ...GENERAL_PERMISSIONS, read: true, write: true } as const;

/** Why each kind of permission is there, for `scripts/compile.ts --explain`. */
export const PERMISSION_REASONS: Readonly<Record<keyof PermissionList, string>> = {
  env: "the settings, and what the libraries and signal-cli ask for; no other variable can be seen",
  read: "settings, credentials, templates, state, journal, spool, and the socket of a local database",
  write: "state, journal, spool, log files, and the socket of a local database",
  run: "the Signal client, the service manager, and readiness; found on PATH, nothing else can be started",
  sys: "what the program asks of the machine",
  net: "the database, the webhook's receiver and the listen address",
};

/** In the order of code points, so that no machine's language changes the set. */
function sorted(reasons: Reasons): Reasons {
  return Object.fromEntries(Object.keys(reasons).toSorted().map((name) => [name, reasons[name]!]));
}

/** A folder's grant covers what is below it: the reason of what falls away goes to the folder. */
function withoutCovered(reasons: Reasons): Reasons {
  const kept: Record<string, string> = {};
  for (const path of Object.keys(reasons).toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))) {
    const above = Object.keys(kept).find((folder) => covers(folder, path));
    if (above === undefined) kept[path] = reasons[path]!;
    else if (!kept[above]!.includes(reasons[path]!)) kept[above] = `${kept[above]}; ${reasons[path]}`;
  }
  return kept;
}
