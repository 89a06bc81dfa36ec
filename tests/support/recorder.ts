/**
 * A list that can be waited on: what the recording log, counters and alarm are made of, and what a test of its own
 * pushes events into instead of sleeping.
 *
 * @module
 */
import { within } from "../../lib/runtime/clock.ts";

/**
 * How long a test waits for something that should have happened at once. Only there to end a hang: a busy machine with a
 * slow disk may stand still for seconds, and no test may be red for that.
 */
export const PATIENCE_MS = 30_000;

export class Recorder<T> {
  readonly items: T[] = [];
  readonly #waiters = new Set<() => void>();

  push(item: T): void {
    this.items.push(item);
    for (const look of [...this.#waiters]) look();
  }

  /**
   * The first item, also an earlier one, for which `wanted` is true.
   * @param from index of the first item that counts; `items.length` for "from now on"
   * @throws {DeadlineExceeded} after `timeoutMs`
   */
  waitFor(wanted: (item: T) => boolean, what = "an event", timeoutMs = PATIENCE_MS, from = 0): Promise<T> {
    let look = () => {};
    const found = new Promise<T>((resolve) => {
      look = () => {
        const item = this.items.slice(from).find(wanted);
        if (item !== undefined) resolve(item);
      };
      this.#waiters.add(look);
      look();
    });
    return within(found, timeoutMs, `waiting for ${what}`).finally(() => this.#waiters.delete(look));
  }

  /** Waits until at least `count` items were recorded. */
  async waitForCount(count: number, timeoutMs = PATIENCE_MS): Promise<void> {
    if (count > 0) await this.waitFor(() => this.items.length >= count, `${count} events`, timeoutMs);
  }
}
