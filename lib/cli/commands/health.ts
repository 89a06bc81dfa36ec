/** `health` @module */
import type { Config } from "../../config/config.ts";
import { readStatusFile, type StatusRecord } from "../../runtime/status_file.ts";
import { type CliContext, type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { alertCauses, type AlertResult, tell } from "../health/alert.ts";
import { due, readTold, remember, writeTold } from "../health/alert_state.ts";
import { lookAtDisk } from "../health/disk.ts";
import { exitOf, type Finding, findingsJson, findingsText } from "../health/finding.ts";
import { writeHealthLine } from "../health/health_log.ts";
import { fixesFor, serviceName } from "../health/instance.ts";
import { judgeParts, judgeService, type ServiceState, serviceState } from "../health/report.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { labelled } from "../screen/width.ts";
import { needConfig } from "../settings.ts";

/** `health --alert` keeps here, in STATE_DIR, what it told; in RUNTIME_DIR when that disk is full. */
const ALERT_FILE = "health-alert.json";

type Status = "healthy" | "degraded" | "unhealthy" | "not_running" | "stale";
type Told = AlertResult & { readonly causes: readonly string[] };

export const healthCommand: CommandSpec = {
  path: ["health"],
  summary: "Ask the running service how it is",
  details: "Reads the status file that the service writes every few seconds; no HTTP and no database needed. " +
    "Exit 0 healthy (warnings do not count), 1 degraded or unhealthy, 2 settings wrong, 3 not running, or the " +
    "database or Signal is down.",
  options: [
    {
      flags: "--alert",
      description:
        "tell the admin of failures, each cause once an hour: through the service, signal-cli or the webhook",
    },
    { flags: "--quiet", description: "print nothing while it is healthy, so that cron sends no mail" },
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation health || echo 'look at it'", meaning: "every check, one line each" },
    { line: "signal-automation health --alert --quiet", meaning: "for cron, every five minutes" },
  ],
  async run(invocation, context) {
    const { terminal, clock } = context;
    const config = await needConfig(invocation, context);
    const path = `${config.files.runtimeDir}/status.json`;
    const service = serviceState(await read(path), clock.nowMs());
    const envFile = invocation.text("env-file");
    const findings = fixesFor([
      judgeService(service, path),
      ...(service.state === "running" ? judgeParts(service.snapshot, clock.nowMs()) : []),
      await lookAtDisk(config.files, context.diskSpace),
    ], envFile);
    const told = invocation.flag("alert")
      ? await alert(findings, config, context, service, serviceName(envFile))
      : undefined;
    const failedToTell = told !== undefined && told.way === undefined;
    const exit = failedToTell ? EXIT.dependencyDown : exitOf(findings);
    const status = statusOf(service, findings);
    log(config, context, status, findings, told);

    if (invocation.flag("json")) {
      printJson(terminal, {
        status,
        ageMs: service.state === "never" ? null : service.ageMs,
        findings: findingsJson(findings),
        alert: told === undefined ? null : { causes: told.causes, way: told.way ?? null, failures: told.failures },
        report: service.state === "never" ? null : service.snapshot,
      });
      return exit;
    }
    if (failedToTell) terminal.err(`The admin could not be told (${told.failures.join(", ")}).\n`);
    if (invocation.flag("quiet") && status === "healthy") return exit;
    const paint = painter(terminal.outInfo.colour);
    const words: Record<Status, string> = {
      healthy: paint.good("healthy"),
      degraded: paint.warn("degraded"),
      unhealthy: paint.bad("unhealthy"),
      stale: paint.bad("no sign of life"),
      not_running: paint.bad("not running"),
    };
    terminal.out(labelled("signal-automation", words[status], terminal.outInfo.columns));
    terminal.out(findingsText(findings, paint, terminal.outInfo.columns));
    if (told?.way !== undefined) terminal.out(`The admin was told through ${told.way}.\n`);
    return exit;
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

function statusOf(service: ServiceState, findings: readonly Finding[]): Status {
  if (service.state === "stale") return "stale";
  if (service.state !== "running") return "not_running";
  const { status } = service.snapshot;
  return status === "healthy" && findings.some(({ level }) => level === "fail") ? "degraded" : status;
}

/** @returns undefined when nothing had to be told now */
async function alert(
  findings: readonly Finding[],
  config: Config,
  context: CliContext,
  service: ServiceState,
  name: string,
): Promise<Told | undefined> {
  const paths = [config.files.stateDir, config.files.runtimeDir].map((folder) => `${folder}/${ALERT_FILE}`);
  const nowMs = context.clock.nowMs();
  const causes = alertCauses(findings);
  const before = await readTold(paths);
  const now = due(causes, before, nowMs);
  const result = now.length === 0 ? undefined : await tell(now, config, context, service, name);
  const justTold = result?.way === undefined ? [] : now;
  const after = remember(causes, justTold, before, nowMs);
  if (JSON.stringify(after) !== JSON.stringify(before) && !await writeTold(paths, after, nowMs)) {
    context.terminal.err(`What was told cannot be kept in ${paths.join(" or ")}: it will be told again.\n`);
  }
  return result === undefined ? undefined : { ...result, causes: now };
}

function log(
  config: Config,
  { clock, terminal }: CliContext,
  status: Status,
  findings: readonly Finding[],
  told: Told | undefined,
): void {
  if (config.log.dir === undefined) return;
  const failed = findings.filter(({ level }) => level === "fail").map(({ name }) => name);
  const warned = findings.filter(({ level }) => level === "warn").map(({ name }) => name);
  const written = writeHealthLine(config.log.dir, clock, {
    level: failed.length > 0 ? "ERROR" : warned.length > 0 ? "WARNING" : "INFO",
    message: failed.length > 0 ? "Health check found failures" : "Health check completed successfully",
    fields: {
      status,
      ...(failed.length > 0 && { failed: failed.join(",") }),
      ...(warned.length > 0 && { warned: warned.join(",") }),
      ...(told !== undefined && { told: told.way ?? "nobody" }),
    },
  });
  if (!written) terminal.err(`The line in ${config.log.dir} could not be written.\n`);
}
