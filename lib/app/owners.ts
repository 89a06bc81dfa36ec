/**
 * Owners of messages, and the messages of alerts.
 *
 * @module
 */
import type { Alerts } from "../alerts/alerts.ts";
import type { AlertMessage } from "../alerts/port.ts";
import { Webhook } from "../alerts/webhook.ts";
import { settleOrders } from "../automations/orders/settled.ts";
import type { Config } from "../config/config.ts";
import type { AccountId, Address } from "../domain/address.ts";
import type { OutgoingMessage } from "../domain/message.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { Random } from "../runtime/random.ts";
import type { SettledRow, StoreTx } from "../store/port.ts";

/** Owners of messages that reached an end. @returns what to do after the commit */
export async function tellOwners(tx: StoreTx, rows: readonly SettledRow[], alerts: Alerts): Promise<() => void> {
  const died = await settleOrders(tx, rows);
  const ofAlerts = rows.filter((row) => row.origin.kind === "alert");
  return () => {
    for (const row of ofAlerts) alerts.onAlertSettled(row.origin.key, row.state);
    if (died.length === 0) return;
    const which = died.length === 1 ? `order ${died[0]}` : `${died.length} orders, the first is ${died[0]}`;
    alerts.raise(
      "order_dead",
      "error",
      `Critical error: a message could not be delivered (${which}); see: signal-automation dlq list`,
    );
  };
}

/** A notice as a message in the admin's lane. */
export function alertMessage(account: AccountId, admin: Address, message: AlertMessage): OutgoingMessage {
  return {
    account,
    recipient: admin,
    body: message.body,
    kind: "alert",
    origin: { kind: "alert", key: message.alertId, generation: 1 },
    maxAgeMs: message.maxAgeMs,
    idempotencyKey: message.alertId,
  };
}

/** The second way of alerts, when the settings name one. */
export function webhookOf(config: Config, clock: Clock, random: Random, log: Log) {
  const { enabled, url, format, timeoutMs, retries, signingSecret } = config.webhook;
  if (!enabled || url === undefined) return {};
  return {
    webhook: new Webhook({
      url,
      format,
      timeoutMs,
      tries: retries,
      ...(signingSecret === undefined ? {} : { signingSecret }),
      clock,
      random,
      log: log.child("webhook"),
    }),
  };
}
