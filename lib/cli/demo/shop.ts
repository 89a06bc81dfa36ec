/**
 * The shop: another program with its own connection to the database, which only inserts rows into `orders` and looks
 * at its `notified` flag. It knows nothing of this service; that is why its two statements stand here and not in the store.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";

export interface NewOrder {
  readonly client: string;
  /** Decimal text: `42.50`. */
  readonly total: string;
  readonly ipAddress: string;
  readonly token?: string;
}

/** How long the service's own write may hold the file, milliseconds. */
const BUSY_TIMEOUT_MS = 2_000;

export class Shop implements Disposable {
  readonly #db: DatabaseSync;

  /** @param path the database; it must be there, with its tables */
  constructor(path: string) {
    this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  }

  /** @returns the id of the new row */
  insert({ client, total, ipAddress, token }: NewOrder): number {
    const { lastInsertRowid } = this.#db
      .prepare("INSERT INTO orders (client, total, ip_address, affiliate_token) VALUES (?, ?, ?, ?)")
      .run(client, total, ipAddress, token ?? null);
    return Number(lastInsertRowid);
  }

  /** Ids of all orders, with what the flag says. */
  flags(): readonly { readonly id: number; readonly notified: boolean }[] {
    return this.#db.prepare("SELECT id, notified FROM orders ORDER BY id").all()
      .map((row) => ({ id: Number(row["id"]), notified: row["notified"] === 1 }));
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
