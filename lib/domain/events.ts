/**
 * What can reach us, decoded. A closed union: an automation switches on `type` and ignores what is not its own.
 *
 * @module
 */
import type { AccountId, Address } from "./address.ts";

/** A person, as far as the channel tells us. The service id is the identity; number and name may be absent or change. */
export interface Sender {
  /** The identity when known (`signal:aci:…`), else the number (`signal:tel:…`). */
  readonly address: Address;
  /** E.164, when the channel knows it. */
  readonly phoneNumber?: string;
  /** As the person writes it: shown, never trusted. */
  readonly displayName?: string;
}

/** Text from a person, in a direct conversation or in a group. */
export interface TextMessage {
  readonly type: "text";
  readonly account: AccountId;
  readonly sender: Sender;
  /** Present when written in a group: `signal:group:…`. */
  readonly group?: Address;
  readonly body: string;
  /** The sender's clock, milliseconds UTC; together with the sender it is the message's identity on the wire. */
  readonly sentAtMs: number;
}

/** Our own account wrote this from another of its devices. It is outgoing: nothing may answer it. */
export interface OwnMessage {
  readonly type: "own_text";
  readonly account: AccountId;
  readonly to: Address | undefined;
  readonly body: string;
  readonly sentAtMs: number;
}

/** Stored because it may matter to somebody, but no text: reaction, edit, deletion, timer, sticker, attachment only. */
export interface OtherMessage {
  readonly type: "other";
  readonly account: AccountId;
  readonly sender: Sender | undefined;
  /** One word from a closed set, for logs and metrics. */
  readonly what: string;
}

export type InboundEvent = TextMessage | OwnMessage | OtherMessage;
