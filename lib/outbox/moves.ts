/**
 * What is to become of a row, and carrying it out. The decision is pure; carrying out takes whatever many rows in a
 * handful of statements, inside the caller's transaction.
 *
 * @module
 */
import type { Address } from "../domain/address.ts";
import type { FaultReason, MessageKind, Origin, SendOutcome } from "../domain/message.ts";
import type { Random } from "../runtime/random.ts";
import type { Attempt, Lease, SettledRow, StoreTx } from "../store/port.ts";
import { channelPauseMs, messageRetryDelayMs } from "./backoff.ts";

/** What the moves need to know of a row. */
export interface Subject {
  readonly id: number;
  readonly lane: string;
  readonly recipient: Address;
  readonly kind: MessageKind;
  readonly origin: Origin;
  /** Tries that cost something, so far. */
  readonly attempts: number;
  /** When it is too old, by the database's clock; undefined where that is not asked. */
  readonly expiresAtMs?: number;
}

export type Move =
  & { readonly row: Subject }
  & (
    | { readonly to: "accepted"; readonly attempt: Attempt }
    /** Back in the queue after a try; `attempts` is the new count. */
    | { readonly to: "queued"; readonly attempt: Attempt; readonly attempts: number; readonly dueInMs: number }
    /** Back in the queue: it never left us. */
    | { readonly to: "given_back" }
    | { readonly to: "unknown"; readonly attempt: Attempt; readonly attempts: number }
    /** Out of `unknown`, to be sent again. `silent`: there was no answer at all, so it may arrive twice. */
    | { readonly to: "resend"; readonly silent: boolean }
    | { readonly to: "dead"; readonly reason: FaultReason; readonly attempt?: Attempt; readonly attempts: number }
  );

export interface VerdictOptions {
  /** More tries after the first (`MAX_RETRIES`). */
  readonly maxRetries: number;
  readonly random: Random;
  /** Channel faults of this lane in a row, this one included. */
  readonly laneFaults: number;
}

/** What an outcome means for the row (design §4, order and failure). Pure, but for the jitter. */
export function verdict(
  row: Subject,
  outcome: SendOutcome,
  times: { readonly handedOverAtMs: number; readonly endedAtMs: number },
  options: VerdictOptions,
): Move {
  const attempt: Attempt = {
    ...times,
    outcome: outcome.outcome,
    ...("reason" in outcome ? { reason: outcome.reason } : {}),
    ...("remoteId" in outcome && outcome.remoteId !== undefined ? { remoteId: outcome.remoteId } : {}),
    ...detailOf(outcome),
  };
  switch (outcome.outcome) {
    case "accepted":
      return { row, to: "accepted", attempt };
    case "retry": {
      const attempts = row.attempts + 1;
      if (attempts > options.maxRetries) return { row, to: "dead", reason: outcome.reason, attempt, attempts };
      return { row, to: "queued", attempt, attempts, dueInMs: messageRetryDelayMs(attempts, options.random) };
    }
    case "refused":
      return { row, to: "dead", reason: outcome.reason, attempt, attempts: row.attempts + 1 };
    case "paused":
      // An error that carries a timestamp was sent in some way; Signal answers 429 at times for what got through.
      if (outcome.remoteId !== undefined) return { row, to: "unknown", attempt, attempts: row.attempts };
      // The account waits as a whole; the row's own date grows besides, so that one recipient whose sends always
      // look like a network fault cannot be the first try after every pause.
      return {
        row,
        to: "queued",
        attempt,
        attempts: row.attempts,
        dueInMs: channelPauseMs(options.laneFaults, options.random),
      };
    case "unknown":
      // Silence of a living channel is counted against the message; a channel that died is not its fault.
      return {
        row,
        to: "unknown",
        attempt,
        attempts: row.attempts + (outcome.reason === "no_answer" ? 1 : 0),
      };
  }
}

/**
 * Members of one try's detail, which the database takes up to 65,535 bytes of; more would be refused, and block the settling of its
 * neighbours. Signal's largest groups have 1,001, and by reason each takes 50 bytes.
 */
