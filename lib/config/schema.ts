/**
 * Every setting, once: `.env.example`, the settings table of the README, the list of environment names that the
 * program may read and the parser are all made from this table (design §6).
 *
 * @module
 */
import {
  anyText,
  choice,
  choiceSoFar,
  currency,
  duration,
  filePath,
  host,
  httpUrl,
  integer,
  logLevel,
  longText,
  ordersSince,
  password,
  phoneNumber,
  seconds,
  signalGroupId,
  signingSecret,
  socketAddress,
  type TextType,
  timeZone,
  unknownPolicy,
  yesOrNo,
} from "./types.ts";

export interface Setting<T = unknown> {
  readonly type: TextType<T>;
  /** As it would stand in the file. Absent: there is none (required, off, or derived: see `defaultNote`). */
  readonly default?: string;
  /** For the table, when the default cannot be written as a value. */
  readonly defaultNote?: string;
  /** `always`, or the condition in words; the conditions themselves are in `pairs.ts`. */
  readonly required?: string;
  /** Never shown, not even in part. */
  readonly secret?: boolean;
  /** A person's number: shown with its digits as stars. */
  readonly personal?: boolean;
  /** One sentence, for `.env.example` and the README. */
  readonly description: string;
  /** What `.env.example` shows: refused as a value, so that a half-filled file cannot start. */
  readonly sample?: string;
  /** Further values that the original's sample files had, refused too. */
  readonly placeholders?: readonly string[];
}

type Extra = Omit<Setting, "type" | "description" | "default" | "required">;

/** A setting with a default: always has a value. */
function optional<T>(type: TextType<T>, value: string, description: string, extra: Extra = {}): Setting<T> {
  return { type, default: value, description, ...extra };
}

/** A setting that may be absent. */
function unset<T>(
  type: TextType<T>,
  description: string,
  extra: Extra & { required?: string } = {},
): Setting<T | undefined> {
  return { type, description, ...extra };
}

/** A setting without which nothing starts. */
function required<T>(type: TextType<T>, description: string, extra: Extra): Setting<T> {
  return { type, description, required: "always", ...extra };
}

/** Both numbers of the original's sample file; each is refused for either setting. */
const SAMPLE_NUMBERS = ["+33123456789", "+33987654321"] as const;
const DAY_MS = 86_400_000;

const shop = {
  SIGNAL_NUMBER: required(phoneNumber, "The number that the service sends from, registered with signal-cli.", {
    sample: SAMPLE_NUMBERS[0],
    placeholders: SAMPLE_NUMBERS,
    personal: true,
  }),
  SIGNAL_GROUP_ID: required(signalGroupId, "The owner's group, which hears of every order and affiliate.", {
    sample: "your_group_id_here",
  }),
  AFFILIATE_LINK: required(httpUrl, "The shop's page for affiliates; a person's link is this, `?` and the token.", {
    sample: "https://yoursite.com/affiliate",
  }),
  ADMIN_PHONE_NUMBER: required(phoneNumber, "Who hears of trouble.", {
    sample: SAMPLE_NUMBERS[1],
    placeholders: SAMPLE_NUMBERS,
    personal: true,
  }),
  POLL_INTERVAL_SECONDS: optional(seconds(0.1, 3600), "1", "How often new orders are looked for."),
  MAX_RETRIES: optional(integer(0, 20), "3", "Further tries for a message that its recipient's side refuses."),
  LOG_LEVEL: optional(logLevel, "INFO", "The least important lines that are logged."),
  TOKEN_LENGTH: optional(integer(8, 64), "12", "Length of new affiliate tokens; both token columns must hold it."),
  TIMEZONE: optional(timeZone, "Europe/Paris", "The zone of `{time}` and `{date}` in messages."),
  TEMPLATES_FILE: optional(filePath, "/etc/signal-automation/templates.yaml", "The texts; a change is live at once."),
  LOG_DIR: unset(filePath, "Folder for log files beside the journal.", { defaultNote: "journal only" }),
};

