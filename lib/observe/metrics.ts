/**
 * The registry of metrics and their text form for Prometheus (exposition format 0.0.4). Written here: the usual client
 * library does not survive compiling and wants every permission for its process metrics (facts: deno.md §7).
 *
 * @module
 */
import type { Counters, Labels } from "../runtime/counters.ts";
import { CATALOGUE, type MetricKind } from "./catalogue.ts";

export const METRICS_PREFIX = "signal_automation_";
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Series per metric; what comes after them is counted under `other`, so that a mistake cannot fill the memory. */
export const MAX_SERIES = 50;
/** Upper bounds of the buckets, seconds: from one statement to a stuck request. */
export const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

interface Series {
  readonly labels: Labels;
  /** Counter or gauge: the value. Histogram: the sum in seconds. */
  value: number;
  /** Histogram only: observations per bucket (not cumulative), the last one for everything above. */
  readonly buckets: number[];
  count: number;
}

interface Metric {
  readonly kind: MetricKind;
  readonly help: string;
  readonly series: Map<string, Series>;
}

export class Metrics implements Counters {
  readonly #metrics = new Map<string, Metric>();
  readonly #lookUps = new Set<() => void>();

  /** Declared metrics are shown from the start (without labels as 0), so that a rule can be written on them. */
  constructor() {
    for (const [name, { kind, help, labels }] of Object.entries(CATALOGUE)) {
      const metric = this.#metric(name, kind, help);
      if (labels === undefined && kind === "counter") this.#series(metric, {});
    }
  }

  add(name: string, by = 1, labels: Labels = {}): void {
    if (!Number.isFinite(by) || by < 0) return;
    this.#series(this.#metric(name, "counter"), labels).value += by;
  }

  set(name: string, value: number, labels: Labels = {}): void {
    this.#series(this.#metric(name, "gauge"), labels).value = value;
  }

  observeMs(name: string, ms: number, labels: Labels = {}): void {
    const seconds = Math.max(0, ms) / 1000;
    if (!Number.isFinite(seconds)) return;
    const series = this.#series(this.#metric(name, "histogram"), labels);
    const at = BUCKETS_SECONDS.findIndex((bound) => seconds <= bound);
    const index = at === -1 ? BUCKETS_SECONDS.length : at;
    series.buckets[index] = (series.buckets[index] ?? 0) + 1;
    series.value += seconds;
    series.count += 1;
  }

  /** The current value of a counter or gauge, for pages and tests; `undefined` for a series never touched. */
  value(name: string, labels: Labels = {}): number | undefined {
    return this.#metrics.get(name)?.series.get(keyOf(labels))?.value;
  }

  /** `lookUp` sets its gauges before each {@link render}; it must be cheap, without I/O, and must not throw. */
  onRender(lookUp: () => void): void {
    this.#lookUps.add(lookUp);
  }

  /** Everything, in the text format. */
  render(): string {
    for (const lookUp of this.#lookUps) lookUp();
    const lines: string[] = [];
    for (const [name, metric] of this.#metrics) {
      if (metric.series.size === 0) continue;
      const full = METRICS_PREFIX + name;
      lines.push(`# HELP ${full} ${metric.help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}`);
      lines.push(`# TYPE ${full} ${metric.kind}`);
      for (const series of metric.series.values()) {
        if (metric.kind === "histogram") renderHistogram(full, series, lines);
        else lines.push(`${full}${labelText(series.labels)} ${numberText(series.value)}`);
      }
    }
    return `${lines.join("\n")}\n`;
  }

  #metric(name: string, kind: MetricKind, help = "Not described."): Metric {
    let metric = this.#metrics.get(name);
    if (metric === undefined) {
      metric = { kind, help, series: new Map() };
      this.#metrics.set(name, metric);
    }
    return metric;
  }

  #series(metric: Metric, labels: Labels): Series {
    const key = keyOf(labels);
    const known = metric.series.get(key);
    if (known !== undefined) return known;
    if (metric.series.size >= MAX_SERIES && !isOther(labels)) {
      return this.#series(metric, Object.fromEntries(Object.keys(labels).map((name) => [name, "other"])));
    }
    const series = { labels: { ...labels }, value: 0, buckets: BUCKETS_SECONDS.map(() => 0).concat(0), count: 0 };
    metric.series.set(key, series);
    return series;
  }
}

function isOther(labels: Labels): boolean {
  return Object.values(labels).every((value) => value === "other");
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function renderHistogram(name: string, series: Series, lines: string[]): void {
  let cumulative = 0;
  BUCKETS_SECONDS.forEach((bound, index) => {
    cumulative += series.buckets[index] ?? 0;
    lines.push(`${name}_bucket${labelText({ ...series.labels, le: String(bound) })} ${cumulative}`);
  });
  lines.push(`${name}_bucket${labelText({ ...series.labels, le: "+Inf" })} ${series.count}`);
  lines.push(`${name}_sum${labelText(series.labels)} ${numberText(series.value)}`);
  lines.push(`${name}_count${labelText(series.labels)} ${series.count}`);
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) =>
    `${name}="${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`
  );
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value);
}
