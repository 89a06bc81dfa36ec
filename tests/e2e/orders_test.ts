/**
 * The main job, on every engine: a thousand orders reach the people whom they concern, once, in order, and nobody else
 * learns of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { ACCOUNT } from "../support/simulated_signal.ts";
import { Shop } from "../support/shop.ts";

const ORDERS = 1_000;
/** A start of signal-cli costs about a second (its JVM, its check of the account). */
const START_DELAY_MS = 1_000;

for (const engine of databases()) {
  Deno.test({
    name: `${engine.name}: ${ORDERS} orders are delivered once, in order, flagged, and nothing private is written down`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using shop = await Shop.open({ engine: engine.name, world: { startDelayMs: START_DELAY_MS } });
      await shop.start();
      await shop.insertOrders(ORDERS / 2);
      await shop.signal.waitForSent(50);
      const argumentsSeen = argumentsOf(shop.service.pid);
      assert.deepEqual(await shop.flagsTooEarly(), []);
      await shop.insertOrders(ORDERS / 2);
      await shop.waitForNotified(ORDERS);

      const verdict = await shop.judge();
      assert.deepEqual(verdict, {
        messages: shop.debts.flatMap(({ recipients }) => recipients).length,
        delivered: verdict.messages,
        lost: [],
        dead: [],
        doubled: 0,
        unexplained: [],
        unanswered: 0,
        outOfOrder: [],
        wrongFlag: [],
      });
      assert.ok(verdict.messages > ORDERS, "some orders concern an affiliate");
      assert.equal(await shop.service.stop(), 0);

      const written = shop.written();
      assert.ok(written.includes("Orders became messages"), "the log was written");
      for (const secret of [...shop.secrets(), ACCOUNT]) assert.ok(!written.includes(secret), `the log has ${secret}`);
      assert.ok(argumentsSeen.length >= 2, "the service and signal-cli were seen");
      assert.ok(argumentsSeen.some((line) => line.includes(ACCOUNT)), "signal-cli is told our own number");
      for (const secret of shop.secrets()) {
        assert.ok(!argumentsSeen.some((line) => line.includes(secret)), `the process list has ${secret}`);
      }
    },
  });
}

/** Command lines of a process and of all its descendants. */
function argumentsOf(root: number): string[] {
  const parents = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    if (stat !== undefined) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const isOurs = (pid: number): boolean => pid === root || (parents.has(pid) && isOurs(parents.get(pid)!));
  return [...parents.keys()].filter(isOurs).map((pid) => read(`/proc/${pid}/cmdline`) ?? "");
}

/** Undefined when the process has ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
