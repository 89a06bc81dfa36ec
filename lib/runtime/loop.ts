/**
 * A service that is one loop: its start and stop, and what happens when the loop throws what nobody expected.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { Counters } from "./counters.ts";
import { describeError, type Log } from "./log.ts";
import type { Service } from "./service.ts";

/** A loop that threw is begun again after this long, milliseconds. */
const AGAIN_MS = 1_000;

/** What a loop needs to tell of its own bugs. */
export interface LoopGround {
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
}

export abstract class LoopService implements Service {
  abstract readonly name: string;
  readonly #ground: LoopGround;
  #running: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;

  constructor(ground: LoopGround) {
    this.#ground = ground;
  }

  /**
   * Runs until `signal` aborts. What it is meant to cope with it copes with itself; anything that it throws is a bug,
   * which is counted and told, and does not end the service: the loop is begun again.
   */
  protected abstract loop(signal: AbortSignal): Promise<void>;

  async start(): Promise<void> {
    if (this.#running) throw new Error(`${this.name}: already started`);
    const stop = new AbortController();
    this.#running = { stop, done: this.#guarded(stop.signal) };
  }

  /** Waits for what the loop is doing just now. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.stop.abort();
    await running.done;
    if (this.#running === running) this.#running = undefined;
  }

  async #guarded(signal: AbortSignal): Promise<void> {
    const { clock, log, counters } = this.#ground;
    while (!signal.aborted) {
      try {
        await this.loop(signal);
      } catch (error) {
        counters.add("bugs_total", 1, { room: this.name });
        log.critical("A part of the service failed in a way that is not foreseen; it begins again", {
          part: this.name,
          cause: describeError(error),
        });
        await clock.sleepMs(AGAIN_MS, signal);
      }
    }
  }
}
