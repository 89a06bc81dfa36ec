/**
 * Errors sorted by who can act on them. "Absent" and "conflict" are results, never errors; what is thrown
 * means that the call could not be carried out.
 *
 * No error text holds a phone number, token, message text or secret: texts name the action, the row id, the
 * setting, or the place in a file.
 *
 * @module
 */

/** The operator can act: a setting or file is wrong. `where` names the place, `accepted` the accepted form. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly where: string, readonly problem: string, readonly accepted?: string, options?: ErrorOptions) {
    super(`${where}: ${problem}${accepted === undefined ? "" : `; accepted: ${accepted}`}`, options);
  }
}

/** Why the database cannot be used just now. */
export type StoreFault =
  /** Cannot be reached, or went away in the middle. Passes by itself. */
  | "unreachable"
  /** Reached, but did not answer within its deadline. */
  | "timeout"
  /** Every connection of the pool stayed busy for `DB_POOL_TIMEOUT`. */
  | "pool_exhausted"
  /** Login or grant refused: the operator acts. */
  | "denied"
  /** Tables missing, older or newer than this program: the operator runs the command in the text. */
  | "schema"
  /** Disk full, read-only, corrupt: the operator acts. */
  | "storage"
  /** Deadlocks or lock waits outlasted every retry. Passes by itself. */
  | "contention";

/** The database cannot be used. Nothing was changed, except when `maybeCommitted` says that this is not known. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  constructor(
    readonly fault: StoreFault,
    message: string,
    options?: ErrorOptions & { maybeCommitted?: boolean },
  ) {
    super(message, options);
    this.maybeCommitted = options?.maybeCommitted ?? false;
  }
  /** The connection died while COMMIT was under way: the transaction may or may not have taken effect. */
  readonly maybeCommitted: boolean;
}

/** The outside service cannot be used just now: not installed, not registered, locked, offline, too old. */
export class ChannelUnavailable extends Error {
  override readonly name = "ChannelUnavailable";
  /** @param code one word from the channel's closed set, usable as a metric label */
  constructor(readonly code: string, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Bytes from outside do not have the promised form. `at` is a path such as `envelope.dataMessage.timestamp`. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  constructor(readonly at: string, readonly problem: string, options?: ErrorOptions) {
    super(`${at}: ${problem}`, options);
  }
}

/** The lease that allowed this work is no longer ours: stop, touch nothing more. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
  constructor(readonly lease: string) {
    // Its kind only: the name of an account's lease holds our number, and this text may reach a log.
    super(`lease "${lease.split(":", 1)[0]}" is held by another instance or has expired`);
  }
}
