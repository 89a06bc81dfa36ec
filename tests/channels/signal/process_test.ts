import assert from "node:assert/strict";
import { denoSpawn } from "../../../lib/channels/signal/process.ts";
import { masked, StderrTail } from "../../../lib/channels/signal/stderr.ts";
import { checkVersion, compareVersions, parseVersion, signalCliInfo } from "../../../lib/channels/signal/version.ts";
import { ChannelUnavailable } from "../../../lib/domain/errors.ts";
import { systemClock } from "../../../lib/runtime/clock.ts";
import { PATIENCE_MS } from "../../support/recorder.ts";

const PATH = "/usr/local/bin:/usr/bin:/bin";
const code = (wanted: string) => (error: unknown) => error instanceof ChannelUnavailable && error.code === wanted;

/** Runs `work` with an executable shell script. */
async function withProgram(script: string, work: (program: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const program = `${folder}/signal-cli`;
    await Deno.writeTextFile(program, `#!/bin/sh\n${script}\n`);
    await Deno.chmod(program, 0o755);
    await work(program);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the child gets the fixed list of variables and nothing of our environment", async () => {
  Deno.env.set("SIGNAL_TEST_SECRET", "hidden");
  try {
    await withProgram("env", async (program) => {
      const child = denoSpawn({ program, environment: { PATH, HOME: "/nowhere", LANG: "C.UTF-8" } })([]);
      const [text] = await Promise.all([
        new Response(child.stdout).text(),
        new StderrTail(child.stderr).ended,
        child.stdin.close(),
        child.status,
      ]);
      const names = text.trim().split("\n").map((line) => line.split("=")[0]!);
      // The shell itself adds PWD and others.
      assert.deepEqual(names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name)).sort(), [
        "HOME",
        "LANG",
        "PATH",
      ]);
    });
  } finally {
    Deno.env.delete("SIGNAL_TEST_SECRET");
  }
});

Deno.test("apart, the child is in a process group of its own: a Ctrl-C at the terminal is not for it", async () => {
  const groupOf = (stat: string) => stat.split(" ")[4];
  await withProgram("cat /proc/$$/stat", async (program) => {
    const ours = groupOf(await Deno.readTextFile("/proc/self/stat"));
    for (const apart of [true, false]) {
      const child = denoSpawn({ program, environment: { PATH }, apart })([]);
      const [stat] = await Promise.all([
        new Response(child.stdout).text(),
        child.stderr.cancel(),
        child.stdin.close(),
        child.status,
      ]);
      assert.equal(groupOf(stat) === ours, !apart);
    }
  });
});

Deno.test("a signal after the end of the process does nothing", async () => {
  await withProgram("exit 3", async (program) => {
    const child = denoSpawn({ program, environment: { PATH } })([]);
    await Promise.all([child.stdout.cancel(), child.stderr.cancel(), child.stdin.close().catch(() => {})]);
    assert.deepEqual(await child.status, { code: 3, signal: null });
    child.kill("SIGTERM");
  });
});

Deno.test("a missing program and one that is not executable are told apart", async () => {
  await withProgram("true", async (program) => {
    await Deno.chmod(program, 0o644);
    assert.throws(() => denoSpawn({ program, environment: { PATH } })([]), code("permission_refused"));
    assert.throws(() => denoSpawn({ program: `${program}-gone`, environment: { PATH } })([]), code("not_installed"));
  });
});

Deno.test({
  name: "a refused run permission is named as such",
  permissions: { run: false },
  fn: () => {
    assert.throws(() => denoSpawn({ program: "true", environment: { PATH } })([]), code("permission_refused"));
  },
});

Deno.test("signalCliInfo() reads the version, and says what is wrong when there is none", async () => {
  const info = (program: string, timeoutMs = PATIENCE_MS) =>
    signalCliInfo(denoSpawn({ program, environment: { PATH } }), { clock: systemClock, timeoutMs });
  await withProgram("echo signal-cli 0.14.7-SNAPSHOT; echo noise >&2", async (program) => {
    assert.deepEqual(await info(program), { version: "0.14.7-SNAPSHOT" });
  });
  await withProgram("echo signal-cli 0.13.16", (program) => assert.rejects(info(program), code("too_old")));
  await withProgram(
    "echo 'ERROR: JAVA_HOME is set to an invalid directory: /x' >&2; exit 1",
    (program) => assert.rejects(info(program), code("java_missing")),
  );
  await withProgram("exec sleep 60", (program) => assert.rejects(info(program, 100), code("no_answer")));
});

Deno.test("versions are compared by their numbers", () => {
  assert.equal(parseVersion("signal-cli 0.14.6\n"), "0.14.6");
  assert.equal(parseVersion("no version"), undefined);
  assert.ok(compareVersions("0.14.10", "0.14.9") > 0);
  assert.ok(compareVersions("0.9", "0.14.0") < 0);
  assert.equal(compareVersions("0.14.7-SNAPSHOT", "0.14.7"), 0);
  checkVersion(undefined);
  checkVersion("1.0");
  assert.throws(() => checkVersion("0.13.99"), code("too_old"));
});

Deno.test("a stderr line for the log holds no number, name, service id or group id", () => {
  const line = 'WARN  Manager - +33612345678 "Ada L." ٣٤ AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= failed';
  assert.equal(masked(line), 'WARN  Manager - +########### "…" ## … failed');
  assert.equal(masked(`WARN  cannot send "${"my secret ".repeat(50)}" to anybody`), 'WARN  cannot send "…" to anybody');
  const ids = "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f.1 PNI:7D0C1F5E-2F7B-4A3E-9D51-0A6B5C4D3E2F";
  assert.equal(masked(`INFO  message from ${ids}`), "INFO  message from ….# PNI:…");
  assert.equal(masked(`WARN  cannot send "my secret`), 'WARN  cannot send "…"');
});

Deno.test("stderr is read to its end whatever it holds, and only the last lines are kept", async () => {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let i = 0; i < 50; i++) controller.enqueue(new TextEncoder().encode(`line ${i}\n`));
      controller.enqueue(new Uint8Array(300 * 1024).fill(120));
      controller.enqueue(new TextEncoder().encode("\nlast without end"));
      controller.close();
    },
  });
  const tail = new StderrTail(stream);
  await tail.ended;
  assert.equal(tail.lines.length, 20);
  assert.equal(tail.lines.at(-1), "last without end");
});
