/**
 * The outside of what signal-cli notifies: what kind of thing it is, whose, and under which key it is stored
 * (facts: signal.md §3). Looks no deeper than that; content is decoded later, from the stored body.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  type Address,
  isPhoneNumber,
  isServiceId,
  isSignalGroupId,
  makeAci,
  makeGroup,
  makeTel,
} from "../../domain/address.ts";
import type { RpcNotification } from "./rpc.ts";
import { rawMember } from "./raw_json.ts";

/** A receipt for messages of ours: evidence that they arrived. */
export interface Receipt {
  /** Who acknowledges; undefined when it comes from a PNI or an unknown source. */
  readonly from: Address | undefined;
  /** The same person by number (`signal:tel:…`), when signal-cli knows it. */
  readonly fromNumber: Address | undefined;
  readonly kind: "delivery" | "read" | "viewed";
  /** The `remoteId`s it is about, as numbers. */
  readonly timestamps: readonly number[];
  /** The sender's clock, milliseconds UTC. */
  readonly whenMs: number;
}

/** What another device of our account sent: evidence that it was sent. Its text is not to be kept. */
export interface Transcript {
  /** What `remoteId` of the message is. */
  readonly remoteId: string;
  /** Group, or person by service id; undefined when signal-cli knows neither. */
  readonly to: Address | undefined;
  /** The same person by number (`signal:tel:…`), when signal-cli knows it. */
  readonly toNumber: Address | undefined;
  /** The whole text, also of a long message (facts: signal.md §3.2). */
  readonly body: string;
}

/** What a notification is. */
export type Sorted =
  | {
    readonly is: "message";
    readonly externalId: string;
    readonly lane: string;
    readonly body: string;
    /** From our own account, whichever of its devices. */
    readonly own: boolean;
    readonly transcript: Transcript | undefined;
  }
  | { readonly is: "receipt"; readonly receipt: Receipt }
  | { readonly is: "exception"; readonly type: ExceptionLabel }
  | { readonly is: "ignored"; readonly what: IgnoredLabel };

/** Exceptions by name, as label: the ones that say something, else `other`. */
const EXCEPTIONS = {
  UntrustedIdentityException: "untrusted_identity",
  ProtocolInvalidMessageException: "invalid_message",
  ProtocolNoSessionException: "no_session",
  ProtocolInvalidKeyIdException: "invalid_key_id",
  ProtocolDuplicateMessageException: "duplicate",
} as const;
export type ExceptionLabel = typeof EXCEPTIONS[keyof typeof EXCEPTIONS] | "other";
export type IgnoredLabel = "typing" | "story" | "call" | "sync" | "empty" | "unknown_method" | "no_envelope";

/** Whether it came without a subscription: signal-cli receives by itself, in on-start or on-connection mode (facts: signal.md §4.4). */
export function isUnasked({ method, params }: RpcNotification): boolean {
  return method === "receive" && asObject(params)?.result === undefined;
}

export function sortNotification(notification: RpcNotification): Sorted {
  if (notification.method !== "receive") return { is: "ignored", what: "unknown_method" };
  const { frame, wrapped } = frameOf(notification);
  const exception = asObject(frame?.exception);
  if (exception !== undefined) return { is: "exception", type: exceptionLabel(exception.type) };
  const envelope = asObject(frame?.envelope);
  if (envelope === undefined) return { is: "ignored", what: "no_envelope" };
  const kind = payloadKind(envelope);
  if (kind === undefined) return { is: "ignored", what: ignoredLabel(envelope) };
  if (kind === "receipt") return { is: "receipt", receipt: readReceipt(envelope) };
  const body = rawMember(notification.line, wrapped ? ["params", "result"] : ["params"]) ?? JSON.stringify(frame);
  const transcript = kind === "sent" ? readTranscript(envelope) : undefined;
  const own = typeof envelope.sourceNumber === "string" && envelope.sourceNumber === frame?.account;
  return { is: "message", externalId: externalId(envelope, kind, body), lane: laneOf(envelope), body, own, transcript };
}

/** When Signal's server took in what the notification is about, its clock, milliseconds UTC. */
export function serverReceivedMs(notification: RpcNotification): number | undefined {
  const at = asObject(frameOf(notification).frame?.envelope)?.serverReceivedTimestamp;
  return typeof at === "number" && at > 0 ? at : undefined;
}

/** A subscription wraps the line object in `result`; on-start mode does not (facts: signal.md §4.4). */
function frameOf(notification: RpcNotification): { frame: Record<string, unknown> | undefined; wrapped: boolean } {
  const params = asObject(notification.params);
  const wrapped = params?.result !== undefined;
  return { frame: wrapped ? asObject(params?.result) : params, wrapped };
}

