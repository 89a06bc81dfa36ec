/**
 * Telling the admin what `health` found, in the original's sentences, on the way that is open just now:
 *
 * - the service runs: its outbox, since it holds the Signal account and sends within a second;
 * - it does not: signal-cli for one message, waiting a while for a process that still holds the account;
 * - neither: the webhook.
 *
 * @module
 */
import { openDatabase } from "../../app/database.ts";
import { alertMessage, webhookOf } from "../../app/owners.ts";
import { sendOnce } from "../../channels/signal/one_shot.ts";
import type { Config } from "../../config/config.ts";
import { makeSignalAccount, makeTel } from "../../domain/address.ts";
import { ChannelUnavailable, StoreUnavailable } from "../../domain/errors.ts";
import { silentLog } from "../../runtime/log.ts";
import type { CliContext } from "../command.ts";
import { signalOptions } from "../signal.ts";
import type { Finding } from "./finding.ts";
import type { ServiceState } from "./report.ts";

/** In front of every alert, as in the original. */
export const ALERT_PREFIX = "🚨 HEALTH CHECK ALERT: ";
/** An alert that nobody got this long after it was stored misleads, milliseconds. */
const ALERT_MAX_AGE_MS = 30 * 60_000;
/** How long a process that holds the account is waited for, milliseconds: below the five minutes of a cron line. */
const LOCK_TIMEOUT_MS = 60_000;

/** Findings that are told, with their sentences; the first four are the original's. SERVICE is the unit's name. */
const SENTENCES: Readonly<Record<string, string>> = {
  service: "Service SERVICE is not running",
  database: "Database connectivity issues detected",
  disk: "Low disk space detected",
  "critical errors": "Critical errors detected in the last 5 minutes",
  signal: "Signal is not working",
  backlog: "Messages have been waiting for more than 10 minutes",
};

/**
 * Names of the findings that are worth an alert: failures, and a disk that fills. A database that is merely late is none: it answers, or
 * is down within the deadline of a statement.
 */
export function alertCauses(findings: readonly Finding[]): string[] {
  return findings.filter(({ name, level, dependency }) => {
    if (!Object.hasOwn(SENTENCES, name)) return false;
    if (name === "database") return dependency === true;
    return level === "fail" || (name === "disk" && level === "warn");
  }).map(({ name }) => name);
}

/** The whole text for some causes. @param name of the service: the admin may have several */
export function alertText(causes: readonly string[], name: string): string {
  return `${ALERT_PREFIX}${causes.map((cause) => SENTENCES[cause]!.replace("SERVICE", name)).join("; ")}`;
}

export type AlertWay = "outbox" | "signal-cli" | "webhook";

export interface AlertResult {
  /** Undefined: nobody could be told. */
  readonly way: AlertWay | undefined;
  /** Why the other ways were not open, codes. */
  readonly failures: readonly string[];
}

/** Tells. Never throws for anything that the outside does. */
export async function tell(
  causes: readonly string[],
  config: Config,
  context: CliContext,
  service: ServiceState,
  name: string,
): Promise<AlertResult> {
  const body = alertText(causes, name);
  const alertId = `health-${context.clock.nowMs()}`;
  const failures: string[] = [];
  const webhook = async () => await throughWebhook(alertId, causes, body, config, context);
  const signal = service.state === "running"
    ? async () => await throughOutbox(alertId, body, config, context)
    : async () => await throughSignalCli(body, config, context);
  const ways: [AlertWay, () => Promise<string | undefined>][] = [
    [service.state === "running" ? "outbox" : "signal-cli", signal],
    ["webhook", webhook],
  ];
  // A message in the outbox is no telling while Signal is the trouble.
  if (service.state === "running" && causes.includes("signal")) ways.reverse();
  for (const [way, send] of ways) {
    const failure = await send();
    if (failure === undefined) return { way, failures };
    failures.push(`${way}: ${failure}`);
  }
  return { way: undefined, failures };
}

async function throughOutbox(alertId: string, body: string, config: Config, context: CliContext) {
  const { clock, random } = context;
  const account = makeSignalAccount(config.signal.number);
  const admin = makeTel(config.signal.adminPhoneNumber);
  const store = openDatabase(config, { clock, random });
  try {
    const message = { alertId, cause: "health", body, maxAgeMs: ALERT_MAX_AGE_MS };
    await store.outbox.enqueue([alertMessage(account, admin, message)]);
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return error.fault;
  } finally {
    await store.close();
  }
}

/** Or through the daemon that the settings name, which lives on without the service. */
async function throughSignalCli(body: string, config: Config, context: CliContext) {
  try {
    const options = { ...signalOptions(config, context), lockTimeoutMs: LOCK_TIMEOUT_MS };
    const outcome = await sendOnce(options, makeTel(config.signal.adminPhoneNumber), body);
    return outcome.outcome === "accepted" ? undefined : outcome.reason;
  } catch (error) {
    if (!(error instanceof ChannelUnavailable)) throw error;
    return error.code;
  }
}

async function throughWebhook(
  alertId: string,
  causes: readonly string[],
  text: string,
  config: Config,
  { clock, random }: CliContext,
) {
  const { webhook } = webhookOf(config, clock, random, silentLog);
  if (webhook === undefined) return "not configured";
  const notice = { alertId, cause: causes[0] ?? "health", severity: "error" as const, text, atMs: clock.nowMs() };
  const result = await webhook.deliver(notice, new AbortController().signal);
  if (result.result === "delivered") return undefined;
  return result.result === "rejected" ? `rejected ${result.status}` : result.reason;
}
