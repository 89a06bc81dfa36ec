import assert from "node:assert/strict";
import { join } from "node:path";
import { STATUS_FORMAT } from "../../lib/runtime/status_file.ts";
import { signalCliAge } from "../../lib/channels/signal/releases.ts";
import { alertText } from "../../lib/cli/health/alert.ts";
import { fixesFor, serviceName } from "../../lib/cli/health/instance.ts";
import { diskSpace, judgeDisk, judgeRuntimeDisk, lookAtDisk } from "../../lib/cli/health/disk.ts";
import { cli, goodSettings, inFolder } from "./support.ts";

type Part = { state: string; reason?: string; details?: Record<string, number | string> };

async function healthWith(
  status: string,
  parts: Record<string, Part>,
  more: { running?: boolean; ageMs?: number; format?: number } = {},
): Promise<{ exit: number; out: string; err: string; json: { status: string; report: unknown } | undefined }> {
  let result: Awaited<ReturnType<typeof healthWith>> | undefined;
  await inFolder(async (folder) => {
    const env = goodSettings(folder);
    await Deno.mkdir(join(folder, "run"));
    await Deno.writeTextFile(
      join(folder, "run", "status.json"),
      JSON.stringify({
        format: more.format ?? STATUS_FORMAT,
        running: more.running ?? true,
        writtenAtMs: Date.now() - (more.ageMs ?? 0),
        intervalMs: 3000,
        status: { status, timestamp: "2026-01-01T00:00:00.000Z", version: "1", parts },
      }),
    );
    const text = await cli(["health", "--env-file", "-"], { env });
    const json = await cli(["health", "--json", "--env-file", "-"], { env });
    assert.equal(json.exit, text.exit);
    result = { ...text, json: json.out === "" ? undefined : JSON.parse(json.out) };
  });
  return result!;
}

Deno.test("health is 0 for a healthy service and shows its parts", async () => {
  const { exit, out, err, json } = await healthWith("healthy", {
    database: { state: "live" },
    outbox: { state: "live", details: { inFlight: 3 } },
  });
  assert.deepEqual([exit, err, json?.status], [0, "", "healthy"]);
  assert.match(
    out,
    /^signal-automation {2}healthy\n {2}ok {3}service {3}running, version 1\n {2}ok {3}database {2}live\n/,
  );
  assert.match(out, /ok {3}disk {6}\d+ MB free/);
});

Deno.test("health is 1 for a degraded or unhealthy service", async () => {
  const degraded = await healthWith("degraded", { templates: { state: "degraded", reason: "refused" } });
  assert.equal(degraded.exit, 1);
  assert.match(degraded.out, /degraded\n(.|\n)* {2}fail templates {2}degraded: refused\n +→ signal-automation check\n/);
  const captcha = await healthWith("degraded", { outbox: { state: "degraded", reason: "proof_required" } });
  assert.match(captcha.out, /fail outbox +degraded: proof_required\n +→ signal-automation captcha\n/);
  const pause = { pausedMs: 7_200_000, breaker: "open" };
  const paused = await healthWith("degraded", { outbox: { state: "degraded", reason: "network", details: pause } });
  assert.match(paused.out, /fail outbox +degraded: network; sending pauses for another 2 h; circuit\s+breaker open\n/);
  const onStart = await healthWith("degraded", { signal: { state: "degraded", reason: "receive_mode" } });
  assert.match(onStart.out, /→ start the daemon with --receive-mode=manual: it loses what arrives while/);
  assert.equal((await healthWith("unhealthy", { orders: { state: "down", reason: "bug" } })).exit, 1);
});

Deno.test("what to do names the unit and the settings of an instance, so that a copied command meets no other", () => {
  const fixes = [
    "systemctl status signal-automation; journalctl -u signal-automation -n 50",
    "systemctl start signal-cli",
    "signal-automation dlq list",
    "signal-automation migrate --sql | sudo mysql",
    "signal-automation groups   shows the ids for SIGNAL_GROUP_ID",
    "sudo chown -R signal-automation /var/lib/x",
    "signal-automation install --from /opt/signal-automation | sudo sh",
  ];
  const findings = fixes.map((fix) => ({ name: "x", level: "fail" as const, text: "y", fix }));
  const fixesOf = (envFile?: string) => fixesFor(findings, envFile).map(({ fix }) => fix);
  for (const file of [undefined, "-", "/etc/signal-automation/env"]) assert.deepEqual(fixesOf(file), fixes);
  assert.deepEqual(fixesOf("/etc/signal-automation/prod/env"), [
    "systemctl status signal-automation@prod; journalctl -u signal-automation@prod -n 50",
    "systemctl start signal-cli@prod",
    "signal-automation dlq list --env-file /etc/signal-automation/prod/env",
    "signal-automation migrate --sql --env-file /etc/signal-automation/prod/env | sudo mysql",
    "signal-automation groups --env-file /etc/signal-automation/prod/env   shows the ids for SIGNAL_GROUP_ID",
    "sudo chown -R signal-automation /var/lib/x",
    "signal-automation install --from /opt/signal-automation | sudo sh",
  ]);
  assert.equal(fixesOf("./my env")[2], "signal-automation dlq list --env-file './my env'");
  const alert = alertText(["service"], serviceName("/etc/signal-automation/prod/env"));
  assert.equal(alert, "🚨 HEALTH CHECK ALERT: Service signal-automation@prod is not running");
});

Deno.test("health is 3 while the database or Signal is down", async () => {
  for (const name of ["database", "signal"]) {
    const { exit, json } = await healthWith("unhealthy", { [name]: { state: "down", reason: "unreachable" } });
    assert.deepEqual([exit, json?.status], [3, "unhealthy"]);
  }
});

