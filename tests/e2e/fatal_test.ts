/**
 * The service ends by itself because a table is gone: the admin reads why, and later that it works again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { ADMIN, Shop, until } from "../support/shop.ts";

for (const engine of databases()) {
  Deno.test({
    name:
      `${engine.name}: the shop's table is gone for a while: the admin is told why the service ended, and of the end`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using shop = await Shop.open({ engine: engine.name });
      const told = () => shop.signal.receivedBy(ADMIN).map(({ body }) => body ?? "");
      await shop.start();
      await shop.db.adminQuery("ALTER TABLE orders RENAME TO orders_away");
      assert.equal(await shop.service.ended(), 2);
      assert.match(told().at(-1)!, /Critical error: the service cannot go on: .*tables are missing/);
      assert(!told().some((body) => body.includes("shutting down")), told().join("\n"));

      await shop.db.adminQuery("ALTER TABLE orders_away RENAME TO orders");
      await shop.start();
      await until("the recovery notice", () => told().some((body) => body.includes("The service works again")));
      await shop.insertOrders(1);
      await shop.waitForNotified(1);
      assert.equal(await shop.service.stop(), 0);
    },
  });
}
