/**
 * A message that may have arrived, while it waits for evidence.
 *
 * @module
 */
import { parseAddress } from "../domain/address.ts";
import type { Attempt } from "../store/port.ts";
import { type Evidence, fits, type IsMember } from "./evidence.ts";
import type { Subject } from "./moves.ts";
import type { Doubtful } from "./transcripts.ts";

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
