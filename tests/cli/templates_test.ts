import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { widthOf } from "../../lib/cli/screen/width.ts";
import { cli, inShop, ROOT } from "./support.ts";

const BUILT_IN = join(ROOT, "templates", "templates.yaml");

Deno.test("templates check takes the built-in file, from a path and from standard input", async () => {
  const fromPath = await cli(["templates", "check", BUILT_IN]);
  assert.equal(fromPath.exit, 0);
  assert.match(fromPath.out, /^good {2}.*templates\.yaml: 8 of its own, 0 built in/);
  const stdin = await Deno.readTextFile(BUILT_IN);
  const fromStdin = await cli(["templates", "check", "-"], { stdin });
  assert.deepEqual([fromStdin.exit, fromStdin.err], [0, ""]);
});

Deno.test("templates check says where everything wrong is, and exits 2", async () => {
  const stdin = "templates:\n  new_order_owner:\n    format: '{tiem} and }'\n  system_alrt:\n    format: x\n";
  const { exit, out } = await cli(["templates", "check", "-"], { stdin });
  assert.equal(exit, 2);
  assert.match(out, /refused {2}standard input:3:14: new_order_owner: unknown placeholder \{tiem\}/);
  assert.match(out, /refused {2}standard input:3:\d+: new_order_owner: stray \}/);
  const json = JSON.parse((await cli(["templates", "check", "-", "--json"], { stdin })).out);
  assert.equal(json.ok, false);
  assert.equal(json.problems.length, 2);
});

Deno.test("templates check takes a file with warnings, and shows them", async () => {
  const { exit, out } = await cli(["templates", "check", "-"], {
    stdin: "templates:\n  system_alrt:\n    format: x\n",
  });
  assert.equal(exit, 0);
  assert.match(out, /warning .*did you mean system_alert\?/);
});

Deno.test("templates check refuses what is not there", async () => {
  const { exit, err } = await cli(["templates", "check", "/no/such/templates.yaml"]);
  assert.equal(exit, 2);
  assert.match(err, /no such file/);
});

Deno.test("templates list shows where each text comes from", async () => {
  await inShop(async ({ folder, envFile }) => {
    const builtIn = await cli(["templates", "list", "--env-file", envFile]);
    assert.equal(builtIn.exit, 0);
    assert.match(builtIn.out, /new_order_owner +built in +\{time\}/);
    for (const line of builtIn.out.split("\n").slice(0, 9)) assert.ok(widthOf(line) <= 80);
    const file = join(folder, "templates.yaml");
    await Deno.writeTextFile(file, "templates:\n  system_alert:\n    format: 'Alarm: {message}'\n");
    const own = JSON.parse((await cli(["templates", "list", "--json", "--env-file", envFile])).out);
    assert.equal(own.file, file);
    const sources = own.templates.map((one: { key: string; source: string }) => [one.key, one.source]);
    assert.equal(Object.fromEntries(sources).system_alert, "file");
    assert.equal(Object.fromEntries(sources).new_order_owner, "builtin");
  });
});

Deno.test("templates preview shows samples, and orders exactly as they would be sent", async () => {
  await inShop(async ({ folder, envFile }) => {
    const sample = await cli(["templates", "preview", "affiliate_registration_success", "--env-file", envFile]);
    assert.equal(
      sample.out,
      "Inscription confirmée - Votre lien affilié: https://shop.example/affiliate?A1B2C3D4E5F6\n",
    );

    const db = new DatabaseSync(join(folder, "state", "signal-automation.db"));
    db.exec(`INSERT INTO orders (client, total, ip_address, created_at, notified)
             VALUES ('{client} 日本' || char(10) || 'forged', 0, NULL, '2026-07-01 10:00:00', 1)`);
    db.close();
    const order = await cli(["templates", "preview", "new_order_affiliate", "--order", "1", "--env-file", envFile]);
    assert.equal(order.exit, 0, order.err);
    assert.equal(
      order.out,
      "💸 Nouvelle commande !\n🕓 Heure: 12:00:00\n📅 Date: 2026-07-01\n💰 Total: 0.00€\n" +
        "🙍♂️ Client: {client} 日本 forged\n🌍 IP: N/A\n",
    );
    const json = await cli([
      "templates",
      "preview",
      "new_order_owner",
      "--order",
      "1",
      "--json",
      "--env-file",
      envFile,
    ]);
    assert.match(JSON.parse(json.out).text, /^💸 New order alert!/);

    const absent = await cli(["templates", "preview", "new_order_owner", "--order", "99", "--env-file", envFile]);
    assert.equal(absent.exit, 1);
    assert.match(absent.err, /there is no order 99/);
  });
});

Deno.test("templates preview refuses keys, orders and files that do not fit", async () => {
  await inShop(async ({ folder, envFile }) => {
    const cases: [string[], RegExp][] = [
      [["no_such"], /there is no template no_such[\s\S]*accepted: new_order_owner/],
      [["system_alert", "--order", "1"], /--order does not fit system_alert/],
      [["new_order_owner", "--order", "x"], /--order: not accepted/],
    ];
    for (const [args, expected] of cases) {
      const { exit, err } = await cli(["templates", "preview", ...args, "--env-file", envFile]);
      assert.equal(exit, 2);
      assert.match(err, expected);
    }
    await Deno.writeTextFile(join(folder, "templates.yaml"), "templates:\n  system_alert:\n    format: '{oops}'\n");
    const bad = await cli(["templates", "preview", "system_alert", "--env-file", envFile]);
    assert.equal(bad.exit, 2);
    assert.match(bad.err, /is refused[\s\S]*unknown\s+placeholder \{oops\}/);
  });
});
