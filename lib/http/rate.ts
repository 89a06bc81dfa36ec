/**
 * A bucket of tokens: so many calls at once, so many per second after that.
 *
 * @module
 */
import type { Clock } from "../runtime/clock.ts";

export class Bucket {
  #tokens: number;
  #countedAtMs: number;
  constructor(private readonly clock: Clock, private readonly burst: number, private readonly perSecond: number) {
    this.#tokens = burst;
    this.#countedAtMs = clock.monotonicMs();
  }

  /** @returns 0 when the call may go on, else after how many whole seconds it may come again (at least 1) */
  take(): number {
    const nowMs = this.clock.monotonicMs();
    this.#tokens = Math.min(this.burst, this.#tokens + (nowMs - this.#countedAtMs) / 1000 * this.perSecond);
    this.#countedAtMs = nowMs;
    if (this.#tokens < 1) return Math.max(1, Math.ceil((1 - this.#tokens) / this.perSecond));
    this.#tokens -= 1;
    return 0;
  }
}
