/**
 * After a kill, a take-over or a COMMIT of unknown fate: what are the rows that stand in `sending` and `unknown`?
 *
 * @module
 */
import type { AccountId } from "../domain/address.ts";
import type { SendOutcome } from "../domain/message.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { Lease, StoreTx } from "../store/port.ts";
import type { HandOver } from "./journal.ts";
import { type Move, type Subject, verdict } from "./moves.ts";

type Paused = Extract<SendOutcome, { outcome: "paused" }>;
type LeftBehind = Awaited<ReturnType<StoreTx["outbox"]["takeOver"]>>[number];

/**
 * Takes the rows over and says what is to become of each. Has to be carried out in the same transaction: rows that were
 * taken over, but not yet decided, would look like our own after another kill.
 *
 * @param journal what an earlier process wrote down; undefined for an epoch of which no journal is left
 * @param isOurs rows that this very process holds (only after a COMMIT of unknown fate)
 */
export async function recover(
  tx: StoreTx,
  lease: Lease,
  account: AccountId,
  journal: (row: number, epoch: number) => HandOver | undefined,
  isOurs: (row: LeftBehind) => boolean,
  options: { readonly maxRetries: number; readonly random: Random; readonly clock: Clock },
): Promise<{
  readonly moves: readonly Move[];
  readonly stillUnknown: readonly LeftBehind[];
  /** Channel faults among the answers of the earlier process. */
  readonly pauses: readonly { readonly outcome: Paused; readonly handedOverAtMs: number }[];
}> {
  const moves: Move[] = [];
  const pauses: { readonly outcome: Paused; readonly handedOverAtMs: number }[] = [];
  const stillUnknown: LeftBehind[] = [];
  for (const row of await tx.outbox.takeOver(lease, account)) {
    if (row.state === "unknown") {
      stillUnknown.push(row);
    } else if (!isOurs(row)) {
      const handOver = journal(row.id, row.epoch);
      moves.push(judge(row, handOver, options));
      if (handOver?.state !== "answered" || handOver.outcome.outcome !== "paused") continue;
      if (handOver.outcome.reason === "shutdown") continue;
      pauses.push({ outcome: handOver.outcome, handedOverAtMs: handOver.atMs });
    }
  }
  return { moves, stillUnknown, pauses };
}

function judge(
  row: LeftBehind & Subject,
  handOver: HandOver | undefined,
  options: { readonly maxRetries: number; readonly random: Random; readonly clock: Clock },
): Move {
  const nowMs = options.clock.nowMs();
  if (handOver?.state === "not_handed_over") return { row, to: "given_back" };
  if (handOver?.state === "answered") {
    return verdict(row, handOver.outcome, { handedOverAtMs: handOver.atMs, endedAtMs: nowMs }, {
      ...options,
      laneFaults: 1,
    });
  }
  // Without a journal nobody knows whether it was handed over: then it counts as if it had been.
  const times = { handedOverAtMs: handOver?.atMs ?? row.markedAtMs, endedAtMs: nowMs };
  return verdict(row, { outcome: "unknown", reason: "disconnected" }, times, { ...options, laneFaults: 1 });
}
