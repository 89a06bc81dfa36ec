/**
 * The search for what may be handed over next. Every statement is served by the index `outbox_work`
 * (state, account, lane, id, due_at_ms, …) alone; only the rows that were chosen are then read by their ids.
 *
 * The index is read in pages, in the order of lanes. Where a page ends inside a long lane, the next one starts behind that
 * lane, so a lane of ten thousand rows costs a page and not its length. (The servers could jump from lane to lane by
 * themselves, "Using index for group-by", but whether they do hangs on statistics, which are stale in a table like this one.)
 *
 * @module
 */
import type { AccountId } from "../../domain/address.ts";
import { integer, text } from "../decode.ts";
import { isDue } from "../due.ts";
import type { OutboxRow, OutboxStore } from "../port.ts";
import { marks, type Scope } from "../scope.ts";
import { decodeOutboxRow, OUTBOX_COLUMNS } from "./outbox_rows.ts";

/** Index entries of one page: it grows while lanes are short, and shrinks while one lane fills it. */
const MIN_PAGE = 16, MAX_PAGE = 1_024;
/** A page in which a lane takes more than this share on average holds mostly what will not be used. */
const LONG_LANE_SHARE = 1 / 8;
/** Lanes whose next rows are read by one statement. */
const DEEP_LANES = 64;
/** Of less than this there is no half for the lanes that come first: then they have their turn like all others. */
const ROOM_FOR_FIRST = 2;
/** Lower than every lane and higher than every lane (lanes are 32 hex characters). */
const FIRST = "", LAST = "~";

type Options = Parameters<OutboxStore["candidates"]>[1];

interface Entry {
  readonly id: number;
  readonly dueAtMs: number;
}

/** The first queued rows of a lane, as far as they were read. */
interface LaneEntries {
  readonly lane: string;
  readonly entries: Entry[];
  /** More may follow. */
  cutOff: boolean;
}

/** A lane that gives something. */
interface Chosen {
  readonly lane: string;
  readonly ids: number[];
  /** Rows that it may still take, all of them behind `ids`; 0 when its end or a row with a date to come was seen. */
  room: number;
}

export function outboxCandidates(scope: Scope): Pick<OutboxStore, "candidates"> {
  async function candidates(account: AccountId, asked: Options): ReturnType<OutboxStore["candidates"]> {
    if (asked.limit <= 0) return { rows: [], nextLane: asked.afterLane };
    const found = await look(account, asked);
    if (found.rows.length > 0 || !found.dated) return found;
    // The caller's idea of this clock can be old: it was set forward since, and nothing was settled from which that would be learnt.
    const nowMs = integer((await scope.rows(`SELECT ${scope.dialect.nowMs} AS now_ms`))[0]!, "now_ms");
    return nowMs > asked.nowMs ? await look(account, { ...asked, nowMs }) : found;
  }

  async function look(account: AccountId, asked: Options) {
    const options = asked.limit >= ROOM_FOR_FIRST ? asked : { ...asked, first: new Set<string>() };
    const blocked = options.blocked ?? await blockedLanes(scope, account, options.running);
    const before = await firstLanes(scope, account, blocked, options);
    const limit = options.limit - before.length;
    const chosen: Chosen[] = [];
    let nextLane: string | undefined;
    let dated = false;
    const start = options.afterLane ?? FIRST;
    search: for await (const lanes of pages(scope, account, start, limit * 2)) {
      for (const [at, lane] of lanes.entries()) {
        const one = usable(lane, options);
        dated ||= !isDue(lane.entries[0]!.dueAtMs, options.nowMs);
        if (blocked.has(lane.lane) || options.first?.has(lane.lane) || one === undefined) continue;
        chosen.push(one);
        if (chosen.length < limit) continue;
        // Its page was the last one if nothing follows in it and it was not full; then the next call finds that out.
        nextLane = lanes[at]!.lane;
        break search;
      }
    }
    await deepen(scope, account, chosen, { ...options, limit });
    return { rows: await readRows(scope, [...before, ...inTurn(chosen, limit)]), nextLane, dated };
  }

  return { candidates };
}

