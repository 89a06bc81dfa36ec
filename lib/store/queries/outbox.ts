/**
 * @module
 */
import type { OutboxStore } from "../port.ts";
import type { Scope } from "../scope.ts";
import { outboxCandidates } from "./outbox_candidates.ts";
import { outboxEnqueue } from "./outbox_enqueue.ts";
import { outboxMoves } from "./outbox_moves.ts";
import { outboxReads } from "./outbox_reads.ts";

/** The outbox: its four parts as one. */
export function outboxQueries(scope: Scope, defaultMaxAgeMs: number): OutboxStore {
  return {
    ...outboxEnqueue(scope, defaultMaxAgeMs),
    ...outboxCandidates(scope),
    ...outboxMoves(scope),
    ...outboxReads(scope),
  };
}
