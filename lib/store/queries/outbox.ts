/**
 * @module
 */
import type { OutboxStore } from "../port.ts";
import type { Scope } from "../scope.ts";
import { outboxContacts } from "./outbox_contacts.ts";
import { outboxCandidates } from "./outbox_candidates.ts";
import { outboxDeadLetters } from "./outbox_dead_letters.ts";
import { outboxEnqueue } from "./outbox_enqueue.ts";
import { outboxHotMoves } from "./outbox_hot_moves.ts";
import { outboxLook } from "./outbox_look.ts";
import { outboxMoves } from "./outbox_moves.ts";
import { outboxReads } from "./outbox_reads.ts";
import { outboxReceipts } from "./outbox_receipts.ts";

/** The outbox: its parts as one. */
export function outboxQueries(scope: Scope, defaultMaxAgeMs: number): OutboxStore {
  return {
    ...outboxEnqueue(scope, defaultMaxAgeMs),
    ...outboxCandidates(scope),
    ...outboxHotMoves(scope),
    ...outboxMoves(scope),
    ...outboxReads(scope),
    ...outboxLook(scope),
    ...outboxContacts(scope),
    ...outboxReceipts(scope),
    ...outboxDeadLetters(scope),
  };
}
