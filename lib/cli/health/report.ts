/**
 * What the service's own report (`status.json`) says, judged. Pure: the report and the time in, findings out.
 *
 * @module
 */
import { OLD_AFTER_DAYS, signalCliAge } from "../../channels/signal/releases.ts";
import type { HealthSnapshot, PartHealth } from "../../observe/health.ts";
import type { StatusRecord } from "../../runtime/status_file.ts";
import { formatSpan } from "../screen/when.ts";
import type { Finding } from "./finding.ts";
import { SIGNAL_FIXES } from "./signal_fixes.ts";

/** A status file older than so many of its own intervals was left by a service that is gone or stuck. */
export const STALE_INTERVALS = 3;
/** The oldest queued message may be this old, milliseconds, before something is wrong. */
export const BACKLOG_AGE_MS = 10 * 60_000;
/** Clocks further apart than this are told, milliseconds. */
export const CLOCK_OFFSET_MS = 5_000;
/** Parts that are somebody else's program: while one is down there is nothing to repair in the service itself. */
const DEPENDENCIES: ReadonlySet<string> = new Set(["database", "signal"]);

export type ServiceState =
  | { readonly state: "never" }
  /** `stopped`: in order. `stale`: without a word. */
  | { readonly state: "stopped" | "stale" | "running"; readonly ageMs: number; readonly snapshot: HealthSnapshot };

/** Whether the service runs, by its file. */
export function serviceState(record: StatusRecord | undefined, nowMs: number): ServiceState {
  if (record === undefined) return { state: "never" };
  const snapshot = record.status as HealthSnapshot;
  const ageMs = Math.max(0, nowMs - record.writtenAtMs);
  if (!record.running) return { state: "stopped", ageMs, snapshot };
  return { state: ageMs > STALE_INTERVALS * record.intervalMs ? "stale" : "running", ageMs, snapshot };
}

/** Whether the service runs, as a finding. */
export function judgeService(service: ServiceState, path: string): Finding {
  const name = "service";
  const fix = "systemctl status signal-automation; journalctl -u signal-automation -n 50";
  switch (service.state) {
    case "running":
      return { name, level: "ok", text: `running, version ${service.snapshot.version}` };
    case "never":
      return { name, level: "fail", dependency: true, text: `not running: there is no ${path}`, fix };
    case "stopped":
      return {
        name,
        level: "fail",
        dependency: true,
        text: `not running: it was stopped ${formatSpan(service.ageMs)} ago`,
        fix,
      };
    case "stale":
      return {
        name,
        level: "fail",
        dependency: true,
        text: `no sign of life: the status file was written ${formatSpan(service.ageMs)} ago; gone or stuck`,
        fix,
      };
  }
}

/** Every part of a running service, and what its figures mean. */
export function judgeParts({ parts }: HealthSnapshot, nowMs: number): Finding[] {
  return [
    ...Object.entries(parts).map(([name, part]) => judgePart(name, part, nowMs)),
    ...judgeLog(parts["log"]),
    ...judgeBacklog(parts["outbox"]),
    ...judgeClock(parts["database"]),
    ...judgeSignalCli(parts["signal"], nowMs),
  ];
}

const PART_FIXES: Readonly<Record<string, string>> = {
  database: "signal-automation doctor",
  signal: "signal-automation doctor",
  templates: "signal-automation check",
};

function judgePart(name: string, part: PartHealth, nowMs: number): Finding {
  const reason = part.reason === undefined ? "" : `: ${part.reason}`;
  const details = name === "signal" ? signalDetails(part, nowMs) : name === "outbox" ? pauseDetails(part) : "";
  const text = `${part.state}${reason}${details}`;
  if (part.state === "live") return { name, level: "ok", text };
  const fix = SIGNAL_FIXES[part.reason ?? ""] ?? PART_FIXES[name];
  return {
    name,
    level: "fail",
    text,
    ...(part.state === "down" && DEPENDENCIES.has(name) && { dependency: true }),
    ...(fix !== undefined && { fix }),
  };
}

