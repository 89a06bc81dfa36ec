import assert from "node:assert/strict";
import { join } from "node:path";
import { cli, goodSettings, inFolder, ROOT } from "./support.ts";

function envText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join("");
}

Deno.test("check shows every problem at once and keeps secrets to itself", async () => {
  const stdin = "SIGNAL_NUMBER=0612345678\nDB_PASSWORD=your_secure_password_here\nMAX_RETRIES=many\n" +
    "WEBHOOK_ENABLED=true\nPOLL_INTERVAL_SECOND=5\nSIGNAL_GROUP_ID=your_group_id_here\n";
  const { exit, out, err } = await cli(["check", "--env-file", "-"], { stdin });
  assert.equal(exit, 2);
  assert.equal(err, "");
  const names = [
    "SIGNAL_NUMBER",
    "SIGNAL_GROUP_ID",
    "AFFILIATE_LINK",
    "ADMIN_PHONE_NUMBER",
    "DB_PASSWORD",
    "WEBHOOK_URL",
    "MAX_RETRIES",
  ];
  for (const name of names) assert.match(out, new RegExp(`^problem  ${name}: `, "m"));
  assert.match(out, /did you mean\s+POLL_INTERVAL_SECONDS/);
  assert.doesNotMatch(out, /your_secure_password_here|0612345678/);
  assert.match(out, /refused: 7 problems/);
});

Deno.test("check --json has the same for programs", async () => {
  const { exit, out } = await cli(["check", "--json", "--env-file", "-"], { stdin: "DB_DRIVER=sqlite\n" });
  assert.equal(exit, 2);
  const found = JSON.parse(out);
  assert.equal(found.ok, false);
  assert.equal(found.file, "standard input");
  assert.deepEqual(found.problems.map((problem: { name: string }) => problem.name), [
    "SIGNAL_NUMBER",
    "SIGNAL_GROUP_ID",
    "AFFILIATE_LINK",
    "ADMIN_PHONE_NUMBER",
  ]);
});

Deno.test("check has no side effect: no folder and no database appears", async () => {
  await inFolder(async (folder) => {
    const { exit, out } = await cli(["check", "--env-file", "-"], { stdin: envText(goodSettings(folder)) });
    assert.equal(exit, 0, out);
    assert.match(out, /warning {2}TEMPLATES_FILE: there is no/);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
  });
});

Deno.test("check looks into the files that the settings name", async () => {
  await inFolder(async (folder) => {
    const settings = goodSettings(folder);
    await Deno.writeTextFile(
      join(folder, "templates.yaml"),
      "templates:\n  new_order_owner:\n    format: '{tiem} }'\n",
    );
    await Deno.writeTextFile(join(folder, "state"), "a file where a folder belongs");
    await Deno.writeTextFile(join(folder, "signal-cli"), "", { mode: 0o644 });
    const stdin = envText({ ...settings, SIGNAL_CLI_PATH: join(folder, "signal-cli") });
    const { exit, out } = await cli(["check", "--json", "--env-file", "-"], { stdin });
    assert.equal(exit, 2);
    const problems: { name: string; problem: string }[] = JSON.parse(out).problems;
    assert.deepEqual(
      new Set(problems.map(({ name }) => name)),
      new Set([
        "TEMPLATES_FILE",
        "STATE_DIR",
        "SPOOL_DIR",
        "SQLITE_PATH",
        "SIGNAL_CLI_PATH",
      ]),
    );
    assert.match(problems[0]!.problem, /templates\.yaml:3:\d+: new_order_owner: unknown placeholder \{tiem\}/);
  });
});

Deno.test("Other commands refuse bad settings with all problems in one block", async () => {
  const { exit, out, err } = await cli(["affiliates", "list", "--env-file", "-"], { stdin: "" });
  assert.equal(exit, 2);
  assert.equal(out, "");
  assert.match(err, /^error: 5 problems in the settings\n/);
  assert.match(err, /→ Change the settings, then: signal-automation check\n/);
  await inFolder(async (folder) => {
    const file = join(folder, "env");
    await Deno.writeTextFile(file, "", { mode: 0o600 });
    const named = await cli(["affiliates", "list", "--env-file", file]);
    assert.ok(named.err.includes(`then: signal-automation check --env-file ${file}\n`), named.err);
  });
});

Deno.test("A settings file that is not there is named", async () => {
  const { exit, err } = await cli(["check", "--env-file", join(ROOT, "no-such-env")]);
  assert.equal(exit, 2);
  assert.match(err, /no-such-env: no such file/);
});
