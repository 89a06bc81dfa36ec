/**
 * When a stored date has come.
 *
 * Dates are the database's clock plus a wait, and no wait is longer than a few minutes. So a date that is farther ahead is from before that
 * clock was set back, and its row is due: else it would wait, and its lane with it, until the clock is as late again.
 *
 * @module
 */

/** Longer than every wait before another try, milliseconds. What pauses a whole account is stored elsewhere. */
export const FARTHEST_MS = 600_000;

export function isDue(dueAtMs: number, nowMs: number): boolean {
  return dueAtMs <= nowMs || dueAtMs > nowMs + FARTHEST_MS;
}

/** The same in SQL. @param now an expression for the database's clock */
export function isDueSql(column: string, now: string): string {
  return `(${column} <= ${now} OR ${column} > ${now} + ${FARTHEST_MS})`;
}
