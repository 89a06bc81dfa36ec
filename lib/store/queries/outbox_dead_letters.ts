/**
 * Dead letters: sending them again, or giving them up.
 *
 * @module
 */
import { integer } from "../decode.ts";
import type { OutboxStore } from "../port.ts";
import { marks, type Scope } from "../scope.ts";
import { archive } from "./outbox_moving.ts";
import { decodeDropped, decodeOrigin } from "./outbox_rows.ts";

export function outboxDeadLetters(scope: Scope): Pick<OutboxStore, "replay" | "drop"> {
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
          await scope.run("DELETE FROM outbox WHERE id = ?", [oldId]);
          replayed.push({ oldId, newId, origin: decodeOrigin(row) });
        }
        return replayed;
      }),

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
