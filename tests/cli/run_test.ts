import assert from "node:assert/strict";
import { join } from "node:path";
import { cli, goodSettings, inShop, ROOT, VERSION } from "./support.ts";
import { PATIENCE_MS, Recorder } from "../support/recorder.ts";
import { until } from "../support/until.ts";

/** Runs `run` in this process with a signal-cli that is not there, and gives signals to it. */
async function running(
  settings: (folder: string) => Record<string, string>,
  work: (service: { lines: Recorder<string>; signal: (name: string) => void; folder: string }) => Promise<void>,
): Promise<{ exit: number; err: string }> {
  let ended: { exit: number; err: string } | undefined;
  await inShop(async ({ folder }) => {
    const lines = new Recorder<string>();
    const listeners = new Map<string, () => void>();
    const run = cli(["run", "--env-file", "-"], {
      env: { ...goodSettings(folder), ...settings(folder) },
      onErr: (text) => lines.push(text),
      onSignal: (name, listener) => {
        listeners.set(name, listener);
        return () => listeners.delete(name);
      },
    });
    let stopped = false;
    const signal = (name: string) => {
      if (name !== "SIGHUP") stopped = true;
      listeners.get(name)?.();
    };
    try {
      await work({ lines, signal, folder });
    } finally {
      if (!stopped) signal("SIGTERM");
      ended = await run;
    }
    assert.equal(listeners.size, 0, "every signal listener is gone");
  });
  return ended!;
}

const NO_SIGNAL_CLI = { SIGNAL_CLI_PATH: "/no/such/signal-cli" };

Deno.test("run stays up without signal-cli, says so, reloads at SIGHUP, and stops with 0 at SIGTERM", async () => {
  const { exit, err } = await running(() => NO_SIGNAL_CLI, async ({ lines, signal, folder }) => {
    await lines.waitFor((line) => line.includes("not_installed"), "a word about signal-cli");
    await lines.waitFor((line) => line.includes("The database is there"), "the database");
    await Deno.writeTextFile(
      join(folder, "templates.yaml"),
      await Deno.readTextFile(join(ROOT, "templates", "templates.yaml")),
    );
    signal("SIGHUP");
    await lines.waitFor((line) => line.includes("The file was loaded"), "the templates");
  });
  assert.equal(exit, 0, err);
  assert.match(err, /The service stops/);
});

Deno.test("run stays up without signal-cli too when the owner's group is a name, shows what it waits for, and stops with 0", async () => {
  const settings = () => ({ ...NO_SIGNAL_CLI, SIGNAL_GROUP_ID: "name:Shop" });
  const { exit, err } = await running(settings, async ({ lines, folder }) => {
    await lines.waitFor((line) => line.includes("cannot be looked up by its name yet"), "a word about the group");
    const env = { ...goodSettings(folder), ...settings() };
    let health = { exit: -1, out: "" };
    await until(async () => {
      health = await cli(["health", "--json", "--env-file", "-"], { env });
      return health.out.includes("not_installed");
    }, "its health");
    assert.equal(health.exit, 3);
    const report = JSON.parse(health.out);
    assert.equal(report.status, "unhealthy");
    assert.deepEqual(report.findings[0].text, `running, version ${VERSION}`);
  });
  assert.equal(exit, 0, err);
  assert.match(err, /The service stops/);
});

Deno.test("at SIGHUP run names the settings of the file that changed, in log and health, without their values", async () => {
  await inShop(async ({ folder, envFile }) => {
    const lines = new Recorder<string>();
    const listeners = new Map<string, () => void>();
    const run = cli(["run", "--env-file", envFile], {
      onErr: (text) => lines.push(text),
      onSignal: (name, listener) => {
        listeners.set(name, listener);
        return () => listeners.delete(name);
      },
    });
    await lines.waitFor((line) => line.includes("The database is there"), "the database");
    await Deno.writeTextFile(envFile, "\nMAX_RETRIES=7\nRETENTION_DAYS=77\n", { append: true });
    listeners.get("SIGHUP")!();
    const line = await lines.waitFor((line) => line.includes("need a restart"), "the names");
    // Without its time, which may hold any digits.
    const { time: _, ...said } = JSON.parse(line);
    assert.equal(said.settings, "MAX_RETRIES,RETENTION_DAYS");
    assert.doesNotMatch(JSON.stringify(said), /77/);
    listeners.get("SIGTERM")!();
    assert.equal((await run).exit, 0);
    const { status } = JSON.parse(await Deno.readTextFile(join(folder, "run", "status.json")));
    assert.equal(status.parts.settings.details.restart_needed_for, "MAX_RETRIES,RETENTION_DAYS");
  });
});

Deno.test("run ends by itself with 2 and the command to run when the tables are missing", async () => {
  const state = (folder: string) => ({ ...NO_SIGNAL_CLI, SQLITE_PATH: join(folder, "empty.db") });
  const { exit, err } = await running(state, async ({ lines }) => {
    await lines.waitFor((line) => line.includes("The service cannot go on"), "the end", PATIENCE_MS);
  });
  assert.equal(exit, 2);
  assert.match(err, /signal-automation migrate/);
});

Deno.test("run refuses bad settings before anything starts", async () => {
  const { exit, err } = await cli(["run", "--env-file", "-"], { env: {} });
  assert.equal(exit, 2);
  assert.match(err, /5 problems in the settings/);
});

Deno.test("A second signal ends run with 1", async () => {
  const { exit } = await running(() => NO_SIGNAL_CLI, async ({ lines, signal }) => {
    await lines.waitFor((line) => line.includes("The database is there"), "the database");
    signal("SIGTERM");
    signal("SIGTERM");
  });
  assert.equal(exit, 1);
});

Deno.test("A Ctrl-C that deno task passes on as well is one Ctrl-C: run stops in good order", async () => {
  const { exit, err } = await running(() => NO_SIGNAL_CLI, async ({ lines, signal }) => {
    await lines.waitFor((line) => line.includes("The database is there"), "the database");
    for (let i = 0; i < 3; i++) signal("SIGINT");
  });
  assert.equal(exit, 0, err);
});
