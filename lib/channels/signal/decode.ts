/**
 * A stored body of the Signal channel, decoded: `unknown` in, {@link InboundEvent} out (facts: signal.md §3).
 *
 * Bodies are decoded long after they were stored, so a mistake here costs a replay and no message. Only
 * {@link DecodeError} is thrown, whatever the body holds.
 *
 * @module
 */
import {
  type AccountId,
  type Address,
  isPhoneNumber,
  isServiceId,
  makeAci,
  makeGroup,
  makeTel,
} from "../../domain/address.ts";
import { DecodeError } from "../../domain/errors.ts";
import type { InboundEvent, OtherMessage, Sender } from "../../domain/events.ts";

/** What a message without text for us can be: the closed set of `OtherMessage.what`. */
export const SIGNAL_OTHER = [
  "attachment",
  "contact",
  "deletion",
  "edit",
  "empty",
  "group_update",
  "own_edit",
  "own_other",
  "payment",
  "pin",
  "poll",
  "reaction",
  "sticker",
  "story_reply",
  "timer",
  "unidentified_text",
] as const;
export type SignalOther = typeof SIGNAL_OTHER[number];

type Json = Readonly<Record<string, unknown>>;

/**
 * @param body the text that the channel handed over as `RawEvent.body`
 * @throws {DecodeError} and nothing else
 */
export function decodeSignal(body: string, account: AccountId): InboundEvent {
  let frame: unknown;
  try {
    frame = JSON.parse(body);
  } catch (cause) {
    throw new DecodeError("body", "not JSON", { cause });
  }
  const envelope = object(object(frame, "body").envelope, "envelope");
  const sender = readSender(envelope);
  const data = optionalObject(envelope.dataMessage, "envelope.dataMessage");
  if (data !== undefined) {
    // Our own number as a source: a message to ourselves from another device. Nothing may answer it.
    return sender?.phoneNumber !== undefined && account === `signal:${sender.phoneNumber}`
      ? ownMessage(data, sender.address, "envelope.dataMessage", account)
      : dataMessage(data, sender, account);
  }
  if (optionalObject(envelope.editMessage, "envelope.editMessage")) return other(account, sender, "edit");
  const sync = optionalObject(envelope.syncMessage, "envelope.syncMessage");
  const sent = optionalObject(sync?.sentMessage, "envelope.syncMessage.sentMessage");
  if (sent === undefined) return other(account, sender, "empty");
  if (sent.editMessage !== undefined) return other(account, undefined, "own_edit");
  return ownMessage(sent, readDestination(sent), "envelope.syncMessage.sentMessage", account);
}

function dataMessage(data: Json, sender: Sender | undefined, account: AccountId): InboundEvent {
  const what = withoutText(data);
  if (what !== undefined) return other(account, sender, what);
  const body = data.message as string;
  const group = readGroup(data, "envelope.dataMessage");
  const sentAtMs = timestamp(data.timestamp, "envelope.dataMessage.timestamp");
  if (sender === undefined) return other(account, undefined, "unidentified_text");
  return { type: "text", account, sender, ...(group !== undefined && { group }), body, sentAtMs };
}

function ownMessage(data: Json, to: Address | undefined, at: string, account: AccountId): InboundEvent {
  if (withoutText(data) !== undefined) return other(account, undefined, "own_other");
  return {
    type: "own_text",
    account,
    to: readGroup(data, at) ?? to,
    body: data.message as string,
    sentAtMs: timestamp(data.timestamp, `${at}.timestamp`),
  };
}

/** What the message is when it is not text; undefined when `message` is text to be read. */
function withoutText(data: Json): SignalOther | undefined {
  const has = (name: string) => data[name] !== undefined && data[name] !== null;
  if (has("reaction")) return "reaction";
  if (has("remoteDelete") || has("adminDelete")) return "deletion";
  if (has("pollCreate") || has("pollVote") || has("pollTerminate")) return "poll";
  if (has("pinMessage") || has("unpinMessage")) return "pin";
  if (has("storyContext")) return "story_reply";
  if (data.isExpirationUpdate === true) return "timer";
  if (has("payment")) return "payment";
  if (typeof data.message === "string" && data.message !== "") return undefined;
  if (has("message") && typeof data.message !== "string") throw new DecodeError("message", "neither text nor null");
  if (has("sticker")) return "sticker";
  if (Array.isArray(data.attachments) && data.attachments.length > 0) return "attachment";
  if (has("contacts")) return "contact";
  if (has("groupInfo")) return "group_update";
  return "empty";
}

/** Undefined when only a PNI or nothing is known: no identity to speak to (facts: signal.md §3.3). */
function readSender(envelope: Json): Sender | undefined {
  const uuid = optionalString(envelope.sourceUuid, "envelope.sourceUuid");
  const number = optionalString(envelope.sourceNumber, "envelope.sourceNumber");
  const name = optionalString(envelope.sourceName, "envelope.sourceName");
  const phoneNumber = number !== undefined && isPhoneNumber(number) ? number : undefined;
  if (uuid === undefined && phoneNumber === undefined) return undefined;
  return {
    address: uuid === undefined ? makeTel(phoneNumber!) : makeAci(uuid),
    ...(phoneNumber !== undefined && { phoneNumber }),
    ...(name !== undefined && { displayName: name }),
  };
}

function readDestination(sent: Json): Address | undefined {
  const { destinationUuid, destinationNumber } = sent;
  if (typeof destinationUuid === "string" && isServiceId(destinationUuid.toLowerCase())) {
    return makeAci(destinationUuid);
  }
  return typeof destinationNumber === "string" && isPhoneNumber(destinationNumber)
    ? makeTel(destinationNumber)
    : undefined;
}

function readGroup(data: Json, at: string): Address | undefined {
  const info = optionalObject(data.groupInfo, `${at}.groupInfo`);
  if (info === undefined) return undefined;
  const id = optionalString(info.groupId, `${at}.groupInfo.groupId`);
  if (id === undefined) throw new DecodeError(`${at}.groupInfo.groupId`, "missing");
  return makeGroup(id);
}

function other(account: AccountId, sender: Sender | undefined, what: SignalOther): OtherMessage {
  return { type: "other", account, sender, what };
}

function timestamp(value: unknown, at: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new DecodeError(at, "not milliseconds since 1970");
}

function object(value: unknown, at: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new DecodeError(at, "not an object");
}

function optionalObject(value: unknown, at: string): Json | undefined {
  return value === undefined || value === null ? undefined : object(value, at);
}

/** Empty text counts as absent: names may be "". */
function optionalString(value: unknown, at: string): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw new DecodeError(at, "not text");
}
