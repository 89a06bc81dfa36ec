import assert from "node:assert/strict";
import { join } from "node:path";
import { alertCauses } from "../../lib/cli/health/alert.ts";
import { judgeParts } from "../../lib/cli/health/report.ts";
import { due, readTold, remember, REMIND_MS, writeTold } from "../../lib/cli/health/alert_state.ts";
import { STATUS_FORMAT } from "../../lib/runtime/status_file.ts";
import { AS_ROOT } from "../support/as_root.ts";
import { SimulatedSignal } from "../support/simulated_signal.ts";
import { startSink } from "../support/webhook_sink.ts";
import { cli, goodSettings, inFolder } from "./support.ts";

const ADMIN = { number: "+33199000103", name: "Admin" };

/** Settings with a simulated Signal; the service's status file is `running` or missing. */
async function withSignal(
  work: (shop: { env: Record<string, string>; folder: string; signal: SimulatedSignal }) => Promise<void>,
  world: Record<string, unknown> = {},
): Promise<void> {
  await using signal = await SimulatedSignal.create({
    accounts: ["+33199000100"],
    people: [ADMIN],
    recordRequests: true,
    ...world,
  });
  await inFolder(async (folder) => {
    await Deno.mkdir(join(folder, "log"));
    const env = {
      ...goodSettings(folder),
      SIGNAL_CLI_PATH: signal.cliPath,
      SIGNAL_CLI_DATA_DIR: signal.dataDir,
      LOG_DIR: join(folder, "log"),
    };
    await work({ env, folder, signal });
  });
}

async function writeStatus(folder: string, parts: Record<string, unknown>): Promise<void> {
  await Deno.mkdir(join(folder, "run"), { recursive: true });
  const status = { status: "healthy", timestamp: "2026-01-01T00:00:00.000Z", version: "1", parts };
  await Deno.writeTextFile(
    join(folder, "run", "status.json"),
    JSON.stringify({ format: STATUS_FORMAT, running: true, writtenAtMs: Date.now(), intervalMs: 60_000, status }),
  );
}

Deno.test("health --alert tells a dead service through signal-cli, once, with text and number on standard input only", async () => {
  await withSignal(async ({ env, folder, signal }) => {
    const first = await cli(["health", "--alert", "--env-file", "-"], { env });
    assert.equal(first.exit, 3, first.err);
    assert.match(first.out, /told through signal-cli/);
    const again = await cli(["health", "--alert", "--json", "--env-file", "-"], { env });
    assert.equal(JSON.parse(again.out).alert, null);
    const sent = signal.sent();
    assert.deepEqual(sent.map(({ body, to }) => [body, to.number]), [
      ["🚨 HEALTH CHECK ALERT: Service signal-automation is not running", ADMIN.number],
    ]);
    const log = await Deno.readTextFile(join(folder, "log", "health-check.log"));
    assert.match(
      log,
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - health-check - ERROR - Health check found failures .*failed=service/,
    );
    assert.equal(log.trim().split("\n").length, 2);
  });
});

Deno.test("health --alert goes through the outbox of a running service, and is told again after the trouble came back", async () => {
  await withSignal(async ({ env, folder, signal }) => {
    assert.equal((await cli(["migrate", "--env-file", "-"], { env })).exit, 0);
    const live = { database: { state: "live" } };
    const bad = { ...live, log: { state: "live", details: { critical_errors: 1 } } };
    const ways: unknown[] = [];
    for (const parts of [bad, bad, live, bad]) {
      await writeStatus(folder, parts);
      const { out } = await cli(["health", "--alert", "--json", "--env-file", "-"], { env });
      ways.push(JSON.parse(out).alert?.way ?? null);
    }
    assert.deepEqual(ways, ["outbox", null, null, "outbox"]);
    const list = await cli(["outbox", "list", "--json", "--env-file", "-"], { env });
    assert.equal(JSON.parse(list.out).length, 2, list.out);
    assert.equal(signal.sent().length, 0);
  });
});

Deno.test("health --alert takes the webhook when Signal cannot be reached, and exits 3 when nobody could be told", async () => {
  await withSignal(async ({ env }) => {
    const nobody = await cli(["health", "--alert", "--env-file", "-"], { env });
    assert.equal(nobody.exit, 3);
    assert.match(nobody.err, /could not be told \(signal-cli: offline, webhook: not configured\)/);
    await using sink = await startSink("slack");
    const told = await cli(["health", "--alert", "--env-file", "-"], {
      env: { ...env, WEBHOOK_ENABLED: "true", WEBHOOK_URL: sink.url, WEBHOOK_FORMAT: "slack" },
    });
    assert.match(told.out, /told through webhook/);
    assert.match(
      (await sink.deliveries.waitFor(() => true, "a delivery")).body,
      /HEALTH CHECK ALERT: Service signal-automation is not running/,
    );
  }, { offline: true });
});

Deno.test("a database that is merely late fails the check and alarms nobody; one that is down does", () => {
  const judge = (state: "degraded" | "down", reason: string) => {
    const parts = { database: { state, reason } };
    return judgeParts({ status: "degraded", timestamp: "2026-01-01T00:00:00.000Z", version: "1", parts }, 0);
  };
  const late = judge("degraded", "has not answered for 5 s");
  assert.deepEqual(late.map(({ level, text }) => [level, text]), [["fail", "degraded: has not answered for 5 s"]]);
  assert.deepEqual(alertCauses(late), []);
  assert.deepEqual(alertCauses(judge("down", "the database cannot be reached")), ["database"]);
});

Deno.test("a cause is told at once, then once an hour, and forgotten when it is over", () => {
  assert.deepEqual(due(["disk"], {}, 1_000), ["disk"]);
  const told = remember(["disk"], ["disk"], {}, 1_000);
  assert.deepEqual(due(["disk", "service"], told, 2_000), ["service"]);
  assert.deepEqual(due(["disk"], told, 1_000 + REMIND_MS), ["disk"]);
  assert.deepEqual(due(["disk"], told, 500), ["disk"]);
  assert.deepEqual(remember([], [], told, 2_000), {});
});

Deno.test({
  name: "what a run of root's left unreadable counts as nothing told, so that the service's user goes on telling",
  // Root reads everything; tests/boot/run tries it with both users.
  ignore: AS_ROOT,
  fn: () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(join(folder, "told.json"), '{"version":1,"told":{"disk":1}}', { mode: 0o000 });
      assert.deepEqual(await readTold([join(folder, "told.json")]), {});
    }),
});

Deno.test("what was told is kept in the second folder while the first cannot be written, and the newest counts", async () => {
  await inFolder(async (folder) => {
    // Whatever is written below a file is refused, also for root: as on a disk that is full.
    await Deno.writeTextFile(join(folder, "full"), "");
    const paths = [join(folder, "full", "told.json"), join(folder, "run", "told.json")];
    assert.equal(await writeTold(paths, { disk: 1 }, 1_000), true);
    assert.deepEqual(await readTold(paths), { disk: 1 });
    await Deno.remove(join(folder, "full"));
    assert.equal(await writeTold(paths, {}, 2_000), true);
    assert.deepEqual(await readTold(paths), {}, "the older memory in the second folder does not come back");
    assert.equal(await writeTold([join(paths[0]!, "x", "told.json")], {}, 3_000), false);
  });
});
