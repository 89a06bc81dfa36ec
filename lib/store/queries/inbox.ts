/**
 * @module
 */
import { integer, text } from "../decode.ts";
import { isDue } from "../due.ts";
import type { InboxRow, InboxStore } from "../port.ts";
import { inboxLook } from "./inbox_look.ts";
import { inserts, marks, type Scope, tuples } from "../scope.ts";
import type { AccountId } from "../../domain/address.ts";

/** Longest lists of index entries read at once while looking for lanes that are not blocked. */
const PAGE = 500;
/** What the columns hold; longer values would be cut silently by INSERT IGNORE. */
const MAX_EXTERNAL_ID = 190, MAX_LANE = 64, MAX_ACCOUNT = 64;

/** Events that reached us. */
export function inboxQueries(scope: Scope): InboxStore {
  const [insertIgnore, orIgnore] = scope.dialect.insertIgnore;

  async function accept(events: Parameters<InboxStore["accept"]>[0]): ReturnType<InboxStore["accept"]> {
    for (const event of events) {
      if (
        event.externalId.length > MAX_EXTERNAL_ID || event.lane.length > MAX_LANE || event.account.length > MAX_ACCOUNT
      ) throw new RangeError("an event's id, lane or account is too long");
    }
    const stored = await scope.atomic("inbox_accept", async (scope) => {
      let stored = 0;
      for (const some of inserts(events, (event) => event.body.length)) {
        const { affected } = await scope.run(
          `${insertIgnore} inbox (account, external_id, state, lane, due_at_ms, received_at_ms, body)
           VALUES ${tuples(some.length, "(?, ?, 'new', ?, 0, ?, ?)")} ${orIgnore("account, external_id")}`,
          some.flatMap((e) => [e.account, e.externalId, e.lane, e.receivedAtMs, e.body]),
        );
        stored += affected;
      }
      return stored;
    });
    return { stored, duplicates: events.length - stored };
  }

  async function due(options: Parameters<InboxStore["due"]>[0]): Promise<readonly InboxRow[]> {
    const busy = [...options.busyLanes];
    const blocked = new Set<string>();
    const chosen: number[] = [];
    for (let afterId = 0; chosen.length < options.limit;) {
      // Oldest first, so whatever could block a lane is seen before what it blocks. Served by inbox_work alone.
      const page = await scope.rows(
        `SELECT id, lane, due_at_ms FROM inbox WHERE state = 'new' AND id > ?
         ${busy.length === 0 ? "" : `AND lane NOT IN (${marks(busy.length)})`} ORDER BY id LIMIT ?`,
        [afterId, ...busy, PAGE],
      );
      for (const row of page) {
        const lane = text(row, "lane");
        if (!isDue(integer(row, "due_at_ms"), options.nowMs)) blocked.add(lane);
        else if (!blocked.has(lane)) chosen.push(integer(row, "id"));
        if (chosen.length >= options.limit) break;
      }
      if (page.length < PAGE) break;
      afterId = integer(page.at(-1)!, "id");
    }
    if (chosen.length === 0) return [];
    const rows = await scope.rows(
      `SELECT id, account, lane, body, received_at_ms, attempts FROM inbox
       WHERE id IN (${marks(chosen.length)}) AND state = 'new' ORDER BY id`,
      chosen,
    );
    return rows.map((row) => ({
      id: integer(row, "id"),
      account: text(row, "account") as AccountId,
      lane: text(row, "lane"),
      body: text(row, "body"),
      receivedAtMs: integer(row, "received_at_ms"),
      attempts: integer(row, "attempts"),
    }));
  }

  async function finish(id: number, nowMs: number): Promise<boolean> {
    const { affected } = await scope.atomic("inbox_finish", (scope) =>
      scope.run(
        "UPDATE inbox SET state = 'done', body = NULL, reason = NULL, finished_at_ms = ? WHERE id = ? AND state = 'new'",
        [nowMs, id],
      ));
    return affected === 1;
  }

  async function defer(id: number, attempts: number, dueAtMs: number, reason: string): Promise<void> {
    await scope.atomic(
      "inbox_defer",
      (scope) =>
        scope.db.updateTable("inbox").set({ attempts, due_at_ms: dueAtMs, reason })
          .where("id", "=", id).where("state", "=", "new").execute(),
    );
  }

  async function bury(id: number, attempts: number, reason: string, nowMs: number): Promise<void> {
    await scope.atomic(
      "inbox_bury",
      (scope) =>
        scope.db.updateTable("inbox").set({ state: "dead", attempts, reason, finished_at_ms: nowMs })
          .where("id", "=", id).where("state", "=", "new").execute(),
    );
  }

  async function backlog(): ReturnType<InboxStore["backlog"]> {
    const row = (await scope.rows(
      `SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'new') AS waiting,
              (SELECT COUNT(*) FROM inbox WHERE state = 'dead') AS dead`,
    ))[0]!;
    return { waiting: integer(row, "waiting"), dead: integer(row, "dead") };
  }

  return { accept, due, finish, defer, bury, backlog, ...inboxLook(scope) };
}
