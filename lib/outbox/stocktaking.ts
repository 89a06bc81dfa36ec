/**
 * Looks after every row that stands in `sending`: at a new lease, where a process before us left them, and after a COMMIT whose answer
 * was lost, where we did.
 *
 * @module
 */
import type { Lease } from "../store/port.ts";
import type { Fence } from "./fence.ts";
import type { Hand } from "./hand.ts";
import { carryOut, type Move, type Subject } from "./moves.ts";
import type { DispatcherOptions } from "./options.ts";
import type { AccountPause } from "./pause.ts";
import { recover } from "./recovery.ts";
import type { Unknowns } from "./unknowns.ts";

export interface StocktakingParts {
  readonly hand: Hand;
  readonly unknowns: Unknowns;
  readonly pause: AccountPause;
  readonly fence: Fence;
}

export class Stocktaking {
  readonly #o: DispatcherOptions;
  readonly #parts: StocktakingParts;
  /** Rows that became `unknown` here, or may have, where the fate of the recovery is not known: not in the metric yet. */
  readonly #uncounted = new Set<number>();
  /** The lease under which the account's pause is known: what was stored, and what the answers found in the journal ask for. */
  #pauseKnownUnder: Lease | undefined;

  constructor(options: DispatcherOptions, parts: StocktakingParts) {
    this.#o = options;
    this.#parts = parts;
  }

  /**
   * Decides every row that stands in `sending`; what comes of it is in hand then, under the lease.
   * @param fresh the lease is new to us: nothing is in hand; otherwise the fate of a COMMIT is not known
   * @throws {LeaseLost} @throws {StoreUnavailable}
   */
  async take(lease: Lease, fresh: boolean): Promise<void> {
    const { store, channel, journal, counters, log } = this.#o;
    const { hand, unknowns, pause, fence } = this.#parts;
    const said = fresh ? journal.read() : () => ({ state: "not_handed_over" } as const);
    // A move to `unknown` whose COMMIT took effect unseen is done, though it is still in hand here.
    const goesOn = new Set(hand.moves.flatMap((move) => move.to === "unknown" ? [] : [move.row.id]));
    // Asked while the transaction runs: what was in flight when it began may have been answered since.
    const isOurs = (row: Subject) => !fresh && hand.window.has(row);
    const learnsPause = fresh && this.#pauseKnownUnder !== lease;
    if (learnsPause) await pause.load(store.state);
    let tried: readonly Move[] = [];
    const { found, after } = await store.transaction("outbox_recover", async (tx) => {
      const nowMs = await fence.renew(tx, lease);
      const found = await recover(tx, lease, channel.account, said, isOurs, this.#o);
      tried = found.moves;
      const done = await carryOut(tx, found.moves, lease, nowMs);
      const after = await this.#o.onSettled(tx, done.settled);
      // Answers that the database never learnt of: the other side wants to be left alone, whoever asks. Stored together with the rows
      // that they put back, since the journal is forgotten then.
      if (learnsPause && this.#pauseKnownUnder !== lease) {
        for (const { outcome, handedOverAtMs } of found.pauses) pause.resume(outcome, handedOverAtMs);
        this.#pauseKnownUnder = lease;
      }
      await pause.save(tx.state);
      return { found, after };
    }).finally(() => {
      // Should it have taken effect unseen, or the database go away before the end of this, the next try finds these as unknown already.
      for (const { to, row } of tried) if (to === "unknown") this.#uncounted.add(row.id);
    });
    pause.saved();
    after();
    const unknown: { row: Subject; attempt: Parameters<Unknowns["add"]>[1] }[] = [];
    for (const move of found.moves) {
      if (move.to === "unknown") unknown.push({ row: { ...move.row, attempts: move.attempts }, attempt: move.attempt });
    }
    for (const row of found.stillUnknown) {
      if (!fresh && (unknowns.has(row.id) || goesOn.has(row.id))) continue;
      const attempt = (await store.outbox.find(row.id))?.timeline.at(-1);
      if (attempt !== undefined) unknown.push({ row, attempt });
    }
    if (fresh) {
      journal.begin(lease.epoch);
      journal.forgetOthers();
    }
    const patience = fresh ? unknowns.patience() : undefined;
    for (const { row, attempt } of unknown) unknowns.add(row, attempt, patience);
    hand.lease = lease;
    hand.storeAway = false;
    const foundUnknown = [
      ...found.moves.filter((move) => move.to === "unknown").map(({ row }) => row),
      ...found.stillUnknown,
    ];
    const newlyUnknown = foundUnknown.filter((row) => this.#uncounted.has(row.id)).length;
    this.#uncounted.clear();
    if (newlyUnknown > 0) counters.add("messages_unknown_total", newlyUnknown, { reason: "recovered" });
    if (found.moves.length + found.stillUnknown.length === 0) return;
    log.info("Messages that were under way were looked after", {
      given_back: found.moves.filter((move) => move.to === "given_back").length,
      unknown: foundUnknown.length,
      settled: found.moves.filter((move) => move.to !== "given_back" && move.to !== "unknown").length,
    });
  }
}
