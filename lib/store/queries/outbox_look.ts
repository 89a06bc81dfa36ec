/**
 * Looking closer at messages, for `explain` and `dlq`. Never part of the hot path.
 *
 * @module
 */
import { integer, optionalInteger, text } from "../decode.ts";
import type { OutboxListing, OutboxStore } from "../port.ts";
import { chunks, marks, type Scope } from "../scope.ts";
import { whereDead } from "./dead_filter.ts";
import { IS_MESSAGE } from "./outbox_moving.ts";
import { decodeListing } from "./outbox_reads.ts";

/**
 * How far ids and dates of history may disagree, milliseconds: sessions that enqueue at once get their ids in one order
 * and commit in another.
 */
const DATE_SLACK_MS = 600_000;

const LISTING =
  "id, account, lane, recipient, kind, origin_kind, origin_key, origin_generation, state, reason, attempts, " +
  "created_at_ms, due_at_ms";
/** States that keep those behind them in the lane waiting. */
const BLOCKING_STATES = ["queued", "sending", "unknown"] as const;
const BLOCKING = "state IN ('queued', 'sending', 'unknown')";

/** Lanes of one look for what stands first in them. */
const LANES = 50;

type Look = Pick<OutboxStore, "body" | "ahead" | "heads" | "ofOrigin" | "deadLetters">;

export function outboxLook(scope: Scope): Look {
  return {
    async body(id) {
      for (const from of ["outbox WHERE", `outbox_archive WHERE ${IS_MESSAGE} AND`]) {
        const [row] = await scope.rows(`SELECT body FROM ${from} id = ?`, [id]);
        if (row !== undefined) return text(row, "body");
      }
      return undefined;
    },

    async ahead(id) {
      const [own] = await scope.rows(`SELECT account, lane FROM outbox WHERE id = ? AND ${BLOCKING}`, [id]);
      if (own === undefined) return undefined;
      const before = `FROM outbox WHERE account = ? AND lane = ? AND id < ? AND ${BLOCKING}`;
      const place = [text(own, "account"), text(own, "lane"), id];
      const [head] = await scope.rows(`SELECT ${LISTING} ${before} ORDER BY id LIMIT 1`, place);
      if (head === undefined) return undefined;
      const [count] = await scope.rows(`SELECT COUNT(*) AS n ${before}`, place);
      return { count: integer(count!, "n"), head: decodeListing(head) };
    },

    async heads(account, lanes) {
      // With everything but the id given, the least one is read alone; asked for many lanes at once, MySQL reads all of each.
      const least = (state: string, at: number) =>
        `SELECT ${at} AS place, MIN(id) AS id FROM outbox ${scope.dialect.useOutboxWork}
         WHERE state = '${state}' AND account = ? AND lane = ?`;
      const heads = new Map<string, OutboxListing>();
      for (const some of chunks(lanes, LANES)) {
        const rows = await scope.rows(
          some.flatMap((_, at) => BLOCKING_STATES.map((state) => least(state, at))).join(" UNION ALL "),
          some.flatMap((lane) => BLOCKING_STATES.flatMap(() => [account, lane])),
        );
        const first = new Map<number, number>();
        for (const row of rows) {
          const [place, id] = [integer(row, "place"), optionalInteger(row, "id")];
          if (id !== undefined) first.set(place, Math.min(id, first.get(place) ?? id));
        }
        if (first.size === 0) continue;
        const ids = [...first.values()];
        const found = await scope.rows(`SELECT ${LISTING} FROM outbox WHERE id IN (${marks(ids.length)})`, ids);
        for (const row of found.map(decodeListing)) heads.set(row.lane, row);
      }
      return heads;
    },

    async ofOrigin({ kind, key }, { sinceMs, untilMs }) {
      const hot = await scope.rows("SELECT id FROM outbox WHERE origin_key = ? AND origin_kind = ?", [key, kind]);
      const from = await firstIdSince(scope, sinceMs - DATE_SLACK_MS);
      const to = await firstIdSince(scope, untilMs + DATE_SLACK_MS);
      const finished = from === undefined ? [] : await scope.rows(
        `SELECT id FROM outbox_archive WHERE id >= ? ${to === undefined ? "" : "AND id < ?"}
         AND origin_key = ? AND origin_kind = ? AND ${IS_MESSAGE}`,
        [from, ...(to === undefined ? [] : [to]), key, kind],
      );
      return [...new Set([...finished, ...hot].map((row) => integer(row, "id")))].sort((a, b) => a - b);
    },

    async deadLetters(filter) {
      const [where, parameters] = whereDead(filter, "marked_at_ms");
      const rows = await scope.rows(`SELECT ${LISTING}, marked_at_ms, replays FROM outbox WHERE ${where}`, parameters);
      return rows.map((row) => ({
        ...decodeListing(row),
        diedAtMs: integer(row, "marked_at_ms"),
        replays: integer(row, "replays"),
      }));
    },
  };
}

/** The first id of history that was enqueued at `ms` or later, by halving: ids and dates grow together. */
async function firstIdSince(scope: Scope, ms: number): Promise<number | undefined> {
  const [ends] = await scope.rows("SELECT MIN(id) AS low, MAX(id) AS high FROM outbox_archive");
  if (ends === undefined || ends["low"] === null) return undefined;
  let low = integer(ends, "low");
  let high = integer(ends, "high") + 1;
  const last = high;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = await scope.rows(
      "SELECT id, created_at_ms FROM outbox_archive WHERE id >= ? ORDER BY id LIMIT 1",
      [middle],
    );
    if (row === undefined || integer(row, "created_at_ms") >= ms) high = middle;
    else low = integer(row, "id") + 1;
  }
  return low >= last ? undefined : low;
}
