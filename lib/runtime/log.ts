/**
 * What the rooms need of a log. `lib/observe/` supplies the real one.
 *
 * @module
 */

/** Values of a log line. Ids, counts, codes, durations; never numbers of people, tokens, texts or secrets (P7). */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  /** `message` is a constant sentence: what varies goes into `fields`, where redaction sees it. */
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** An error that endangers the service itself; also goes to `critical-errors.log` when there is a LOG_DIR. */
  critical(message: string, fields?: LogFields): void;
  /** A log that puts `room` in front of what it writes. */
  child(room: string): Log;
}

/** Writes nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  critical() {},
  child: () => silentLog,
};

/**
 * A short description of an error for a log field: class, code where there is one, and the text of our own classes
 * only. Texts of foreign errors can quote what they were given (a value, a host, an SQL parameter).
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = (error as { code?: unknown }).code;
  const own = OWN_ERRORS.has(error.name) ? `: ${error.message}` : "";
  const cause = error.cause instanceof Error ? ` (${describeError(error.cause)})` : "";
  return `${error.name}${typeof code === "string" || typeof code === "number" ? ` ${code}` : ""}${own}${cause}`;
}

const OWN_ERRORS = new Set([
  "ConfigError",
  "SpoolFull",
  "SpoolFailed",
  "JournalFailed",
  "StoreUnavailable",
  "ChannelUnavailable",
  "DecodeError",
  "LeaseLost",
  "DeadlineExceeded",
]);
