/**
 * Time: the one place that reads clocks and sets timers (the gate refuses `Date.now` and `setTimeout` elsewhere
 * in `lib/`). Milliseconds everywhere; instants are UTC.
 *
 * @module
 */

export interface Clock {
  /** Wall clock, milliseconds since 1970 UTC. May jump; for storing and showing. */
  nowMs(): number;
  /** Never goes back and ignores changes of the wall clock; for measuring and deadlines. */
  monotonicMs(): number;
  /**
   * Resolves after `ms`, or as soon as `signal` aborts (it does not reject: look at `signal.aborted`).
   * The listener is dropped either way.
   */
  sleepMs(ms: number, signal?: AbortSignal): Promise<void>;
}

/** An instant on both clocks. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
}

/**
 * How long ago this was, at most, milliseconds: by the clock that says more. While the machine is suspended, or a virtual one is
 * paused, the monotonic clock stands still, and the wall clock is set right afterwards. (CLOCK_MONOTONIC: clock_gettime(2).)
 * For what must not be used too long: a wall clock that is set forward makes it look old, which is the harmless side.
 */
export function longestAgeMs(clock: Clock, since: Moment): number {
  return Math.max(clock.monotonicMs() - since.monotonicMs, clock.nowMs() - since.wallMs);
}

/** Longest wait a timer can hold (2^31 - 1 ms); longer ones fire at once, so waits are cut to it. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleepMs(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
      signal?.addEventListener("abort", done, { once: true });
    });
  },
};

/** A deadline was missed. The text names the operation. */
export class DeadlineExceeded extends Error {
  override readonly name = "DeadlineExceeded";
  constructor(readonly operation: string, readonly timeoutMs: number) {
    super(`${operation}: no answer within ${timeoutMs} ms`);
  }
}

/**
 * Waits for `work`, at most `timeoutMs`, and only until `signal` aborts. The work itself goes on: whoever owns
 * the resource behind it has to end it.
 * @throws {DeadlineExceeded} at the deadline
 * @throws the abort reason when `signal` aborts
 */
export function within<T>(work: Promise<T>, timeoutMs: number, operation: string, signal?: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    const onAbort = () => finish(() => reject(signal!.reason));
    const timer = setTimeout(
      () => finish(() => reject(new DeadlineExceeded(operation, timeoutMs))),
      Math.min(timeoutMs, LONGEST_TIMER_MS),
    );
    // Also when nobody waits any more: a rejection that nothing listens to would end the process.
    work.then((value) => finish(() => resolve(value)), (error) => finish(() => reject(error)));
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
