/**
 * `doctor --send`: one message to the admin and one post to the webhook, each followed to its end.
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
import type { Finding } from "../health/finding.ts";
import type { ServiceState } from "../health/report.ts";
import { SIGNAL_FIXES } from "../health/signal_fixes.ts";
import { sortError } from "../problem.ts";
import { signalOptions } from "../signal.ts";

const TEXT = "✅ signal-automation: this is the test message of doctor --send.";
/** How long the running service may take, milliseconds; the message is given up then, so that it does not come late. */
const DELIVERY_TIMEOUT_MS = 60_000;
const LOOK_MS = 200;
/** How long a process that holds the account is waited for, milliseconds. */
const LOCK_TIMEOUT_MS = 5_000;

/** Through the running service's outbox, or through a process of our own. */
export async function sendTestMessage(config: Config, context: CliContext, service: ServiceState): Promise<Finding> {
  const name = "test message";
  const failure = service.state === "running" ? await throughService(config, context) : await directly(config, context);
  return failure === undefined ? { name, level: "ok", text: "Signal's servers accepted it for ADMIN_PHONE_NUMBER" } : {
    name,
    level: "fail",
    text: `it did not go out: ${failure.why}`,
    ...(failure.fix !== undefined && { fix: failure.fix }),
  };
}

interface Failure {
  readonly why: string;
  readonly fix?: string | undefined;
}

async function throughService(config: Config, { clock, random }: CliContext): Promise<Failure | undefined> {
  const store = openDatabase(config, { clock, random });
  try {
    const message = {
      alertId: `doctor-${clock.nowMs()}`,
      cause: "doctor",
      body: TEXT,
      maxAgeMs: DELIVERY_TIMEOUT_MS,
    };
    const account = makeSignalAccount(config.signal.number);
    const admin = makeTel(config.signal.adminPhoneNumber);
    const [id] = await store.outbox.enqueue([alertMessage(account, admin, message)]);
    const untilMs = clock.monotonicMs() + DELIVERY_TIMEOUT_MS;
    while (clock.monotonicMs() < untilMs) {
      const story = await store.outbox.find(id!);
      if (story === undefined) return { why: "its row is gone" };
      if (["accepted", "delivered", "read"].includes(story.state)) return undefined;
      if (story.state === "dead" || story.state === "dropped") {
        return { why: story.reason ?? story.state, fix: `signal-automation explain ${id}` };
      }
      await clock.sleepMs(LOOK_MS);
    }
    return { why: "the running service did not send it within a minute", fix: "signal-automation outbox list" };
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return { why: error.message, fix: sortError(error).next };
  } finally {
    await store.close();
  }
}

async function directly(config: Config, context: CliContext): Promise<Failure | undefined> {
  try {
    const options = { ...signalOptions(config, context), lockTimeoutMs: LOCK_TIMEOUT_MS };
    const outcome = await sendOnce(options, makeTel(config.signal.adminPhoneNumber), TEXT);
    if (outcome.outcome === "accepted") return undefined;
    return {
      why: outcome.reason,
      fix: SIGNAL_FIXES[outcome.reason] ?? "check ADMIN_PHONE_NUMBER: Signal has to know it",
    };
  } catch (error) {
    if (!(error instanceof ChannelUnavailable)) throw error;
    return { why: error.message, fix: SIGNAL_FIXES[error.code] };
  }
}

/** @returns nothing where no webhook is configured: that is said elsewhere */
export async function postTest(config: Config, { clock, random }: CliContext): Promise<Finding[]> {
  const { webhook } = webhookOf(config, clock, random, silentLog);
  if (webhook === undefined) return [];
  const name = "test post";
  const alertId = `doctor-${clock.nowMs()}`;
  const notice = { alertId, cause: "doctor", severity: "info" as const, text: TEXT, atMs: clock.nowMs() };
  const result = await webhook.deliver(notice, new AbortController().signal);
  if (result.result === "delivered") return [{ name, level: "ok", text: "the webhook took it" }];
  const why = result.result === "rejected" ? `refused with HTTP ${result.status}` : result.reason;
  return [{
    name,
    level: "fail",
    text: `the webhook did not take it: ${why}`,
    fix: "check WEBHOOK_URL, WEBHOOK_FORMAT",
  }];
}