const databaseAndWebhook = {
  DB_HOST: optional(host, "localhost", "The database server."),
  DB_NAME: optional(anyText, "database_card_store", "The database that holds `orders` and `affiliates`."),
  DB_USER: optional(anyText, "signal_automation", "The service's user at the database."),
  DB_PASSWORD: unset(password, "Its password.", {
    required: "unless DB_DRIVER=sqlite",
    secret: true,
    sample: "your_secure_password_here",
    placeholders: ["your_actual_password_here", "PLACEHOLDER_PASSWORD"],
  }),
  DB_POOL_SIZE: optional(integer(1, 100), "5", "Connections that are kept open."),
  DB_POOL_MAX_OVERFLOW: optional(integer(0, 100), "5", "Further connections under load."),
  DB_POOL_TIMEOUT: optional(seconds(0.1, 600), "30", "Longest wait for a free connection."),
  DB_POOL_RECYCLE: optional(seconds(1, 86_400), "3600", "Age at which a connection is replaced."),
  WEBHOOK_URL: unset(httpUrl, "Where alerts go when Signal is the trouble (Slack, Discord or your own).", {
    required: "when WEBHOOK_ENABLED=true",
    secret: true,
    sample: "https://hooks.slack.com/services/YOUR/WEBHOOK/URL",
    placeholders: ["YOUR_WEBHOOK_URL"],
  }),
  WEBHOOK_ENABLED: optional(yesOrNo, "false", "Whether that webhook is used."),
  WEBHOOK_TIMEOUT: optional(seconds(0.1, 300), "10", "Longest wait for its answer."),
  WEBHOOK_RETRIES: optional(integer(0, 20), "3", "Further tries when it fails."),
};

const databaseMore = {
  DB_DRIVER: optional(choice("mysql", "sqlite"), "mysql", "MySQL or MariaDB, or the embedded SQLite."),
  DB_PORT: optional(integer(1, 65_535), "3306", "Port of the database server."),
  DB_SOCKET: unset(filePath, "Unix socket of the database server, used in place of host and port."),
  DB_TLS: optional(
    choice("off", "on", "verify"),
    "off",
    "Encryption to the database; `verify` also checks who answers.",
  ),
  DB_TLS_CA: unset(filePath, "File with the authority that signed the server's certificate (PEM)."),
  SQLITE_PATH: unset(filePath, "The SQLite database.", { defaultNote: "`signal-automation.db` in `STATE_DIR`" }),
};

const signalMore = {
  SIGNAL_CLI_PATH: optional(filePath, "signal-cli", "The signal-cli program: a name on PATH or a path."),
  SIGNAL_CLI_DATA_DIR: unset(filePath, "signal-cli's data folder.", { defaultNote: "signal-cli's own" }),
  SIGNAL_TRANSPORT: optional(
    choiceSoFar(["jsonrpc", "socket"], ["rest"]),
    "jsonrpc",
    "How signal-cli is spoken to: a child process of its own, or the socket of a `signal-cli daemon` that runs already.",
  ),
  SIGNAL_SOCKET: unset(socketAddress, "Where that daemon listens: the path of a unix socket, or host:port.", {
    required: "when SIGNAL_TRANSPORT=socket",
  }),
  SIGNAL_CONCURRENCY: optional(integer(1, 64), "4", "Requests that signal-cli may hold at once."),
  SIGNAL_TIMEOUT: optional(seconds(1, 600), "60", "Longest wait for signal-cli's answer to one request."),
  RECEIVE_CANARY_MINUTES: optional(
    integer(0, 10_080),
    "0",
    "After so many silent minutes a message to ourselves has to come back, where one ever did; 0 is off.",
  ),
  SILENCE_FACTOR: optional(
    integer(0, 10_000),
    "20",
    "Nothing received for so many times the usual gap, and an hour at least, is told to the admin; 0 is off.",
  ),
  ORDERS_SINCE: unset(ordersSince, "Which old orders are sent at the very first start: `all`, `now` or a date.", {
    defaultNote: "asks, when many are old",
  }),
  ORDERS_TIMEZONE: unset(timeZone, "The zone of `created_at` where it is a DATETIME.", { defaultNote: "`TIMEZONE`" }),
  CURRENCY: optional(currency, "EUR", "The currency of order totals."),
};

const delivery = {
  RATE_LIMIT: optional(integer(0, 10_000), "20", "Messages to one recipient per RATE_LIMIT_PERIOD; 0 is off."),
  RATE_LIMIT_PERIOD: optional(seconds(1, 86_400), "20", "The period of RATE_LIMIT."),
  NEW_CONTACT_RATE_LIMIT: optional(integer(0, 10_000), "0", "First messages to new people per hour; 0 is off."),
  SEND_WINDOW: optional(integer(1, 1000), "64", "Messages taken in hand at once."),
  LANE_WINDOW: optional(integer(1, 1000), "16", "Of these, at most so many to one recipient."),
  CIRCUIT_BREAKER_THRESHOLD: optional(integer(1, 1000), "5", "Failures in a row that stop an account."),
  CIRCUIT_BREAKER_COOLDOWN: optional(seconds(1, 86_400), "60", "How long it is then left alone."),
  QUEUE_SIZE: optional(integer(10, 1_000_000), "1000", "Orders and messages looked at in one round."),
  WORKER_POOL_SIZE: optional(integer(1, 64), "4", "Inbound messages worked on at once."),
  LEASE_SECONDS: optional(seconds(8, 300), "15", "How soon another instance takes over after a crash."),
  DELIVERY_MAX_AGE: optional(duration(60_000, 365 * DAY_MS), "3d", "A message older than this is given up."),
  UNKNOWN_POLICY: optional(unknownPolicy, "resend", "What becomes of a message whose answer never came."),
  UNKNOWN_WAIT_SECONDS: optional(seconds(0, 3600), "10", "How long evidence for such a message is waited for."),
  DLQ_MAX_RETRIES: optional(integer(0, 1000), "3", "How often a dead message may be replayed."),
  SPOOL_MAX_MB: optional(integer(1, 65_536), "64", "Room on disk for what arrives while the database is away."),
};

