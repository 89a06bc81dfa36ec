import assert from "node:assert/strict";
import { join } from "node:path";
import { makeSignalAccount } from "../../lib/domain/address.ts";
import { openStore } from "../../lib/store/open.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { systemRandom } from "../../lib/runtime/random.ts";
import { databases, databaseTest } from "../support/databases.ts";
import { SimulatedSignal } from "../support/simulated_signal.ts";
import { startSink } from "../support/webhook_sink.ts";
import { cli, goodSettings, inFolder } from "./support.ts";

const OWNERS = "ZGVtbyBncm91cCBvZiB0aGUgc2hvcCdzIG93bmVycyE=";
const ADMIN = "+33199000103";
type Finding = { name: string; level: string; text: string; fix: string | null };
interface Shop {
  readonly signal: SimulatedSignal;
  readonly folder: string;
  readonly env: Record<string, string>;
  doctor(args?: readonly string[], more?: Record<string, string>): Promise<{ exit: number; found: Finding[] }>;
}

/** A shop where everything is right: tables, a registered account, the owner's group. */
async function inGoodShop(work: (shop: Shop) => Promise<void>): Promise<void> {
  await using signal = await SimulatedSignal.create({
    accounts: ["+33199000100"],
    people: [{ number: ADMIN, name: "Admin" }],
    groups: [{ id: OWNERS, name: "Owners", members: [ADMIN] }],
  });
  await inFolder(async (folder) => {
    const env = {
      ...goodSettings(folder),
      HTTP_PORT: "0",
      SIGNAL_CLI_PATH: signal.cliPath,
      SIGNAL_CLI_DATA_DIR: signal.dataDir,
    };
    assert.equal((await cli(["migrate", "--env-file", "-"], { env })).exit, 0);
    await work({
      signal,
      folder,
      env,
      async doctor(args = [], more = {}) {
        const { exit, out, err } = await cli(["doctor", "--json", ...args, "--env-file", "-"], {
          env: { ...env, ...more },
        });
        assert.ok(out !== "", err);
        return { exit, found: JSON.parse(out).findings };
      },
    });
  });
}

const levelOf = (found: readonly Finding[], name: string) => found.find((one) => one.name === name)?.level;

Deno.test("doctor finds nothing wrong where nothing is, and its --send reaches the admin and the webhook", async () => {
  await inGoodShop(async ({ signal, doctor }) => {
    const plain = await doctor();
    assert.deepEqual([plain.exit, plain.found.filter(({ level }) => level === "fail")], [0, []]);
    for (
      const name of ["database", "tables", "clock", "orders table", "instances", "account", "owner's group", "disk"]
    ) {
      assert.equal(levelOf(plain.found, name), "ok", name);
    }
    assert.equal(signal.sent().length, 0);
    await using sink = await startSink("slack");
    const sent = await doctor(["--send"], { WEBHOOK_ENABLED: "true", WEBHOOK_URL: sink.url, WEBHOOK_FORMAT: "slack" });
    assert.equal(sent.exit, 0, JSON.stringify(sent.found));
    assert.equal(levelOf(sent.found, "test message"), "ok");
    assert.equal(levelOf(sent.found, "test post"), "ok");
    assert.equal(signal.receivedBy(ADMIN).length, 1);
  });
});

Deno.test("doctor names each trouble with its fix", async () => {
  await inGoodShop(async ({ signal, folder, env, doctor }) => {
    signal.update({ groups: [{ id: OWNERS, name: "Owners", members: [], isMember: false }] });
    const left = await doctor();
    assert.equal(left.exit, 1);
    assert.match(left.found.find(({ name }) => name === "owner's group")!.text, /has left it/);

    signal.update({ accounts: [{ number: "+33199000100", registered: false }] });
    const gone = await doctor();
    assert.equal(gone.exit, 3);
    assert.equal(gone.found.find(({ name }) => name === "account")!.fix, "signal-automation link");
    const unsent = await doctor(["--send"]);
    assert.equal(unsent.found.find(({ name }) => name === "test message")!.fix, "signal-automation link");

    const none = await doctor([], { SIGNAL_CLI_PATH: join(folder, "nothing") });
    assert.equal(levelOf(none.found, "signal-cli"), "fail");

    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const taken = await doctor([], { HTTP_PORT: String(port) });
    assert.match(taken.found.find(({ name }) => name === "http")!.text, /is taken/);

    const absent = await doctor([], { SQLITE_PATH: join(folder, "none.db") });
    assert.equal(absent.found.find(({ name }) => name === "database")!.fix, "signal-automation migrate");

    await Deno.chmod(env.STATE_DIR!, 0o777);
    assert.equal((await doctor()).found.find(({ name }) => name === "STATE_DIR")!.fix, `chmod go-w ${env.STATE_DIR}`);

    const unusable = await doctor([], { POLL_INTERVAL_SECONDS: "often" });
    assert.deepEqual([unusable.exit, levelOf(unusable.found, "settings")], [2, "fail"]);
  });
});

Deno.test("doctor tells of another instance that holds the account, and of a process that does", async () => {
  await inGoodShop(async ({ signal, folder, env, doctor }) => {
    const path = join(folder, "state", "signal-automation.db");
    const store = openStore({ engine: "sqlite", path, ordersTimezone: "UTC" }, {
      clock: systemClock,
      random: systemRandom,
    });
    await store.leases.acquire(`account:${makeSignalAccount(env.SIGNAL_NUMBER!)}`, "somebody", 60_000);
    await store.close();
    const holder = new Deno.Command(signal.cliPath, {
      args: ["--data-dir", signal.dataDir, "-a", "+33199000100", "jsonRpc", "--receive-mode=manual"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const writer = holder.stdin.getWriter();
    await writer.write(new TextEncoder().encode('{"jsonrpc":"2.0","method":"version","id":1}\n'));
    const reader = holder.stdout.getReader();
    await reader.read();
    const { exit, found } = await doctor();
    assert.equal(levelOf(found, "instances"), "warn");
    assert.match(found.find(({ name }) => name === "account")!.text, /Another process holds the Signal account/);
    assert.equal(exit, 3);
    await writer.close();
    await reader.cancel();
    await holder.status;
  });
});

for (const engine of databases().filter(({ name }) => name !== "sqlite")) {
  databaseTest(
    engine,
    "doctor names a right that the service's user lacks, and what is odd about the orders table",
    async (db) => {
      const { options } = db;
      assert.ok(options.engine === "mysql");
      await db.adminQuery(`REVOKE DELETE ON outbox FROM '${options.user}'@'%'`);
      await db.adminQuery("ALTER TABLE orders ADD COLUMN note TEXT");
      await inFolder(async (folder) => {
        const env = {
          ...goodSettings(folder),
          ...db.settings,
          SIGNAL_CLI_PATH: join(folder, "nothing"),
          HTTP_PORT: "0",
        };
        const { exit, out, err } = await cli(["doctor", "--json", "--env-file", "-"], { env });
        assert.ok(out !== "", err);
        const found: Finding[] = JSON.parse(out).findings;
        assert.equal(found.find(({ name }) => name === "rights")!.text, "missing: DELETE ON outbox");
        assert.match(found.find(({ name }) => name === "orders table")!.text, /further columns \(note\)/);
        assert.equal(exit, 3);
      });
    },
  );
}
