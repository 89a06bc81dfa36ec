/**
 * The search for what may be handed over next. Every statement is served by the index `outbox_work`
 * (state, account, lane, id, …), so its cost follows the number of lanes looked at, not the length of lanes or history.
 *
 * @module
 */
import type { AccountId } from "../../domain/address.ts";
import { integer, type Row, text } from "../decode.ts";
import type { OutboxRow, OutboxStore } from "../port.ts";
import { marks, type Scope } from "../scope.ts";
import { decodeOutboxRow, OUTBOX_COLUMNS } from "./outbox_rows.ts";

/** Lanes looked at by one statement: at least as many as are wanted, more when the first ones had nothing to give. */
const MIN_PAGE = 16, MAX_PAGE = 1_000;
/** Lanes whose second and later rows are read by one statement. */
const DEEP_LANES = 64;
/** Lower than every lane and higher than every lane (lanes are 32 hex characters). */
const FIRST = "", LAST = "~";

type Options = Parameters<OutboxStore["candidates"]>[1];

interface Chosen {
  readonly lane: string;
  readonly rows: OutboxRow[];
  /** Rows that it may still take. */
  room: number;
}

export function outboxCandidates(scope: Scope): Pick<OutboxStore, "candidates" | "waitingLanes"> {
  async function candidates(account: AccountId, options: Options): ReturnType<OutboxStore["candidates"]> {
    const blocked = await blockedLanes(scope, account, options.running);
    const quota = (lane: string) => options.running.get(lane) ?? options.perLane;
    const chosen: Chosen[] = [];
    let nextLane: string | undefined;

    // From behind `afterLane` to the end, then from the beginning up to it: a full round.
    const start = options.afterLane ?? FIRST;
    const ranges: [string, string][] = start === FIRST ? [[FIRST, LAST]] : [[start, LAST], [FIRST, start]];
    let size = Math.max(MIN_PAGE, options.limit);
    search: for (const [from, to] of options.limit > 0 ? ranges : []) {
      for (let after = from;;) {
        const heads = await laneHeads(scope, account, after, to, size, options.nowMs);
        for (const [at, head] of heads.entries()) {
          after = text(head, "lane");
          if (blocked.has(after) || options.skip.has(after) || quota(after) < 1) continue;
          if (integer(head, "due_at_ms") > options.nowMs) continue;
          chosen.push({ lane: after, rows: [decodeOutboxRow(head)], room: quota(after) - 1 });
          if (chosen.length < options.limit) continue;
          const isLast = to === ranges.at(-1)![1] && heads.length < size && at === heads.length - 1;
          nextLane = isLast ? undefined : after;
          break search;
        }
        if (heads.length < size) break;
        size = Math.min(MAX_PAGE, size * 2);
      }
    }
    await deepen(scope, account, chosen, options);
    return { rows: inTurn(chosen, options.limit), nextLane };
  }

  async function waitingLanes(account: AccountId, nowMs: number): ReturnType<OutboxStore["waitingLanes"]> {
    const blocked = await blockedLanes(scope, account, new Map());
    const waiting: { lane: string; dueAtMs: number }[] = [];
    for (let after = FIRST;;) {
      const heads = await laneHeads(scope, account, after, LAST, MAX_PAGE, -1);
      for (const head of heads) {
        after = text(head, "lane");
        const dueAtMs = integer(head, "due_at_ms");
        if (dueAtMs > nowMs && !blocked.has(after)) waiting.push({ lane: after, dueAtMs });
      }
      if (heads.length < MAX_PAGE) return waiting;
    }
  }

  return { candidates, waitingLanes };
}

/** Lanes where something is under way and not ours to add to, or where nobody knows what became of it. */
async function blockedLanes(
  scope: Scope,
  account: AccountId,
  running: ReadonlyMap<string, number>,
): Promise<ReadonlySet<string>> {
  const rows = await scope.rows(
    `SELECT lane, state FROM outbox ${scope.dialect.useOutboxWork} WHERE state IN ('sending', 'unknown') AND account = ?`,
    [account],
  );
  const blocked = new Set<string>();
  for (const row of rows) {
    const lane = text(row, "lane");
    // What follows an unknown message waits for its fate also where we have rows under way: order comes first.
    if (row["state"] === "unknown" || !running.has(lane)) blocked.add(lane);
  }
  return blocked;
}

/**
 * The oldest queued row of up to `size` lanes behind `after`, up to and with `to`. Only those that are due bring their
 * text. MySQL jumps from lane to lane within the index ("Using index for group-by"); SQLite is told to, by recursion.
 */
