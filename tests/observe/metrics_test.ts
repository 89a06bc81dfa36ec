import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { CATALOGUE } from "../../lib/observe/catalogue.ts";
import { lookedUpGauges } from "../../lib/observe/gauges.ts";
import { Health } from "../../lib/observe/health.ts";
import { MAX_SERIES, Metrics } from "../../lib/observe/metrics.ts";
import { parseExposition } from "./exposition.ts";
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

Deno.test("what is rendered is the exposition format to the letter, whatever the labels and values are", () => {
  fc.assert(fc.property(
    fc.array(fc.record({ value: fc.double(), label: fc.string({ unit: "grapheme" }), ms: fc.nat() }), {
      maxLength: 60,
    }),
    (some) => {
      const metrics = new Metrics();
      for (const { value, label, ms } of some) {
        metrics.add("bugs_total", value, { room: label });
        metrics.set("lease_held", value, { lease: label });
        metrics.observeMs("hand_over_seconds", ms);
        metrics.observeMs("http_request_seconds", ms, { route: label });
      }
      const families = parseExposition(metrics.render());
      for (const [name, { type }] of families) {
        assert.equal(type, CATALOGUE[name.replace("signal_automation_", "")]?.kind, name);
      }
    },
  ));
});

Deno.test("gauges are looked up when the metrics are asked for, and their labels are the catalogue's", async () => {
  const clock = new ManualClock();
  const metrics = new Metrics();
  metrics.onRender(lookedUpGauges(metrics, {
    version: "1.2.3",
    clock,
    backlog: () => ({ queued: 1, sending: 2, unknown: 3, dead: 4 }),
    oldestQueuedMs: () => 5_400,
    breaker: () => "open",
    pausedMs: () => 30_000,
    spoolBytes: () => 17,
    database: () => ({ up: true, silentMs: 7_900 }),
    leases: () => ({ account: true, inbox: false, orders: true }),
    residentMemory: () => 100,
  }));
  await clock.advance(61_500);
  const families = parseExposition(metrics.render());
  const value = (name: string, labels = "") =>
    families.get(`signal_automation_${name}`)?.samples.find((sample) => sample.labels.join() === labels)?.value;
  assert.equal(value("outbox_messages", "state,unknown"), 3);
  assert.equal(value("outbox_oldest_queued_seconds"), 5);
  assert.equal(value("breaker_state", "state,open"), 1);
  assert.equal(value("breaker_state", "state,closed"), 0);
  assert.equal(value("account_pause_seconds"), 30);
  assert.equal(value("lease_held", "lease,inbox"), 0);
  assert.equal(value("uptime_seconds"), 61);
  assert.equal(value("process_resident_memory_bytes"), 100);
  assert.equal(value("spool_bytes"), 17);
  assert.deepEqual([value("database_up"), value("database_silence_seconds")], [1, 7]);
  for (const [name, { samples }] of families) {
    const described = CATALOGUE[name.replace("signal_automation_", "")]!;
    for (const { labels } of samples) {
      for (const [label, given] of labels.filter(([label]) => label !== "le")) {
        const values = described.labels?.[label];
        assert(values === "bounded" || values?.includes(given), `${name} ${label}=${given}`);
      }
    }
  }
});
