/**
 * What alerting needs from outside. `app.ts` supplies it: this room knows neither store nor channel.
 *
 * @module
 */
import type { SendOutcome } from "../domain/message.ts";
import type { Severity } from "../runtime/alarm.ts";

/** A notice on its way to the admin's lane. */
export interface AlertMessage {
  /** Unique per notice and try: use it in the idempotency key, and give it back to `onAlertSettled`. */
  readonly alertId: string;
  /** The cause, for `Origin.key`. */
  readonly cause: string;
  /** Final text. */
  readonly body: string;
  /** Dead when not accepted this long after being stored: an old alert misleads. */
  readonly maxAgeMs: number;
}

/** The ways over Signal. */
export interface SignalWay {
  /**
   * Stores an outbox row in the admin's lane. Gives up when `signal` aborts.
   * @throws {StoreUnavailable} (or anything) when it could not be stored: the next way is tried
   */
  enqueue(message: AlertMessage, signal: AbortSignal): Promise<void>;
  /**
   * Hands the text over without the database. `not_holder`: this instance did not hold the account's lease when the
   * database was asked last, so it must not send. Gives up when `signal` aborts.
   */
  sendDirect(text: string, signal: AbortSignal): Promise<SendOutcome | { readonly outcome: "not_holder" }>;
  /** Whether Signal itself is in trouble just now: then the webhook comes first. */
  troubled(): boolean;
}

/** The second way. */
export interface WebhookWay {
  /** Delivers, with its own retries and deadlines. Never throws. `alertId` recognises a repetition. */
  deliver(notice: WebhookNotice, signal: AbortSignal): Promise<WebhookResult>;
}

export interface WebhookNotice {
  readonly alertId: string;
  readonly cause: string;
  readonly severity: Severity;
  /** Rendered through `webhook_alert`. */
  readonly text: string;
  /** When the notice was made, milliseconds UTC. */
  readonly atMs: number;
}

export type WebhookResult =
  | { readonly result: "delivered" }
  /** Every try failed; later may work. `reason` is one word, `retryAfterMs` what the receiver asked for. */
  | { readonly result: "failed"; readonly reason: string; readonly retryAfterMs?: number }
  /** The receiver does not want it, whatever we do: the URL or the format is wrong (HTTP 4xx). */
  | { readonly result: "rejected"; readonly status: number };

/** The two templates that alerts go through, as `lib/templates/` has them: `current` is read at each rendering. */
export interface AlertTemplates {
  readonly current: { render(key: "system_alert" | "webhook_alert", values: { readonly message: string }): string };
}
