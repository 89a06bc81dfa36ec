/**
 * What the service remembers by name, and the removal of what is old. A part of the port: see `../port.ts`.
 *
 * @module
 */

/** Small facts of the service that must survive: the first start, a channel's pause. Values are JSON. */
export interface StateStore {
  get(key: string): Promise<string | undefined>;
  put(key: string, value: string): Promise<void>;
  /** @returns false when the key exists: its value stays */
  putIfAbsent(key: string, value: string): Promise<boolean>;
  remove(key: string): Promise<void>;
}

/** Tables from which old finished rows go, in the order in which they are walked. */
export const RETENTION_TABLES = ["outbox_archive", "inbox", "idempotency_keys", "order_deliveries"] as const;
export type RetentionTable = typeof RETENTION_TABLES[number];
/** A primary key of one of them. */
export type RetentionKey = number | string;

/**
 * Old finished rows. Never asked of `orders`, `affiliates`, identities, merges, leases or `service_state`; never touches a
 * row that is unfinished or dead.
 */
export interface RetentionStore {
  /**
   * Reads one page behind the key `after` (undefined: from the start), without locks.
   * @returns keys of rows that finished before `beforeMs`, and where to go on; `next` is undefined at the end
   */
  look(
    table: RetentionTable,
    page: { readonly after: RetentionKey | undefined; readonly limit: number; readonly beforeMs: number },
  ): Promise<{ readonly keys: readonly RetentionKey[]; readonly next: RetentionKey | undefined }>;
  /** Removes those of the rows that are still old, with what belongs to them. @returns how many rows of the table itself */
  remove(table: RetentionTable, keys: readonly RetentionKey[], beforeMs: number): Promise<number>;
}
