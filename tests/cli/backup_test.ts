import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { cli, goodSettings, inFolder } from "./support.ts";
import { withLetters } from "./letters.ts";

Deno.test("backup copies one state of the database beside its users, readable by its owner alone", async () => {
  await withLetters(async ({ enqueue, folder, run, json, store }) => {
    for (let n = 0; n < 50; n++) await enqueue();
    const file = join(folder, "copy.db");
    // Somebody is in the middle of something: that is not in the copy, and nobody waits.
    await store.transaction("test", async (tx) => {
      await tx.state.put("unfinished", "1");
      const { exit, out, err } = await run(["backup", file]);
      assert.deepEqual([exit, /: \d+\.\d MB\n$/.test(out)], [0, true], err);
    });
    await enqueue();
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    const copy = new DatabaseSync(file, { readOnly: true });
    const count = (sql: string) => (copy.prepare(sql).get() as { n: number }).n;
    assert.equal(count("SELECT COUNT(*) AS n FROM outbox"), 50);
    assert.equal(count("SELECT COUNT(*) AS n FROM service_state WHERE name = 'unfinished'"), 0);
    copy.close();
    const beside = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.startsWith("copy"));
    assert.deepEqual(beside, ["copy.db"]);

    const again = await run(["backup", file]);
    assert.deepEqual([again.exit, /is there already/.test(again.err)], [2, true]);
    await Deno.writeTextFile(join(folder, "cut.db.part"), "");
    const cut = await run(["backup", join(folder, "cut.db")]);
    assert.equal(cut.exit, 2);
    assert.match(cut.err, /cut\.db\.part:\s+is\s+there\s+already[\s\S]*rm\s+\S+cut\.db\.part/);
    assert.match((await run(["backup", join(folder, "no", "copy.db")])).err, /no\s+such\s+folder/);
    const other = await json(["backup", join(folder, "other.db")]);
    assert.equal(other.bytes, (await Deno.stat(join(folder, "other.db"))).size);
  });
});

Deno.test("what was copied is a database that the program takes", async () => {
  await withLetters(async ({ enqueue, folder, run, envFile }) => {
    const id = await enqueue();
    assert.equal((await run(["backup", join(folder, "copy.db")])).exit, 0);
    await Deno.writeTextFile(envFile, `SQLITE_PATH=${join(folder, "copy.db")}\n`, { append: true });
    const { exit, out, err } = await run(["explain", String(id)]);
    assert.deepEqual([exit, /Message 1 queued/.test(out)], [0, true], err);
  });
});

Deno.test("without a database nothing is made; a server's is left to its own program, with the command and no password", async () => {
  await inFolder(async (folder) => {
    const none = await cli(["backup", join(folder, "copy.db"), "--env-file", "-"], { env: goodSettings(folder) });
    assert.deepEqual([none.exit, [...Deno.readDirSync(folder)]], [3, []], none.err);
    const env = { ...goodSettings(folder), DB_DRIVER: "mysql", DB_PASSWORD: "correct horse battery", DB_NAME: "shop" };
    const server = await cli(["backup", join(folder, "copy.db"), "--env-file", "-"], { env });
    assert.equal(server.exit, 2);
    assert.match(server.err, /mysqldump --single-transaction .*--password shop > FILE\.sql/);
    assert.ok(!server.err.includes("horse"));
  });
});
