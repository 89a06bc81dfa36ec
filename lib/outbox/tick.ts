/**
 * A tick: one transaction that settles what was answered since the last one and marks what goes next.
 *
 * @module
 */
import { momentOf } from "../runtime/clock.ts";
import type { Lease, StoreTx } from "../store/port.ts";
import type { Courier } from "./courier.ts";
import type { Fence } from "./fence.ts";
import type { Hand } from "./hand.ts";
import { carryOut, type Move } from "./moves.ts";
import type { DispatcherOptions } from "./options.ts";
import type { AccountPause } from "./pause.ts";
import type { Selection } from "./selection.ts";
import type { Unknowns } from "./unknowns.ts";
import type { Weighing } from "./weighing.ts";

/** How often messages that grew too old are looked for, milliseconds. */
const EXPIRY_CHECK_MS = 30_000;
/** Messages that grew too old, per look. */
const EXPIRY_BATCH = 100;
/**
 * A tick that marked this part of a window is one of a backlog: what follows is searched for while it is handed over. Below it, the
 * answers are likely to be here before the search, which would only be a statement more.
 */
const BACKLOG = 1 / 8;
/** Lanes remembered in memory as having been told of in the database. */
const REMEMBERED_LANES = 20_000;

export interface TickParts {
  readonly hand: Hand;
  readonly fence: Fence;
  readonly pause: AccountPause;
  readonly selection: Selection;
  readonly unknowns: Unknowns;
  readonly weighing: Weighing;
  readonly courier: Courier;
}

export class Tick {
  /** Something was enqueued, or became due, since the last search. */
  news = false;
  readonly #o: DispatcherOptions;
  readonly #parts: TickParts;
  readonly #toldLanes = new Set<string>();
  #nextExpiryLookMs = 0;

  constructor(options: DispatcherOptions, parts: TickParts) {
    this.#o = options;
    this.#parts = parts;
  }

  /**
   * Settles and marks, in one transaction, and hands over.
   * @param stopping nothing new is marked, and what was not handed over goes back
   * @returns false when there was nothing to do
   * @throws {LeaseLost} @throws {StoreUnavailable} everything is in hand as before
   */
  async run(lease: Lease, stopping: boolean): Promise<boolean> {
    const { store, channel, journal, clock, counters, sendWindow } = this.#o;
    const { hand, fence, pause, selection, weighing, unknowns, courier } = this.#parts;
    await weighing.decide(hand.moves);
    await this.#lookForExpired();
    const open = !stopping && pause.remainingMs() === 0 && channel.condition().state !== "down";
    if (!open) hand.takeBack();
    // Rows that are settled in the transaction that marks others make room for them.
    const held = hand.window.waiting + hand.window.inFlight;
    const free = open ? (pause.probing ? 1 : sendWindow) - held : 0;
    if (free > 0) this.news = false;
    else await selection.forgetAhead();
    const found = free > 0 && selection.mayHaveMore
      ? await selection.choose(hand.window, free, fence.nowMs(), this.#blockedLanes())
      : [];
    // An outcome that came during the search may have stopped a lane: what it put back goes before these.
    const rows = found.filter((row) => !hand.window.isStopped(row.lane));
    const moves = hand.moves;
    if (rows.length === 0 && moves.length === 0) return selection.mayHaveMore && free > 0;

    hand.moves = [];
    const sentAt = momentOf(clock);
    let done;
    try {
      done = await store.transaction("outbox_tick", async (tx) => {
        const nowMs = await fence.renew(tx, lease);
        const { settled, moved } = await carryOut(tx, moves, lease, nowMs);
        const after = settled.length > 0 ? await this.#o.onSettled(tx, settled) : () => {};
        await this.#rememberLanes(tx, moves, nowMs);
        const marked = rows.length > 0 ? await tx.outbox.markSending(rows.map((row) => row.id), lease, nowMs) : [];
        await pause.save(tx.state);
        return { moved, marked: new Set(marked), after };
      });
    } catch (error) {
      hand.moves = [...moves, ...hand.moves];
      selection.look();
      throw error;
    }
    hand.storeAway = false;
    pause.saved();
    this.#o.held.confirmed(lease, sentAt);
    done.after();
    journal.settled(moves.map((move) => ({ id: move.row.id, requeued: move.to !== "accepted" && move.to !== "dead" })));
    let unmatched = 0;
    for (const move of moves) {
      hand.window.settled(move.row);
      if (move.to === "given_back") selection.givenBack(move.row);
      if (move.to === "accepted") this.#toldLanes.add(move.row.lane);
      if (!done.moved.has(move.row.id)) unmatched++;
      else if (move.to === "unknown") unknowns.add({ ...move.row, attempts: move.attempts }, move.attempt);
    }
    // Possible after a COMMIT of unknown fate that did take effect; otherwise somebody else moved our rows.
    if (unmatched > 0) counters.add("outbox_moves_unmatched_total", unmatched);
    const mine = rows.filter((row) => done.marked.has(row.id));
    selection.marked(mine);
    for (const row of hand.window.add(mine)) hand.moves.push({ row, to: "given_back" });
    if (moves.length > 0) selection.look();
    courier.handOverMore();
    this.#lookAhead(mine.length);
    return true;
  }

  /** While there is a backlog, what follows is searched for while the present rows are handed over. */
  #lookAhead(marked: number): void {
    const { sendWindow, concurrency } = this.#o;
    const { hand, fence, selection } = this.#parts;
    if (marked < sendWindow * BACKLOG) return;
    // What is still in flight when the next transaction begins keeps its place in the window.
    const limit = Math.max(1, sendWindow - concurrency + 1);
    selection.searchAhead(hand.window, limit, fence.nowMs(), this.#blockedLanes());
  }

  /** Lanes that wait for the fate of a message, also when it was decided and the database does not know yet. */
  #blockedLanes(): ReadonlySet<string> {
    const lanes = new Set(this.#parts.unknowns.lanes());
    for (const { to, row } of this.#parts.hand.moves) if (to === "resend") lanes.add(row.lane);
    return lanes;
  }

  /** Who was written to before is remembered, for the limit on first messages to new people. */
  async #rememberLanes(tx: StoreTx, moves: readonly Move[], nowMs: number): Promise<void> {
    if (this.#toldLanes.size > REMEMBERED_LANES) this.#toldLanes.clear();
    const lanes = new Set<string>();
    for (const { to, row } of moves) if (to === "accepted" && !this.#toldLanes.has(row.lane)) lanes.add(row.lane);
    if (lanes.size > 0) await tx.outbox.rememberLanes(this.#o.channel.account, [...lanes], nowMs);
  }

  async #lookForExpired(): Promise<void> {
    const { clock, store, channel } = this.#o;
    const { hand, fence } = this.#parts;
    if (clock.monotonicMs() < this.#nextExpiryLookMs) return;
    const rows = await store.outbox.expired(channel.account, fence.nowMs(), EXPIRY_BATCH);
    this.#nextExpiryLookMs = rows.length === EXPIRY_BATCH ? 0 : clock.monotonicMs() + EXPIRY_CHECK_MS;
    // Found again while the transaction that buries them is being repeated: owners must hear of each death once.
    const pending = new Set(hand.moves.map((move) => move.row.id));
    for (const row of rows) {
      if (!pending.has(row.id)) hand.moves.push({ row, to: "dead", reason: "expired", attempts: row.attempts });
    }
  }
}
