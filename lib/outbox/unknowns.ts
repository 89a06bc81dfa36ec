/**
 * Messages that may have arrived: handed over and never answered, or refused with a timestamp, which Signal does at
 * times for a message that got through. Each waits a while for evidence; then the policy of its kind decides.
 *
 * Evidence is a receipt whose timestamp lies between hand-over and failure and belongs to no other message, from the
 * recipient (of a group: from a member), or one with the very timestamp that an error answer carried; or the transcript
 * that another device of the account, on another host, gives of what it sent.
 *
 * @module
 */
import type { AccountId } from "../domain/address.ts";
import type { MessageKind, SendOutcome } from "../domain/message.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Attempt, Store } from "../store/port.ts";
import { canOnlyBeAccepted, type Doubt, doubtful, fitsDoubt, isForGroup, type Standing } from "./doubt.ts";
import { type Evidence, isFrom, type IsMember } from "./evidence.ts";
import type { Move, Subject } from "./moves.ts";
import { type Listening, Patience } from "./patience.ts";
import {
  digestOf,
  earliestMs,
  latestMs,
  mayBe,
  pair,
  type Transcript,
  type TranscriptNotice,
  Transcripts,
} from "./transcripts.ts";

/** Tries that may end in `unknown` before a message counts as poison: it kills its channel, or is never answered. */
export const UNKNOWN_LIMIT = 10;
/**
 * From so many on, a message may be the one that kills the channel, or one of its neighbours: such messages are sent again
 * one after another, UNKNOWN_WAIT_SECONDS apart, so that the one to blame takes no other along to the limit.
 */
export const SUSPECT_TRIES = 3;
/** Remote ids remembered as having proven something. */
const MAX_SPOKEN = 10_000;

export interface UnknownsOptions {
  readonly clock: Clock;
  /** How long evidence is waited for (`UNKNOWN_WAIT_SECONDS`), milliseconds. */
  readonly unknownWaitMs: number;
  readonly unknownPolicy: (kind: MessageKind) => "resend" | "hold";
  /** More tries after the first (`MAX_RETRIES`). */
  readonly maxRetries: number;
  readonly isMember: IsMember;
  /** How far what waited for the account has been received. */
  readonly listening: () => Listening;
}

export class Unknowns {
  readonly #waiting = new Map<number, Doubt>();
  readonly #transcripts: Transcripts;
  /** Remote ids that proved a message whose row the database may not know as finished yet. */
  readonly #spoken = new Set<string>();
  /** The newest message of each lane that a transcript tells of: the answers to all before it were there. */
  readonly #newestSent = new Map<string, number>();
  /** When the next message that may be poison can be sent again, monotonic milliseconds. */
  #nextSuspectAtMs = 0;
  /** Something changed that may make a transcript proof. */
  #news = false;

  constructor(private readonly options: UnknownsOptions) {
    this.#transcripts = new Transcripts(options.clock);
  }