const MEMBERS_LIMIT = 1_200;

function detailOf(outcome: SendOutcome): { detail?: string } {
  if (outcome.outcome === "accepted" && outcome.failedMembers !== undefined && outcome.failedMembers.length > 0) {
    const byReason = Object.groupBy(outcome.failedMembers.slice(0, MEMBERS_LIMIT), ({ reason }) => reason);
    const notReached = Object.entries(byReason).map(([reason, members]) =>
      [reason, members!.map(({ address }) => address ?? null)] as const
    );
    return { detail: JSON.stringify({ notReached: Object.fromEntries(notReached) }) };
  }
  if (outcome.outcome === "paused" && outcome.retryAfterMs !== undefined) {
    return { detail: JSON.stringify({ retryAfterMs: outcome.retryAfterMs }) };
  }
  return {};
}

/**
 * Carries the moves out. A row that no longer is where its move starts from is left alone: somebody else moved it, which
 * the caller learns from the count.
 * @returns rows that reached an end, for their owners, and the ids that moved
 */
export async function carryOut(
  tx: StoreTx,
  moves: readonly Move[],
  lease: Lease,
  nowMs: number,
): Promise<{ readonly settled: readonly SettledRow[]; readonly moved: ReadonlySet<number> }> {
  const moved = new Set<number>();
  const settled: SettledRow[] = [];
  const of = <T extends Move["to"]>(to: T) => moves.filter((move) => move.to === to) as Extract<Move, { to: T }>[];
  const ids = (some: readonly Move[]) => some.map((move) => move.row.id);
  const note = (matched: readonly number[]) => {
    for (const id of matched) moved.add(id);
  };

  const accepted = of("accepted");
  if (accepted.length > 0) {
    note(
      await tx.outbox.settleAccepted(
        accepted.map((m) => ({ id: m.row.id, attempt: m.attempt, attempts: m.row.attempts })),
        lease,
      ),
    );
  }
  const queued = of("queued");
  if (queued.length > 0) {
    note(
      await tx.outbox.requeue(
        queued.map((m) => ({ id: m.row.id, attempt: m.attempt, attempts: m.attempts, dueAtMs: nowMs + m.dueInMs })),
        lease,
      ),
    );
  }
  // Whether a message is too old was reckoned from our own clock, which may have been set since: the database's decides.
  const [early, dead] = partition(
    of("dead"),
    ({ reason, row: { expiresAtMs } }) => reason === "expired" && expiresAtMs !== undefined && expiresAtMs > nowMs,
  );
  const back = [...of("given_back"), ...early];
  if (back.length > 0) note(await tx.outbox.giveBack(ids(back), lease));
  const unknown = of("unknown");
  if (unknown.length > 0) {
    note(
      await tx.outbox.markUnknown(
        unknown.map((m) => ({ id: m.row.id, attempt: m.attempt, attempts: m.attempts })),
        lease,
      ),
    );
  }
  const again = of("resend");
  if (again.length > 0) note(await tx.outbox.resend(ids(again), lease));
  if (dead.length > 0) {
    note(
      await tx.outbox.markDead(
        dead.map((m) => ({
          id: m.row.id,
          reason: m.reason,
          attempts: m.attempts,
          ...(m.attempt === undefined ? {} : { attempt: m.attempt }),
        })),
        lease,
        nowMs,
      ),
    );
  }
  for (const move of accepted) {
    if (moved.has(move.row.id)) settled.push({ ...ownerOf(move.row), state: "accepted" });
  }
  for (const move of dead) {
    if (moved.has(move.row.id)) settled.push({ ...ownerOf(move.row), state: "dead", reason: move.reason });
  }
  return { settled, moved };
}

function partition<T>(all: readonly T[], isFirst: (one: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [all.filter(isFirst), all.filter((one) => !isFirst(one))];
}

function ownerOf(row: Subject): Pick<SettledRow, "id" | "kind" | "origin"> {
  return { id: row.id, kind: row.kind, origin: row.origin };
}
