/**
 * What all moves of outbox rows share.
 *
 * @module
 */
import { integer } from "../decode.ts";
import type { Attempt, Lease } from "../port.ts";
import { marks, type Scope, tuples } from "../scope.ts";

/** Rows of one statement; SQLite joins at most 500 SELECTs. */
export const CHUNK = 200;
/** What `reason` and `remote_id` hold; more would be refused by the database and block the settling of its neighbours. */
export const REASON_LENGTH = 40, REMOTE_ID_LENGTH = 190;

/** A row and the try that moves it. */
export interface Tried {
  readonly id: number;
  readonly attempts: number;
  readonly attempt: Attempt;
}

/** Where a move starts from: a condition on `outbox o`, in which `?` is the epoch. */
export const STARTS = {
  queued: "o.state = 'queued'",
  sending: "o.state = 'sending' AND o.epoch = ?",
  unknown: "o.state = 'unknown' AND o.epoch = ?",
  underWay: "o.state IN ('sending', 'unknown') AND o.epoch = ?",
  unfinished: "(o.state = 'queued' OR (o.state IN ('sending', 'unknown') AND o.epoch = ?))",
} as const;

/** `start`, and the lease is still ours; with its parameters. */
export function guard(start: string, lease: Lease): readonly [sql: string, parameters: readonly unknown[]] {
  return [
    `${start} AND EXISTS (SELECT 1 FROM leases l WHERE l.name = ? AND l.holder = ? AND l.epoch = ?)`,
    [...(start.includes("?") ? [lease.epoch] : []), lease.name, lease.holder, lease.epoch],
  ];
}

/** Locks those of the rows that are where the move starts from. @returns their ids */
export async function lockMatching(
  scope: Scope,
  ids: readonly number[],
  start: string,
  lease: Lease,
): Promise<readonly number[]> {
  const [condition, parameters] = guard(start, lease);
  const found = await scope.rows(
    `SELECT o.id FROM outbox o WHERE o.id IN (${
      marks(ids.length)
    }) AND ${condition} ORDER BY o.id${scope.dialect.forUpdate}`,
    [...ids, ...parameters],
  );
  return found.map((row) => integer(row, "id"));
}

/** `INSERT … SELECT` into the archive; texts stay in the database. Each parameter is SQL. */
export function archive(
  state: string,
  attempts: string,
  reason: string,
  remoteId: string,
  finishedAtMs: string,
  body = "o.body",
): string {
  return `INSERT INTO outbox_archive (id, state, account, lane, attempts, replays, reason, remote_id, kind, origin_kind, origin_key,
      origin_generation, created_at_ms, finished_at_ms, recipient, body)
    SELECT o.id, ${state}, o.account, o.lane, ${attempts}, o.replays, ${reason}, ${remoteId}, o.kind, o.origin_kind, o.origin_key,
      o.origin_generation, o.created_at_ms, ${finishedAtMs}, o.recipient, ${body}`;
}

/** What stands in history, as `remote_id`, under the id that a message had before its replay; the new id follows. Signal's are digits. */
export const REPLAYED = "replayed:";
/** A row of history that is a message, and not a sign where a replayed one went. */
export const IS_MESSAGE = `(remote_id IS NULL OR remote_id NOT LIKE '${REPLAYED}%')`;

export async function noteAttempts(scope: Scope, rows: readonly Tried[]): Promise<void> {
  if (rows.length === 0) return;
  await scope.post(
    `INSERT INTO outbox_attempts (outbox_id, attempts, handed_over_at_ms, ended_at_ms, outcome, reason, remote_id, detail)
     VALUES ${tuples(rows.length, "(?, ?, ?, ?, ?, ?, ?, ?)")}`,
    rows.flatMap(({ id, attempts, attempt }) => [
      id,
      attempts,
      attempt.handedOverAtMs,
      attempt.endedAtMs,
      attempt.outcome,
      cut(attempt.reason, REASON_LENGTH),
      cut(attempt.remoteId, REMOTE_ID_LENGTH),
      attempt.detail ?? null,
    ]),
    { affected: rows.length, what: "outbox_attempts" },
  );
}

export function cut(text: string | undefined, length: number): string | null {
  return text === undefined ? null : text.slice(0, length);
}