Deno.test("health is 3 for a service that was stopped, is gone without a word, or never ran", async () => {
  const stopped = await healthWith("healthy", {}, { running: false });
  assert.deepEqual([stopped.exit, stopped.json?.status], [3, "not_running"]);
  assert.match(stopped.out, /not running: it was stopped 0\.\d s ago/);
  const gone = await healthWith("healthy", { database: { state: "live" } }, { ageMs: 60_000 });
  assert.deepEqual([gone.exit, gone.json?.status], [3, "stale"]);
  assert.match(gone.out, /no sign of life: the status file was written (60|61) s ago/);
  await inFolder(async (folder) => {
    const never = await cli(["health", "--env-file", "-"], { env: goodSettings(folder) });
    assert.equal(never.exit, 3);
    assert.match(never.out, /not running: there is no/);
  });
});

Deno.test("health of a status file in another format says what to do", async () => {
  const { exit, err } = await healthWith("healthy", {}, { format: 99 });
  assert.equal(exit, 1);
  assert.match(err, /Restart the service after an upgrade/);
});

Deno.test("health judges the figures: critical errors and a late backlog fail; dead letters, an old signal-cli and a clock only warn", async () => {
  const now = Date.now();
  const fails = await healthWith("healthy", {
    log: { state: "live", details: { critical_errors: 2 } },
    outbox: { state: "live", details: { queued: 3, dead: 0, oldest_queued_ms: 11 * 60_000 } },
  });
  assert.deepEqual([fails.exit, fails.json?.status], [1, "degraded"]);
  assert.match(fails.out, /fail critical errors {2}2 in the last 5 minutes/);
  assert.match(fails.out, /fail backlog {10}3 messages wait, the oldest for 11 min/);
  const one = await healthWith("healthy", {
    outbox: { state: "live", details: { queued: 1, dead: 0, oldest_queued_ms: 20_000 } },
  });
  assert.match(one.out, /ok {3}backlog {7}1 message waits, for 20 s/);
  const warns = await healthWith("healthy", {
    database: { state: "live", details: { clock_offset_ms: -30_000 } },
    signal: { state: "live", details: { signal_cli: "0.13.1", last_received_ms: now - 3_600_000 } },
    outbox: { state: "live", details: { queued: 0, dead: 4 } },
  });
  assert.deepEqual([warns.exit, warns.json?.status], [0, "healthy"]);
  assert.match(warns.out, /live; received 60 min ago, sent not since the start/);
  assert.match(warns.out, /warn dead letters {2}4 given up\n *→ signal-automation dlq list/);
  assert.match(warns.out, /warn clock {9}30 s ahead of the database's/);
  assert.match(warns.out, /warn signal-cli {4}0\.13\.1 is more than/);
});

Deno.test("signalCliAge() knows its releases by their date, and says nothing of newer ones", () => {
  const at = Date.parse("2026-09-01T00:00:00Z");
  assert.deepEqual(signalCliAge("0.14.6", at), { known: true, days: 51, old: false });
  assert.deepEqual(signalCliAge("0.14.7-SNAPSHOT", at), { known: false, old: false });
  assert.equal(signalCliAge("0.14.5", Date.parse("2026-10-01T00:00:00Z")).old, true);
  assert.equal(signalCliAge("unknown", at).old, false);
});

Deno.test("a full disk under RUNTIME_DIR is named: nothing can be sent, and the status file gets old", () => {
  const full = judgeRuntimeDisk({ freeBytes: 4_096, totalBytes: 1 << 20 }, "/run/signal-automation");
  assert.equal(full?.level, "fail");
  assert.match(full.text, /RUNTIME_DIR is full/);
  assert.match(full.fix!, /df -h \/run\/signal-automation/);
  assert.equal(judgeRuntimeDisk({ freeBytes: 1 << 20, totalBytes: 1 << 20 }, "/run/signal-automation"), undefined);
});

Deno.test("the disks are those of RUNTIME_DIR and STATE_DIR, or of the nearest folders above them that exist", async () => {
  await inFolder(async (folder) => {
    const asked: string[] = [];
    const files = { stateDir: join(folder, "not", "yet"), runtimeDir: folder };
    const finding = await lookAtDisk(files, (of) => {
      asked.push(of);
      return diskSpace(of);
    });
    assert.equal(finding.name, "disk");
    assert.deepEqual(asked, [folder, folder]);
    const { freeBytes, totalBytes } = await diskSpace(folder);
    assert.ok(freeBytes > 0 && freeBytes <= totalBytes, `${freeBytes} of ${totalBytes}`);
  });
});

Deno.test("judgeDisk() fails below 100 MB and warns below a tenth", () => {
  const mb = 1024 * 1024;
  assert.equal(judgeDisk({ freeBytes: 99 * mb, totalBytes: 200 * mb }).level, "fail");
  assert.equal(judgeDisk({ freeBytes: 900 * mb, totalBytes: 10_000 * mb }).level, "warn");
  assert.equal(judgeDisk({ freeBytes: 1_000 * mb, totalBytes: 10_000 * mb }).level, "ok");
});

Deno.test("a file system that does not say how large it is, is not called full", () => {
  const silent = { freeBytes: 0, totalBytes: 0 };
  assert.equal(judgeRuntimeDisk(silent, "/run/signal-automation"), undefined);
  assert.deepEqual(judgeDisk(silent), {
    name: "disk",
    level: "ok",
    text: "its file system does not say how much is free",
  });
});
