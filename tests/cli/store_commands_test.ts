import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makeSignalAccount, makeTel } from "../../lib/domain/address.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { systemRandom } from "../../lib/runtime/random.ts";
import { openStore } from "../../lib/store/open.ts";
import type { Store } from "../../lib/store/port.ts";
import { widthOf } from "../../lib/cli/screen/width.ts";
import { cli, goodSettings, inFolder, inShop } from "./support.ts";

async function withShopStore(folder: string, work: (store: Store) => Promise<void>): Promise<void> {
  const store = openStore(
    { engine: "sqlite", path: join(folder, "state", "signal-automation.db"), ordersTimezone: "UTC" },
    { clock: systemClock, random: systemRandom },
  );
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

Deno.test("affiliates list hides numbers unless asked, in text and in JSON", async () => {
  await inShop(async ({ folder, envFile }) => {
    const at = ["--env-file", envFile];
    assert.equal((await cli(["affiliates", "list", ...at])).out, "There are no affiliates.\n");
    await withShopStore(folder, async (store) => {
      await store.affiliates.insert({ identity: undefined, phoneNumber: "+33199000104", token: "ABCDEFGHIJKL" });
      await store.affiliates.insert({ identity: undefined, phoneNumber: "+33199000105", token: "MNOPQRSTUVWX" });
    });
    const hidden = await cli(["affiliates", "list", ...at]);
    assert.match(hidden.out, /1 {2}ABCDEFGHIJKL {2}\+33••••••104 {2}active/);
    assert.doesNotMatch(hidden.out, /199000104/);
    for (const line of hidden.out.split("\n")) assert.ok(widthOf(line) <= 80);
    assert.match((await cli(["affiliates", "list", "--show-numbers", ...at])).out, /\+33199000104/);
    const json = JSON.parse((await cli(["affiliates", "list", "--json", ...at])).out);
    assert.deepEqual(json.map((row: { id: number; phoneNumber: string }) => [row.id, row.phoneNumber]), [
      [1, "+33••••••104"],
      [2, "+33••••••105"],
    ]);
  });
});

Deno.test("affiliates deactivate and activate name the affiliate by id, token or number", async () => {
  await inShop(async ({ folder, envFile }) => {
    const at = ["--env-file", envFile];
    await withShopStore(folder, async (store) => {
      await store.affiliates.insert({ identity: undefined, phoneNumber: "+33199000104", token: "ABCDEFGHIJKL" });
    });
    assert.equal(
      (await cli(["affiliates", "deactivate", "ABCDEFGHIJKL", ...at])).out,
      "Affiliate 1 is now deactivated.\n",
    );
    assert.equal((await cli(["affiliates", "deactivate", "1", ...at])).out, "Affiliate 1 was already deactivated.\n");
    assert.match((await cli(["affiliates", "list", "--active", ...at])).out, /no affiliates/);
    assert.match((await cli(["affiliates", "list", "--inactive", ...at])).out, /deactivated/);
    const done = await cli(["affiliates", "activate", "+33199000104", "--json", ...at]);
    assert.deepEqual(JSON.parse(done.out), { id: 1, active: true, changed: true });

    const absent = await cli(["affiliates", "activate", "+33199000999", ...at]);
    assert.equal(absent.exit, 1);
    assert.match(absent.err, /there is no such affiliate/);
    assert.doesNotMatch(absent.err, /199000999/);
    assert.equal((await cli(["affiliates", "list", "--active", "--inactive", ...at])).exit, 2);
  });
});

Deno.test("outbox list shows what waits without texts and numbers; dlq list shows the dead", async () => {
  await inShop(async ({ folder, envFile }) => {
    const at = ["--env-file", envFile];
    assert.match((await cli(["outbox", "list", ...at])).out, /Nothing waits/);
    assert.match((await cli(["dlq", "list", ...at])).out, /There are no dead letters/);
    await withShopStore(folder, async (store) => {
      const message = (key: string) => ({
        account: makeSignalAccount("+33199000100"),
        recipient: makeTel("+33199000104"),
        body: "private text",
        kind: "order_affiliate" as const,
        origin: { kind: "order" as const, key, generation: 1 },
      });
      await store.outbox.enqueue([message("1"), message("2"), message("3")]);
    });
    const db = new DatabaseSync(join(folder, "state", "signal-automation.db"));
    db.exec("UPDATE outbox SET state = 'dead', reason = 'unregistered', attempts = 4 WHERE id = 2");
    db.close();
    const list = await cli(["outbox", "list", ...at]);
    assert.match(list.out, /1 {2}queued {2}order_affiliate 1 {2}\+33••••••104 +0/);
    assert.doesNotMatch(list.out, /private|199000104/);
    for (const line of list.out.split("\n")) assert.ok(widthOf(line) <= 80, line);
    const first = await cli(["outbox", "list", "--limit", "1", ...at]);
    assert.match(first.out, /outbox list --after 1/);
    const rest = JSON.parse((await cli(["outbox", "list", "--after", "1", "--json", ...at])).out);
    assert.deepEqual(rest.map((row: { id: number }) => row.id), [3]);
    const dead = JSON.parse((await cli(["dlq", "list", "--json", ...at])).out);
    assert.deepEqual([dead[0].id, dead[0].reason, dead[0].attempts], [2, "unregistered", 4]);
    assert.equal((await cli(["dlq", "list", "--limit", "0", ...at])).exit, 2);
  });
});

Deno.test("Commands on a database without tables say which command makes them, exit 2", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "state"));
    const { exit, err } = await cli(["affiliates", "list", "--env-file", "-"], {
      stdin: Object.entries(goodSettings(folder)).map(([name, value]) => `${name}=${value}\n`).join(""),
    });
    assert.equal(exit, 2);
    assert.match(err, /signal-automation migrate/);
  });
});

