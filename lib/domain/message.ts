/**
 * A message on its way out, and what became of handing it over.
 *
 * @module
 */
import type { AccountId, Address } from "./address.ts";

/**
 * Why a message is sent: the closed set that policies (`UNKNOWN_POLICY`), metrics and `explain` speak of.
 * Lower case, one word or two joined by `_`.
 */
export const MESSAGE_KINDS = [
  "order_owner",
  "order_affiliate",
  "affiliate_reply",
  "affiliate_owner",
  "alert",
  "reply",
  "api",
] as const;
export type MessageKind = typeof MESSAGE_KINDS[number];

/** What a message belongs to, so that settling it can settle its owner: `{kind: "order", key: "42", generation: 1}`. */
export interface Origin {
  readonly kind: "order" | "inbound" | "alert" | "api";
  /** The owner's own id as text: an order id, an inbox id, an alert cause. */
  readonly key: string;
  /** Counts repetitions of the same owner (a re-armed order); 1 for the first. */
  readonly generation: number;
}

/** A message to be stored in the outbox. The body is final text: it was rendered once and is never rendered again. */
export interface OutgoingMessage {
  readonly account: AccountId;
  readonly recipient: Address;
  readonly body: string;
  readonly kind: MessageKind;
  readonly origin: Origin;
  /** Dead, with reason `expired`, when not accepted this many milliseconds after being enqueued. Default: DELIVERY_MAX_AGE. */
  readonly maxAgeMs?: number;
  /** Stored unique; a second message with the same key is not stored. At most 190 characters. */
  readonly idempotencyKey?: string;
}

/**
 * Why a try did not end in `accepted`: a closed set, used in tables, metrics and texts.
 * Who is to blame decides what it costs (design §4): a channel fault costs no attempt and pauses the account,
 * a message fault costs one attempt, a refusal is final at once.
 */
export const CHANNEL_FAULTS = [
  /** The channel is not there: child gone, not started, offline. Nothing was handed over. */
  "channel_down",
  /** The network failed on the far side of the channel (NETWORK_FAILURE, -3). May have arrived. */
  "network",
  /** The service asked us to slow down and said until when, or did not. */
  "rate_limited",
  /** The service wants a captcha solved by a person first. */
  "proof_required",
  /** The account itself was refused: unregistered or unlinked. */
  "account_refused",
  /** signal-cli answered an internal error (-32603) that says nothing about the message. */
  "channel_error",
  /** The disk refuses the journal of what was handed over, without which nothing may leave. */
  "journal_failed",
  /** Our own shutdown came first. */
  "shutdown",
] as const;
export const MESSAGE_FAULTS = [
  /** No such user, or the directory could not be asked (facts: signal.md §7.4). */
  "unregistered",
  /** Safety number changed and not trusted. */
  "identity_changed",
  /** The recipient's pre-key was invalid. */
  "pre_key",
  /** Everybody in a group failed, for mixed reasons. */
  "all_failed",
] as const;
export const REFUSALS = [
  /** Group unknown, we are no member, or only admins may write. */
  "group_refused",
  /** The request itself is wrong: bad id, empty text. */
  "invalid_message",
  /** Older than it may become. */
  "expired",
  /** Handed over, never answered, and the policy for its kind is `hold`. */
  "unknown",
] as const;
export type ChannelFault = typeof CHANNEL_FAULTS[number];
export type MessageFault = typeof MESSAGE_FAULTS[number];
export type Refusal = typeof REFUSALS[number];
export type FaultReason = ChannelFault | MessageFault | Refusal;

/** A member of a group that a group send did not reach. */
export interface FailedMember {
  readonly address: Address | undefined;
  readonly reason: string;
}

/** What became of one hand-over. A throw counts as `retry("channel_error")` and as a bug. */
export type SendOutcome =
  /** The service took it. `remoteId` is its own id (Signal: the timestamp); `failedMembers` only for groups. */
  | { readonly outcome: "accepted"; readonly remoteId: string; readonly failedMembers?: readonly FailedMember[] }
  /** A message fault: costs an attempt. `remoteId` when the error answer carried one. */
  | { readonly outcome: "retry"; readonly reason: MessageFault; readonly remoteId?: string }
  /** Never going to work: dead at once. */
  | { readonly outcome: "refused"; readonly reason: Refusal; readonly remoteId?: string }
  /**
   * A channel fault: costs nothing, stops the account's lanes. `retryAfterMs` is the wait that the other side
   * asked for; without it the distance grows. `challenge` is the captcha token to show to the operator.
   */
  | {
    readonly outcome: "paused";
    readonly reason: ChannelFault;
    readonly retryAfterMs?: number;
    readonly challenge?: string;
    readonly remoteId?: string;
  }
  /** The request left us and no answer came. It may have arrived. */
  | { readonly outcome: "unknown"; readonly reason: "no_answer" | "disconnected" | "aborted" };

/** States of a message, in the table and in every text: see the diagram in `lib/outbox/README.md`. */
export const MESSAGE_STATES = [
  "queued",
  "sending",
  "unknown",
  "accepted",
  "delivered",
  "read",
  "dead",
  "dropped",
] as const;
export type MessageState = typeof MESSAGE_STATES[number];
