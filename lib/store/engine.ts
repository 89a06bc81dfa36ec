/**
 * What an engine hands to the {@link EngineStore}: connections, its dialect, and how its transactions begin.
 *
 * @module
 */
import type { Kysely } from "kysely";
import type { Dialect, Scope } from "./scope.ts";
import type { Tables } from "./schema.ts";
import type { ColumnInfo } from "./queries/orders_table.ts";

export interface Engine {
  readonly db: Kysely<Tables>;
  readonly dialect: Dialect;
  /** `START TRANSACTION`, `BEGIN IMMEDIATE`. */
  readonly begin: string;
  /** The columns of a table in their order; empty when there is no such table. */
  columns(scope: Scope, table: string): Promise<readonly ColumnInfo[]>;
  /** The indexes of a table, each with the column that it begins with. */
  indexes(scope: Scope, table: string): Promise<readonly { readonly name: string; readonly column: string }[]>;
  /** One cheap statement that answers within the deadline. @throws {StoreUnavailable} */
  ping(timeoutMs: number): Promise<void>;
  /** Ends all connections; never hangs. */
  close(): Promise<void>;
}