Deno.test("A database server that is away is exit 3", async () => {
  await inFolder(async (folder) => {
    const settings = {
      ...goodSettings(folder),
      DB_DRIVER: "mysql",
      DB_HOST: "127.0.0.1",
      DB_PORT: "1",
      DB_PASSWORD: "x",
    };
    const { exit, err } = await cli(["affiliates", "list", "--env-file", "-"], {
      stdin: Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(""),
    });
    assert.equal(exit, 3, err);
    assert.match(err, /→ Is the database running/);
  });
});

Deno.test("migrate on SQLite: status and dry run change nothing, apply is done once", async () => {
  await inFolder(async (folder) => {
    const env = goodSettings(folder);
    const migrate = (...args: string[]) => cli(["migrate", "--env-file", "-", ...args], { env });
    const before = await migrate("--status");
    assert.deepEqual([before.exit, before.out.split(":")[0]], [2, "absent"]);
    const dry = await migrate("--dry-run");
    assert.equal(dry.exit, 0);
    assert.match(dry.out, /would apply: orders_and_affiliates/);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
    assert.match((await migrate()).out, /^applied: orders_and_affiliates/);
    assert.match((await migrate()).out, /nothing was changed/);
    assert.deepEqual(JSON.parse((await migrate("--status", "--json")).out), {
      state: "current",
      found: 1,
      wanted: 1,
      pending: [],
    });
    const admin = await migrate("--admin-user", "root");
    assert.equal(admin.exit, 2);
    assert.match(admin.err, /SQLite has no administrator/);
    assert.equal((await migrate("--status", "--sql")).exit, 2);
  });
});

Deno.test("migrate --sql prints everything for an administrator, with the names of the settings and no password", async () => {
  await inFolder(async (folder) => {
    const env = {
      ...goodSettings(folder),
      DB_DRIVER: "mysql",
      DB_PASSWORD: "s3cret-s3cret",
      DB_NAME: "my_shop",
      DB_USER: "bot",
    };
    const { exit, out, err } = await cli(["migrate", "--sql", "--env-file", "-"], { env });
    assert.equal(exit, 0);
    assert.match(out, /CREATE DATABASE IF NOT EXISTS `my_shop`/);
    assert.match(out, /CREATE TABLE IF NOT EXISTS outbox /);
    assert.match(out, /GRANT SELECT, UPDATE \(notified\) ON `my_shop`\.orders TO 'bot'@'localhost'/);
    assert.doesNotMatch(out + err, /s3cret/);
  });
});

Deno.test("migrate as an administrator asks first, and not answering changes nothing", async () => {
  await inFolder(async (folder) => {
    const env = { ...goodSettings(folder), DB_DRIVER: "mysql", DB_HOST: "127.0.0.1", DB_PORT: "1", DB_PASSWORD: "x" };
    const args = ["migrate", "--admin-user", "root", "--env-file", "-"];
    const alone = await cli([...args, "--admin-password-file", "/dev/null"], { env });
    assert.equal(alone.exit, 2);
    assert.match(alone.err, /--yes/);
    const person = await cli(args, { env, answers: ["a password", "no"] });
    assert.equal(person.exit, 2);
    assert.match(person.err, /nothing was changed/);
    const yes = await cli([...args, "--admin-password-file", "/dev/null", "--yes"], { env });
    assert.equal(yes.exit, 3, yes.err);
  });
});
