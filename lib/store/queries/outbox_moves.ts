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
import type { Lease, OutboxStore, SettledRow } from "../port.ts";
import { chunks, marks, type Scope } from "../scope.ts";
import { archive, CHUNK, cut, lockMatching, noteAttempts, REASON_LENGTH, STARTS } from "./outbox_moving.ts";
import { decodeDropped, decodeOrigin } from "./outbox_rows.ts";

type Moves = Pick<
  OutboxStore,
  | "requeue"
  | "giveBack"
  | "markUnknown"
  | "resend"
  | "markDead"
  | "takeOver"
  | "dropQueued"
>;

export function outboxMoves(scope: Scope): Moves {
  /** Runs `move` on the rows that match, chunk by chunk, in one transaction. @returns the ids that matched */
  async function matching<T extends { readonly id: number }>(
    name: string,
    rows: readonly T[],
    start: string,
    lease: Lease,
    move: (scope: Scope, rows: readonly T[], ids: readonly number[]) => Promise<unknown>,
  ): Promise<readonly number[]> {
    if (rows.length === 0) return [];
    return await scope.atomic(name, async (scope) => {
      const matched: number[] = [];
      for (const some of chunks(rows, CHUNK)) {
        const ids = await lockMatching(scope, some.map((row) => row.id), start, lease);
        if (ids.length === 0) continue;
        const set = new Set(ids);
        await move(scope, some.filter((row) => set.has(row.id)), ids);
        matched.push(...ids);
      }
      return matched;
    });
  }
  const asRows = (ids: readonly number[]) => ids.map((id) => ({ id }));

  return {
    requeue: (rows, lease) =>
      matching("outbox_requeue", rows, STARTS.underWay, lease, async (scope, rows, ids) => {
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
        STARTS.sending,
        lease,
        (scope, _, ids) => scope.run(`UPDATE outbox SET state = 'queued' WHERE id IN (${marks(ids.length)})`, ids),
      ),

    markUnknown: (rows, lease) =>
      matching("outbox_unknown", rows, STARTS.sending, lease, async (scope, rows, ids) => {
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
      matching("outbox_resend", asRows(ids), STARTS.unknown, lease, (scope, _, ids) =>
        scope.run(
          `UPDATE outbox SET state = 'queued', due_at_ms = ${scope.dialect.nowMs} WHERE id IN (${marks(ids.length)})`,
          ids,
        )),

    markDead: (rows, lease, nowMs) =>
      matching("outbox_dead", rows, STARTS.unfinished, lease, async (scope, rows, ids) => {
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

/** A value for each row, chosen by its id. */
function perRow(rows: readonly unknown[]): string {
  return `CASE id${" WHEN ? THEN ?".repeat(rows.length)} END`;
}

function values<T extends { readonly id: number }>(rows: readonly T[], of: (row: T) => unknown): unknown[] {
  return rows.flatMap((row) => [row.id, of(row)]);
}
