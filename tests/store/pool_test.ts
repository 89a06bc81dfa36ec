/** Connections in stock: nobody waits for one that is there. */
import assert from "node:assert/strict";
import { MysqlPool } from "../../lib/store/mysql/pool.ts";
import type { MysqlOptions } from "../../lib/store/open.ts";
import { testDeps } from "../support/databases.ts";
import { everyServer } from "./conformance.ts";

everyServer("a connection that is given back while somebody looks for one is not waited for", async (db) => {
  const options = { ...db.options as MysqlOptions, poolSize: 1, maxOverflow: 0, acquireTimeoutMs: 500 };
  const pool = new MysqlPool(options, testDeps.clock);
  try {
    const only = await pool.acquire();
    const next = pool.acquire();
    pool.release(only);
    assert.equal(await next, only);
    pool.release(only);
  } finally {
    await pool.close();
  }
});
