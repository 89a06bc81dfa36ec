/**
 * Looking at events, and bringing dead ones back or giving them up. Never part of the hot path.
 *
 * @module
 */
import type { AccountId } from "../../domain/address.ts";
import { integer, oneOf, optionalInteger, optionalText, type Row, text } from "../decode.ts";
import type { InboxListing, InboxStore } from "../port.ts";
import { marks, type Scope } from "../scope.ts";
import { whereDead } from "./dead_filter.ts";

const LISTING = "id, account, state, reason, attempts, received_at_ms, due_at_ms, finished_at_ms";
/** What `reason` holds. */
const REASON_LENGTH = 190;

type Look = Pick<InboxStore, "find" | "body" | "ahead" | "deadLetters" | "replay" | "drop">;

export function inboxLook(scope: Scope): Look {
  /** Changes those of the events that are dead. @returns their ids */
  function ofDead(name: string, ids: readonly number[], change: string, values: readonly unknown[]) {
    return scope.atomic(name, async (scope): Promise<readonly number[]> => {
      if (ids.length === 0) return [];
      const found = (await scope.rows(
        `SELECT id FROM inbox WHERE id IN (${
          marks(ids.length)
        }) AND state = 'dead' ORDER BY id${scope.dialect.forUpdate}`,
        ids,
      )).map((row) => integer(row, "id"));
      if (found.length > 0) {
        await scope.run(`UPDATE inbox SET ${change} WHERE id IN (${marks(found.length)})`, [...values, ...found]);
      }
      return found;
    });
  }

  return {
    async find(id) {
      const [row] = await scope.rows(`SELECT ${LISTING} FROM inbox WHERE id = ?`, [id]);
      return row === undefined ? undefined : decodeListing(row);
    },

    async body(id) {
      const [row] = await scope.rows("SELECT body FROM inbox WHERE id = ?", [id]);
      return row === undefined ? undefined : optionalText(row, "body");
    },

    async ahead(id) {
      const [own] = await scope.rows("SELECT lane FROM inbox WHERE id = ? AND state = 'new'", [id]);
      if (own === undefined) return undefined;
      const before = "FROM inbox WHERE state = 'new' AND lane = ? AND id < ?";
      const place = [text(own, "lane"), id];
      const [head] = await scope.rows(`SELECT ${LISTING} ${before} ORDER BY id LIMIT 1`, place);
      if (head === undefined) return undefined;
      const [count] = await scope.rows(`SELECT COUNT(*) AS n ${before}`, place);
      return { count: integer(count!, "n"), head: decodeListing(head) };
    },

    async deadLetters(filter) {
      const [where, parameters] = whereDead(filter, "finished_at_ms");
      return (await scope.rows(`SELECT ${LISTING} FROM inbox WHERE ${where}`, parameters)).map(decodeListing);
    },

    replay: (ids, nowMs) =>
      ofDead(
        "inbox_replay",
        ids,
        "state = 'new', due_at_ms = ?, attempts = 0, reason = NULL, finished_at_ms = NULL",
        [nowMs],
      ),

    drop: (ids, reason, nowMs) =>
      ofDead("inbox_drop", ids, "state = 'done', body = NULL, reason = ?, finished_at_ms = ?", [
        // The database counts whole characters.
        [...reason].slice(0, REASON_LENGTH).join(""),
        nowMs,
      ]),
  };
}

function decodeListing(row: Row): InboxListing {
  return {
    id: integer(row, "id"),
    account: text(row, "account") as AccountId,
    state: oneOf(row, "state", ["new", "done", "dead"] as const),
    reason: optionalText(row, "reason"),
    attempts: integer(row, "attempts"),
    receivedAtMs: integer(row, "received_at_ms"),
    dueAtMs: integer(row, "due_at_ms"),
    finishedAtMs: optionalInteger(row, "finished_at_ms"),
  };
}
