/** Connections in stock: nobody waits for one that is there. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
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

/** The parts of a connection that break. */
interface Wire {
  readonly raw: { close(): void };
  readonly socket: { destroy(error: Error): void };
}

everyServer(
  "a write that fails in the middle of the work is a matter of the network, and cuts the connection",
  async (db) => {
    const pool = new MysqlPool(db.options as MysqlOptions, testDeps.clock);
    try {
      const one = await pool.acquire();
      const nudged = one.nudge(5_000);
      // What Deno says of a socket that the other side has reset.
      const reset = Object.assign(new Error("write UNKNOWN"), { code: "UNKNOWN", errno: -4094, syscall: "write" });
      (one as unknown as Wire).socket.destroy(reset);
      await assert.rejects(nudged, { name: "StoreUnavailable", fault: "unreachable" });
      assert.equal(one.broken, true);
      pool.release(one);
    } finally {
      await pool.close();
    }
  },
);

everyServer("a connection in stock that the driver has closed is dismissed; nobody nudges it for ever", async (db) => {
  let laterMs = 0;
  const clock = { ...testDeps.clock, monotonicMs: () => testDeps.clock.monotonicMs() + laterMs };
  const options = { ...db.options as MysqlOptions, poolSize: 2, maxOverflow: 0, acquireTimeoutMs: 500 };
  const pool = new MysqlPool(options, clock);
  try {
    const [one, other] = [await pool.acquire(), await pool.acquire()];
    pool.release(one);
    (one as unknown as Wire).raw.close();
    laterMs = 6_000;
    let nudges = 0;
    const nudge = one.nudge.bind(one);
    one.nudge = (timeoutMs) => {
      // A spin would leave no turn in which a deadline could end this test.
      assert(++nudges < 10, "it is nudged again and again");
      return nudge(timeoutMs);
    };
    pool.release(other);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([one.broken, nudges], [true, 1]);
    const fresh = await pool.acquire();
    await fresh.ping(30_000);
    pool.release(fresh);
  } finally {
    await pool.close();
  }
});
