import assert from "node:assert/strict";
import { CATALOGUE } from "../../lib/observe/catalogue.ts";
import { Health } from "../../lib/observe/health.ts";
import { MAX_SERIES, Metrics } from "../../lib/observe/metrics.ts";
import { ManualClock } from "../support/recording.ts";

async function* sources(folder: URL): AsyncGenerator<[string, string]> {
  for await (const entry of Deno.readDir(folder)) {
    const at = new URL(entry.isDirectory ? `${entry.name}/` : entry.name, folder);
    if (entry.isDirectory) yield* sources(at);
    else if (entry.name.endsWith(".ts")) yield [at.pathname, await Deno.readTextFile(at)];
  }
}

Deno.test("the catalogue has every metric that the code uses, with its kind and labels", async () => {
  const KINDS = { add: "counter", set: "gauge", observeMs: "histogram" } as const;
  const missing: string[] = [];
  for await (const [path, text] of sources(new URL("../../lib/", import.meta.url))) {
    for (const [, method, name] of text.matchAll(/counters\??\.(add|set|observeMs)\(\s*"([a-z0-9_]+)"/g)) {
      const described = CATALOGUE[name!];
      if (described?.kind !== KINDS[method as keyof typeof KINDS]) missing.push(`${path}: ${method} ${name}`);
    }
  }
  assert.deepEqual(missing, []);
  for (const name of Object.keys(CATALOGUE)) assert.match(name, /^[a-z][a-z0-9_]*$/);
});

Deno.test("`render` writes counters, gauges and histograms in seconds", () => {
  const metrics = new Metrics();
  metrics.add("bugs_total", 2, { room: 'a"b\\c\nd' });
  metrics.set("anything_new", 1.5);
  metrics.observeMs("hand_over_seconds", 20);
  metrics.observeMs("hand_over_seconds", 90_000);
  const text = metrics.render();
  assert.match(text, /^# TYPE signal_automation_bugs_total counter$/m);
  assert.ok(text.includes('signal_automation_bugs_total{room="a\\"b\\\\c\\nd"} 2\n'));
  assert.match(text, /^signal_automation_anything_new 1\.5$/m);
  assert.match(text, /^signal_automation_hand_over_seconds_bucket\{le="0\.01"\} 0$/m);
  assert.match(text, /^signal_automation_hand_over_seconds_bucket\{le="0\.025"\} 1$/m);
  assert.match(text, /^signal_automation_hand_over_seconds_bucket\{le="60"\} 1$/m);
  assert.match(text, /^signal_automation_hand_over_seconds_bucket\{le="\+Inf"\} 2$/m);
  assert.match(text, /^signal_automation_hand_over_seconds_sum 90\.02$/m);
  assert.match(text, /^signal_automation_messages_resent_total 0$/m, "declared counters start at 0");
});

Deno.test("label values are bounded: the rest is `other`", () => {
  const metrics = new Metrics();
  for (let i = 0; i < 1_000; i++) metrics.add("bugs_total", 1, { room: `r${i}` });
  assert.equal(metrics.value("bugs_total", { room: "other" }), 1_000 - MAX_SERIES);
  assert.ok(metrics.render().split("\n").length < 200);
});

Deno.test("health is as bad as its worst part that matters, and a broken part shows as down", () => {
  const health = new Health({ clock: new ManualClock(), version: "1.2.3" });
  health.register("store", () => ({ state: "live", details: { engine: "sqlite" } }));
  assert.deepEqual(health.snapshot(), {
    status: "healthy",
    timestamp: "2026-01-15T12:00:00.000Z",
    version: "1.2.3",
    parts: { store: { state: "live", details: { engine: "sqlite" } } },
  });
  health.register("webhook", () => ({ state: "down", reason: "unsent" }), { optional: true });
  assert.equal(health.snapshot().status, "degraded");
  const remove = health.register("signal", () => {
    throw new Error("bug");
  });
  assert.equal(health.snapshot().status, "unhealthy");
  assert.deepEqual(health.snapshot().parts.signal, { state: "down", reason: "bug" });
  remove();
  assert.equal(health.snapshot().status, "degraded");
  assert.throws(() => health.register("store", () => ({ state: "live" })), TypeError);
});
