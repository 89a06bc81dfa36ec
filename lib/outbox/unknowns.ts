/**
 * Messages that may have arrived: handed over and never answered, or refused with a timestamp, which Signal does at
 * times for a message that got through. Each waits a while for evidence; then the policy of its kind decides.
 *
 * Evidence is a receipt whose timestamp lies between hand-over and failure and belongs to no other message, from the
 * recipient (of a group: from anybody), or one with the very timestamp that an error answer carried.
 *
 * @module
 */
import { type Address, parseAddress } from "../domain/address.ts";
import type { MessageKind, SendOutcome } from "../domain/message.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Attempt } from "../store/port.ts";
import type { Move, Subject } from "./moves.ts";

/** Tries that may end in `unknown` before a message counts as poison: it kills its channel, or is never answered. */
export const UNKNOWN_LIMIT = 10;
/**
 * Timestamps are signal-cli's, ours are taken around the request on the same machine: a step of the clock in between is
 * allowed for, milliseconds.
 */
const CLOCK_SLACK_MS = 50;

/** A receipt that belongs to no message whose fate is known. */
export interface Evidence {
  /** The timestamp it speaks of: what `remoteId` of that message would be. */
  readonly remoteId: string;
  /** Who acknowledged, by service id where that is known. */
  readonly from: Address | undefined;
  /** The same person by number, when it is known. */
  readonly fromNumber?: Address | undefined;
}

interface Waiting {
  readonly row: Subject;
  readonly attempt: Attempt;
  readonly resolveAtMs: number;
}

export interface UnknownsOptions {
  readonly clock: Clock;
  /** How long evidence is waited for (`UNKNOWN_WAIT_SECONDS`), milliseconds. */
  readonly unknownWaitMs: number;
  readonly unknownPolicy: (kind: MessageKind) => "resend" | "hold";
  /** More tries after the first (`MAX_RETRIES`). */
  readonly maxRetries: number;
  /** Whether one of these addresses is in the group; undefined when its members are not known. */
  readonly isMember: (group: Address, addresses: readonly Address[]) => boolean | undefined;
}

export class Unknowns {
  readonly #waiting = new Map<number, Waiting>();
  constructor(private readonly options: UnknownsOptions) {}

  has(id: number): boolean {
    return this.#waiting.has(id);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @param attempt the try whose end is not known */
  add(row: Subject, attempt: Attempt): void {
    this.#waiting.set(row.id, {
      row,
      attempt,
      resolveAtMs: this.options.clock.monotonicMs() + this.options.unknownWaitMs,
    });
  }

  /**
   * Messages that waited long enough, with what becomes of them.
   * @param unknownTries how many of a message's tries ended unknown
   */
  async due(unknownTries: (id: number) => Promise<number>): Promise<readonly Move[]> {
    const { clock, maxRetries, unknownPolicy } = this.options;
    const moves: Move[] = [];
    for (const [id, { row, attempt, resolveAtMs }] of this.#waiting) {
      if (resolveAtMs > clock.monotonicMs()) continue;
      // An answer that said "refused" is an answer: the policy is for silence.
      const silent = attempt.outcome === "unknown";
      const held = silent &&
        (unknownPolicy(row.kind) === "hold" || row.attempts > maxRetries || await unknownTries(id) >= UNKNOWN_LIMIT);
      this.#waiting.delete(id);
      moves.push(held ? { row, to: "dead", reason: "unknown", attempts: row.attempts } : { row, to: "resend", silent });
    }
    return moves;
  }

  /** The very request that was given up was answered after all. @returns nothing when its message does not wait for it */
  answered(
    id: number,
    handedOverAtMs: number,
    outcome: Extract<SendOutcome, { outcome: "accepted" }>,
  ): readonly Move[] {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || waiting.attempt.handedOverAtMs !== handedOverAtMs) return [];
    this.#waiting.delete(id);
    return [{
      row: waiting.row,
      to: "accepted",
      attempt: {
        handedOverAtMs,
        endedAtMs: this.options.clock.nowMs(),
        outcome: "accepted",
        reason: "late_answer",
        remoteId: outcome.remoteId,
      },
    }];
  }

  /** Messages that the evidence proves to have arrived. Evidence that fits several proves nothing. */
  proven(evidence: readonly Evidence[]): readonly Move[] {
    const moves: Move[] = [];
    for (const piece of evidence) {
      const fitting = [...this.#waiting.values()].filter((waiting) =>
        fitsWaiting(piece, waiting, this.options.isMember)
      );
      const [only] = fitting;
      if (only === undefined || fitting.length > 1) continue;
      this.#waiting.delete(only.row.id);
      const { detail: _, reason: __, ...times } = only.attempt;
      moves.push({
        row: only.row,
        to: "accepted",
        attempt: {
          ...times,
          endedAtMs: this.options.clock.nowMs(),
          outcome: "accepted",
          reason: "receipt",
          remoteId: piece.remoteId,
        },
      });
    }
    return moves;
  }

  /** Lanes that wait for the fate of a message. */
  lanes(): readonly string[] {
    return [...this.#waiting.values()].map(({ row }) => row.lane);
  }

  /** How long until the first one has waited long enough, milliseconds. */
  nextDateMs(): number {
    let nextMs = Infinity;
    for (const { resolveAtMs } of this.#waiting.values()) nextMs = Math.min(nextMs, resolveAtMs);
    return Math.max(1, nextMs - this.options.clock.monotonicMs());
  }

  clear(): void {
    this.#waiting.clear();
  }
}

function fitsWaiting(evidence: Evidence, { row, attempt }: Waiting, isMember: UnknownsOptions["isMember"]): boolean {
  if (attempt.remoteId !== undefined) return attempt.remoteId === evidence.remoteId;
  return fits(evidence, row.recipient, attempt.handedOverAtMs, attempt.endedAtMs, isMember);
}

/** Whether the evidence may speak of a message to this recipient that was handed over and failed at these times. */
export function fits(
  evidence: Evidence,
  recipient: Address,
  handedOverAtMs: number,
  endedAtMs: number,
  isMember: UnknownsOptions["isMember"],
): boolean {
  const atMs = Number(evidence.remoteId);
  if (atMs < handedOverAtMs - CLOCK_SLACK_MS || atMs > endedAtMs + CLOCK_SLACK_MS) return false;
  const { from, fromNumber } = evidence;
  switch (parseAddress(recipient).kind) {
    case "aci":
      return from === recipient;
    case "tel":
      // Of a sender whose number signal-cli does not know, the time alone has to do.
      return fromNumber === undefined || fromNumber === recipient;
    case "group": {
      const addresses = [from, fromNumber].filter((address) => address !== undefined);
      return addresses.length === 0 || isMember(recipient, addresses) !== false;
    }
  }
}
