/**
 * What other devices of the account sent, remembered for a while: Signal tells every linked device. When this instance
 * takes over from one on another host, whose journal it cannot read, these transcripts say what that one had sent.
 *
 * Texts are not kept: a digest is enough to compare.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type Address, parseAddress } from "../domain/address.ts";
import type { Clock } from "../runtime/clock.ts";

/**
 * How long one is remembered, milliseconds. It can be heard before the message that it proves is known to be in doubt:
 * while the former holder was still alive (a daemon that receives by itself), or before stock was taken.
 */
export const REMEMBER_MS = 900_000;
/** Transcripts in memory, a few hundred bytes each; beyond it the oldest go. */
export const MAX_TRANSCRIPTS = 20_000;
/**
 * A transcript's timestamp comes from the host that sent, the time of marking from the database, and the time of the
 * take-over from us. `health` warns when a host is more than 5 s away from the database, so two hosts that nobody was warned
 * of are at most this far apart, milliseconds. A host further off has its transcripts ignored, and the policy decides.
 */
export const HOSTS_APART_MS = 10_000;

/** A transcript as the channel tells it. */
export interface TranscriptNotice {
  /** What `remoteId` of the message is: when it was sent, by the sending host's clock. */
  readonly remoteId: string;
  /** Group, or person by service id. */
  readonly to: Address | undefined;
  /** The same person by number, when it is known. */
  readonly toNumber: Address | undefined;
  readonly body: string;
}

/** A transcript without its text. */
export interface Transcript {
  readonly remoteId: string;
  readonly atMs: number;
  readonly to: Address | undefined;
  readonly toNumber: Address | undefined;
  readonly digest: string;
}

/** A message of which nobody knows whether it was sent. */
export interface Doubtful {
  readonly id: number;
  readonly lane: string;
  readonly recipient: Address;
  /** Of its text; undefined when that is not known (yet). */
  readonly digest: string | undefined;
  /** Between these it was sent, if it was. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** The timestamp that an error answer carried. */
  readonly remoteId: string | undefined;
}

/** What texts are compared by. */
export function digestOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}

export class Transcripts {
  /** By remote id, in the order in which they came. */
  readonly #held = new Map<string, Transcript & { readonly forgetAtMs: number }>();
  constructor(private readonly clock: Clock) {}

  get size(): number {
    return this.#held.size;
  }

  add(notices: readonly TranscriptNotice[]): void {
    const nowMs = this.clock.monotonicMs();
    for (const { remoteId, to, toNumber, body } of notices) {
      const digest = digestOf(body);
      const forgetAtMs = nowMs + REMEMBER_MS;
      this.#held.set(remoteId, { remoteId, atMs: Number(remoteId), to, toNumber, digest, forgetAtMs });
    }
    for (const { remoteId, forgetAtMs } of this.#held.values()) {
      if (forgetAtMs > nowMs && this.#held.size <= MAX_TRANSCRIPTS) break;
      this.#held.delete(remoteId);
    }
  }

  has(remoteId: string): boolean {
    return this.#held.has(remoteId);
  }

  /** These speak of messages whose fate is known. */
  forget(remoteIds: Iterable<string>): void {
    for (const remoteId of remoteIds) this.#held.delete(remoteId);
  }

  /** Those of what was sent between these instants. */
  between(fromMs: number, untilMs: number): readonly Transcript[] {
    return [...this.#held.values().filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs)];
  }
}

/** When the message was sent at the earliest, by any host's clock. */
export function earliestMs({ fromMs, remoteId }: Doubtful): number {
  return remoteId === undefined ? fromMs - HOSTS_APART_MS : Number(remoteId);
}

/** When it was sent at the latest. */
export function latestMs({ untilMs, remoteId }: Doubtful): number {
  return remoteId === undefined ? untilMs + HOSTS_APART_MS : Number(remoteId);
}

/** Whether the transcript may speak of the message, as far as time and recipient say. */
export function mayBe(transcript: Transcript, message: Doubtful): boolean {
  if (message.remoteId !== undefined && message.remoteId !== transcript.remoteId) return false;
  if (transcript.atMs < earliestMs(message) || transcript.atMs > latestMs(message)) return false;
  const { to, toNumber } = transcript;
  if (parseAddress(message.recipient).kind !== "tel") return to === message.recipient;
  // Of a person whose number signal-cli does not know, text and time have to do.
  return toNumber === undefined ? to !== undefined && parseAddress(to).kind === "aci" : toNumber === message.recipient;
}

/**
 * Which transcript proves which message. Of messages with one text in one lane the oldest goes first, as it was sent
 * first. A transcript that fits messages of several lanes proves none of them.
 * @returns transcripts by the id of the message that each proves
 */
export function pair(
  transcripts: readonly Transcript[],
  messages: readonly Doubtful[],
): ReadonlyMap<number, Transcript> {
  const open = messages.filter(({ digest }) => digest !== undefined).sort((a, b) => a.id - b.id);
  const proven = new Map<number, Transcript>();
  for (const transcript of transcripts.toSorted((a, b) => a.atMs - b.atMs)) {
    const fitting = open.filter((message) => message.digest === transcript.digest && mayBe(transcript, message));
    const first = fitting.find(({ remoteId }) => remoteId !== undefined) ?? fitting[0];
    if (first === undefined || (first.remoteId === undefined && new Set(fitting.map(({ lane }) => lane)).size > 1)) {
      continue;
    }
    proven.set(first.id, transcript);
    open.splice(open.indexOf(first), 1);
  }
  return proven;
}
