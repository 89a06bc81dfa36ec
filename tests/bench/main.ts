/**
 * `deno task bench`: measures the real program, as its own process, against the simulated signal-cli, as its own process,
 * on durable databases. What is measured and how: README.md.
 *
 *     deno task bench [--json] [--only NAME,…] [--db sqlite,mariadb,mysql,mysql-binlog] [--runs 5] [--quick]
 *                     [--binary PATH] [--check]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Engine, engineMissing, type EngineName, ENGINES, startEngine } from "./engines.ts";
import { type Figure, figure, type Sample } from "./figure.ts";
import type { Measure } from "./measure.ts";
import { drain, drainWithHistory, oneRecipient } from "./measures/drain.ts";
import { inbound } from "./measures/inbound.ts";
import { orderByPolling, orderByWake, ordersDrain } from "./measures/orders.ts";
import { idle, memory, soak, startToReady } from "./measures/standing.ts";
import { load, machine } from "./process.ts";
import { render, type Report } from "./report.ts";

const MEASURES: readonly Measure[] = [
  startToReady,
  drain,
  drainWithHistory,
  oneRecipient,
  ordersDrain,
  inbound,
  orderByWake,
  orderByPolling,
  idle,
  memory,
  soak,
];
const DEFAULT_RUNS = 5;
const COMMON = [
  "service, simulated signal-cli and database: a process each, on this machine, over loopback and pipes;",
  "defaults but for pacing, which is off (RATE_LIMIT=0); the simulator answers at once;",
  "load = 1-minute load average of the machine before the first run and after the last",
];
const USAGE = `Measures the service; conditions are printed beside each figure.

  deno task bench [options]

  --only NAME,…    ${MEASURES.map((measure) => measure.name).join(", ")}
                   (memory and soak take minutes and run only when they are named)
  --db NAME,…      ${ENGINES.join(", ")} (default: all that are here)
  --runs N         median of so many runs (default ${DEFAULT_RUNS})
  --binary PATH    a compiled program instead of the sources
  --quick          a tenth of the work, once: to see that it runs
  --json           the report as JSON on standard output
  --check          exit 1 when a target is missed

Example: deno task bench --only drain,one-recipient --db sqlite,mysql`;

class Usage extends Error {}

function list<T extends string>(text: string | undefined, known: readonly T[], what: string): readonly T[] | undefined {
  if (text === undefined) return undefined;
  return text.split(",").map((name) => {
    if (!known.includes(name as T)) throw new Usage(`${what} ${name} is none of ${known.join(", ")}`);
    return name as T;
  });
}

function options(args: readonly string[]) {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean" },
        only: { type: "string" },
        db: { type: "string" },
        runs: { type: "string" },
        quick: { type: "boolean" },
        binary: { type: "string" },
        check: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (error) {
    throw new Usage((error as Error).message);
  }
  const quick = values.quick ?? false;
  const runs = values.runs === undefined ? (quick ? 1 : DEFAULT_RUNS) : Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Usage("--runs needs a whole number of at least 1");
  const only = list(values.only, MEASURES.map((measure) => measure.name), "measure");
  return {
    json: values.json ?? false,
    help: values.help ?? false,
    check: values.check ?? false,
    quick,
    runs,
    measures: MEASURES.filter((measure) => only === undefined ? !measure.long : only.includes(measure.name)),
    engines: list<EngineName>(values.db, ENGINES, "database") ?? ENGINES,
    binary: values.binary,
  };
}

/** Progress on standard error, on one line, when somebody watches. */
function progress(text: string): void {
  if (Deno.stderr.isTerminal()) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
}

async function measureAll(
  measure: Measure,
  engine: Engine,
  { runs, quick }: { readonly runs: number; readonly quick: boolean },
): Promise<{ readonly figures: readonly Figure[]; readonly notes: readonly string[] }> {
  const samples: Sample[] = [];
  const notes = new Set<string>();
  const loadBefore = load();
  for (let run = 1; run <= runs; run++) {
    progress(`${measure.name} on ${engine.name}, run ${run} of ${runs}`);
    try {
      samples.push(await measure.run(engine, { quick, note: (text) => notes.add(text) }));
    } catch (error) {
      // One failed run is a finding, not the end of the others.
      notes.add(`run ${run} failed: ${error instanceof Error ? error.message : error}`);
    }
  }
  const conditions = `load ${loadBefore.toFixed(1)} → ${load().toFixed(1)}` +
    (samples.length < runs ? `, ${samples.length} of ${runs} runs` : "");
  const where = { measure: measure.name, database: engine.name, conditions };
  return {
    figures: measure.figures.flatMap((spec) => figure(spec, where, samples) ?? []),
    notes: [...notes].map((text) => `${measure.name} on ${engine.name}: ${text}`),
  };
}

async function main(): Promise<number> {
  const chosen = options(Deno.args);
  if (chosen.help) {
    console.log(USAGE);
    return 0;
  }
  if (chosen.binary !== undefined) Deno.env.set("SIGNAL_AUTOMATION_BINARY", await Deno.realPath(chosen.binary));
  const binary = Deno.env.get("SIGNAL_AUTOMATION_BINARY");
  const startedAt = new Date().toISOString();
  const databases: Record<string, string> = {};
  const figures: Figure[] = [];
  const skipped: string[] = [];
  for (const name of chosen.engines) {
    const missing = engineMissing(name);
    if (missing !== undefined) {
      skipped.push(`${name}: ${missing}`);
      continue;
    }
    progress(`starting ${name}`);
    await using engine = await startEngine(name);
    databases[name] = engine.conditions;
    for (const measure of chosen.measures) {
      const result = await measureAll(measure, engine, chosen);
      figures.push(...result.figures);
      skipped.push(...result.notes);
    }
  }
  progress("");
  const report: Report = {
    machine: machine(),
    program: binary === undefined ? "deno run, sources of this folder" : `compiled, ${binary}`,
    runs: chosen.runs,
    startedAt,
    common: COMMON,
    databases,
    methods: Object.fromEntries(chosen.measures.map((measure) => [measure.name, measure.method])),
    figures,
    skipped,
    quick: chosen.quick,
  };
  if (chosen.json) console.log(JSON.stringify(report, null, 2));
  else for (const line of render(report, Deno.stdout.isTerminal() && !Deno.noColor)) console.log(line);
  const missed = figures.some((one) => one.reached === false);
  const failed = skipped.some((text) => text.includes("failed:"));
  return failed || (chosen.check && missed) ? 1 : 0;
}

try {
  Deno.exit(await main());
} catch (error) {
  if (!(error instanceof Usage)) throw error;
  console.error(`${error.message}\n\n${USAGE}`);
  Deno.exit(2);
}
