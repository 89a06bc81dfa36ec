/** The product itself, compiled for a file of settings. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { compile, grantsFor } from "../../scripts/compile.ts";
import { permissionFlags } from "../../scripts/compile/flags.ts";
import { inFolder, ROOT, run, useRuntime } from "./support.ts";

/** What nobody may find in the executable. */
const PRIVATE = {
  SIGNAL_NUMBER: "+33199000171",
  SIGNAL_GROUP_ID: "cHJvYmUgZ3JvdXAgb2YgdGhlIHNob3AncyBvd25lciE=",
  ADMIN_PHONE_NUMBER: "+33199000172",
  DB_PASSWORD: "correct-horse-battery-staple-private",
  DB_USER: "private_user_of_the_shop",
  DB_NAME: "private_database_of_the_shop",
  WEBHOOK_URL: "https://hooks.example/services/private/path/of/the/webhook",
  ADMIN_TOKEN: "correct-horse-battery-staple-token-of-the-admin",
};

function settingsIn(folder: string): Record<string, string> {
  return {
    ...PRIVATE,
    AFFILIATE_LINK: "https://shop.example/affiliate",
    DB_HOST: "db.example",
    DB_TLS: "on",
    WEBHOOK_ENABLED: "true",
    STATE_DIR: `${folder}/state`,
    RUNTIME_DIR: `${folder}/run`,
    TEMPLATES_FILE: `${folder}/texts/templates.yaml`,
    SIGNAL_CLI_PATH: `${folder}/signal-cli`,
  };
}

const asText = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join("");

Deno.test("A program compiled for a file holds none of its values, accepts that file and refuses what reaches further", async () => {
  await useRuntime();
  await inFolder(async (folder) => {
    const envFile = `${folder}/shop.env`;
    const settings = settingsIn(folder);
    await Deno.writeTextFile(envFile, asText(settings), { mode: 0o600 });
    await Deno.writeTextFile(`${folder}/signal-cli`, "#!/bin/sh\n", { mode: 0o755 });
    await Deno.mkdir(`${folder}/texts`);
    const out = `${folder}/program`;
    await compile({ root: ROOT, entry: "main.ts", out, grants: await grantsFor(envFile) });

    const bytes = Buffer.from((await Deno.readFile(out)).buffer);
    assert.ok(bytes.includes("hooks.example:443"), "the search itself works: the host is in the flags");
    for (const [name, value] of Object.entries(PRIVATE)) assert.ok(!bytes.includes(value), name);

    const check = (changes: Record<string, string> = {}) =>
      run(out, ["check", "--json", "--env-file", "-"], { cwd: folder, stdin: asText({ ...settings, ...changes }) });
    const right = await run(out, ["check", "--json", "--env-file", envFile], { cwd: folder });
    assert.equal(right.code, 0, right.out + right.err);
    assert.deepEqual(JSON.parse(right.out).problems, []);

    const wrong = await check({
      DB_HOST: "other.example",
      WEBHOOK_URL: "https://other.example/x",
      HTTP_PORT: "8790",
      STATE_DIR: "/srv/other",
      TEMPLATES_FILE: "/srv/texts/templates.yaml",
      SIGNAL_CLI_PATH: "/usr/bin/env",
    });
    assert.equal(wrong.code, 2);
    const problems: { name: string; problem: string; hint: string }[] = JSON.parse(wrong.out).problems;
    const told = Object.fromEntries(problems.map(({ name, problem }) => [name, problem]));
    assert.deepEqual(Object.keys(told).toSorted(), [
      "DB_HOST",
      "HTTP_HOST",
      "SIGNAL_CLI_PATH",
      "STATE_DIR",
      "TEMPLATES_FILE",
      "WEBHOOK_URL",
    ]);
    assert.match(told["DB_HOST"]!, /reach other\.example:3306/);
    assert.match(told["WEBHOOK_URL"]!, /reach other\.example:443/);
    assert.match(told["HTTP_HOST"]!, /reach 127\.0\.0\.1:8790/);
    assert.match(told["STATE_DIR"]!, /read and write \/srv\/other /);
    assert.match(told["SIGNAL_CLI_PATH"]!, /run \/usr\/bin\/env/);
    for (const { hint } of problems) assert.match(hint, /scripts\/compile\.ts --for ENV_FILE compiles/);

    const version = await run(out, ["version"], { cwd: folder });
    assert.equal(version.code, 0, version.err);
  });
});

Deno.test("The same settings give the same flags, in whatever order they are written", async () => {
  await inFolder(async (folder) => {
    const envFile = `${folder}/shop.env`;
    const flagsOf = async (text: string) => {
      await Deno.writeTextFile(envFile, text, { mode: 0o600 });
      return permissionFlags(await grantsFor(envFile), "2.7.11");
    };
    const lines = asText(settingsIn(folder)).trim().split("\n");
    const first = await flagsOf(lines.join("\n"));
    assert.deepEqual(await flagsOf(lines.join("\n")), first);
    assert.deepEqual(await flagsOf(lines.toReversed().join("\n")), first);
    for (const { flag } of first) {
      for (const [name, value] of Object.entries(PRIVATE)) assert.ok(!flag.includes(value), name);
      assert.doesNotMatch(flag, /env-file/);
    }
  });
});

Deno.test("The environment of who compiles does not count, and incomplete settings compile nothing", async () => {
  await inFolder(async (folder) => {
    const envFile = `${folder}/shop.env`;
    await Deno.writeTextFile(envFile, asText(settingsIn(folder)), { mode: 0o600 });
    const { code, out, err } = await run(
      Deno.execPath(),
      ["run", "-A", "--no-check", `${ROOT}scripts/compile.ts`, "--for", envFile, "--explain"],
      {
        cwd: folder,
        env: { DB_HOST: "stranger.example", HOME: folder, DENO_DIR: await denoDir() },
      },
    );
    assert.equal(code, 0, err);
    assert.match(out, /db\.example:3306: DB_HOST: the database/);
    assert.doesNotMatch(out, /stranger/);

    await Deno.writeTextFile(envFile, "DB_HOST=db.example\nMAX_RETRIES=many\n", { mode: 0o600 });
    await assert.rejects(
      grantsFor(envFile),
      /nothing compiled: [^]*SIGNAL_NUMBER: missing[^]*MAX_RETRIES: not accepted/,
    );
  });
});

/** Where this Deno keeps what it fetched, for a child with another home. */
async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
