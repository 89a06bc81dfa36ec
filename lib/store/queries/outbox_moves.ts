/**
 * Moves of outbox rows. Each first reads which of the rows are where the move starts from, under our lease and epoch, and
 * locks them; then moves exactly those. A handful of statements, however many rows.
 *
 * @module
 */
import type { Address } from "../../domain/address.ts";
import type { Origin } from "../../domain/message.ts";
import { MESSAGE_KINDS } from "../../domain/message.ts";
import { integer, oneOf, type Row, text } from "../decode.ts";
import type { Attempt, Lease, OutboxStore, SettledRow } from "../port.ts";
import { chunks, marks, type Scope, tuples } from "../scope.ts";
import { decodeDropped, decodeOrigin } from "./outbox_rows.ts";

/** Rows of one statement; SQLite joins at most 500 SELECTs. */
const CHUNK = 200;
/** What `reason` and `remote_id` hold; more would be refused by the database and block the settling of its neighbours. */
const REASON_LENGTH = 40, REMOTE_ID_LENGTH = 190;

type Moves = Pick<
  OutboxStore,
  | "markSending"
  | "settleAccepted"
  | "requeue"
  | "giveBack"
  | "markUnknown"
  | "resend"
  | "markDead"
  | "takeOver"
  | "dropQueued"
>;

interface Tried {
  readonly id: number;
  readonly attempts: number;
  readonly attempt: Attempt;
}

export function outboxMoves(scope: Scope): Moves {
  /** Runs `move` on the rows that match, chunk by chunk, in one transaction. @returns the ids that matched */
  async function matching<T extends { readonly id: number }>(
    name: string,
    rows: readonly T[],
    states: string,
    lease: Lease,
    move: (scope: Scope, rows: readonly T[], ids: readonly number[]) => Promise<unknown>,
  ): Promise<readonly number[]> {
    if (rows.length === 0) return [];
    return await scope.atomic(name, async (scope) => {
      const matched: number[] = [];
      for (const some of chunks(rows, CHUNK)) {
        const found = await scope.rows(
          `SELECT id FROM outbox WHERE id IN (${marks(some.length)}) AND ${states}
           AND EXISTS (SELECT 1 FROM leases WHERE name = ? AND holder = ? AND leases.epoch = ?)
           ORDER BY id${scope.dialect.forUpdate}`,
          [
            ...some.map((row) => row.id),
            ...(states.includes("?") ? [lease.epoch] : []),
            lease.name,
            lease.holder,
            lease.epoch,
          ],
        );
        if (found.length === 0) continue;
        const ids = found.map((row) => integer(row, "id"));
        const set = new Set(ids);
        await move(scope, ids.length === some.length ? some : some.filter((row) => set.has(row.id)), ids);
        matched.push(...ids);
      }
      return matched;
    });
  }
  const QUEUED = "state = 'queued'";
  const SENDING = "state = 'sending' AND outbox.epoch = ?";
  const UNKNOWN = "state = 'unknown' AND outbox.epoch = ?";
  const UNDER_WAY = "state IN ('sending', 'unknown') AND outbox.epoch = ?";
  const UNFINISHED = "(state = 'queued' OR (state IN ('sending', 'unknown') AND outbox.epoch = ?))";
  const asRows = (ids: readonly number[]) => ids.map((id) => ({ id }));

  return {
    markSending: (ids, lease, nowMs) =>
      matching("outbox_mark", asRows(ids), QUEUED, lease, (scope, _, ids) =>
        scope.run(
          `UPDATE outbox SET state = 'sending', epoch = ?, marked_at_ms = ? WHERE id IN (${marks(ids.length)})`,
          [lease.epoch, nowMs, ...ids],
        )),

    settleAccepted: (rows, lease) =>
      matching("outbox_settle", rows, UNDER_WAY, lease, async (scope, rows, ids) => {
        const one = "SELECT ? AS id, ? AS attempts, ? AS remote_id, ? AS finished_at_ms";
        await scope.run(
          archive("'accepted'", "v.attempts", "NULL", "v.remote_id", "v.finished_at_ms") +
            ` FROM (${
              tuples(rows.length, one).replaceAll(", SELECT", " UNION ALL SELECT")
            }) v JOIN outbox o ON o.id = v.id`,
          rows.flatMap((
            { id, attempt, attempts },
          ) => [id, attempts, cut(attempt.remoteId, REMOTE_ID_LENGTH), attempt.endedAtMs]),
        );
        await scope.run(`DELETE FROM outbox WHERE id IN (${marks(ids.length)})`, ids);
        await noteAttempts(scope, rows);
      }),

    requeue: (rows, lease) =>
      matching("outbox_requeue", rows, UNDER_WAY, lease, async (scope, rows, ids) => {
        await scope.run(
          `UPDATE outbox SET state = 'queued', due_at_ms = ${perRow(rows)}, attempts = ${perRow(rows)},
             reason = ${perRow(rows)} WHERE id IN (${marks(ids.length)})`,
          [
            ...values(rows, (row) => row.dueAtMs),
            ...values(rows, (row) => row.attempts),
            ...values(rows, (row) => cut(row.attempt.reason, REASON_LENGTH)),
            ...ids,
          ],
        );
        await noteAttempts(scope, rows);
      }),

    giveBack: (ids, lease) =>
      matching(
        "outbox_give_back",
        asRows(ids),
        SENDING,
        lease,
        (scope, _, ids) => scope.run(`UPDATE outbox SET state = 'queued' WHERE id IN (${marks(ids.length)})`, ids),
      ),

    markUnknown: (rows, lease) =>
      matching("outbox_unknown", rows, SENDING, lease, async (scope, rows, ids) => {
        await scope.run(
          `UPDATE outbox SET state = 'unknown', attempts = ${perRow(rows)}, reason = ${perRow(rows)}
           WHERE id IN (${marks(ids.length)})`,
          [
            ...values(rows, (row) => row.attempts),
            ...values(rows, (row) => cut(row.attempt.reason, REASON_LENGTH)),
            ...ids,
          ],
        );
        await noteAttempts(scope, rows);
      }),

    resend: (ids, lease) =>
      matching("outbox_resend", asRows(ids), UNKNOWN, lease, (scope, _, ids) =>
        scope.run(
          `UPDATE outbox SET state = 'queued', due_at_ms = ${scope.dialect.nowMs} WHERE id IN (${marks(ids.length)})`,
          ids,
        )),

    markDead: (rows, lease, nowMs) =>
      matching("outbox_dead", rows, UNFINISHED, lease, async (scope, rows, ids) => {
        await scope.run(
          `UPDATE outbox SET state = 'dead', marked_at_ms = ?, attempts = ${perRow(rows)}, reason = ${perRow(rows)}
           WHERE id IN (${marks(ids.length)})`,
          [
            nowMs,
            ...values(rows, (row) => row.attempts),
            ...values(rows, (row) => row.reason),
            ...ids,
          ],
        );
        await noteAttempts(
          scope,
          rows.flatMap(({ id, attempts, attempt }) => attempt === undefined ? [] : [{ id, attempts, attempt }]),
        );
      }),

    takeOver: (lease, account) => takeOver(scope, lease, account),
    dropQueued: (origin, reason, nowMs) => dropQueued(scope, origin, reason, nowMs),
  };
}

