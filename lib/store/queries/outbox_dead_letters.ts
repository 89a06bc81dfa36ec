/**
 * Dead letters: sending them again, or giving them up.
 *
 * @module
 */
import { integer, type Row, text } from "../decode.ts";
import type { OutboxStore } from "../port.ts";
import { marks, type Scope } from "../scope.ts";
import { archive, IS_MESSAGE, REPLAYED } from "./outbox_moving.ts";
import { decodeDropped, decodeOrigin } from "./outbox_rows.ts";

export function outboxDeadLetters(scope: Scope): Pick<OutboxStore, "replay" | "replaysOf" | "drop"> {
  return {
    replay: (ids, maxReplays, nowMs) =>
      scope.atomic("outbox_replay", async (scope) => {
        if (ids.length === 0) return [];
        const rows = await scope.rows(
          `SELECT id, origin_kind, origin_key, origin_generation FROM outbox WHERE id IN (${marks(ids.length)})
           AND state = 'dead' AND replays < ? ORDER BY id${scope.dialect.forUpdate}`,
          [...ids, maxReplays],
        );
        const replayed = [];
        // One by one, in their old order: the new ids have to grow with the old ones.
        for (const row of rows) {
          const oldId = integer(row, "id");
          const { insertId: newId } = await scope.run(
            `INSERT INTO outbox (state, account, lane, due_at_ms, expires_at_ms, replays, kind, origin_kind, origin_key,
               origin_generation, created_at_ms, recipient, body)
             SELECT 'queued', account, lane, ?, ? + (expires_at_ms - created_at_ms), replays + 1, kind, origin_kind,
               origin_key, origin_generation, ?, recipient, body FROM outbox WHERE id = ?`,
            [nowMs, nowMs, nowMs, oldId],
          );
          await scope.run("UPDATE outbox_attempts SET outbox_id = ? WHERE outbox_id = ?", [newId, oldId]);
          // The old id leads to the new one as long as finished messages are kept; tries and text go on under the new id.
          await scope.run(
            archive("'dropped'", "o.attempts", "'replayed'", "?", "?", "''") + " FROM outbox o WHERE o.id = ?",
            [REPLAYED + newId, nowMs, oldId],
          );
          await scope.run("DELETE FROM outbox WHERE id = ?", [oldId]);
          replayed.push({ oldId, newId, origin: decodeOrigin(row) });
        }
        return replayed;
      }),

    async replaysOf(id) {
      const forth = await follow(id, (at) =>
        scope.rows(
          `SELECT id, remote_id, finished_at_ms FROM outbox_archive WHERE id = ? AND NOT ${IS_MESSAGE}`,
          [at],
        ), ({ newId }) => newId);
      const newest = forth.at(-1)?.newId ?? id;
      const [message] = await scope.rows(
        "SELECT account FROM outbox WHERE id = ? UNION ALL SELECT account FROM outbox_archive WHERE id = ?",
        [newest, newest],
      );
      if (message === undefined) return forth;
      const account = text(message, "account");
      const back = await follow(
        id,
        (at) =>
          scope.rows("SELECT id, remote_id, finished_at_ms FROM outbox_archive WHERE account = ? AND remote_id = ?", [
            account,
            REPLAYED + at,
          ]),
        ({ oldId }) => oldId,
      );
      return [...back.reverse(), ...forth];
    },

    drop: (ids, reason, nowMs) =>
      scope.atomic("outbox_drop_dead", async (scope) => {
        if (ids.length === 0) return [];
        const rows = (await scope.rows(
          `SELECT id, kind, origin_kind, origin_key, origin_generation FROM outbox WHERE id IN (${marks(ids.length)})
           AND state = 'dead' ORDER BY id${scope.dialect.forUpdate}`,
          ids,
        )).map(decodeDropped);
        if (rows.length === 0) return [];
        const found = rows.map((row) => row.id);
        await scope.run(
          archive("'dropped'", "o.attempts", "?", "NULL", "?") +
            ` FROM outbox o WHERE o.id IN (${marks(found.length)})`,
          [reason, nowMs, ...found],
        );
        await scope.run(`DELETE FROM outbox WHERE id IN (${marks(found.length)})`, found);
        return rows;
      }),
  };
}

type Replay = Awaited<ReturnType<OutboxStore["replaysOf"]>>[number];

/** One sign after another, from `id` on: each replay has a greater id, so this ends. */
async function follow(
  id: number,
  read: (at: number) => Promise<readonly Row[]>,
  next: (replay: Replay) => number,
): Promise<Replay[]> {
  const found: Replay[] = [];
  for (let at = id;;) {
    const [row] = await read(at);
    if (row === undefined) return found;
    const newId = Number(text(row, "remote_id").slice(REPLAYED.length));
    const replay = { oldId: integer(row, "id"), newId, atMs: integer(row, "finished_at_ms") };
    found.push(replay);
    at = next(replay);
  }
}
