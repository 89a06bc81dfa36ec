/**
 * A store whose statements pass a {@link MysqlProxy}.
 *
 * @module
 */
import { type MysqlOptions, openStore } from "../../lib/store/open.ts";
import type { Store } from "../../lib/store/port.ts";
import type { StoreDeps } from "../../lib/store/store.ts";
import { type TestDatabase, testDeps } from "./databases.ts";
import { MysqlProxy } from "./mysql_proxy.ts";

/** How long a statement may take where one is held up, milliseconds. */
export const STATEMENT_TIMEOUT_MS = 1_500;
/** Where none is, no machine is so slow that a deadline passes. */
const PATIENT = { connectTimeoutMs: 30_000, statementTimeoutMs: 30_000 };
/** For {@link Proxied.open}: what is held up is given up. */
export const IMPATIENT = { connectTimeoutMs: 30_000, statementTimeoutMs: STATEMENT_TIMEOUT_MS };

export class Proxied implements AsyncDisposable {
  private constructor(readonly proxy: MysqlProxy, readonly store: Store) {}

  /** @param db of a server, not SQLite */
  static open(db: TestDatabase, deps: StoreDeps = testDeps, changes: Partial<MysqlOptions> = {}): Proxied {
    const { options } = db;
    if (options.engine !== "mysql") throw new Error("SQLite has no wire");
    const proxy = new MysqlProxy(options);
    const store = openStore({
      ...options,
      host: "127.0.0.1",
      port: proxy.port,
      ...PATIENT,
      ...changes,
    }, deps);
    return new Proxied(proxy, store);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.proxy.decide = () => undefined;
    await this.store.close();
    await this.proxy[Symbol.asyncDispose]();
  }
}
