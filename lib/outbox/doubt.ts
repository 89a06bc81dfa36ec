/**
 * A message that may have arrived, while it waits for evidence.
 *
 * @module
 */
import { parseAddress } from "../domain/address.ts";
import type { Attempt } from "../store/port.ts";
import { type Evidence, fits, type IsMember } from "./evidence.ts";
import type { Subject } from "./moves.ts";
import { type Doubtful, HOSTS_APART_MS } from "./transcripts.ts";

export interface Doubt {
  readonly row: Subject;
  /** The try whose end is not known. */
  readonly attempt: Attempt;
  /** When the policy decides, monotonic milliseconds. */
  endsAtMs: () => number;
  /** Of its text; undefined until a transcript may speak of it, `null` when there is no text any more. */
  digest: string | null | undefined;
  /** The timestamp of the transcript that says it was sent, when that alone is no proof: see `Unknowns.transcribed`. */
  tried: string | undefined;
}

/** What the database knows of such a message. */
export interface Standing {
  /** How many of its tries ended `unknown`. */
  readonly silences: number;
  /** When it grew too old; undefined: it is not known any more. */
  readonly expiresAtMs: number | undefined;
  readonly isEmpty: boolean;
}

/** What transcripts are compared with. */
export function doubtful({ row, attempt, digest }: Doubt): Doubtful {
  return {
    id: row.id,
    lane: row.lane,
    recipient: row.recipient,
    digest: digest ?? undefined,
    fromMs: attempt.handedOverAtMs,
    untilMs: attempt.endedAtMs,
    remoteId: attempt.remoteId,
  };
}

/** Whether the receipt, for something of which there is no transcript, may speak of it. */
export function fitsDoubt(receipt: Evidence, { row, attempt }: Doubt, isMember: IsMember): boolean {
  if (attempt.remoteId !== undefined) return attempt.remoteId === receipt.remoteId;
  return fits(receipt, row.recipient, attempt.handedOverAtMs, attempt.endedAtMs, isMember);
}

export function isForGroup({ row }: Doubt): boolean {
  return parseAddress(row.recipient).kind === "group";
}

/**
 * Whether the answer that it had, when tries were left and a newer one of its lane was sent behind it, can only have been
 * that it was accepted. Other answers stop the lane, or come of what is the same for both; but one that is too old, or empty,
 * is refused by ourselves, and the lane goes on.
 */
export function canOnlyBeAccepted({ attempt }: Doubt, { expiresAtMs, isEmpty }: Standing): boolean {
  return expiresAtMs !== undefined && expiresAtMs > attempt.endedAtMs + HOSTS_APART_MS && !isEmpty;
}
