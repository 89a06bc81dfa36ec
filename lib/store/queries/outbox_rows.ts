/**
 * Outbox rows between table and port.
 *
 * @module
 */
import type { AccountId, Address } from "../../domain/address.ts";
import { MESSAGE_KINDS, type Origin } from "../../domain/message.ts";
import { integer, oneOf, type Row, text } from "../decode.ts";
import type { OutboxRow, SettledRow } from "../port.ts";

const ORIGIN_KINDS = ["order", "inbound", "alert", "api"] as const;

/** Columns of {@link decodeOutboxRow}, with the table's short name `o`. */
export const OUTBOX_COLUMNS =
  "o.id, o.account, o.lane, o.recipient, o.body, o.kind, o.origin_kind, o.origin_key, o.origin_generation, " +
  "o.attempts, o.created_at_ms, o.expires_at_ms";

export function decodeOutboxRow(row: Row): OutboxRow {
  return {
    id: integer(row, "id"),
    account: text(row, "account") as AccountId,
    lane: text(row, "lane"),
    recipient: text(row, "recipient") as Address,
    body: text(row, "body"),
    kind: oneOf(row, "kind", MESSAGE_KINDS),
    origin: decodeOrigin(row),
    attempts: integer(row, "attempts"),
    createdAtMs: integer(row, "created_at_ms"),
    expiresAtMs: integer(row, "expires_at_ms"),
  };
}

export function decodeOrigin(row: Row): Origin {
  return {
    kind: oneOf(row, "origin_kind", ORIGIN_KINDS),
    key: text(row, "origin_key"),
    generation: integer(row, "origin_generation"),
  };
}

export function decodeDropped(row: Row): SettledRow {
  return {
    id: integer(row, "id"),
    kind: oneOf(row, "kind", MESSAGE_KINDS),
    origin: decodeOrigin(row),
    state: "dropped",
  };
}
