/**
 * Receipts: what became of a message after it was accepted.
 *
 * @module
 */
import type { Address } from "../../domain/address.ts";
import { integer, oneOf, type Row, text } from "../decode.ts";
import type { OutboxStore, OutboxStory } from "../port.ts";
import { chunks, marks, type Scope, tuples } from "../scope.ts";

/** Receipts of one statement. */
const CHUNK = 200;
/** Whoever acknowledged without saying who: a PNI, or an unknown source. */
const NOBODY = "";

type Receipt = Parameters<OutboxStore["recordReceipts"]>[1][number];

export function outboxReceipts(scope: Scope): Pick<OutboxStore, "recordReceipts" | "recordedRemoteIds"> {
  return {
    recordReceipts: (account, receipts) =>
      scope.atomic("outbox_receipts", async (scope) => {
        const unmatched = new Set<string>();
        for (const some of chunks(receipts, CHUNK)) {
          for (const remoteId of await recordSome(scope, account, some)) unmatched.add(remoteId);
        }
        return unmatched;
      }),
    recordedRemoteIds: async (account, remoteIds) => {
      const recorded = new Set<string>();
      for (const some of chunks(remoteIds, CHUNK)) {
        for (const remoteId of (await messagesOf(scope, account, some)).keys()) recorded.add(remoteId);
      }
      return recorded;
    },
  };
}

async function recordSome(scope: Scope, account: string, receipts: readonly Receipt[]): Promise<readonly string[]> {
  const remoteIds = [...new Set(receipts.map((receipt) => receipt.remoteId))];
  const messages = await messagesOf(scope, account, remoteIds);
  const known = receipts.flatMap((receipt) => {
    const id = messages.get(receipt.remoteId);
    return id === undefined ? [] : [{ ...receipt, id }];
  });
  if (known.length > 0) {
    const [insert, ending] = scope.dialect.insertIgnore;
    await scope.run(
      `${insert} outbox_receipts (outbox_id, member, kind, at_ms) VALUES ${tuples(known.length, "(?, ?, ?, ?)")} ${
        ending("outbox_id, member, kind")
      }`,
      known.flatMap(({ id, from, kind, atMs }) => [id, from ?? NOBODY, kind, atMs]),
    );
    // Only forwards: a late delivery receipt does not make a read message merely delivered.
    for (const [kind, before] of [["delivered", "'accepted'"], ["read", "'accepted', 'delivered'"]] as const) {
      const ids = [...new Set(known.filter((receipt) => receipt.kind === kind).map((receipt) => receipt.id))].sort((
        a,
        b,
      ) => a - b);
      if (ids.length === 0) continue;
      await scope.run(
        `UPDATE outbox_archive SET state = ? WHERE id IN (${marks(ids.length)}) AND state IN (${before})`,
        [kind, ...ids],
      );
    }
  }
  return remoteIds.filter((remoteId) => !messages.has(remoteId));
}

/** Finished messages by their remote id. */
async function messagesOf(
  scope: Scope,
  account: string,
  remoteIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await scope.rows(
    `SELECT id, remote_id FROM outbox_archive WHERE account = ? AND remote_id IN (${marks(remoteIds.length)})`,
    [account, ...remoteIds],
  );
  return new Map(rows.map((row) => [text(row, "remote_id"), integer(row, "id")]));
}

/** The receipts of one message, oldest first. */
export async function readReceipts(scope: Scope, id: number): Promise<OutboxStory["receipts"]> {
  const rows = await scope.db.selectFrom("outbox_receipts").select(["member", "kind", "at_ms"])
    .where("outbox_id", "=", id).orderBy("at_ms").execute();
  return rows.map((columns) => {
    const row: Row = { ...columns };
    const member = text(row, "member");
    return {
      member: member === NOBODY ? undefined : member as Address,
      kind: oneOf(row, "kind", ["delivered", "read"] as const),
      atMs: integer(row, "at_ms"),
    };
  });
}
