import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { cli, inShop } from "./support.ts";

Deno.test("prune counts, asks, removes, and then finds nothing", async () => {
  await inShop(async ({ folder, envFile }) => {
    const at = ["--env-file", envFile];
    const db = new DatabaseSync(join(folder, "state", "signal-automation.db"));
    const insert = db.prepare(
      `INSERT INTO outbox_archive (id, state, account, lane, attempts, kind, origin_kind, origin_key, origin_generation,
         created_at_ms, finished_at_ms, recipient, body) VALUES (?, 'read', 'a', 'l', 0, 'reply', 'inbound', '1', 1, 1, ?, 'r', 'b')`,
    );
    for (let id = 1; id <= 3; id++) insert.run(id, id === 3 ? 9e12 : 1);
    db.close();

    const dry = await cli(["prune", "--dry-run", "--json", ...at]);
    assert.equal(dry.exit, 0, dry.err);
    assert.deepEqual(JSON.parse(dry.out), {
      retentionDays: 30,
      end: "complete",
      old: { outbox_archive: 2, inbox: 0, idempotency_keys: 0, order_deliveries: 0 },
    });
    const nobody = await cli(["prune", ...at]);
    assert.equal(nobody.exit, 2);
    assert.match(nobody.err, /--yes/);
    const done = await cli(["prune", "--yes", ...at]);
    assert.equal(done.exit, 0, done.err);
    assert.match(done.out, /2 {2}finished messages/);
    assert.equal((await cli(["prune", "--yes", ...at])).out, "Nothing is older than RETENTION_DAYS (30).\n");
  });
});
