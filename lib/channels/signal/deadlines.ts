/**
 * Deadlines of many waiters with one timer: it is set to the earliest and looks around when it fires, so a request
 * costs no timer of its own.
 *
 * @module
 */
import type { Clock } from "../../runtime/clock.ts";

/** Something that waits until a moment of the monotonic clock. */
export interface Waiting {
  readonly deadlineMs: number;
  expire(): void;
}

export class Deadlines<T extends Waiting> {
  #armedForMs = Infinity;
  #timer: AbortController | undefined;

  /** @param waiters all who wait now; whoever is done must be gone from it */
  constructor(private readonly clock: Clock, private readonly waiters: () => Iterable<T>) {}

  /** Call after a waiter was added. */
  watch(deadlineMs: number): void {
    if (deadlineMs < this.#armedForMs) this.#arm(deadlineMs);
  }

  /** Ends the timer. Waiters that are left will not expire. */
  close(): void {
    this.#timer?.abort();
    this.#timer = undefined;
    this.#armedForMs = Infinity;
  }

  #arm(forMs: number): void {
    this.#timer?.abort();
    const timer = this.#timer = new AbortController();
    this.#armedForMs = forMs;
    this.clock.sleepMs(Math.max(0, forMs - this.clock.monotonicMs()), timer.signal).then(() => {
      if (timer.signal.aborted) return;
      this.#timer = undefined;
      this.#armedForMs = Infinity;
      this.#lookAround();
    });
  }

  #lookAround(): void {
    const nowMs = this.clock.monotonicMs();
    let earliestMs = Infinity;
    for (const waiter of [...this.waiters()]) {
      if (waiter.deadlineMs <= nowMs) waiter.expire();
      else earliestMs = Math.min(earliestMs, waiter.deadlineMs);
    }
    // The sleep may end a fraction of a millisecond early; then the earliest is simply waited for again.
    if (earliestMs !== Infinity) this.watch(earliestMs);
  }
}
