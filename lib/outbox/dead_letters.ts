/**
 * Sending dead messages again, or giving them up, with their owners told in the same transaction: killed at any moment,
 * nothing is sent twice and nothing is gone.
 *
 * @module
 */
import type { Origin } from "../domain/message.ts";
import type { SettledRow, Store, StoreTx } from "../store/port.ts";

/** Messages of one transaction. */
const BATCH = 100;

export interface DeadLettersOptions {
  readonly store: Store;
  /** How often one message may be replayed (`DLQ_MAX_RETRIES`). */
  readonly maxReplays: number;
  readonly nowMs: () => number;
  /** These are owed again. */
  readonly onOwedAgain: (tx: StoreTx, origins: readonly Origin[]) => Promise<void>;
  /** These are not owed any more. */
  readonly onSettled: (tx: StoreTx, rows: readonly SettledRow[]) => Promise<() => void>;
}

export interface Replayed {
  readonly oldId: number;
  readonly newId: number;
}

export class DeadLetters {
  constructor(private readonly options: DeadLettersOptions) {}

  /**
   * Puts dead messages behind everything in their lanes, in their old order.
   * @param onProgress how many of the ids were looked at so far
   * @returns those that were dead and not replayed too often, with their new ids
   */
  async replay(ids: readonly number[], onProgress: (done: number) => void = () => {}): Promise<readonly Replayed[]> {
    const { store, maxReplays, nowMs, onOwedAgain } = this.options;
    const replayed: Replayed[] = [];
    const sorted = [...new Set(ids)].sort((a, b) => a - b);
    for (let at = 0; at < sorted.length; at += BATCH) {
      const some = sorted.slice(at, at + BATCH);
      const moved = await store.transaction("dlq_replay", async (tx) => {
        const rows = await tx.outbox.replay(some, maxReplays, nowMs());
        await onOwedAgain(tx, rows.map((row) => row.origin));
        return rows;
      });
      replayed.push(...moved.map(({ oldId, newId }) => ({ oldId, newId })));
      onProgress(Math.min(at + BATCH, sorted.length));
    }
    return replayed;
  }

  /** Gives dead messages up; they are recorded as dropped, with the reason. @returns the ids of those that were dead */
  async drop(
    ids: readonly number[],
    reason: string,
    onProgress: (done: number) => void = () => {},
  ): Promise<readonly number[]> {
    const { store, nowMs, onOwedAgain, onSettled } = this.options;
    const dropped: number[] = [];
    const sorted = [...new Set(ids)].sort((a, b) => a - b);
    for (let at = 0; at < sorted.length; at += BATCH) {
      const some = sorted.slice(at, at + BATCH);
      const { moved, after } = await store.transaction("dlq_drop", async (tx) => {
        const rows = await tx.outbox.drop(some, reason, nowMs());
        // Its death was counted when it happened: first that is taken back, then the drop is counted.
        await onOwedAgain(tx, rows.map((row) => row.origin));
        return { moved: rows.map(({ id }) => id), after: await onSettled(tx, rows) };
      });
      after();
      dropped.push(...moved);
      onProgress(Math.min(at + BATCH, sorted.length));
    }
    return dropped;
  }
}