/** Lanes where something is under way and not ours to add to, or where nobody knows what became of it. */
async function blockedLanes(
  scope: Scope,
  account: AccountId,
  running: ReadonlyMap<string, number>,
): Promise<ReadonlySet<string>> {
  // Not IN (…): with that, MySQL sometimes reads the whole index, dead rows and all.
  const each = (state: string) =>
    `SELECT lane, state FROM outbox ${scope.dialect.useOutboxWork} WHERE state = '${state}' AND account = ?`;
  const rows = await scope.rows(`${each("sending")} UNION ALL ${each("unknown")}`, [account, account]);
  const blocked = new Set<string>();
  for (const row of rows) {
    const lane = text(row, "lane");
    // What follows an unknown message waits for its fate also where we have rows under way: order comes first.
    if (row["state"] === "unknown" || !running.has(lane)) blocked.add(lane);
  }
  return blocked;
}

/** The part of a lane that may be handed over, from its head on; undefined for nothing. */
function usable({ lane, entries, cutOff }: LaneEntries, options: Options): Chosen | undefined {
  const quota = options.skip.has(lane) ? 0 : options.running.get(lane) ?? options.perLane;
  const ids: number[] = [];
  for (const entry of entries) {
    // A row with a date to come stops its lane: those behind it wait for it.
    if (!isDue(entry.dueAtMs, options.nowMs) || ids.length >= quota) {
      return ids.length === 0 ? undefined : { lane, ids, room: 0 };
    }
    ids.push(entry.id);
  }
  return ids.length === 0 ? undefined : { lane, ids, room: cutOff ? quota - ids.length : 0 };
}

/** All lanes with queued rows, page by page: from behind `start` to the end, then from the beginning up to it. */
async function* pages(
  scope: Scope,
  account: AccountId,
  start: string,
  firstSize: number,
): AsyncGenerator<readonly LaneEntries[]> {
  let size = Math.min(MAX_PAGE, Math.max(MIN_PAGE, firstSize));
  for (const [from, to] of start === FIRST ? [[FIRST, LAST]] : [[start, LAST], [FIRST, start]]) {
    for (let after = from!;;) {
      const rows = await scope.rows(
        `SELECT lane, id, due_at_ms FROM outbox ${scope.dialect.useOutboxWork}
         WHERE state = 'queued' AND account = ? AND lane > ? AND lane <= ? ORDER BY lane, id LIMIT ?`,
        [account, after, to, size],
      );
      const lanes: LaneEntries[] = [];
      for (const row of rows) {
        const lane = text(row, "lane");
        if (lanes.at(-1)?.lane !== lane) lanes.push({ lane, entries: [], cutOff: false });
        lanes.at(-1)!.entries.push({ id: integer(row, "id"), dueAtMs: integer(row, "due_at_ms") });
      }
      const last = lanes.at(-1);
      if (last !== undefined) {
        last.cutOff = rows.length === size;
        after = last.lane;
        yield lanes;
      }
      if (rows.length < size) break;
      size = 1 / lanes.length > LONG_LANE_SHARE
        ? Math.max(MIN_PAGE, Math.floor(size / 4))
        : Math.min(MAX_PAGE, size * 4);
    }
  }
}

/** Rows of the lanes that come first, by id: half of the limit together at most. */
async function firstLanes(
  scope: Scope,
  account: AccountId,
  blocked: ReadonlySet<string>,
  options: Options,
): Promise<readonly number[]> {
  const open = [...options.first ?? []].filter((lane) => !blocked.has(lane) && !options.skip.has(lane))
    .map((lane) => ({ lane, ids: [], room: options.running.get(lane) ?? options.perLane }));
  const limit = Math.floor(options.limit / 2);
  if (open.length === 0 || limit === 0) return [];
  const byLane = await nextEntries(scope, account, open, limit);
  const chosen = open.flatMap(({ lane }) =>
    usable({ lane, entries: byLane.get(lane) ?? [], cutOff: false }, options) ?? []
  );
  return inTurn(chosen, limit);
}