/** The identity behind an envelope: the service id, which stays, before the number, which comes, goes and changes. */
export function identityOf(envelope: Readonly<Record<string, unknown>>): string | undefined {
  const { sourceUuid, sourceNumber, source } = envelope;
  if (typeof sourceUuid === "string" && sourceUuid !== "") return sourceUuid.toLowerCase();
  for (const value of [sourceNumber, source]) if (typeof value === "string" && value !== "") return value;
  return undefined;
}

function payloadKind(envelope: Record<string, unknown>): "data" | "edit" | "sent" | "receipt" | undefined {
  if (asObject(envelope.dataMessage)) return "data";
  if (asObject(envelope.editMessage)) return "edit";
  if (asObject(asObject(envelope.syncMessage)?.sentMessage)) return "sent";
  if (asObject(envelope.receiptMessage)) return "receipt";
  return undefined;
}

function ignoredLabel(envelope: Record<string, unknown>): IgnoredLabel {
  if (envelope.typingMessage !== undefined) return "typing";
  if (envelope.storyMessage !== undefined) return "story";
  if (envelope.callMessage !== undefined) return "call";
  if (envelope.syncMessage !== undefined) return "sync";
  return "empty";
}

/**
 * The key under which a message is stored once: on the wire a message is its sender and its timestamp. Where one of
 * them is missing the whole text is the key.
 */
function externalId(envelope: Record<string, unknown>, kind: string, body: string): string {
  const identity = identityOf(envelope);
  const { timestamp, sourceDevice } = envelope;
  if (identity === undefined || typeof timestamp !== "number") return digest(["body", body]);
  const inner = asObject(envelope.dataMessage) ?? asObject(asObject(envelope.editMessage)?.dataMessage) ??
    asObject(asObject(envelope.syncMessage)?.sentMessage);
  const innerTimestamp = typeof inner?.timestamp === "number" ? inner.timestamp : null;
  return digest([kind, identity, typeof sourceDevice === "number" ? sourceDevice : null, timestamp, innerTimestamp]);
}

function laneOf(envelope: Record<string, unknown>): string {
  return digest(["signal sender", identityOf(envelope) ?? "unknown"]);
}

/** SHA-256 in hex, 64 characters. */
function digest(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function exceptionLabel(type: unknown): ExceptionLabel {
  return typeof type === "string" && Object.hasOwn(EXCEPTIONS, type)
    ? EXCEPTIONS[type as keyof typeof EXCEPTIONS]
    : "other";
}

function readReceipt(envelope: Record<string, unknown>): Receipt {
  const receipt = asObject(envelope.receiptMessage) ?? {};
  const { sourceUuid, sourceNumber } = envelope;
  const number = typeof sourceNumber === "string" && isPhoneNumber(sourceNumber) ? makeTel(sourceNumber) : undefined;
  const from = typeof sourceUuid === "string" && isServiceId(sourceUuid.toLowerCase()) ? makeAci(sourceUuid) : number;
  return {
    from,
    fromNumber: number,
    kind: receipt.isViewed === true ? "viewed" : receipt.isRead === true ? "read" : "delivery",
    timestamps: Array.isArray(receipt.timestamps) ? receipt.timestamps.filter(Number.isSafeInteger) : [],
    whenMs: typeof receipt.when === "number" ? receipt.when : 0,
  };
}

/** Undefined for what is no message of text: we send nothing else. Never throws: the stored body is decoded elsewhere. */
function readTranscript(envelope: Record<string, unknown>): Transcript | undefined {
  const sent = asObject(asObject(envelope.syncMessage)?.sentMessage) ?? {};
  const { timestamp, message, destinationUuid, destinationNumber } = sent;
  if (!Number.isSafeInteger(timestamp) || typeof message !== "string" || message === "") return undefined;
  if (asObject(sent.reaction) ?? asObject(sent.remoteDelete) ?? asObject(sent.storyContext)) return undefined;
  const groupId = asObject(sent.groupInfo)?.groupId;
  const to = typeof groupId === "string" && isSignalGroupId(groupId)
    ? makeGroup(groupId)
    : groupId === undefined && typeof destinationUuid === "string" && isServiceId(destinationUuid.toLowerCase())
    ? makeAci(destinationUuid)
    : undefined;
  const byNumber = groupId === undefined && typeof destinationNumber === "string" && isPhoneNumber(destinationNumber);
  const toNumber = byNumber ? makeTel(destinationNumber) : undefined;
  if (to === undefined && toNumber === undefined) return undefined;
  return { remoteId: String(timestamp), to, toNumber, body: message };
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : undefined;
}
