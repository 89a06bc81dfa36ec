/** What things are called in stories. @module */
import { isOwnerGroup } from "../../app/owner_group.ts";
import type { Config } from "../../config/config.ts";
import { type Address, makeTel } from "../../domain/address.ts";
import type { MessageKind, MessageState, Origin } from "../../domain/message.ts";
import { showAddress } from "../screen/mask.ts";
import { SILENCE_TEXTS } from "./reasons.ts";

const KINDS: Readonly<Record<MessageKind, (key: string) => string>> = {
  order_owner: (key) => `the notice of order ${key} for the owner`,
  order_affiliate: (key) => `the notice of order ${key} for its affiliate`,
  affiliate_reply: (key) => `an answer to somebody who wrote to become an affiliate (inbox ${key})`,
  affiliate_owner: (key) => `news of an affiliate for the owner (inbox ${key})`,
  alert: () => "an alert for the admin",
  reply: (key) => `an automatic reply (inbox ${key})`,
  api: () => "a message from another program",
};

/** The state as the end of a sentence that begins with the message. */
export const STATE_TEXTS: Readonly<Record<MessageState, string>> = {
  queued: "waits to be sent",
  sending: "is being handed over to Signal",
  unknown: "was handed over to Signal, and no answer came",
  accepted: "was accepted by Signal",
  delivered: "was accepted by Signal and has reached a device of the recipient",
  read: "was accepted by Signal and has been read",
  dead: "was given up",
  dropped: "was dropped and is not owed any more",
};

/** Reasons of a message in doubt to which nothing at all was answered. */
const SILENT: ReadonlySet<string | undefined> = new Set([undefined, "unknown", ...Object.keys(SILENCE_TEXTS)]);

/** As {@link STATE_TEXTS}; a message in doubt may also have been answered, with an error that proves nothing. */
export function stateText(state: MessageState, reason: string | undefined): string {
  return state !== "unknown" || SILENT.has(reason)
    ? STATE_TEXTS[state]
    : "was handed over and answered with an error, but may have arrived all the same";
}

/** `the notice of order 7 for the owner`. */
export function nameOf(kind: MessageKind, origin: Origin): string {
  return KINDS[kind](origin.key);
}

/** `group KWxs… (the owner's group)`, `+33••••••104`. */
export function recipientOf(address: Address, config: Config, showNumbers: boolean): string {
  const shown = showAddress(address, showNumbers);
  if (isOwnerGroup(address, config)) return `${shown} (the owner's group)`;
  return address === makeTel(config.signal.adminPhoneNumber) ? `${shown} (the admin)` : shown;
}