function laneHeads(
  scope: Scope,
  account: AccountId,
  after: string,
  to: string,
  size: number,
  nowMs: number,
): Promise<readonly Row[]> {
  const columns = OUTBOX_COLUMNS.replace("o.body", "CASE WHEN o.due_at_ms <= ? THEN o.body ELSE '' END AS body");
  if (scope.dialect.name === "mysql") {
    return scope.rows(
      `SELECT ${columns}, o.due_at_ms FROM (
         SELECT lane, MIN(id) AS id FROM outbox FORCE INDEX (outbox_work)
         WHERE state = 'queued' AND account = ? AND lane > ? AND lane <= ? GROUP BY lane ORDER BY lane LIMIT ?
       ) h JOIN outbox o ON o.id = h.id ORDER BY o.lane`,
      [nowMs, account, after, to, size],
    );
  }
  return scope.rows(
    `WITH RECURSIVE lanes (lane) AS (
       SELECT (SELECT MIN(lane) FROM outbox INDEXED BY outbox_work
         WHERE state = 'queued' AND account = ?1 AND lane > ?2)
       UNION ALL
       SELECT (SELECT MIN(lane) FROM outbox INDEXED BY outbox_work
         WHERE state = 'queued' AND account = ?1 AND lane > lanes.lane)
       FROM lanes WHERE lanes.lane IS NOT NULL AND lanes.lane <= ?3 LIMIT ?4
     )
     SELECT ${columns.replace("?", "?5")}, o.due_at_ms FROM lanes JOIN outbox o ON o.id = (
       SELECT MIN(id) FROM outbox INDEXED BY outbox_work WHERE state = 'queued' AND account = ?1 AND lane = lanes.lane
     ) WHERE lanes.lane IS NOT NULL AND lanes.lane <= ?3 ORDER BY o.lane`,
    [account, after, to, size, nowMs],
  );
}

/** Where fewer lanes than wanted have work, their next rows fill the rest: evenly at first, then whoever has more. */
async function deepen(scope: Scope, account: AccountId, chosen: Chosen[], options: Options): Promise<void> {
  let free = options.limit - chosen.length;
  let open = chosen.filter((lane) => lane.room > 0);
  while (free > 0 && open.length > 0) {
    const each = Math.max(1, Math.ceil(free / open.length));
    const more: Chosen[] = [];
    for (let at = 0; at < open.length && free > 0; at += DEEP_LANES) {
      const lanes = open.slice(at, at + DEEP_LANES);
      const byLane = await nextRows(scope, account, lanes, each);
      for (const lane of lanes) {
        const found = byLane.get(lane.lane) ?? [];
        const asked = Math.min(lane.room, each);
        // A row with a date to come stops its lane: those behind it wait for it.
        const stop = found.findIndex((row) => integer(row, "due_at_ms") > options.nowMs);
        const usable = (stop < 0 ? found : found.slice(0, stop)).slice(0, free);
        lane.rows.push(...usable.map(decodeOutboxRow));
        lane.room -= usable.length;
        free -= usable.length;
        if (usable.length === asked && lane.room > 0) more.push(lane);
      }
    }
    open = more;
  }
}

async function nextRows(
  scope: Scope,
  account: AccountId,
  lanes: readonly Chosen[],
  each: number,
): Promise<Map<string, Row[]>> {
  // One piece per lane: only so does the LIMIT hold for each of them, and no long lane is read to its end.
  const piece = `SELECT * FROM (SELECT ${OUTBOX_COLUMNS}, o.due_at_ms FROM outbox o ${scope.dialect.useOutboxWork}
    WHERE o.state = 'queued' AND o.account = ? AND o.lane = ? AND o.id > ? ORDER BY o.id LIMIT ?)`;
  const rows = await scope.rows(
    lanes.map((_, i) => `${piece} AS p${i}`).join(" UNION ALL "),
    lanes.flatMap((lane) => [account, lane.lane, lane.rows.at(-1)!.id, Math.min(lane.room, each)]),
  );
  const byLane = new Map<string, Row[]>();
  for (const row of rows) {
    const lane = text(row, "lane");
    const list = byLane.get(lane);
    if (list === undefined) byLane.set(lane, [row]);
    else list.push(row);
  }
  for (const list of byLane.values()) list.sort((a, b) => integer(a, "id") - integer(b, "id"));
  return byLane;
}

/** First rows of all lanes, then second ones, and so on: nobody waits for the length of another lane. */
function inTurn(chosen: readonly Chosen[], limit: number): readonly OutboxRow[] {
  const rows: OutboxRow[] = [];
  for (let depth = 0; rows.length < limit; depth++) {
    const before = rows.length;
    for (const lane of chosen) {
      const row = lane.rows[depth];
      if (row !== undefined && rows.length < limit) rows.push(row);
    }
    if (rows.length === before) break;
  }
  return rows;
}

/** Kept beside the reads that share its index: rows past their age, oldest first. */
export async function expiredRows(
  scope: Scope,
  account: AccountId,
  nowMs: number,
  limit: number,
): Promise<readonly OutboxRow[]> {
  const found = await scope.rows(
    `SELECT id FROM outbox ${scope.dialect.useOutboxWork}
     WHERE state = 'queued' AND account = ? AND expires_at_ms <= ? ORDER BY id LIMIT ?`,
    [account, nowMs, limit],
  );
  if (found.length === 0) return [];
  const ids = found.map((row) => integer(row, "id"));
  const rows = await scope.rows(
    `SELECT ${OUTBOX_COLUMNS} FROM outbox o WHERE o.id IN (${marks(ids.length)}) ORDER BY o.id`,
    ids,
  );
  return rows.map(decodeOutboxRow);
}
