import assert from "node:assert/strict";
import { join } from "node:path";
import { STATUS_FORMAT } from "../../lib/runtime/status_file.ts";
import { cli, goodSettings, inFolder } from "./support.ts";

type Part = { state: string; reason?: string; details?: Record<string, number> };

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
  assert.match(out, /^signal-automation {2}healthy\n {2}● database {2}live\n {2}● outbox {4}live \(inFlight 3\)\n$/);
});

Deno.test("health is 1 for a degraded or unhealthy service", async () => {
  const degraded = await healthWith("degraded", { templates: { state: "degraded", reason: "refused" } });
  assert.equal(degraded.exit, 1);
  assert.match(degraded.out, /degraded\n {2}● templates {2}degraded: refused/);
  assert.equal((await healthWith("unhealthy", { orders: { state: "down", reason: "bug" } })).exit, 1);
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
  assert.match(gone.out, /no sign of life: the status file was written 60 s ago/);
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
