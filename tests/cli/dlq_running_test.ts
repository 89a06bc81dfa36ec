import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { programUnderTest } from "../support/service_process.ts";
import { Shop } from "../support/shop.ts";

for (const { name, skip } of databases()) {
  Deno.test({
    name: `${name}: beside a running service, a replayed message is sent once and is no dead letter any more`,
    ignore: skip !== undefined,
    async fn() {
      await using shop = await Shop.open({ engine: name });
      await shop.start();
      await shop.insertOrders(1, { tokens: false });
      await shop.waitForNotified(1);
      const [service] = shop.services;
      const run = async (...args: string[]) => {
        const [program, ...own] = programUnderTest();
        const { code, stdout, stderr } = await new Deno.Command(program!, {
          args: [...own, ...args],
          cwd: service!.folder,
          env: service!.environment(),
          clearEnv: true,
        }).output();
        const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
        assert.equal(code, 0, `${args.join(" ")}: ${err}`);
        return out!;
      };
      assert.match(await run("explain", "order:1"), /its one message was accepted/);
      const before = shop.sent().length;
      await shop.db.adminQuery(
        `INSERT INTO outbox (state, reason, account, lane, due_at_ms, expires_at_ms, kind, origin_kind, origin_key,
           origin_generation, created_at_ms, recipient, body)
         SELECT 'dead', 'network', account, lane, 0, created_at_ms + 3600000, 'api', 'api', 'k', 1, created_at_ms,
           recipient, body FROM outbox_archive LIMIT 1`,
      );
      const [dead] = JSON.parse(await run("dlq", "list", "--json"));
      const { replayed } = JSON.parse(await run("dlq", "replay", String(dead.id), "--json"));
      await shop.signals[0]!.waitForSent(before + 1);
      assert.equal(shop.sent().length, before + 1);
      assert.equal(replayed[0].id, dead.id);
      assert.doesNotMatch(await run("dlq", "list"), /network/);
    },
  });
}
