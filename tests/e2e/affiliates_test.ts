/**
 * From a "Go" to an affiliate, through the whole service: who is registered, who is not, what each receives, and that
 * nothing is acted on before it is stored.
 *
 * @module
 */
import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { databases } from "../support/databases.ts";
import type { MysqlOptions } from "../../lib/store/open.ts";
import { ACCOUNT, type Sent } from "../support/simulated_signal.ts";
import { ADMIN, LINK, OWNER_GROUP, Shop, until } from "../support/shop.ts";

const HIDDEN = "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f";
const SERVERS = databases().filter(({ name }) => name !== "sqlite");

for (const engine of databases()) {
  Deno.test({
    name: `${engine.name}: a "Go" makes an affiliate, once, whoever writes it and however often`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using shop = await Shop.open({ engine: engine.name, strangers: 3 });
      const [ada, bob, cleo] = shop.strangers;
      const deactivated = shop.affiliates.at(-1)!;
      const known = shop.affiliates[0]!;
      shop.signal.update({
        people: [
          { number: "+15550100002", name: "Owner" },
          { number: "+15550100003", name: "Owner" },
          { number: "+15550100099", name: "Admin" },
          ...shop.affiliates.map(({ number }) => ({ number, name: "Affiliate" })),
          ...shop.strangers,
          { uuid: HIDDEN, number: null, name: "Hidden" },
        ],
      });
      await shop.start();

      // None of these is a "Go" in a direct message of somebody else.
      shop.says(bob!.number, "Go on, tell me more");
      shop.says(bob!.number, "Go", { group: OWNER_GROUP });
      shop.signal.push({ sync: { to: bob!.number, text: "Go" } });
      // The rest are.
      shop.says(ada!.number, "  gO! ");
      shop.says(HIDDEN, "GO.");
      shop.says(known.number, "go");
      shop.says(deactivated.number, "Go");
      // Two at once: one person, one token.
      for (const _ of [1, 2]) shop.says(cleo!.number, "Go");

      const answers = await shop.signal.waitFor(
        () =>
          [ada!.number, HIDDEN, known.number, deactivated.number].every((to) => from(shop, to).length === 1) &&
          from(shop, cleo!.number).length === 2 && from(shop, OWNER_GROUP).length === 3,
        "an answer to each",
      );
      assert.match(from(shop, ada!.number)[0]!.body, new RegExp(`^Inscription confirmée .*${LINK}\\?[A-Z0-9]{12}$`));
      assert.match(from(shop, HIDDEN)[0]!.body, /^Inscription confirmée/);
      assert.equal(
        from(shop, known.number)[0]!.body,
        `Vous êtes déjà enregistré - Votre lien affilié: ${LINK}?${known.token}`,
      );
      assert.match(from(shop, deactivated.number)[0]!.body, /désactivé/);
      assert.equal(new Set(from(shop, cleo!.number).map(({ body }) => body.slice(-12))).size, 1);
      assert.ok(answers.every(({ to }) => to.number !== bob!.number), "who did not ask gets no answer");
      const token = from(shop, ada!.number)[0]!.body.slice(-12);
      const notices = from(shop, OWNER_GROUP).map(({ body }) => body);
      assert.equal(notices.filter((body) => body.includes(token) && body.includes(ada!.number)).length, 1);

      // Again, later: the same link.
      shop.says(ada!.number, "Go");
      await shop.signal.waitFor(() => from(shop, ada!.number).length === 2, "the second answer");
      assert.ok(from(shop, ada!.number)[1]!.body.endsWith(`?${token}`));
      const rows = await shop.db.adminQuery("SELECT COUNT(*) AS n FROM affiliates");
      assert.equal(Number(rows[0]!.n), shop.affiliates.length + 3);
      assert.equal(await shop.service.stop(), 0);
      const written = shop.written();
      for (const secret of [...shop.secrets(), ACCOUNT, token, HIDDEN]) {
        assert.ok(!written.includes(secret), `the log has ${secret}`);
      }
    },
  });
}

for (const engine of SERVERS) {
  Deno.test({
    name: `${engine.name}: a "Go" that was stored survives a kill before anything was done about it`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using shop = await Shop.open({
        engine: engine.name,
        strangers: 10,
        settings: { LEASE_SECONDS: "8", UNKNOWN_WAIT_SECONDS: "1" },
      });
      await shop.start();
      const { host, port, user, password, database } = shop.db.adminOptions as MysqlOptions;
      const holder = await mysql.createConnection({
        host,
        port,
        user,
        password,
        database: shop.db.settings.DB_NAME ?? database!,
      });
      try {
        // The service can store what arrives, and can not act on it.
        await holder.query("LOCK TABLES affiliates WRITE");
        for (const { number } of shop.strangers) shop.says(number, "Go");
        await until("all of them stored", async () => {
          const [row] = await shop.db.adminQuery("SELECT COUNT(*) AS n FROM inbox WHERE state = 'new'");
          return Number(row!.n) === shop.strangers.length;
        });
        await shop.service.kill();
        assert.equal(
          shop.sent().filter(({ to }) => shop.strangers.some(({ number }) => number === to.number)).length,
          0,
        );
      } finally {
        await holder.end();
      }
      shop.service.start();
      await shop.signal.waitFor(
        () => shop.strangers.every(({ number }) => from(shop, number).length > 0),
        "an answer to each",
      );
      assert.ok(await shop.waitUntilSettled(60_000));
      for (const { number } of shop.strangers) assert.equal(from(shop, number).length, 1);
      assert.equal(from(shop, OWNER_GROUP).length, shop.strangers.length);
      assert.equal(await shop.service.stop(), 0);
    },
  });
}

Deno.test('a "Go" of somebody whose safety number changed is told to the admin, and answered once that is trusted', async () => {
  await using shop = await Shop.open({ engine: "sqlite", strangers: 1 });
  const [ada] = shop.strangers;
  const people = (key: string) => [
    { number: "+15550100002", name: "Owner" },
    { number: "+15550100003", name: "Owner" },
    { number: ADMIN, name: "Admin" },
    { ...ada, key },
  ];
  shop.signal.update({ people: people("1") });
  await shop.start();
  shop.says(ada!.number, "hello");
  await until("her first message", async () => {
    const [row] = await shop.db.adminQuery("SELECT COUNT(*) AS n FROM inbox WHERE state = 'done'");
    return Number(row!.n) === 1;
  });
  shop.signal.update({ people: people("2") });
  shop.says(ada!.number, "Go");
  const toAdmin = () => from(shop, ADMIN).filter(({ body }) => body.includes("safety number"));
  await shop.signal.waitFor(() => toAdmin().length === 1, "the notice");
  assert.match(toAdmin()[0]!.body, /signal-cli listIdentities .*signal-cli trust/);
  assert.ok(!toAdmin()[0]!.body.includes(ada!.number));
  assert.equal(await shop.service.stop(), 0);

  // The key that is known: as good as one that was trusted.
  shop.signal.update({ people: people("1") });
  await shop.start();
  await shop.signal.waitFor(() => from(shop, ada!.number).length === 1, "the answer");
  assert.match(from(shop, ada!.number)[0]!.body, /^Inscription confirmée/);
  assert.equal(await shop.service.stop(), 0);
});

function from(shop: Shop, name: string): readonly Sent[] {
  return shop.signal.receivedBy(name);
}
