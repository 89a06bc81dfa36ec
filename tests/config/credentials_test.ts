import assert from "node:assert/strict";
import { join } from "node:path";
import { readCredentials } from "../../lib/config/credentials.ts";
import { findSettings } from "../../lib/config/load.ts";

async function inFolder(files: Record<string, string>, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), text);
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readCredentials() takes secrets, without their last line break, and nothing else", async () => {
  const files = { DB_PASSWORD: " correct horse \n", ADMIN_TOKEN: "", SIGNAL_NUMBER: "+15550100001", other: "x" };
  await inFolder(files, async (folder) => {
    const found = await readCredentials(folder);
    assert.deepEqual([...found.keys()], ["DB_PASSWORD"]);
    assert.equal(found.get("DB_PASSWORD")!.value, " correct horse ");
  });
});

Deno.test("readCredentials() finds nothing without a folder", async () => {
  assert.equal((await readCredentials(undefined)).size, 0);
  assert.equal((await readCredentials("")).size, 0);
  assert.equal((await readCredentials("/nowhere/at/all")).size, 0);
});

Deno.test("a credential that is no text is refused by name, without its content", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(join(folder, "DB_PASSWORD"), new Uint8Array([0xff, 0xfe, 0x41]));
    await assert.rejects(readCredentials(folder), /DB_PASSWORD.*cannot be read/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the environment comes before a credential, a credential before the file", async () => {
  await inFolder({ DB_PASSWORD: "from systemd", ADMIN_TOKEN: "from systemd" }, async (folder) => {
    const envFile = join(folder, "env");
    await Deno.writeTextFile(envFile, "DB_PASSWORD=from file\nADMIN_TOKEN=from file\nDB_USER=from file\n");
    const env: Record<string, string> = { CREDENTIALS_DIRECTORY: folder, ADMIN_TOKEN: "from environment" };
    const { values } = await findSettings({ envFile, getEnv: (name) => env[name] });
    assert.equal(values.get("DB_PASSWORD")!.value, "from systemd");
    assert.equal(values.get("ADMIN_TOKEN")!.value, "from environment");
    assert.equal(values.get("DB_USER")!.value, "from file");
  });
});
