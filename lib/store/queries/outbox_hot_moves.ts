/**
 * The two moves of every tick, in as few statements as there can be: on the first run they move what matches, count, and
 * let the transaction run again, carefully, when somebody was in between ({@link Scope.careful}).
 *
 * @module
 */
import type { Lease, OutboxStore } from "../port.ts";
import { chunks, marks, type Scope, tuples } from "../scope.ts";
import {
  archive,
  CHUNK,
  cut,
  guard,
  lockMatching,
  noteAttempts,
  REMOTE_ID_LENGTH,
  STARTS,
  type Tried,
} from "./outbox_moving.ts";

export function outboxHotMoves(scope: Scope): Pick<OutboxStore, "markSending" | "settleAccepted"> {
  return {
    async markSending(ids, lease, nowMs) {
      if (ids.length === 0) return [];
      return await scope.atomic("outbox_mark", async (scope) => {
        const marked: number[] = [];
        for (const some of chunks(ids, CHUNK)) {
          const matched = scope.careful ? await lockMatching(scope, some, STARTS.queued, lease) : some;
          if (matched.length === 0) continue;
          await mark(scope, matched, lease, nowMs);
          marked.push(...matched);
        }
        return marked;
      });
    },

    async settleAccepted(rows, lease) {
      if (rows.length === 0) return [];
      return await scope.atomic("outbox_settle", async (scope) => {
        const settled: number[] = [];
        for (const some of chunks(rows, CHUNK)) {
          let matched = some;
          if (scope.careful) {
            const ids = new Set(await lockMatching(scope, some.map((row) => row.id), STARTS.underWay, lease));
            matched = some.filter((row) => ids.has(row.id));
          }
          if (matched.length === 0) continue;
          await moveToArchive(scope, matched, lease);
          await noteAttempts(scope, matched);
          settled.push(...matched.map((row) => row.id));
        }
        return settled;
      });
    },
  };
}

async function mark(scope: Scope, ids: readonly number[], lease: Lease, nowMs: number): Promise<void> {
  const [condition, parameters] = guard(STARTS.queued, lease);
  await scope.post(
    `UPDATE outbox AS o SET state = 'sending', epoch = ?, marked_at_ms = ? WHERE o.id IN (${
      marks(ids.length)
    }) AND ${condition}`,
    [lease.epoch, nowMs, ...ids, ...parameters],
    { affected: ids.length, what: "outbox_mark" },
  );
}

async function moveToArchive(scope: Scope, rows: readonly Tried[], lease: Lease): Promise<void> {
  const [condition, parameters] = guard(STARTS.underWay, lease);
  const one = "SELECT ? AS id, ? AS attempts, ? AS remote_id, ? AS finished_at_ms";
  const values = tuples(rows.length, one).replaceAll(", SELECT", " UNION ALL SELECT");
  await scope.post(
    archive("'accepted'", "v.attempts", "NULL", "v.remote_id", "v.finished_at_ms") +
      ` FROM (${values}) v JOIN outbox o ON o.id = v.id WHERE ${condition}`,
    [
      ...rows.flatMap(({ id, attempt, attempts }) => [
        id,
        attempts,
        cut(attempt.remoteId, REMOTE_ID_LENGTH),
        attempt.endedAtMs,
      ]),
      ...parameters,
    ],
    { affected: rows.length, what: "outbox_settle" },
  );
  // The copy was read without a lock: what is deleted must still be what was copied.
  await scope.post(
    `DELETE FROM outbox WHERE id IN (${marks(rows.length)}) AND state IN ('sending', 'unknown') AND epoch = ?`,
    [...rows.map((row) => row.id), lease.epoch],
    { affected: rows.length, what: "outbox_settle" },
  );
}
