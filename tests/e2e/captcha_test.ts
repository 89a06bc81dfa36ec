/**
 * Signal wants a captcha: the account pauses, the admin is told what to do, and what a person hands in reaches the running
 * signal-cli and lets the messages go.
 *
 * @module
 */
import assert from "node:assert/strict";
import { databases } from "../support/databases.ts";
import { programUnderTest } from "../support/service_process.ts";
import { ADMIN, Shop, until } from "../support/shop.ts";
import { ACCOUNT } from "../support/simulated_signal.ts";

const TOKEN = "c0ffee-token";
const [RIGHT, WRONG] = ["right", "wrong"].map((word) => `signalcaptcha://signal-hcaptcha.site.challenge.${word}`);
const demanding = (token: string) => [{
  number: ACCOUNT,
  challenge: { token, captcha: RIGHT!, retryAfterSeconds: 86_400 },
}];

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command beside the service, with this on its standard input. */
async function captcha(shop: Shop, input: string, ...args: string[]): Promise<Answer> {
  const [program, ...own] = programUnderTest();
  const child = new Deno.Command(program!, {
    args: [...own, "captcha", ...args],
    cwd: shop.service.folder,
    env: shop.service.environment(),
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

const stored = async (shop: Shop) =>
  (await shop.db.adminQuery("SELECT name FROM service_state WHERE name LIKE 'outbox.proof.%'")).map(({ name }) =>
    String(name).split(".")[2]
  );

for (const engine of databases()) {
  Deno.test({
    name: `${engine.name}: a captcha pauses the account, is told, and its solution lets the messages go`,
    ignore: engine.skip !== undefined,
    async fn() {
      await using shop = await Shop.open({
        engine: engine.name,
        world: { accounts: demanding(TOKEN) },
        settings: { UNKNOWN_WAIT_SECONDS: "1" },
      });
      await shop.start();
      await shop.insertOrders(3);
      await until("the challenge to be kept", async () => (await stored(shop)).includes("challenge"));
      assert.deepEqual(shop.sent(), []);

      const wrong = await captcha(shop, `${WRONG}\n`);
      assert.deepEqual([wrong.code, /Signal rejected it/.test(wrong.err)], [1, true], wrong.err);
      assert.deepEqual([await stored(shop), shop.sent()], [["challenge"], []]);

      const right = await captcha(shop, `${RIGHT}\n`, "-", "--json");
      assert.equal(right.code, 0, right.err);
      assert.deepEqual(JSON.parse(right.out), { ok: true, outcome: "accepted", by: "service" });
      await shop.waitForNotified(3);
      await shop.signal.waitFor(
        (sent) => sent.some(({ body }) => body.includes("signal-automation captcha")),
        "the alert with its next step",
      );
      assert.ok(shop.signal.receivedBy(ADMIN).length > 0);
      assert.deepEqual(await stored(shop), []);
      const again = await captcha(shop, `${RIGHT}\n`);
      assert.deepEqual([again.code, /asks for no captcha just now/.test(again.err)], [1, true]);

      assert.equal(await shop.service.stop(), 0);
      const written = shop.written();
      assert.match(written, /A solved captcha was handed in/);
      for (const secret of [TOKEN, RIGHT!, WRONG!]) assert.ok(!written.includes(secret), secret);
    },
  });
}

Deno.test("A captcha that is asked for while the service stops is handed in without it, and its next start sends", async () => {
  const [engine] = databases();
  await using shop = await Shop.open({
    engine: engine!.name,
    world: { accounts: demanding(TOKEN) },
    settings: { UNKNOWN_WAIT_SECONDS: "1" },
  });
  await shop.start();
  await shop.insertOrders(1);
  await until("the challenge to be kept", async () => (await stored(shop)).includes("challenge"));
  assert.equal(await shop.service.stop(), 0);
  const { code, out, err } = await captcha(shop, `${RIGHT}\n`);
  assert.equal(code, 0, err);
  assert.match(out, /Signal accepted it; messages go on when the service runs/);
  assert.deepEqual(await stored(shop), []);
  await shop.start();
  await shop.waitForNotified(1);
});
