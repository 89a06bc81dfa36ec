/**
 * Starting, stopping, and the world that is not there yet, as an operator and systemd see it: exit codes, times,
 * `status.json`, alerts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { startServer } from "../support/database_server.ts";
import { ADMIN, OWNER_GROUP, Shop, until } from "../support/shop.ts";
import { startSink } from "../support/webhook_sink.ts";

const mariadb = databases().find(({ name }) => name === "mariadb")!;

Deno.test("SIGTERM lets requests in flight be answered, hands the rest back and exits with 0", async () => {
  await using shop = await Shop.open({
    engine: "sqlite",
    world: { sendDelayMs: 300 },
    settings: { LEASE_SECONDS: "8" },
  });
  await shop.start();
  await shop.insertOrders(40);
  await shop.signal.waitForSent(6);
  // It ends with 1 when it took longer than it promises.
  assert.equal(await shop.service.stop(), 0);
  assert.deepEqual(await shop.flagsTooEarly(), []);
  const [row] = await shop.db.adminQuery("SELECT COUNT(*) AS n FROM outbox WHERE state NOT IN ('queued', 'dead')");
  assert.equal(Number(row!.n), 0, "nothing is left under way");
  assert.ok((await shop.notified()).size < 40, "it was stopped in the middle");

  shop.signal.update({ sendDelayMs: 0 });
  await shop.start();
  await shop.waitForNotified(40);
  const verdict = await shop.judge();
  assert.deepEqual([verdict.lost, verdict.doubled, verdict.outOfOrder, verdict.wrongFlag], [[], 0, [], []]);
  assert.equal(await shop.service.stop(), 0);
});

Deno.test("a second SIGTERM ends it at once, and what was under way is looked after at the next start", async () => {
  await using shop = await Shop.open({
    engine: "sqlite",
    settings: { LEASE_SECONDS: "8", UNKNOWN_WAIT_SECONDS: "1" },
  });
  shop.signal.mark("hanging", true);
  shop.signal.script([{ id: "hang", on: "send", whileFile: "hanging", effect: { type: "hang" } }]);
  await shop.start();
  await shop.insertOrders(5, { tokens: false });
  await shop.service.waitForStatus(
    "waiting for an answer",
    ({ parts }) => Number(parts.outbox?.details?.inFlight) > 0,
  );
  shop.service.signal("SIGTERM");
  await until("the stop to begin", () => shop.service.log().includes("The service stops"));
  // That nothing more is waited for is proved where time stands still (outbox/dispatcher_test.ts).
  shop.service.signal("SIGTERM");
  assert.notEqual(await shop.service.ended(), 0, "not everything was finished");
  assert.match(shop.service.log(), /A second signal: stopping at once/);

  shop.signal.mark("hanging", false);
  await shop.start();
  await shop.waitForNotified(5);
  assert.deepEqual((await shop.judge()).lost, []);
  assert.equal(await shop.service.stop(), 0);
});

Deno.test({
  name:
    "mariadb: with the database away at the start it stays up, says so, tells once by webhook, and goes on when it appears",
  ignore: mariadb.skip !== undefined,
  async fn() {
    await using sink = await startSink("slack");
    await using server = await startServer("mariadb", { fast: false });
    await using shop = await Shop.open({
      engine: "mariadb",
      server,
      settings: { WEBHOOK_ENABLED: "true", WEBHOOK_URL: sink.url, DB_POOL_TIMEOUT: "2" },
    });
    await shop.insertOrders(3);
    await server.kill();
    shop.service.start();
    const status = await shop.service.waitForStatus(
      "sure that its database is away",
      ({ parts }) => parts.database?.state === "down" && parts.signal?.state === "live",
    );
    assert.equal(status.status, "unhealthy");
    const isDatabaseAlert = ({ body }: { body: string }) => body.includes("Database error");
    await sink.deliveries.waitFor(isDatabaseAlert, "the alert");
    assert.equal((await shop.service.command("health", "--env-file", "./.env")).code, 3);

    await server.restart();
    await shop.waitForNotified(3);
    await shop.service.waitForStatus("healthy", ({ status }) => status === "healthy");
    assert.equal((await shop.service.command("health", "--env-file", "./.env")).code, 0);
    assert.equal(sink.deliveries.items.filter(isDatabaseAlert).length, 1);
    assert.equal(await shop.service.stop(), 0);
  },
});

Deno.test({
  name: "mariadb: an alert leaves over Signal though the database is away for longer than the lease lasts",
  ignore: mariadb.skip !== undefined,
  async fn() {
    await using server = await startServer("mariadb", { fast: false });
    await using shop = await Shop.open({ engine: "mariadb", server, settings: { LEASE_SECONDS: "8" } });
    await shop.start();
    await server.kill();
    await shop.signal.waitFor(
      (sent) => sent.some(({ to, body }) => to.number === ADMIN && body.includes("Database error")),
      "the alert",
      { timeoutMs: 60_000 },
    );
    assert.match(shop.service.log(), /The database is away/);

    await server.restart();
    await shop.insertOrders(1);
    await shop.waitForNotified(1);
    assert.equal(await shop.service.stop(), 0);
  },
});

for (const engine of databases()) {
  Deno.test({
    name: `${engine.name}: a schema that does not fit ends it with 2 and the command to run`,
    ignore: engine.skip !== undefined,
    async fn() {
      {
        await using shop = await Shop.open({ engine: engine.name, migrated: false });
        shop.service.start();
        assert.equal(await shop.service.ended(), 2);
        assert.match(shop.written(), /signal-automation migrate/);
      }
      await using shop = await Shop.open({ engine: engine.name });
      await shop.db.adminQuery("INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (999, 'later', 0)");
      shop.service.start();
      assert.equal(await shop.service.ended(), 2);
      assert.match(shop.written(), /newer/);
    },
  });
}

Deno.test("without signal-cli it stays up with a readable trouble, and goes on when that appears", async () => {
  await using sink = await startSink("slack");
  await using shop = await Shop.open({
    engine: "sqlite",
    settings: { WEBHOOK_ENABLED: "true", WEBHOOK_URL: sink.url },
  });
  const program = shop.signal.cliPath;
  await Deno.rename(program, `${program}.away`);
  await shop.insertOrders(3);
  shop.service.start();
  await shop.service.waitForStatus(
    "sure that signal-cli is missing",
    ({ parts }) => parts.signal?.reason === "not_installed" && parts.database?.state === "live",
  );
  assert.match(shop.written(), /signal-cli was not found/);
  await sink.deliveries.waitFor(({ body }) => body.includes("signal-cli was not found"), "the alert");
  assert.equal((await shop.notified()).size, 0);

  await Deno.rename(`${program}.away`, program);
  // Deno settles at the start which program may be run, so the service ends with "a dependency was away" and is started anew.
  assert.equal(await shop.service.ended(), 3);
  shop.service.start();
  await shop.waitForNotified(3);
  assert.equal(shop.signal.receivedBy(OWNER_GROUP).length, 3);
  assert.equal(await shop.service.stop(), 0);
});
