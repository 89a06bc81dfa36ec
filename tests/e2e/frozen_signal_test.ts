/**
 * A signal-cli that is frozen (SIGSTOP) with requests in its hands, and wakes up after their deadline: it works off what stands in
 * its pipe, and answers requests that were given up.
 *
 * @module
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { Shop } from "../support/shop.ts";
import { until } from "../support/until.ts";

const ORDERS = 30;
/** Tables are looked at so often that a slow machine is not busy with it. */
const LOOK_MS = 100;

const sqlite = databases()[0]!;
Deno.test({
  name:
    "a signal-cli that freezes in the middle and wakes up late: nothing lost, in order, doubled at most what it had in hand",
  ignore: sqlite.skip !== undefined,
  async fn() {
    await using shop = await Shop.open({
      engine: "sqlite",
      settings: { SIGNAL_TIMEOUT: "2", UNKNOWN_WAIT_SECONDS: "1", RATE_LIMIT: "0" },
      // So slow that it is still in the middle when it is frozen, on whatever machine.
      world: { sendDelayMs: 150, receipts: false },
    });
    await shop.start();
    await shop.insertOrders(ORDERS);
    await until(() => shop.sent().length > 5, "the first messages");
    assert.ok(shop.signal.kill("SIGSTOP"));
    const frozenAt = shop.sent().length;
    const unanswered = async () => {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const [row] = await shop.db.adminQuery("SELECT COUNT(*) AS n FROM outbox_attempts WHERE outcome = 'unknown'");
      return Number(row!.n);
    };
    await until(async () => await unanswered() > 0, "a request that is given up");
    assert.ok(shop.signal.kill("SIGCONT"));
    assert.ok(await shop.waitUntilSettled(60_000));
    const verdict = await shop.judge();
    assert.deepEqual(
      [verdict.lost, verdict.dead, verdict.outOfOrder, verdict.unexplained, verdict.wrongFlag],
      [[], [], [], [], []],
    );
    assert.ok(frozenAt < verdict.messages, "it was frozen in the middle");
    assert.ok(verdict.doubled <= verdict.unanswered, JSON.stringify(verdict));
    assert.equal(await shop.service.stop(), 0);
  },
});
