/**
 * Killed right after Signal asked for a pause: the next process keeps it, and tells the admin unless that was done.
 *
 * @module
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { Shop, until } from "../support/shop.ts";

const WITHIN_MS = 20_000;

for (const engine of databases()) {
  Deno.test({
    name: `${engine.name}: a pause whose process died before it told anybody is told by the next one, once`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using shop = await Shop.open({ engine: engine.name });
      shop.signal.mark("refusing", true);
      const effect = { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 3_600 } as const;
      shop.signal.script([{ id: "refuse", on: "send", whileFile: "refusing", effect }]);
      await shop.start();
      await shop.insertOrders(1);
      await until("the first process to tell of it", () => told(shop), WITHIN_MS);
      await shop.service.kill();
      const [first] = await alerts(shop);

      // As if the kill had come between the commit that stores the pause and the file of what was told.
      await shop.db.adminQuery("DELETE FROM outbox WHERE kind = 'alert'");
      await Deno.remove(stateFile(shop));
      await shop.start();
      await until("the second process to tell of it", () => told(shop), WITHIN_MS);
      assert.match(String(first?.body), /slow down.* until \d{4}-\d\d-\d\d /);
      await shop.service.kill();

      await shop.start();
      await shop.service.waitForStatus("paused", ({ parts }) => parts.outbox?.reason === "rate_limited", WITHIN_MS);
      assert.equal(await shop.service.stop(), 0);
      const { seen, told: known } = JSON.parse(await Deno.readTextFile(stateFile(shop))).causes.rate_limited;
      assert.deepEqual([seen, known], [0, true], "nothing is left to be told again");
      assert.equal((await alerts(shop)).length, 1);
    },
  });
}

const alerts = (shop: Shop) =>
  shop.db.adminQuery("SELECT body FROM outbox WHERE kind = 'alert' AND body LIKE '%slow down%'");

const told = async (shop: Shop) => (await alerts(shop)).length > 0;

function stateFile(shop: Shop): string {
  return `${shop.service.folder}/state/alerts.json`;
}
