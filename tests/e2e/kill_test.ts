/**
 * kill -9 of the service, of signal-cli and of the database, again and again while orders come in: nothing is lost, and a
 * message arrives twice only if its request was under way at a kill, which the attempts' table has counted.
 * `KILLS=20 KILL_ORDERS=2000` is the long version.
 *
 * @module
 */
import assert from "node:assert/strict";
import { seeded } from "../../lib/simulator/faults.ts";
import { databases } from "../support/databases.ts";
import { startServer } from "../support/database_server.ts";
import { Shop } from "../support/shop.ts";

/** Of each. */
const KILLS = Number(Deno.env.get("KILLS") ?? "2");
const ORDERS = Number(Deno.env.get("KILL_ORDERS") ?? "300");
/** SIGNAL_CONCURRENCY. */
const IN_FLIGHT = 4;
/** From a kill to the next message, on a busy machine: a process starts, and signal-cli after it. */
const PATIENCE_MS = 60_000;
const SETTLED_MS = 120_000;

for (const engine of databases()) {
  Deno.test({
    name: `${engine.name}: kill -9 of everything, ${KILLS} times each during ${ORDERS} orders`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using server = engine.name === "sqlite" ? undefined : await startServer(engine.name, {
        fast: false,
      });
      await using shop = await Shop.open({
        engine: engine.name,
        ...(server === undefined ? {} : { server }),
        world: { sendDelayMs: [2, 12] },
        settings: { LEASE_SECONDS: "8", UNKNOWN_WAIT_SECONDS: "1", DB_POOL_TIMEOUT: "3" },
      });
      const random = seeded(11);
      await shop.start();
      const victims = ["service", "signal-cli", ...(server === undefined ? [] : ["database"])] as const;
      const kills = KILLS * victims.length;
      for (let kill = 0; kill < kills; kill++) {
        await shop.insertOrders(Math.ceil((ORDERS * (kill + 1)) / kills) - Math.ceil((ORDERS * kill) / kills));
        const progress = shop.sent().length + 5 + Math.floor(random() * 20);
        await shop.signal.waitForSent(progress, { timeoutMs: PATIENCE_MS });
        switch (victims[kill % victims.length]!) {
          case "service":
            await shop.service.kill();
            shop.service.start();
            break;
          case "signal-cli":
            shop.signal.kill();
            break;
          case "database":
            await server!.kill();
            await server!.restart();
        }
        assert.deepEqual(await shop.flagsTooEarly(), [], `after kill ${kill + 1}`);
      }
      const settled = await shop.waitUntilSettled(SETTLED_MS);
      const verdict = await shop.judge();
      console.log(
        `  ${engine.name}: ${verdict.messages} messages, ${kills} kills, ${verdict.lost.length} lost, ` +
          `${verdict.doubled} doubled of ${verdict.unanswered} in flight at the kills, ` +
          `${verdict.outOfOrder.length} out of order, ${verdict.wrongFlag.length} wrong flags`,
      );
      assert.ok(settled, `not settled: ${JSON.stringify(verdict)}\n${shop.service.log().slice(-3_000)}`);
      assert.deepEqual(verdict.lost, []);
      assert.deepEqual(verdict.dead, []);
      assert.deepEqual(verdict.outOfOrder, []);
      assert.deepEqual(verdict.wrongFlag, []);
      assert.deepEqual(verdict.unexplained, []);
      assert.ok(verdict.doubled <= verdict.unanswered, `${verdict.doubled} doubled, ${verdict.unanswered} in flight`);
      assert.ok(verdict.unanswered <= IN_FLIGHT * kills, `${verdict.unanswered} in flight at ${kills} kills`);
      assert.equal(await shop.service.stop(), 0);
    },
  });
}
