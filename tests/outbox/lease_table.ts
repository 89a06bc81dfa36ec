/**
 * The leases' table under a clock that the test moves: the database's own clock runs with the wall, so what the test lets
 * pass is taken from the leases, and what really passes meanwhile is given back.
 *
 * SQLite only.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { TestDatabase } from "../support/databases.ts";
import type { ManualClock } from "../support/recording.ts";
import { until } from "../support/until.ts";

export class LeaseTable implements Disposable {
  readonly #file: DatabaseSync;
  #realMs = Date.now();
  #passedMs: number;

  constructor(db: TestDatabase, private readonly clock: ManualClock, private readonly name: string) {
    if (db.options.engine !== "sqlite") throw new Error("needs a database in a file");
    // Its own wait would stop the very transaction that it waits for: it is in this process.
    this.#file = new DatabaseSync(db.options.path, { timeout: 0 });
    this.#file.exec("PRAGMA synchronous = OFF");
    this.#passedMs = clock.monotonicMs();
  }

  /** Brings the table to the test's time. */
  async sync(): Promise<void> {
    await this.#write(() => {
      const [realMs, passedMs] = [Date.now(), this.clock.monotonicMs()];
      const ms = Math.round(passedMs - this.#passedMs - (realMs - this.#realMs));
      if (ms === 0) return;
      this.#file.prepare("UPDATE leases SET expires_at_ms = expires_at_ms - ? WHERE name = ? AND expires_at_ms > 0")
        .run(ms, this.name);
      this.#realMs = realMs;
      this.#passedMs = passedMs;
    });
  }

  /** What stands there now. */
  read(): { readonly holder: string; readonly epoch: number; readonly isOver: boolean } | undefined {
    const row = this.#file.prepare("SELECT holder, epoch, expires_at_ms FROM leases WHERE name = ?").get(this.name);
    if (row === undefined) return undefined;
    return { holder: String(row.holder), epoch: Number(row.epoch), isOver: Number(row.expires_at_ms) <= Date.now() };
  }

  /** A holder that is dead for sure: as if LEASE_SECONDS had passed. */
  async expire(holder: string): Promise<void> {
    await this.#write(() =>
      this.#file.prepare("UPDATE leases SET expires_at_ms = 0 WHERE name = ? AND holder = ?").run(this.name, holder)
    );
  }

  /** Somebody else had it, and is gone again. */
  async steal(): Promise<void> {
    await this.#write(() =>
      this.#file.prepare("UPDATE leases SET holder = 'thief', epoch = epoch + 1, expires_at_ms = 0 WHERE name = ?")
        .run(this.name)
    );
  }

  async #write(write: () => void): Promise<void> {
    await until(() => {
      try {
        write();
        return true;
      } catch (error) {
        if (error instanceof Error && error.message === "database is locked") return false;
        throw error;
      }
    }, "the database to be free");
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
