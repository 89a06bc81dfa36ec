/**
 * What this instance has in hand under one lease: rows that are marked, and outcomes that the database does not know yet.
 *
 * @module
 */
import type { Lease } from "../store/port.ts";
import type { Move } from "./moves.ts";
import { Window } from "./window.ts";

export class Hand {
  readonly window = new Window();
  /** What the next transaction records. */
  moves: Move[] = [];
  /** When the oldest of {@link moves} was answered, on the monotonic clock. */
  firstMoveAtMs = 0;
  /** Under which everything here is held; undefined: nothing is, and nothing may leave. */
  lease: Lease | undefined;
  /** The last transaction failed because the database was away. */
  storeAway = false;
  #grip = Symbol();

  /** Changes whenever everything is given up: what was handed over before concerns what is in hand no more. */
  get grip(): symbol {
    return this.#grip;
  }

  /** Takes everything back that was not handed over. */
  takeBack(): void {
    for (const row of this.window.takeBack()) this.moves.push({ row, to: "given_back" });
  }

  /** Forgets everything: it belonged to a lease that is not ours any more. Requests in flight are answered into the journal. */
  drop(): void {
    this.lease = undefined;
    this.#grip = Symbol();
    this.window.clear();
    this.moves = [];
  }
}
