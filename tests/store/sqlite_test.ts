/** What only SQLite has: a file. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { openMigrator } from "../../lib/store/migrate.ts";
import { openStore } from "../../lib/store/open.ts";
import { ASSETS, openTestStore, testDeps } from "../support/databases.ts";
import { message } from "./conformance.ts";

const at = (path: string) => ({ engine: "sqlite" as const, path, ordersTimezone: "UTC", acquireTimeoutMs: 300 });
const fault = (expected: StoreUnavailable["fault"]) => (error: unknown) =>
  error instanceof StoreUnavailable && error.fault === expected;

Deno.test("sqlite: the file, its log and its index are for their owner only", async () => {
  await using db = await openTestStore("sqlite");
  await db.store.outbox.enqueue([message(1)]);
  const { path } = db.options as { path: string };
  for (const suffix of ["", "-wal", "-shm"]) {
    assert.equal((await Deno.stat(path + suffix)).mode! & 0o777, 0o600, suffix);
  }
});

Deno.test("sqlite: commits are durable: a write-ahead log, synced in full", async () => {
  await using db = await openTestStore("sqlite");
  await db.store.pulse();
  assert.deepEqual((await db.adminQuery("PRAGMA journal_mode")).map((row) => row["journal_mode"]), ["wal"]);
  await db.store.transaction("look", async () => {});
});

Deno.test("sqlite: a missing folder, a damaged file and missing tables are told apart", async () => {
  const folder = await Deno.makeTempDir();
  const refused = async (path: string, expected: StoreUnavailable["fault"]) => {
    const store = openStore(at(path), testDeps);
    await assert.rejects(store.pulse(), fault(expected));
    await store.close();
  };
  await refused(`${folder}/nowhere/test.db`, "storage");
  await Deno.writeTextFile(`${folder}/odd.db`, "this is no database, ".repeat(100));
  await refused(`${folder}/odd.db`, "storage");
  await refused(`${folder}/empty.db`, "schema");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("sqlite: a database in memory lives as long as its store", async () => {
  const store = openStore(at(":memory:"), testDeps);
  await assert.rejects(store.checkSchema(), fault("schema"));
  await store.close();
});

Deno.test("sqlite: a writer in another process is waited for without stopping the event loop", async () => {
  await using db = await openTestStore("sqlite");
  const { path } = db.options as { path: string };
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE");
  let ticks = 0;
  const ticking = setInterval(() => {
    if (++ticks === 5) other.exec("COMMIT");
  }, 5);
  await db.store.state.put("a", "1");
  clearInterval(ticking);
  other.close();
  assert(ticks >= 5);
});

Deno.test("sqlite: a store used inside its own transaction is told so, not left to wait for ever", async () => {
  await using db = await openTestStore("sqlite");
  const store = openStore({ ...at((db.options as { path: string }).path) }, testDeps);
  await assert.rejects(
    store.transaction("outer", async () => {
      await store.pulse();
    }),
    fault("pool_exhausted"),
  );
  await store.pulse();
  await store.close();
});

Deno.test("sqlite: a store may be closed while a transaction runs", async () => {
  await using db = await openTestStore("sqlite");
  const store = openStore(at((db.options as { path: string }).path), testDeps);
  const running = store.transaction("slow", async (tx) => {
    await store.close();
    await tx.state.put("a", "1");
  });
  await running;
  assert.equal(await db.store.state.get("a"), "1");
});

Deno.test("sqlite: migrating a file that is not there makes it", async () => {
  const folder = await Deno.makeTempDir();
  const migrator = await openMigrator(at(`${folder}/new.db`), ASSETS, testDeps);
  await migrator.apply();
  await migrator.close();
  assert.equal((await Deno.stat(`${folder}/new.db`)).mode! & 0o777, 0o600);
  await Deno.remove(folder, { recursive: true });
});
