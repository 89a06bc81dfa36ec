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

/** How long a statement may take here, milliseconds: longer than any that is not held up. */
export const STATEMENT_TIMEOUT_MS = 1_500;

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
      connectTimeoutMs: STATEMENT_TIMEOUT_MS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
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
