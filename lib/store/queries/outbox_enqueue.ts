/**
 * Storing messages.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { OutgoingMessage } from "../../domain/message.ts";
import { integer, text } from "../decode.ts";
import { Contended, DuplicateKey, IdempotencyConflict } from "../faults.ts";
import { laneOf } from "../lane.ts";
import type { OutboxStore } from "../port.ts";
import { inserts, marks, type Scope, tuples } from "../scope.ts";

const hash = (value: string) => createHash("sha256").update(value).digest("hex");

interface Keyed {
  readonly keyHash: string;
  /** Over the key too: without it, equal messages could be recognised by their hash. */
  readonly bodyHash: string;
}

function keyed(message: OutgoingMessage): Keyed | undefined {
  const key = message.idempotencyKey;
  if (key === undefined) return undefined;
  return {
    keyHash: hash(key),
    bodyHash: hash(JSON.stringify([key, message.account, message.recipient, message.kind, message.body])),
  };
}

export function outboxEnqueue(scope: Scope, defaultMaxAgeMs: number): Pick<OutboxStore, "enqueue"> {
  async function enqueue(messages: readonly OutgoingMessage[]): Promise<readonly number[]> {
    if (messages.length === 0) return [];
    return await scope.atomic("outbox_enqueue", async (scope) => {
      const keys = messages.map(keyed);
      const known = await lookUp(scope, keys);
      const fresh: OutgoingMessage[] = [];
      const freshKeys: (Keyed & { readonly at: number })[] = [];
      // Per message: the id of an older row, or the place of its new one.
      const places = messages.map((message, i): { id: number } | { at: number } => {
        const key = keys[i];
        if (key !== undefined) {
          const older = known.get(key.keyHash);
          if (older !== undefined) {
            if (older.bodyHash !== key.bodyHash) throw new IdempotencyConflict(older.id);
            return { id: older.id };
          }
          const twin = freshKeys.find((other) => other.keyHash === key.keyHash);
          if (twin !== undefined) {
            if (twin.bodyHash !== key.bodyHash) throw new IdempotencyConflict(0);
            return { at: twin.at };
          }
          freshKeys.push({ ...key, at: fresh.length });
        }
        fresh.push(message);
        return { at: fresh.length - 1 };
      });
      const ids = await insert(scope, fresh, defaultMaxAgeMs);
      if (freshKeys.length > 0) await remember(scope, freshKeys, ids);
      return places.map((place) => "id" in place ? place.id : ids[place.at]!);
    });
  }
  return { enqueue };
}

async function lookUp(scope: Scope, keys: readonly (Keyed | undefined)[]) {
  const hashes = keys.flatMap((key) => key === undefined ? [] : [key.keyHash]);
  const known = new Map<string, { readonly id: number; readonly bodyHash: string }>();
  for (const some of inserts(hashes, (key) => key.length)) {
    const rows = await scope.rows(
      `SELECT key_hash, outbox_id, body_hash FROM idempotency_keys WHERE key_hash IN (${marks(some.length)})`,
      some,
    );
    for (const row of rows) {
      known.set(text(row, "key_hash"), { id: integer(row, "outbox_id"), bodyHash: text(row, "body_hash") });
    }
  }
  return known;
}

async function insert(scope: Scope, messages: readonly OutgoingMessage[], defaultMaxAgeMs: number): Promise<number[]> {
  const now = scope.dialect.nowMs;
  const ids: number[] = [];
  for (const some of inserts(messages, (message) => message.body.length)) {
    const { insertId } = await scope.run(
      `INSERT INTO outbox (state, account, lane, due_at_ms, expires_at_ms, kind, origin_kind, origin_key,
         origin_generation, created_at_ms, recipient, body)
       VALUES ${tuples(some.length, `('queued', ?, ?, ${now}, ${now} + ?, ?, ?, ?, ?, ${now}, ?, ?)`)}`,
      some.flatMap((m) => [
        m.account,
        laneOf(m.account, m.recipient),
        m.maxAgeMs ?? defaultMaxAgeMs,
        m.kind,
        m.origin.kind,
        m.origin.key,
        m.origin.generation,
        m.recipient,
        m.body,
      ]),
    );
    // The number of rows is known to the server beforehand (a "simple insert"), so it reserves all ids in one piece,
    // whatever innodb_autoinc_lock_mode says; on a cluster they lie `auto_increment_increment` apart.
    const step = some.length === 1 ? 1 : await scope.dialect.idStep(scope);
    const first = scope.dialect.name === "mysql" ? insertId : insertId - some.length + 1;
    for (let i = 0; i < some.length; i++) ids.push(first + i * step);
  }
  return ids;
}

async function remember(
  scope: Scope,
  keys: readonly (Keyed & { readonly at: number })[],
  ids: readonly number[],
): Promise<void> {
  try {
    for (const some of inserts(keys, (key) => key.bodyHash.length)) {
      await scope.run(
        `INSERT INTO idempotency_keys (key_hash, outbox_id, body_hash, created_at_ms)
         VALUES ${tuples(some.length, `(?, ?, ?, ${scope.dialect.nowMs})`)}`,
        some.flatMap((key) => [key.keyHash, ids[key.at], key.bodyHash]),
      );
    }
  } catch (error) {
    // Another session stored the same key since we looked: all of it again, and this time it is found.
    throw error instanceof DuplicateKey ? new Contended("idempotency_key") : error;
  }
}
