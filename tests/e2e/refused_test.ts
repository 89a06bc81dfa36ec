/**
 * Signal refuses everything for a while: nothing is flagged, nothing is given up, and afterwards all of it arrives.
 * `REFUSED_SECONDS=60` is the long version.
 *
 * @module
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { Shop, until } from "../support/shop.ts";

const ORDERS = 200;
const REFUSED_SECONDS = Number(Deno.env.get("REFUSED_SECONDS") ?? "3");
/** The account's pause doubles up to a minute and may have begun just before the trouble ended. */
const AFTERWARDS_MS = (REFUSED_SECONDS + 30) * 1_000 + 60_000;

const TROUBLES = {
  network: { type: "result", result: "NETWORK_FAILURE" },
  "rate limit": { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 1 },
  "rate limit without a time": { type: "error", code: -5 },
} as const;
const TROUBLE_OF = { sqlite: "network", mariadb: "rate limit", mysql: "rate limit without a time" } as const;

for (const engine of databases()) {
  const trouble = TROUBLE_OF[engine.name];
  Deno.test({
    name: `${engine.name}: every send refused (${trouble}): none is flagged meanwhile, all arrive afterwards`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using shop = await Shop.open({ engine: engine.name });
      shop.signal.mark("refusing", true);
      shop.signal.script([{ id: "refuse", on: "send", whileFile: "refusing", effect: TROUBLES[trouble] }]);
      await shop.start();
      const begunMs = performance.now();
      await shop.insertOrders(ORDERS);
      await until("the first refusals", () => fired(shop) >= 2, undefined, () => shop.service.log());
      await until("the time to pass", async () => {
        assert.equal((await shop.notified()).size, 0, "an order was flagged although nothing was sent");
        return performance.now() - begunMs > REFUSED_SECONDS * 1_000;
      }, AFTERWARDS_MS);
      assert.equal(shop.sent().length, 0);
      // A pause, not a flood: the account asks again after growing waits.
      const asked = fired(shop);
      const seconds = Math.ceil((performance.now() - begunMs) / 1_000);
      assert.ok(asked <= 4 + 2 * seconds, `${asked} requests in ${seconds} s`);

      shop.signal.mark("refusing", false);
      await shop.waitForNotified(ORDERS, AFTERWARDS_MS);
      const verdict = await shop.judge();
      assert.deepEqual({ ...verdict, messages: 0, delivered: 0 }, {
        messages: 0,
        delivered: 0,
        lost: [],
        dead: [],
        doubled: 0,
        unexplained: [],
        unanswered: 0,
        outOfOrder: [],
        wrongFlag: [],
      });
      assert.equal(verdict.delivered, verdict.messages);
      assert.equal(await shop.service.stop(), 0);
    },
  });
}

/** How often Signal has refused. */
function fired(shop: Shop): number {
  try {
    return Deno.readTextFileSync(`${shop.signal.folder}/faults-fired.jsonl`).split("\n").length - 1;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}