async function takeOver(scope: Scope, lease: Lease, account: string): ReturnType<OutboxStore["takeOver"]> {
  return await scope.atomic("outbox_take_over", async (scope) => {
    const found: Row[] = [];
    // One state at a time: with IN (…), MySQL sometimes reads the whole index, dead rows and all.
    for (const state of ["sending", "unknown"]) {
      found.push(
        ...await scope.rows(
          `SELECT id, lane, recipient, state, epoch, attempts, marked_at_ms, kind, origin_kind, origin_key, origin_generation
           FROM outbox ${scope.dialect.useOutboxWork} WHERE state = ? AND account = ?
           AND EXISTS (SELECT 1 FROM leases WHERE name = ? AND holder = ? AND leases.epoch = ?)
           ORDER BY id${scope.dialect.forUpdate}`,
          [state, account, lease.name, lease.holder, lease.epoch],
        ),
      );
    }
    found.sort((a, b) => integer(a, "id") - integer(b, "id"));
    const rows = found.map((row) => ({
      id: integer(row, "id"),
      lane: text(row, "lane"),
      recipient: text(row, "recipient") as Address,
      state: oneOf(row, "state", ["sending", "unknown"] as const),
      epoch: integer(row, "epoch"),
      attempts: integer(row, "attempts"),
      markedAtMs: integer(row, "marked_at_ms"),
      kind: oneOf(row, "kind", MESSAGE_KINDS),
      origin: decodeOrigin(row),
    }));
    for (const some of chunks(rows.filter((row) => row.epoch !== lease.epoch), CHUNK)) {
      await scope.run(`UPDATE outbox SET epoch = ? WHERE id IN (${marks(some.length)})`, [
        lease.epoch,
        ...some.map((row) => row.id),
      ]);
    }
    return rows;
  });
}

async function dropQueued(
  scope: Scope,
  origin: Pick<Origin, "kind" | "key">,
  reason: string,
  nowMs: number,
): Promise<readonly SettledRow[]> {
  return await scope.atomic("outbox_drop", async (scope) => {
    const rows = (await scope.rows(
      `SELECT id, kind, origin_kind, origin_key, origin_generation FROM outbox
       WHERE origin_key = ? AND origin_kind = ? AND state = 'queued' ORDER BY id${scope.dialect.forUpdate}`,
      [origin.key, origin.kind],
    )).map(decodeDropped);
    for (const some of chunks(rows, CHUNK)) {
      const ids = some.map((row) => row.id);
      await scope.run(
        archive("'dropped'", "o.attempts", "?", "NULL", "?") + ` FROM outbox o WHERE o.id IN (${marks(ids.length)})`,
        [reason, nowMs, ...ids],
      );
      await scope.run(`DELETE FROM outbox WHERE id IN (${marks(ids.length)})`, ids);
    }
    return rows;
  });
}

/** `INSERT … SELECT` into the archive; texts stay in the database. */
export function archive(
  state: string,
  attempts: string,
  reason: string,
  remoteId: string,
  finishedAtMs: string,
): string {
  return `INSERT INTO outbox_archive (id, state, account, lane, attempts, reason, remote_id, kind, origin_kind, origin_key,
      origin_generation, created_at_ms, finished_at_ms, recipient, body)
    SELECT o.id, ${state}, o.account, o.lane, ${attempts}, ${reason}, ${remoteId}, o.kind, o.origin_kind, o.origin_key,
      o.origin_generation, o.created_at_ms, ${finishedAtMs}, o.recipient, o.body`;
}

async function noteAttempts(scope: Scope, rows: readonly Tried[]): Promise<void> {
  if (rows.length === 0) return;
  await scope.run(
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
  );
}

/** A value for each row, chosen by its id. */
function perRow(rows: readonly unknown[]): string {
  return `CASE id${" WHEN ? THEN ?".repeat(rows.length)} END`;
}

function values<T extends { readonly id: number }>(rows: readonly T[], of: (row: T) => unknown): unknown[] {
  return rows.flatMap((row) => [row.id, of(row)]);
}

function cut(text: string | undefined, length: number): string | null {
  return text === undefined ? null : text.slice(0, length);
}
