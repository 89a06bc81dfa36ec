/**
 * A strict reader of Prometheus' text format 0.0.4, written from its description
 * (https://prometheus.io/docs/instrumenting/exposition_formats/): anything doubtful is an error.
 *
 * @module
 */
import assert from "node:assert/strict";

export interface Sample {
  readonly name: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}
export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const VALUE = /^(?:NaN|[+-]Inf|[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)$/i;

/** @throws {AssertionError} with the line that is not in the format */
export function parseExposition(text: string): Map<string, Family> {
  assert(text.endsWith("\n"), "the last line ends in a line break");
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: readonly [string, string] | undefined;
  let current: readonly [string, Family] | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment?.[1] === "HELP") {
      assert(NAME.test(comment[2]!) && !/\\(?![\\n])/.test(comment[3]!), line);
      help = [comment[2]!, comment[3]!];
      continue;
    }
    if (comment?.[1] === "TYPE") {
      assert(
        help !== undefined && help[0] === comment[2] && !families.has(help[0]),
        `one HELP, then one TYPE for each name: ${line}`,
      );
      assert(["counter", "gauge", "histogram"].includes(comment[3]!), line);
      current = [help[0], { type: comment[3]!, help: help[1], samples: [] }];
      families.set(...current);
      continue;
    }
    assert(current !== undefined, line);
    const sample = parseSample(line);
    const ending = sample.name.slice(current[0].length);
    assert(sample.name.startsWith(current[0]), `samples stand with their TYPE: ${line}`);
    const endings = current[1].type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    assert(endings.includes(ending), line);
    const series = JSON.stringify([sample.name, sample.labels]);
    assert(!seen.has(series), `each series once: ${line}`);
    seen.add(series);
    current[1].samples.push(sample);
  }
  for (const [name, { type, samples }] of families) if (type === "histogram") checkHistogram(name, samples);
  return families;
}

function parseSample(line: string): Sample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0] ?? "";
  assert(name !== "", line);
  let rest = line.slice(name.length);
  const labels: (readonly [string, string])[] = [];
  if (rest.startsWith("{")) {
    rest = rest.slice(1);
    while (true) {
      const found = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"([,}])/.exec(rest);
      assert(found !== null, `a label: ${line}`);
      assert(!labels.some(([known]) => known === found[1]), line);
      labels.push([
        found[1]!,
        found[2]!.replace(/\\(.)/g, (_, one: string) => one === "n" ? "\n" : one),
      ]);
      rest = rest.slice(found[0].length);
      if (found[3] === "}") break;
    }
  }
  const value = /^ (\S+)$/.exec(rest)?.[1] ?? "";
  assert(VALUE.test(value), `one blank and a number: ${line}`);
  return { name, labels, value: Number(value.replace(/inf$/i, "Infinity")) };
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const groups = Map.groupBy(samples, ({ labels }) => JSON.stringify(labels.filter(([label]) => label !== "le")));
  for (const group of groups.values()) {
    const buckets = group.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels.at(-1)![1].replace("Inf", "Infinity")));
    assert.deepEqual(bounds, bounds.toSorted((a, b) => a - b), `${name}: bounds grow`);
    assert.equal(bounds.at(-1), Infinity, name);
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(counts, counts.toSorted((a, b) => a - b), `${name}: buckets are cumulative`);
    assert.equal(counts.at(-1), group.find((sample) => sample.name === `${name}_count`)?.value, name);
    assert.equal(group.filter((sample) => sample.name === `${name}_sum`).length, 1, name);
  }
}
