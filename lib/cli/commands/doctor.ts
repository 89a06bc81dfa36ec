/** `doctor` @module */
import type { Config } from "../../config/config.ts";
import { readStatusFile } from "../../runtime/status_file.ts";
import { type CliContext, type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { judgeDatabase } from "../doctor/database.ts";
import { judgeInstances, unitOf } from "../doctor/instances.ts";
import { judgeFolders, judgeLeftovers, judgePort, judgeWebhook } from "../doctor/machine.ts";
import { judgeProcesses } from "../doctor/processes.ts";
import { postTest, sendTestMessage } from "../doctor/send.ts";
import { judgeSettings } from "../doctor/settings.ts";
import { judgeSignal } from "../doctor/signal.ts";
import { judgeSandbox } from "../doctor/unit.ts";
import { EXIT } from "../exit_code.ts";
import { lookAtDisk } from "../health/disk.ts";
import { exitOf, type Finding, findingsJson, findingsText } from "../health/finding.ts";
import { fixesFor } from "../health/instance.ts";
import { judgeParts, judgeService, type ServiceState, serviceState } from "../health/report.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { startProgress } from "../screen/progress.ts";
import { findConfig } from "../settings.ts";
import { realSystemctl } from "../systemctl.ts";

export const doctorCommand: CommandSpec = {
  path: ["doctor"],
  summary: "Try everything that the service depends on, and say what to do",
  details:
    "Everything that check does, and live: database, tables, Signal account and group, webhook, disk, folders, " +
    "port, sandbox, other instances, what an original installation left. Sends nothing unless told to. Exit 0 when nothing failed, 1 when something did, 2 when the " +
    "settings cannot be used, 3 when the database or Signal is down.",
  options: [
    { flags: "--send", description: "also send a test message to the admin and a test post to the webhook" },
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation doctor", meaning: "before the first start, or when something is wrong" },
    { line: "signal-automation doctor --send", meaning: "proves that alerts arrive" },
  ],
  async run(invocation, context) {
    const { terminal, clock } = context;
    const result = await findConfig(invocation, context);
    const found = await judgeSettings(result);
    const usable = "config" in result;
    if (usable) {
      const progress = startProgress(terminal, clock);
      try {
        found.push(...await examine(result, context, invocation.flag("send"), progress.update));
      } finally {
        progress.end();
      }
    }
    const findings = fixesFor(found, invocation.text("env-file"));
    const exit = usable ? exitOf(findings) : EXIT.usage;
    if (invocation.flag("json")) {
      printJson(terminal, { ok: exit === EXIT.done, findings: findingsJson(findings) });
      return exit;
    }
    const paint = painter(terminal.outInfo.colour);
    terminal.out(findingsText(findings, paint, terminal.outInfo.columns));
    const count = (level: Finding["level"]) => findings.filter((finding) => finding.level === level).length;
    const [failed, warned] = [count("fail"), count("warn")];
    const word = failed > 0
      ? paint.bad("something is wrong")
      : warned > 0
      ? paint.warn("works")
      : paint.good("all well");
    terminal.out(`\n${word}: ${failed} failed, ${warned} to know, ${findings.length} looked at\n`);
    return exit;
  },
};

type Update = (done: number, total: number, label: string) => void;

/** One look after another: each has its deadlines, and their order is the order of the list. */
async function examine(
  { config, file }: { readonly config: Config; readonly file: string | undefined },
  context: CliContext,
  send: boolean,
  update: Update,
): Promise<Finding[]> {
  const ask = realSystemctl(context.getEnv);
  const unit = unitOf(file);
  const nowMs = context.clock.nowMs();
  const path = `${config.files.runtimeDir}/status.json`;
  const service = serviceState(await statusOf(path), nowMs);
  const looks: [label: string, look: () => Promise<readonly Finding[]>][] = [
    ["service", () => Promise.resolve(judgeRunning(service, path, nowMs))],
    ["database", () => judgeDatabase(config, context, service.state === "running")],
    ["Signal", () => judgeSignal(config, context, service)],
    ["webhook", async () => [await judgeWebhook(config)]],
    ["disk", async () => [await lookAtDisk(config.files, context.diskSpace)]],
    ["folders", () => judgeFolders(config)],
    ["port", () => Promise.resolve([judgePort(config, service)])],
    ["sandbox", () => judgeSandbox(config, ask, unit)],
    ["processes", () => judgeProcesses(config, ask, unit)],
    ["other instances", () => judgeInstances(file)],
    ["leftovers", () => judgeLeftovers(ask, unit)],
    ...(send
      ? [
        ["test message", async () => [await sendTestMessage(config, context, service)]],
        ["test post", () => postTest(config, context)],
      ] as [string, () => Promise<readonly Finding[]>][]
      : []),
  ];
  const findings: Finding[] = [];
  for (const [at, [label, look]] of looks.entries()) {
    update(at, looks.length, label);
    findings.push(...await look());
  }
  return findings;
}

/** A service that does not run is no failure here: doctor is what one asks before its start. */
function judgeRunning(service: ServiceState, path: string, nowMs: number): Finding[] {
  const found = judgeService(service, path);
  if (service.state !== "running") {
    const level = service.state === "stale" ? "fail" : "warn";
    return [{ ...found, level, fix: "systemctl start signal-automation" }];
  }
  // What is looked at live below is left to that.
  const live = new Set(["database", "signal", "clock", "signal-cli", "http"]);
  return [found, ...judgeParts(service.snapshot, nowMs).filter(({ name, level }) => level !== "ok" && !live.has(name))];
}

async function statusOf(path: string) {
  try {
    return await readStatusFile(path);
  } catch (error) {
    // Of another version: as if there were none; a restart writes a new one.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