  has(id: number): boolean {
    return this.#waiting.has(id);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * @param attempt the try whose end is not known
   * @param patience for one that was found at a take-over; otherwise it waits `unknownWaitMs` from now
   */
  add(row: Subject, attempt: Attempt, patience?: Patience): void {
    const { clock, unknownWaitMs } = this.options;
    const endsAtMs = clock.monotonicMs() + unknownWaitMs;
    this.#waiting.set(row.id, {
      row,
      attempt,
      endsAtMs: patience === undefined ? () => endsAtMs : () => patience.endsAtMs(),
      digest: undefined,
      tried: undefined,
    });
    this.#news = true;
  }

  /** How long those wait that are found just now, at a take-over. */
  patience(): Patience {
    const { clock, unknownWaitMs, listening } = this.options;
    return new Patience(clock, unknownWaitMs, listening);
  }

  /** Remembers transcripts, also while nothing waits. @returns whether one may speak of a message that waits */
  heard(transcripts: readonly TranscriptNotice[]): boolean {
    this.#transcripts.add(transcripts);
    this.#news = true;
    return this.#waiting.size > 0;
  }

  /**
   * Messages that waited long enough, with what becomes of them.
   * @param look what the database knows of a message; when it throws, nothing has changed
   */
  async due(look: (id: number) => Promise<Standing>): Promise<readonly Move[]> {
    const { clock, maxRetries, unknownPolicy } = this.options;
    const ended = [...this.#waiting.values()].filter(({ endsAtMs }) => endsAtMs() <= clock.monotonicMs());
    const standings = new Map<Doubt, Standing>();
    for (const doubt of ended) standings.set(doubt, await look(doubt.row.id));
    const moves: Move[] = [];
    for (const [doubt, standing] of standings) {
      const { row, attempt } = doubt;
      // It may have been proven while the database was asked.
      if (this.#waiting.get(row.id) !== doubt) continue;
      // An answer that said "refused" is an answer: the policy is for silence.
      const silent = attempt.outcome === "unknown";
      if (silent && this.#wasOvertaken(doubt) && row.attempts < maxRetries && canOnlyBeAccepted(doubt, standing)) {
        moves.push(this.#accepted(doubt, "overtaken", undefined));
        continue;
      }
      const { silences } = standing;
      const held = silent &&
        (unknownPolicy(row.kind) === "hold" || row.attempts > maxRetries || silences >= UNKNOWN_LIMIT);
      if (silent && !held && silences >= SUSPECT_TRIES && !this.#takeTurn(doubt)) continue;
      this.#waiting.delete(row.id);
      moves.push(held ? { row, to: "dead", reason: "unknown", attempts: row.attempts } : { row, to: "resend", silent });
    }
    return moves;
  }

  /** @returns false when another message that may be poison was let go just before: this one goes on waiting */
  #takeTurn(waiting: Doubt): boolean {
    const { clock, unknownWaitMs } = this.options;
    const turnAtMs = this.#nextSuspectAtMs;
    if (turnAtMs > clock.monotonicMs()) {
      waiting.endsAtMs = () => turnAtMs;
      return false;
    }
    this.#nextSuspectAtMs = clock.monotonicMs() + unknownWaitMs;
    return true;
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

  /**
   * Messages that the evidence proves to have arrived. Evidence that fits several proves nothing, and neither does a
   * receipt for something of which there is a transcript: that one says what was sent, and a receipt that it arrived.
   */
  proven(evidence: readonly Evidence[]): readonly Move[] {
    const moves: Move[] = [];
    for (const piece of evidence) {
      if (this.#spoken.has(piece.remoteId)) continue;
      const transcribed = this.#transcripts.has(piece.remoteId);
      const fitting = [...this.#waiting.values()].filter((waiting) =>
        transcribed
          ? waiting.tried === piece.remoteId && isFrom(piece, waiting.row.recipient, this.options.isMember)
          : fitsDoubt(piece, waiting, this.options.isMember)
      );
      const [only] = fitting;
      if (only === undefined || fitting.length > 1) continue;
      moves.push(this.#accepted(only, "receipt", piece.remoteId));
    }
    return moves;
  }

  /**
   * Messages that transcripts prove to have been sent. Asks the database only when something is new and fits.
   *
   * A person's transcript leaves after the person's message was taken. A group's leaves whatever became of its members
   * (SignalServiceMessageSender of libsignal-service), so it takes more: a receipt of a member, or a newer message of the
   * group that was sent, for which the answer to this one had to be there.
   * @throws {StoreUnavailable} then it has to be asked again
   */
  async transcribed(account: AccountId, store: Pick<Store, "outbox">): Promise<readonly Move[]> {
    if (!this.#news || this.#waiting.size === 0) return [];
    this.#news = false;
    try {
      const fitting = new Set<string>();
      const mayFit = this.#openTranscripts();
      for (const waiting of mayFit.length === 0 ? [] : [...this.#waiting.values()]) {
        const fit = mayFit.filter((transcript) => mayBe(transcript, doubtful(waiting)));
        if (fit.length === 0) continue;
        if (waiting.digest === undefined) {
          const body = await store.outbox.body(waiting.row.id);
          waiting.digest = body === undefined ? null : digestOf(body);
        }
        for (const { remoteId, digest } of fit) if (digest === waiting.digest) fitting.add(remoteId);
      }
      if (fitting.size === 0) return [];
      // A timestamp that belongs to a message whose fate is known proves nothing else.
      this.#transcripts.forget(await store.outbox.recordedRemoteIds(account, [...fitting]));
      const sent = pair(this.#openTranscripts(), [...this.#waiting.values()].map(doubtful));
      return this.#arrivedOf(sent);
    } catch (error) {
      this.#news = true;
      throw error;
    }
  }

  /** Of messages that were sent, those that arrived. @param sent transcripts by message */
  #arrivedOf(sent: ReadonlyMap<number, Transcript>): readonly Move[] {
    for (const id of sent.keys()) {
      const { lane } = this.#waiting.get(id)!.row;
      this.#newestSent.set(lane, Math.max(id, this.#newestSent.get(lane) ?? 0));
    }
    const moves: Move[] = [];
    for (const [id, { remoteId }] of sent) {
      const doubt = this.#waiting.get(id)!;
      doubt.tried = remoteId;
      if (!isForGroup(doubt) || this.#wasOvertaken(doubt)) moves.push(this.#accepted(doubt, "transcript", remoteId));
    }
    return moves;
  }

  /** A newer one of its lane was sent: there was an answer to it, which let the next one go. */
  #wasOvertaken({ row }: Doubt): boolean {
    return row.id < (this.#newestSent.get(row.lane) ?? 0);
  }

  /** Transcripts that proved nothing yet, from when what waits can have been sent. */
  #openTranscripts(): readonly Transcript[] {
    const waiting = [...this.#waiting.values()].map(doubtful);
    const fromMs = Math.min(...waiting.map(earliestMs));
    const untilMs = Math.max(...waiting.map(latestMs));
    return this.#transcripts.between(fromMs, untilMs).filter(({ remoteId }) => !this.#spoken.has(remoteId));
  }

  #accepted(
    { row, attempt }: Doubt,
    reason: "receipt" | "transcript" | "overtaken",
    remoteId: string | undefined,
  ): Move {
    this.#waiting.delete(row.id);
    if (remoteId !== undefined) this.#spoken.add(remoteId);
    const [oldest] = this.#spoken;
    if (this.#spoken.size > MAX_SPOKEN) this.#spoken.delete(oldest!);
    const { detail: _, reason: __, ...times } = attempt;
    return {
      row,
      to: "accepted",
      attempt: {
        ...times,
        endedAtMs: this.options.clock.nowMs(),
        outcome: "accepted",
        reason,
        ...(remoteId === undefined ? {} : { remoteId }),
      },
    };
  }

  /** Lanes that wait for the fate of a message. */
  lanes(): readonly string[] {
    return [...this.#waiting.values()].map(({ row }) => row.lane);
  }

  /** How long until the first one has waited long enough, milliseconds. */
  nextDateMs(): number {
    if (this.#waiting.size === 0) return Infinity;
    const { clock, unknownWaitMs } = this.options;
    let nextMs = Infinity;
    for (const { endsAtMs } of this.#waiting.values()) nextMs = Math.min(nextMs, endsAtMs());
    // What a wait depends on rings no bell: subscribing, and what was heard.
    return Math.max(1, Math.min(nextMs - clock.monotonicMs(), unknownWaitMs));
  }

  /** Forgets what waits, with the lease. Transcripts stay: whoever has it next may be we again. */
  clear(): void {
    this.#waiting.clear();
    this.#spoken.clear();
    this.#newestSent.clear();
  }
}
