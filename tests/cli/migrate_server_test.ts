import assert from "node:assert/strict";
import { join } from "node:path";
import { databases, databaseTest, type TestDatabase } from "../support/databases.ts";
import { cli, type CliResult, goodSettings, inFolder } from "./support.ts";

/** What a server test needs of its database that the test support spells differently per engine. */
async function withServer(
  db: TestDatabase,
  work: (
    migrate: (...args: string[]) => Promise<CliResult>,
    admin: string[],
    env: Record<string, string>,
  ) => Promise<void>,
): Promise<void> {
  const { adminOptions, settings } = db;
  assert.ok(adminOptions.engine === "mysql");
  await inFolder(async (folder) => {
    const passwordFile = join(folder, "password");
    await Deno.writeTextFile(passwordFile, `${adminOptions.password}\n`, { mode: 0o600 });
    const env = { ...goodSettings(folder), ...settings };
    const migrate = (...args: string[]) => cli(["migrate", "--env-file", "-", ...args], { env });
    await work(migrate, ["--admin-user", adminOptions.user, "--admin-password-file", passwordFile], env);
  });
}

for (const engine of databases().filter(({ name }) => name !== "sqlite")) {
  databaseTest(
    engine,
    "migrate as an administrator makes tables, user and grants that the service can use",
    async (db) => {
      await withServer(db, async (migrate, admin, env) => {
        const refused = await migrate("--status");
        assert.equal(refused.exit, 2);
        assert.doesNotMatch(refused.err, /\n\s+at /);
        const before = await migrate("--status", "--json", ...admin);
        assert.deepEqual([before.exit, JSON.parse(before.out).state], [2, "absent"], before.err);

        const made = await migrate("--yes", "--client-host", "%", ...admin);
        assert.equal(made.exit, 0, made.err);
        assert.match(made.out, /applied: orders_and_affiliates\n'.*'@'%' may use /);

        // From here on as the service's own user, which may create nothing.
        const after = await migrate("--status");
        assert.equal(after.exit, 0, after.err);
        assert.match((await migrate()).out, /nothing was changed/);
        await db.adminQuery("INSERT INTO orders (client, total) VALUES ('日本', 7)");
        const preview = await cli(["templates", "preview", "new_order_owner", "--order", "1", "--env-file", "-"], {
          env,
        });
        assert.match(preview.out, /Total: 7\.00€\n.*Client: 日本/, preview.err);
        assert.match((await cli(["affiliates", "list", "--env-file", "-"], { env })).out, /no affiliates/);
      });
    },
    { migrated: false },
  );

  databaseTest(engine, "migrate names both ways out when the service's user may not create tables", async (db) => {
    await withServer(db, async (migrate) => {
      await db.adminQuery("DELETE FROM schema_migrations");
      const { exit, err } = await migrate();
      assert.equal(exit, 2);
      assert.match(err, /migrate --sql \| sudo mysql {3}or {3}signal-automation migrate --admin-user root/);
    });
  });

  databaseTest(engine, "migrate says so when the administrator's login is refused", async (db) => {
    await withServer(db, async (migrate, admin) => {
      const { exit, err } = await migrate("--yes", ...admin.slice(0, 2), "--admin-password-file", "/dev/null");
      assert.equal(exit, 2);
      assert.match(err, /This was .*: is the\s+password right/);
    });
  });
}
