/**
 * Statements that need no journey of their own.
 *
 * A statement whose answer is a count that is known beforehand, or nothing at all, is posted: on a network it waits for the next one
 * that is asked for and leaves with it, in one packet. A transaction of eight statements is three round trips then. What the
 * posted ones did is compared with what they should have done before anything is committed.
 *
 * @module
 */
import { CompiledQuery } from "kysely";

/** What a posted statement should do. */
export interface Expected {
  /** Rows matched or added; undefined: any number will do. */
  readonly affected?: number;
  /** What was not as expected, when it was not: a constant name. */
  readonly what: string;
}

/** How a statement goes to the database; without a word it is asked for: what waits leaves with it, and its answer is waited for. */
export type Manner =
  /** It waits for the next one. Without an expectation it cannot fail by itself (START TRANSACTION). */
  | { readonly manner: "posted"; readonly expected?: Expected }
  /** No statement: what waits leaves now. */
  | { readonly manner: "flush" }
  /** In place of what waits, which is forgotten. */
  | { readonly manner: "instead" };

export type MannerOfQuery = CompiledQuery & { readonly goes?: Manner };

/** A statement that goes in this manner. */
export function going(goes: Manner, sql: string, parameters: readonly unknown[] = []): MannerOfQuery {
  return { ...CompiledQuery.raw(sql, parameters as unknown[]), goes };
}
