/**
 * How long messages that were found in doubt at a take-over wait for evidence.
 *
 * Evidence waits in the account's queue at Signal's server, behind everything else that came while nobody here listened,
 * which can be a day of it. So the wait does not begin with the take-over, but when that has been read: when something comes
 * that the server took in after the take-over, or when nothing comes any more.
 *
 * @module
 */
import type { Clock } from "../runtime/clock.ts";

/** The wait ends at the latest so long after the take-over, milliseconds: lanes with a message in doubt stand still. */
export const PATIENCE_CAP_MS = 300_000;

/** How far the account's queue at the server has been read. */
export interface Listening {
  /** Since when messages arrive, monotonic milliseconds; undefined: they do not just now. */
  readonly sinceMs: number | undefined;
  /** When something came last, monotonic milliseconds. */
  readonly lastFrameAtMs: number | undefined;
  /** The newest instant at which the server took in something that came, milliseconds UTC. */
  readonly newestMs: number | undefined;
}

export class Patience {
  readonly #takenAtMs: number;
  readonly #takenAtWallMs: number;
  /** What waited at the take-over was seen to be read, monotonic milliseconds. */
  #readAtMs: number | undefined;

  /** @param waitMs how long to wait once it is read (`UNKNOWN_WAIT_SECONDS`) */
  constructor(
    private readonly clock: Clock,
    private readonly waitMs: number,
    private readonly listening: () => Listening,
  ) {
    this.#takenAtMs = clock.monotonicMs();
    this.#takenAtWallMs = clock.nowMs();
  }

  /** When the wait is over, by what is known now, monotonic milliseconds: it may come to be later, or earlier. */
  endsAtMs(): number {
    const latestMs = this.#takenAtMs + PATIENCE_CAP_MS;
    const { sinceMs, lastFrameAtMs, newestMs } = this.listening();
    if (sinceMs !== undefined && newestMs !== undefined && newestMs >= this.#takenAtWallMs) {
      this.#readAtMs ??= this.clock.monotonicMs();
    }
    if (this.#readAtMs !== undefined) return Math.min(latestMs, this.#readAtMs + this.waitMs);
    if (sinceMs === undefined) return latestMs;
    return Math.min(latestMs, Math.max(this.#takenAtMs, sinceMs, lastFrameAtMs ?? 0) + this.waitMs);
  }
}
