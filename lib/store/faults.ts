/**
 * What drivers throw, and what the rest of this room does with it. Only {@link StoreUnavailable} and
 * {@link StatementRefused} leave the room; the others are answered inside it.
 *
 * @module
 */

/** A unique key exists already. Answered by the statement that expected it. */
export class DuplicateKey extends Error {
  override readonly name = "DuplicateKey";
  constructor() {
    super("a unique key exists already");
  }
}

/** Deadlock, lock wait or busy database: the whole transaction runs again. */
export class Contended extends Error {
  override readonly name = "Contended";
  constructor(readonly code: string | number) {
    super(`the database refused to wait any longer (${code})`);
  }
}

/**
 * The database understood and said no: a constraint, a value that does not fit, a wrong statement. A bug of ours or a
 * table that is not what it should be. Carries codes only: the driver's own text quotes values.
 */
export class StatementRefused extends Error {
  override readonly name = "StatementRefused";
  constructor(readonly code: string | number, readonly detail?: string) {
    super(`the database refused a statement (${code})${detail === undefined ? "" : `: ${detail}`}`);
  }
}

/** The same idempotency key came with another message: nothing was stored. */
export class IdempotencyConflict extends Error {
  override readonly name = "IdempotencyConflict";
  constructor(readonly outboxId: number) {
    super(`the idempotency key belongs to another message already (outbox ${outboxId})`);
  }
}