/** Where fewer lanes than wanted have work, their next rows fill the rest: evenly at first, then whoever has more. */
async function deepen(scope: Scope, account: AccountId, chosen: Chosen[], options: Options): Promise<void> {
  let free = options.limit - chosen.reduce((sum, lane) => sum + lane.ids.length, 0);
  let open = chosen.filter((lane) => lane.room > 0);
  while (free > 0 && open.length > 0) {
    const each = Math.ceil(free / open.length);
    for (let at = 0; at < open.length && free > 0; at += DEEP_LANES) {
      const lanes = open.slice(at, at + DEEP_LANES);
      const byLane = await nextEntries(scope, account, lanes, each);
      for (const lane of lanes) {
        const asked = Math.min(lane.room, each);
        const entries = byLane.get(lane.lane) ?? [];
        const more = usable({ lane: lane.lane, entries, cutOff: entries.length === asked }, {
          ...options,
          running: new Map([[lane.lane, lane.room]]),
        });
        lane.ids.push(...more?.ids ?? []);
        lane.room = more?.room ?? 0;
        free -= more?.ids.length ?? 0;
      }
    }
    open = open.filter((lane) => lane.room > 0);
  }
}

async function nextEntries(
  scope: Scope,
  account: AccountId,
  lanes: readonly Chosen[],
  each: number,
): Promise<ReadonlyMap<string, Entry[]>> {
  // One piece per lane: only so does the LIMIT hold for each of them, and no long lane is read to its end.
  const piece = `SELECT * FROM (SELECT lane, id, due_at_ms FROM outbox ${scope.dialect.useOutboxWork}
    WHERE state = 'queued' AND account = ? AND lane = ? AND id > ? ORDER BY id LIMIT ?)`;
  const rows = await scope.rows(
    lanes.map((_, i) => `${piece} AS p${i}`).join(" UNION ALL "),
    lanes.flatMap((lane) => [account, lane.lane, lane.ids.at(-1) ?? 0, Math.min(lane.room, each)]),
  );
  const byLane = new Map<string, Entry[]>(lanes.map(({ lane }) => [lane, []]));
  for (const row of rows) {
    byLane.get(text(row, "lane"))?.push({ id: integer(row, "id"), dueAtMs: integer(row, "due_at_ms") });
  }
  for (const entries of byLane.values()) entries.sort((a, b) => a.id - b.id);
  return byLane;
}

/** First rows of all lanes, then second ones, and so on: nobody waits for the length of another lane. */
function inTurn(chosen: readonly Chosen[], limit: number): readonly number[] {
  const ids: number[] = [];
  for (let depth = 0; ids.length < limit; depth++) {
    const before = ids.length;
    for (const lane of chosen) {
      const id = lane.ids[depth];
      if (id !== undefined && ids.length < limit) ids.push(id);
    }
    if (ids.length === before) break;
  }
  return ids;
}

/** Rows by id, in the given order; one that was moved meanwhile is missing. */
async function readRows(scope: Scope, ids: readonly number[]): Promise<readonly OutboxRow[]> {
  if (ids.length === 0) return [];
  const rows = await scope.rows(
    `SELECT ${OUTBOX_COLUMNS} FROM outbox o WHERE o.id IN (${marks(ids.length)}) AND o.state = 'queued'`,
    ids,
  );
  const byId = new Map(rows.map((row) => [integer(row, "id"), decodeOutboxRow(row)]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/** Kept beside the search that shares its index: rows past their age, oldest first. */
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
  return await readRows(scope, found.map((row) => integer(row, "id")));
}