function signalDetails(part: PartHealth, nowMs: number): string {
  const ago = (name: string) => {
    const atMs = figure(part, name);
    return atMs === undefined ? "not since the start" : `${formatSpan(nowMs - atMs)} ago`;
  };
  return `; received ${ago("last_received_ms")}, sent ${ago("last_accepted_ms")}`;
}

/** How long the account pauses, and whether the breaker is what makes it. */
function pauseDetails(part: PartHealth): string {
  const pausedMs = figure(part, "pausedMs") ?? 0;
  const breaker = part.details?.["breaker"];
  const open = breaker === "open" || breaker === "half_open" ? `; circuit breaker ${breaker.replace("_", " ")}` : "";
  return `${pausedMs > 0 ? `; sending pauses for another ${formatSpan(pausedMs)}` : ""}${open}`;
}

function judgeLog(part: PartHealth | undefined): Finding[] {
  const count = figure(part, "critical_errors");
  if (count === undefined) return [];
  const name = "critical errors";
  if (count === 0) return [{ name, level: "ok", text: "none in the last 5 minutes" }];
  return [{
    name,
    level: "fail",
    text: `${count} in the last 5 minutes`,
    fix: "journalctl -u signal-automation -p crit --since -5min",
  }];
}

function judgeBacklog(part: PartHealth | undefined): Finding[] {
  const queued = figure(part, "queued");
  if (queued === undefined) return [];
  const dead = figure(part, "dead") ?? 0;
  const ageMs = figure(part, "oldest_queued_ms") ?? 0;
  const late = queued > 0 && ageMs > BACKLOG_AGE_MS;
  const waits = queued === 1 ? "1 message waits, for" : `${queued} messages wait, the oldest for`;
  const waiting = `${waits} ${formatSpan(ageMs)}`;
  return [
    late
      ? {
        name: "backlog",
        level: "fail",
        text: waiting,
        fix: "signal-automation outbox list",
      }
      : { name: "backlog", level: "ok", text: queued === 0 ? "nothing waits" : waiting },
    dead === 0
      ? { name: "dead letters", level: "ok", text: "none" }
      : { name: "dead letters", level: "warn", text: `${dead} given up`, fix: "signal-automation dlq list" },
  ];
}

function judgeClock(part: PartHealth | undefined): Finding[] {
  const offsetMs = figure(part, "clock_offset_ms");
  if (offsetMs === undefined) return [];
  const apart = formatSpan(Math.abs(offsetMs));
  if (Math.abs(offsetMs) <= CLOCK_OFFSET_MS) {
    return [{ name: "clock", level: "ok", text: `${apart} from the database's` }];
  }
  return [{
    name: "clock",
    level: "warn",
    text: `${apart} ${offsetMs > 0 ? "behind" : "ahead of"} the database's`,
    fix: "timedatectl set-ntp true   on both machines",
  }];
}

/** How old the signal-cli of a running service is. */
function judgeSignalCli(part: PartHealth | undefined, nowMs: number): Finding[] {
  const version = part?.details?.["signal_cli"];
  return typeof version === "string" && version !== "unknown" ? [judgeVersion(version, nowMs)] : [];
}

/** A version of signal-cli by its age. */
export function judgeVersion(version: string, nowMs: number): Finding {
  const age = signalCliAge(version, nowMs);
  const name = "signal-cli";
  const fix = "install the current release: github.com/AsamK/signal-cli/releases";
  if (!age.old) return { name, level: "ok", text: version };
  return {
    name,
    level: "warn",
    text: age.known
      ? `${version} is ${age.days} days old; after ${OLD_AFTER_DAYS} Signal's servers may refuse it`
      : `${version} is more than ${age.days} days old; Signal's servers may refuse it`,
    fix,
  };
}

function figure(part: PartHealth | undefined, name: string): number | undefined {
  const value = part?.details?.[name];
  return typeof value === "number" ? value : undefined;
}
