import assert from "node:assert/strict";
import { findSettings, loadConfig } from "../../lib/config/load.ts";
import { formatProblem, formatWarning } from "../../lib/config/problems.ts";
import { ConfigError } from "../../lib/domain/errors.ts";
import { AS_ROOT } from "../support/as_root.ts";

const NO_ENV = () => undefined;
const FILE = `SIGNAL_NUMBER=+33639980001
SIGNAL_GROUP_ID=${btoa("0123456789abcdef")}
AFFILIATE_LINK=https://shop.example/partner
ADMIN_PHONE_NUMBER=+33639980002
DB_PASSWORD='correct horse battery'
`;

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isConfigError(where: string, problem: RegExp) {
  return (error: unknown) => error instanceof ConfigError && error.where === where && problem.test(error.message);
}

Deno.test("loadConfig() reads the named file, and a variable of the process comes first", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/f`, `${FILE}MAX_RETRIES=7\nLOG_LEVEL=DEBUG\n`, { mode: 0o600 });
    const env: Record<string, string> = { MAX_RETRIES: "9", LOG_LEVEL: "" };
    const result = await loadConfig({ envFile: `${folder}/f`, getEnv: (name) => env[name] });
    assert.ok("config" in result);
    assert.equal(result.config.delivery.maxRetries, 9);
    assert.equal(result.config.log.level, "debug", "an empty variable hides nothing");
    assert.equal(result.file, `${folder}/f`);
    assert.deepEqual(result.warnings, []);
  }));

Deno.test("without a named file the first default counts only when it names SIGNAL_NUMBER", () =>
  withFolder(async (folder) => {
    const files = [`${folder}/.env`, `${folder}/etc`, `${folder}/opt`];
    await Deno.writeTextFile(files[0]!, "PORT=3000\n");
    await Deno.writeTextFile(files[2]!, FILE);
    assert.equal((await findSettings({ files, getEnv: NO_ENV })).file, files[2]);
    await Deno.writeTextFile(files[1]!, "MAX_RETRIES=1\n");
    assert.equal((await findSettings({ files, getEnv: NO_ENV })).file, files[1]);
    await Deno.writeTextFile(files[0]!, FILE);
    assert.equal((await findSettings({ files, getEnv: NO_ENV })).file, files[0]);
    assert.equal((await findSettings({ files: [`${folder}/none`], getEnv: NO_ENV })).file, undefined);
  }));

Deno.test({
  name: "a folder that this user may not look into has no ./.env, and a file that is there and closed is refused",
  // No mode stops root; tests/boot/run tries it as the service's user.
  ignore: AS_ROOT,
  fn: () =>
    withFolder(async (folder) => {
      await Deno.mkdir(`${folder}/home`, { mode: 0o000 });
      await Deno.writeTextFile(`${folder}/etc`, FILE);
      const files = [`${folder}/home/.env`, `${folder}/etc`];
      assert.equal((await findSettings({ files, getEnv: NO_ENV })).file, files[1]);
      await Deno.chmod(`${folder}/etc`, 0o000);
      await assert.rejects(findSettings({ files, getEnv: NO_ENV }), isConfigError(files[1]!, /may not read it/));
      await Deno.chmod(`${folder}/home`, 0o700);
    }),
});

Deno.test("- reads standard input, and places in it are named so", async () => {
  const stdin = new Blob([`${FILE}MAX_RETRIES=many\n`]).stream();
  const result = await loadConfig({ envFile: "-", stdin, getEnv: NO_ENV });
  assert.ok("problems" in result);
  assert.deepEqual(result.problems.map(formatProblem), [
    'MAX_RETRIES: not accepted; seen "many"; accepted: a whole number from 0 to 20 (standard input:6)',
  ]);
});

Deno.test("a line that cannot be read is a problem with its place, beside all others", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/f`, `${FILE}=x\nMAX_RETRIES=many\n`, { mode: 0o600 });
    const result = await loadConfig({ envFile: `${folder}/f`, getEnv: NO_ENV });
    assert.ok("problems" in result);
    assert.deepEqual(result.problems.map(({ name }) => name), [`${folder}/f:6:1`, "MAX_RETRIES"]);
  }));

Deno.test("a file that others may read, and a reference to nothing, get a warning", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/f`, `${FILE}DB_NAME=a\${NONE}\n`);
    await Deno.chmod(`${folder}/f`, 0o640);
    const { warnings } = await loadConfig({ envFile: `${folder}/f`, getEnv: NO_ENV });
    assert.deepEqual(warnings.map(formatWarning), [
      `${folder}/f: mode 0640: the group or others can read the secrets in it; use chmod 600`,
      `DB_NAME: \${NONE} stands for nothing here, so that part of the value is empty (${folder}/f:6)`,
    ]);
  }));

Deno.test("a named file that is absent, a folder, too large or no text is refused with the reason", () =>
  withFolder(async (folder) => {
    const load = (envFile: string) => loadConfig({ envFile, getEnv: NO_ENV });
    await assert.rejects(load(`${folder}/none`), isConfigError(`${folder}/none`, /no such file/));
    await assert.rejects(load(folder), isConfigError(folder, /is a folder/));
    await Deno.writeFile(`${folder}/large`, new Uint8Array(1024 * 1024 + 1));
    await assert.rejects(load(`${folder}/large`), isConfigError(`${folder}/large`, /larger than 1 MB/));
    await Deno.writeFile(`${folder}/latin1`, new Uint8Array([0x41, 0x3d, 0xe9]));
    await assert.rejects(load(`${folder}/latin1`), isConfigError(`${folder}/latin1`, /not UTF-8/));
  }));

Deno.test({
  name: "a file outside the permissions is refused with the list of places that are allowed",
  permissions: { read: ["/nowhere"], env: true },
  fn: () =>
    assert.rejects(
      loadConfig({ envFile: "/srv/env", getEnv: NO_ENV }),
      isConfigError("/srv/env", /below \/etc\/signal-automation, or - for standard input/),
    ),
});

Deno.test({
  name: "${NAME} of a variable that the program may not read stands for nothing",
  permissions: { env: ["MAX_RETRIES"] },
  async fn() {
    const getEnv = (name: string) => name === "SECRET_OF_OTHERS" ? Deno.env.get(name) : undefined;
    const stdin = new Blob(["DB_NAME=a${SECRET_OF_OTHERS}\n"]).stream();
    const found = await findSettings({ envFile: "-", stdin, getEnv });
    assert.equal(found.values.get("DB_NAME")?.value, "a");
  },
});