const webhookMore = {
  WEBHOOK_FORMAT: optional(
    choice("auto", "slack", "discord", "json"),
    "auto",
    "Form of the body; `auto` sees by the host whether it is Discord, else Slack's.",
  ),
  WEBHOOK_SIGNING_SECRET: unset(signingSecret, "Key that signs `json` bodies (Standard Webhooks).", {
    required: "when WEBHOOK_ENABLED=true with WEBHOOK_FORMAT=json",
    secret: true,
    sample: "whsec_your_signing_secret_here",
  }),
};

const httpAndPrivacy = {
  HTTP_HOST: optional(host, "127.0.0.1", "Address that health, metrics and pages listen on."),
  HTTP_PORT: optional(integer(0, 65_535), "8787", "Its port; 0 is off."),
  ADMIN_TOKEN: unset(longText(32), "Opens the admin API and pages.", {
    secret: true,
    defaultNote: "both off",
    sample: "your_admin_token_here",
  }),
  RETENTION_DAYS: optional(integer(1, 3650), "30", "How long finished messages are kept."),
};

const files = {
  STATE_DIR: unset(filePath, "Folder for what must outlive a restart.", {
    defaultNote: "systemd's, else `/var/lib/signal-automation`",
  }),
  RUNTIME_DIR: unset(filePath, "Folder for what must outlive a crash but not a reboot.", {
    defaultNote: "systemd's, else `/run/signal-automation`",
  }),
  SPOOL_DIR: unset(filePath, "Folder for what arrives while the database is away.", {
    defaultNote: "`spool` in `STATE_DIR`",
  }),
};

/** Given by systemd, not by people: read, never shown. Each may list several folders, parted by colons. */
const systemd = {
  STATE_DIRECTORY: unset(anyText, "StateDirectory= of the unit."),
  RUNTIME_DIRECTORY: unset(anyText, "RuntimeDirectory= of the unit."),
};

/** The table. Order is the order of `.env.example` and the README. */
export const SETTINGS = {
  ...shop,
  ...databaseAndWebhook,
  ...databaseMore,
  ...signalMore,
  ...delivery,
  ...webhookMore,
  ...httpAndPrivacy,
  ...files,
  ...systemd,
};

export type SettingName = keyof typeof SETTINGS;
/** The typed value of every setting, defaults filled in. */
export type SettingValues = {
  readonly [N in SettingName]: typeof SETTINGS[N] extends Setting<infer T> ? T : never;
};

/** Groups of the table, in order, with a heading for people. */
export const GROUPS: readonly { readonly title: string; readonly names: readonly SettingName[] }[] = [
  { title: "Signal and shop", names: Object.keys(shop) as SettingName[] },
  { title: "Database and webhook", names: Object.keys(databaseAndWebhook) as SettingName[] },
  { title: "Database, more", names: Object.keys(databaseMore) as SettingName[] },
  { title: "Signal, more", names: Object.keys(signalMore) as SettingName[] },
  { title: "Delivery", names: Object.keys(delivery) as SettingName[] },
  { title: "Webhook, more", names: Object.keys(webhookMore) as SettingName[] },
  { title: "HTTP and privacy", names: Object.keys(httpAndPrivacy) as SettingName[] },
  { title: "Files", names: Object.keys(files) as SettingName[] },
];

/** Names of the product that this version refuses: to take and ignore them would be a lie. */
export const NOT_YET_SUPPORTED: readonly string[] = [
  "SIGNAL_API_URL",
  "ENCRYPTION_KEYS",
  "PROJECTS_FILE",
  "RULES_FILE",
  "BRIDGES_FILE",
];

/** The table's row by name, without its value type. */
export function settingOf(name: SettingName): Setting {
  return SETTINGS[name] as Setting;
}

/** True when `name` is in the table. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}
