/**
 * A database that is frozen, as a network that drops packets makes it look: nothing fails for a while, and still it shows soon, without
 * an alarm when it goes on in time.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startServer } from "../support/database_server.ts";
import { databases } from "../support/databases.ts";
import { Shop } from "../support/shop.ts";

for (const engine of databases()) {
  if (engine.name === "sqlite") continue;
  const own = engine.name;
  Deno.test({
    name: `${own}: a frozen database shows long before a statement fails, and its return too`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using server = await startServer(own);
      await using shop = await Shop.open({ engine: own, server });
      await shop.start();
      server.freeze();
      const silent = await shop.service.waitForStatus(
        "silence",
        ({ parts }) => parts.database?.state !== "live",
      );
      // A statement that has failed would make it "down".
      assert.deepEqual([silent.status, silent.parts.database?.state], ["degraded", "degraded"]);
      assert.match(String(silent.parts.database?.reason), /^has not answered for \d+ s$/);
      server.thaw();
      await shop.service.waitForStatus("an answer", ({ parts }) => parts.database?.state === "live");
      await shop.insertOrders(1);
      await shop.waitForNotified(1);
      assert.equal(await shop.service.stop(), 0);
      assert.doesNotMatch(shop.written(), /database is away/);
    },
  });
}
