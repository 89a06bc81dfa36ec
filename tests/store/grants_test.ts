import assert from "node:assert/strict";
import { missingRights } from "../../lib/store/mysql/grants.ts";
import { ASSETS, databases, databaseTest, testDeps } from "../support/databases.ts";

for (const engine of databases().filter(({ name }) => name !== "sqlite")) {
  databaseTest(
    engine,
    "missingRights() finds none after the set-up, and names each that was taken away",
    async (db) => {
      const { options } = db;
      assert.ok(options.engine === "mysql");
      assert.deepEqual(await missingRights(options, ASSETS, testDeps), []);
      await db.adminQuery("INSERT INTO orders (client, total) VALUES ('Noor', 7)");
      const user = `'${options.user}'@'%'`;
      await db.adminQuery(`REVOKE UPDATE (notified) ON orders FROM ${user}`);
      await db.adminQuery(`REVOKE INSERT, DELETE ON outbox FROM ${user}`);
      await db.adminQuery(`REVOKE SELECT, INSERT, UPDATE ON leases FROM ${user}`);
      assert.deepEqual(await missingRights(options, ASSETS, testDeps), [
        "UPDATE (notified) ON orders",
        "INSERT ON outbox",
        "DELETE ON outbox",
        "SELECT ON leases",
        "INSERT ON leases",
        "UPDATE ON leases",
      ]);
    },
  );
}
