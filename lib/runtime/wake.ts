/**
 * A bell: loops that mostly sleep are woken by it, and no ring between two waits is missed.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

export class Wake {
  #rung = false;
  #waiter: (() => void) | undefined;
  constructor(private readonly clock: Clock) {}

  /** Ends the current wait, or the next one at once. */
  ring(): void {
    this.#rung = true;
    this.#waiter?.();
  }

  /** Waits for a ring, at most `ms`, and only until `signal` aborts. @returns true when rung */
  async wait(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#rung && !signal.aborted) {
      const over = new AbortController();
      this.#waiter = () => over.abort();
      const stop = () => over.abort();
      signal.addEventListener("abort", stop, { once: true });
      await this.clock.sleepMs(ms, over.signal);
      signal.removeEventListener("abort", stop);
      this.#waiter = undefined;
    }
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }
}
