/**
 * The transaction of a dispatcher's tick on its own: how many messages a second can a server settle and mark?
 *
 *     scripts/deno run -A tests/bench/prototype_settle_and_mark.ts mysql://USER:PASSWORD@127.0.0.1:PORT/DATABASE [ROWS_PER_TICK]
 *
 * Uses (and drops) tables named `proto_…` in that database.
 *
 * @module
 */
import mysql from "mysql2/promise";

const [url, rowsPerTick = "64"] = Deno.args;
if (url === undefined) {
  console.error("usage: prototype_settle_and_mark.ts mysql://… [ROWS_PER_TICK]");
  Deno.exit(2);
}
const MESSAGES = 10_000;
const LANES = 1_000;
const window = Number(rowsPerTick);
const account = "signal:+15550100001";

const connection = await mysql.createConnection({ uri: url, timezone: "Z" });
// deno-lint-ignore no-explicit-any -- rows of a throw-away schema
const query = async (sql: string, values: unknown[] = []): Promise<any> => (await connection.query(sql, values))[0];

const ascii = (type: string) => `${type} CHARACTER SET ascii COLLATE ascii_bin NOT NULL`;
const columns = `account ${ascii("VARCHAR(64)")}, lane ${ascii("CHAR(32)")}, state ${ascii("VARCHAR(10)")},
  epoch INT NOT NULL DEFAULT 0, due_at_ms BIGINT NOT NULL, recipient VARCHAR(190) NOT NULL, body MEDIUMTEXT NOT NULL,
  attempts INT NOT NULL DEFAULT 0, created_at_ms BIGINT NOT NULL, remote_id VARCHAR(64) NULL`;

await query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
const tables = ["proto_outbox", "proto_archive", "proto_attempts", "proto_leases"];
for (const table of tables) await query(`DROP TABLE IF EXISTS ${table}`);
await query(
  `CREATE TABLE proto_outbox (id BIGINT AUTO_INCREMENT PRIMARY KEY, ${columns}, KEY lanes (account, state, lane, id))
  DEFAULT CHARSET utf8mb4`,
);
await query(
  `CREATE TABLE proto_archive (id BIGINT PRIMARY KEY, ${columns}, finished_at_ms BIGINT) DEFAULT CHARSET utf8mb4`,
);
await query(`CREATE TABLE proto_attempts (id BIGINT AUTO_INCREMENT PRIMARY KEY, outbox_id BIGINT NOT NULL, at_ms BIGINT,
  outcome VARCHAR(10), KEY outbox_id (outbox_id)) DEFAULT CHARSET utf8mb4`);
await query("CREATE TABLE proto_leases (name VARCHAR(100) PRIMARY KEY, epoch INT, until_ms BIGINT)");
await query("INSERT INTO proto_leases VALUES ('a', 1, 0)");
const body = "x".repeat(120);
const lane = (i: number) => (i % LANES).toString(16).padStart(32, "0");
for (let i = 0; i < MESSAGES; i += 1_000) {
  const rows = Array.from(
    { length: 1_000 },
    (_, k) => [account, lane(i + k), "queued", 0, "signal:tel:+15550100002", body, 0],
  );
  await query("INSERT INTO proto_outbox (account, lane, state, due_at_ms, recipient, body, created_at_ms) VALUES ?", [
    rows,
  ]);
}

const spent = new Map<string, number>();
async function timed(name: string, sql: string, values: unknown[] = []) {
  const startedAtMs = performance.now();
  const result = await query(sql, values);
  spent.set(name, (spent.get(name) ?? 0) + performance.now() - startedAtMs);
  return result;
}

let marked: number[] = [], settled = 0, ticks = 0, afterLane = "";
const startedAtMs = performance.now();
while (settled < MESSAGES) {
  ticks++;
  const lanes: { lane: string; id: number }[] = await timed(
    "lanes",
    "SELECT lane, MIN(id) id FROM proto_outbox WHERE account = ? AND state = 'queued' AND lane > ? GROUP BY lane LIMIT ?",
    [account, afterLane, window],
  );
  afterLane = lanes.length < window ? "" : lanes.at(-1)!.lane;
  const ids = lanes.map((row) => row.id);
  await timed("begin", "START TRANSACTION");
  await timed("fence", "UPDATE proto_leases SET until_ms = ? WHERE name = 'a' AND epoch = 1", [ticks]);
  if (marked.length > 0) {
    await timed(
      "archive",
      `INSERT INTO proto_archive SELECT id, account, lane, 'accepted', epoch, due_at_ms, recipient, body, attempts,
        created_at_ms, '1784000000123', 1 FROM proto_outbox WHERE id IN (?) AND state = 'sending' AND epoch = 1`,
      [marked],
    );
    await timed("delete", "DELETE FROM proto_outbox WHERE id IN (?) AND state = 'sending' AND epoch = 1", [marked]);
    await timed("attempts", "INSERT INTO proto_attempts (outbox_id, at_ms, outcome) VALUES ?", [
      marked.map((id) => [id, 1, "accepted"]),
    ]);
    settled += marked.length;
  }
  if (ids.length > 0) {
    await timed("mark", "UPDATE proto_outbox SET state = 'sending', epoch = 1 WHERE id IN (?) AND state = 'queued'", [
      ids,
    ]);
  }
  await timed("commit", "COMMIT");
  if (ids.length > 0) {
    await timed("bodies", "SELECT id, lane, recipient, body FROM proto_outbox WHERE id IN (?)", [ids]);
  }
  marked = ids;
}
const ms = performance.now() - startedAtMs;
console.log(
  `${window} rows a tick: ${Math.round(MESSAGES / ms * 1000)} messages/s, ${ticks} ticks of ${
    (ms / ticks).toFixed(2)
  } ms`,
  Object.fromEntries([...spent].map(([name, total]) => [name, Number((total / ticks).toFixed(2))])),
);
for (const table of tables) await query(`DROP TABLE ${table}`);
await connection.end();
