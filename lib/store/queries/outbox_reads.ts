/**
 * Looking at messages.
 *
 * @module
 */
import type { AccountId, Address } from "../../domain/address.ts";
import { MESSAGE_KINDS, MESSAGE_STATES } from "../../domain/message.ts";
import { integer, oneOf, optionalInteger, optionalText, type Row, text } from "../decode.ts";
import type { Attempt, OutboxListing, OutboxStore, OutboxStory } from "../port.ts";
import type { Scope } from "../scope.ts";
import { REPLAYED } from "./outbox_moving.ts";
import { expiredRows } from "./outbox_candidates.ts";
import { readReceipts } from "./outbox_receipts.ts";
import { decodeOrigin } from "./outbox_rows.ts";

/** States of rows in the hot table, where `list` looks. */
const HOT = ["queued", "sending", "unknown", "dead"] as const;

export function outboxReads(scope: Scope): Pick<OutboxStore, "expired" | "backlog" | "find" | "list"> {
  return {
    expired: (account, nowMs, limit) => expiredRows(scope, account, nowMs, limit),

    async backlog(nowMs) {
      const counts = new Map(
        (await scope.rows(`SELECT state, COUNT(*) AS n FROM outbox ${scope.dialect.useOutboxWork} GROUP BY state`))
          .map((row) => [text(row, "state"), integer(row, "n")]),
      );
      const count = (state: string) => counts.get(state) ?? 0;
      let oldestQueuedAgeMs: number | undefined;
      if (count("queued") > 0) {
        const row = (await scope.rows(
          `SELECT created_at_ms FROM outbox WHERE id = (SELECT MIN(id) FROM outbox ${scope.dialect.useOutboxWork}
             WHERE state = 'queued')`,
        ))[0];
        if (row !== undefined) oldestQueuedAgeMs = Math.max(0, nowMs - integer(row, "created_at_ms"));
      }
      return {
        queued: count("queued"),
        sending: count("sending"),
        unknown: count("unknown"),
        dead: count("dead"),
        oldestQueuedAgeMs,
      };
    },

    async find(id) {
      const hot = await scope.db.selectFrom("outbox").select([
        "id",
        "account",
        "recipient",
        "kind",
        "origin_kind",
        "origin_key",
        "origin_generation",
        "state",
        "reason",
        "attempts",
        "created_at_ms",
        "due_at_ms",
        "lane",
        "expires_at_ms",
        "marked_at_ms",
        "replays",
      ]).where("id", "=", id).executeTakeFirst();
      const finished = hot !== undefined ? undefined : await scope.db.selectFrom("outbox_archive").select([
        "id",
        "account",
        "recipient",
        "kind",
        "origin_kind",
        "origin_key",
        "origin_generation",
        "state",
        "reason",
        "attempts",
        "created_at_ms",
        "lane",
        "finished_at_ms",
        "remote_id",
        "replays",
      ]).where("id", "=", id).executeTakeFirst();
      const row: Row | undefined = hot ?? finished;
      if (row === undefined || finished?.remote_id?.startsWith(REPLAYED)) return undefined;
      const timeline = await readTimeline(scope, id);
      const finishedAtMs = hot === undefined
        ? optionalInteger(row, "finished_at_ms")
        : hot.state === "dead"
        ? integer(row, "marked_at_ms")
        : undefined;
      return {
        ...decodeListing({ ...row, due_at_ms: row["due_at_ms"] ?? row["created_at_ms"] }),
        remoteId: optionalText(row, "remote_id") ?? timeline.findLast((line) => line.remoteId !== undefined)?.remoteId,
        expiresAtMs: optionalInteger(row, "expires_at_ms"),
        markedAtMs: optionalInteger(row, "marked_at_ms") || undefined,
        finishedAtMs,
        replays: integer(row, "replays"),
        receipts: hot === undefined ? await readReceipts(scope, id) : [],
        timeline,
      };
    },

    async list({ states, afterId, limit }) {
      const hot = HOT.filter((state) => states.includes(state));
      if (hot.length === 0) return [];
      const rows = await scope.db.selectFrom("outbox").select([
        "id",
        "account",
        "recipient",
        "kind",
        "origin_kind",
        "origin_key",
        "origin_generation",
        "state",
        "reason",
        "attempts",
        "created_at_ms",
        "due_at_ms",
        "lane",
      ]).where("state", "in", hot).where("id", ">", afterId ?? 0).orderBy("id").limit(limit).execute();
      return rows.map((row) => decodeListing({ ...row }));
    },
  };
}

export function decodeListing(row: Row): OutboxListing {
  return {
    id: integer(row, "id"),
    account: text(row, "account") as AccountId,
    lane: text(row, "lane"),
    recipient: text(row, "recipient") as Address,
    kind: oneOf(row, "kind", MESSAGE_KINDS),
    origin: decodeOrigin(row),
    state: oneOf(row, "state", MESSAGE_STATES),
    reason: optionalText(row, "reason"),
    attempts: integer(row, "attempts"),
    createdAtMs: integer(row, "created_at_ms"),
    dueAtMs: integer(row, "due_at_ms"),
  };
}

async function readTimeline(scope: Scope, id: number): Promise<OutboxStory["timeline"]> {
  const rows = await scope.db.selectFrom("outbox_attempts").select([
    "attempts",
    "handed_over_at_ms",
    "ended_at_ms",
    "outcome",
    "reason",
    "remote_id",
    "detail",
  ]).where("outbox_id", "=", id).orderBy("id").execute();
  return rows.map((columns): Attempt & { readonly attempts: number } => {
    const row: Row = { ...columns };
    const [reason, remoteId, detail] = [
      optionalText(row, "reason"),
      optionalText(row, "remote_id"),
      optionalText(row, "detail"),
    ];
    return {
      attempts: integer(row, "attempts"),
      handedOverAtMs: integer(row, "handed_over_at_ms"),
      endedAtMs: integer(row, "ended_at_ms"),
      outcome: text(row, "outcome"),
      ...(reason === undefined ? {} : { reason }),
      ...(remoteId === undefined ? {} : { remoteId }),
      ...(detail === undefined ? {} : { detail }),
    };
  });
}
