/**
 * A service that is killed and started again on its host goes on at once, not after LEASE_SECONDS; one on another host waits.
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { Shop } from "../support/shop.ts";

/** Far longer than the test takes: whoever waited for it would fail. */
const LEASE_SECONDS = 120;
/** For a start on a busy machine. */
const AT_ONCE_MS = 60_000;

for (const engine of databases()) {
  Deno.test({
    name: `${engine.name}: kill -9 and a start on the same host: it sends again long before the lease runs out`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using shop = await Shop.open({
        engine: engine.name,
        settings: { LEASE_SECONDS: String(LEASE_SECONDS), UNKNOWN_WAIT_SECONDS: "1" },
      });
      await shop.start();
      await shop.insertOrders(5);
      await shop.signal.waitForSent(5);
      for (let kill = 1; kill <= 2; kill++) {
        const [before] = await shop.db.adminQuery("SELECT MAX(epoch) AS epoch FROM leases WHERE name LIKE 'account:%'");
        await shop.service.kill();
        await shop.insertOrders(5);
        shop.service.start();
        await shop.signal.waitForSent(shop.owedMessages(), { timeoutMs: AT_ONCE_MS });
        const [after] = await shop.db.adminQuery("SELECT MAX(epoch) AS epoch FROM leases WHERE name LIKE 'account:%'");
        assert.equal(Number(after!.epoch), Number(before!.epoch) + 1);
      }
      const files = [...Deno.readDirSync(`${shop.service.folder}/run`)].filter(({ name }) =>
        name.startsWith("holder-")
      );
      assert.equal(files.length, 1, "the files of the dead are gone");
    },
  });
}
