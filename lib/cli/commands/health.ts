/** `health` @module */
import type { HealthSnapshot, PartHealth } from "../../observe/health.ts";
import { readStatusFile, type StatusRecord } from "../../runtime/status_file.ts";
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { type Painter, painter } from "../screen/paint.ts";
import { labelled, pad } from "../screen/width.ts";
import { formatSpan } from "../screen/when.ts";
import { needConfig } from "../settings.ts";

/** A status file older than so many of its own intervals was left by a service that is gone or stuck. */
const STALE_INTERVALS = 3;
/** Parts that are somebody else's program: while one is down there is nothing to repair in the service itself. */
const DEPENDENCIES: ReadonlySet<string> = new Set(["database", "store", "signal"]);

interface Verdict {
  readonly exit: ExitCode;
  readonly status: HealthSnapshot["status"] | "not_running" | "stale";
  readonly ageMs: number | undefined;
  readonly snapshot: HealthSnapshot | undefined;
}

export const healthCommand: CommandSpec = {
  path: ["health"],
  summary: "Ask the running service how it is",
  details: "Reads the status file that the service writes every few seconds; no HTTP and no database needed. " +
    "Exit 0 healthy, 1 degraded or unhealthy, 2 settings wrong, 3 not running, or the database or Signal is down.",
  options: [JSON_OUTPUT, ENV_FILE],
  examples: [{
    line: "signal-automation health || echo 'look at it'",
    meaning: "silent for cron only with > /dev/null",
  }],
  async run(invocation, context) {
    const { terminal, clock } = context;
    const { runtimeDir } = (await needConfig(invocation, context)).files;
    const path = `${runtimeDir}/status.json`;
    const verdict = judge(await read(path), clock.nowMs());
    if (invocation.flag("json")) {
      printJson(terminal, { status: verdict.status, ageMs: verdict.ageMs ?? null, report: verdict.snapshot ?? null });
      return verdict.exit;
    }
    const paint = painter(terminal.outInfo.colour);
    const age = verdict.ageMs === undefined ? "" : ` ${formatSpan(verdict.ageMs)} ago`;
    const words: Record<Verdict["status"], string> = {
      healthy: paint.good("healthy"),
      degraded: paint.warn("degraded"),
      unhealthy: paint.bad("unhealthy"),
      stale: `${paint.bad("no sign of life")}: the status file was written${age}; the service is gone or stuck`,
      not_running: verdict.ageMs === undefined
        ? `${paint.bad("not running")}: there is no ${path}`
        : `${paint.bad("not running")}: it was stopped${age}`,
    };
    terminal.out(labelled("signal-automation", words[verdict.status], terminal.outInfo.columns));
    if (verdict.snapshot !== undefined && verdict.status !== "not_running") {
      terminal.out(partsText(verdict.snapshot.parts, paint, terminal.outInfo.columns));
    }
    return verdict.exit;
  },
};

async function read(path: string): Promise<StatusRecord | undefined> {
  try {
    return await readStatusFile(path);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CliProblem(EXIT.failed, `${path} was written by another version of this program`, {
      next: "Restart the service after an upgrade.",
      cause: error,
    });
  }
}

function judge(record: StatusRecord | undefined, nowMs: number): Verdict {
  if (record === undefined) {
    return { exit: EXIT.dependencyDown, status: "not_running", ageMs: undefined, snapshot: undefined };
  }
  const snapshot = record.status as HealthSnapshot;
  const ageMs = Math.max(0, nowMs - record.writtenAtMs);
  if (!record.running) return { exit: EXIT.dependencyDown, status: "not_running", ageMs, snapshot };
  if (ageMs > STALE_INTERVALS * record.intervalMs) {
    return { exit: EXIT.dependencyDown, status: "stale", ageMs, snapshot };
  }
  const dependencyDown = Object.entries(snapshot.parts).some(([name, part]) =>
    part.state === "down" && DEPENDENCIES.has(name)
  );
  const exit = snapshot.status === "healthy" ? EXIT.done : dependencyDown ? EXIT.dependencyDown : EXIT.failed;
  return { exit, status: snapshot.status, ageMs, snapshot };
}

function partsText(parts: HealthSnapshot["parts"], paint: Painter, columns: number): string {
  const names = Object.keys(parts);
  const width = Math.max(0, ...names.map((name) => name.length));
  return Object.entries(parts).map(([name, part]) => {
    const mark = part.state === "live" ? paint.good("●") : part.state === "down" ? paint.bad("●") : paint.warn("●");
    return labelled(`  ${mark} ${pad(name, width)}`, partText(part), columns);
  }).join("");
}

function partText(part: PartHealth): string {
  const details = Object.entries(part.details ?? {}).map(([name, value]) => `${name} ${value}`).join(", ");
  const reason = part.reason === undefined ? "" : `: ${part.reason}`;
  return `${part.state}${reason}${details === "" ? "" : ` (${details})`}`;
}
