/**
 * The subscription of manual receive mode: nothing arrives without it, and it has to be made again with every
 * connection (facts: signal.md §4.4).
 *
 * @module
 */
import type { Clock } from "../../runtime/clock.ts";
import { describeError, type Log } from "../../runtime/log.ts";
import type { RpcClient } from "./rpc.ts";
import { RpcError, RpcUnanswered } from "./rpc_errors.ts";

/** For `subscribeReceive`: answered at once by a healthy signal-cli, but it may open its connection first. */
const SUBSCRIBE_TIMEOUT_MS = 60_000;
/** For `unsubscribeReceive`: part of an orderly stop. */
const UNSUBSCRIBE_TIMEOUT_MS = 2_000;
/** Wait before subscribing is tried again; doubles up to the cap. */
const RETRY_FIRST_MS = 1_000;
const RETRY_CAP_MS = 30_000;

export interface SubscriptionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
  /** It did not answer in time. Resolves when its connection is left. */
  readonly onSilence: (rpc: RpcClient) => Promise<void>;
}

export class Subscription {
  #rpc: RpcClient | undefined;
  #wanted = false;
  /** The connection that is subscribed, and the number it gave. */
  #subscribed: { readonly rpc: RpcClient; readonly id: unknown; readonly sinceMs: number } | undefined;
  /** Requests go out one after another, so that a drop never overtakes the subscription that it ends. */
  #turn: Promise<void> = Promise.resolve();
  #waiting = new AbortController();
  #failing = false;

  constructor(private readonly options: SubscriptionOptions) {}

  /** It is wanted, a connection is there, and signal-cli refuses it or does not answer. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Since when messages arrive, monotonic milliseconds; undefined: they do not. */
  get sinceMs(): number | undefined {
    return this.#subscribed?.rpc.open === true ? this.#subscribed.sinceMs : undefined;
  }

  connected(rpc: RpcClient): void {
    this.#rpc = rpc;
    this.#stopWaiting();
    if (this.#wanted) this.#try();
  }

  /** Resolves after the first try, which need not have succeeded: it goes on by itself. */
  async want(): Promise<void> {
    this.#wanted = true;
    await this.#try();
  }

  /** Resolves when signal-cli confirmed it or can no longer be asked. */
  async drop(): Promise<void> {
    this.#wanted = false;
    this.#stopWaiting();
    this.#setFailing(false);
    await this.#inTurn(async () => {
      const subscribed = this.#subscribed;
      if (this.#wanted || subscribed === undefined) return;
      this.#subscribed = undefined;
      const { rpc, id } = subscribed;
      if (!rpc.open) return;
      try {
        await rpc.request("unsubscribeReceive", { subscription: id }, { timeoutMs: UNSUBSCRIBE_TIMEOUT_MS });
      } catch (error) {
        this.#expected(error);
        this.options.log.warn("signal-cli did not confirm the end of the subscription", {
          error: describeError(error),
        });
      }
    });
  }

  #try(waitMs = RETRY_FIRST_MS): Promise<void> {
    return this.#inTurn(async () => {
      const rpc = this.#rpc;
      if (!this.#wanted || rpc === undefined || !rpc.open || this.#subscribed?.rpc === rpc) return;
      try {
        const id = await rpc.request("subscribeReceive", undefined, { timeoutMs: SUBSCRIBE_TIMEOUT_MS });
        this.#subscribed = { rpc, id, sinceMs: this.options.clock.monotonicMs() };
        this.#setFailing(false);
      } catch (error) {
        this.#expected(error);
        // With the connection gone there is nothing to try: the next one calls again.
        if (!rpc.open || !this.#wanted) return;
        // It may be subscribed all the same, under a number that nobody knows: that could not be ended any more. While
        // reading stands still, the answer may just not have been read.
        if (error instanceof RpcUnanswered && !rpc.heldUp) return await this.options.onSilence(rpc);
        this.options.log.warn("signal-cli refused the subscription", { error: describeError(error) });
        this.#setFailing(true);
        this.#retry(waitMs);
      }
    });
  }

  #retry(waitMs: number): void {
    const waiting = this.#waiting.signal;
    this.options.clock.sleepMs(waitMs, waiting).then(() => {
      if (!waiting.aborted) this.#try(Math.min(waitMs * 2, RETRY_CAP_MS));
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    return this.#turn = this.#turn.then(work);
  }

  #stopWaiting(): void {
    this.#waiting.abort();
    this.#waiting = new AbortController();
  }

  #setFailing(failing: boolean): void {
    if (this.#failing === failing) return;
    this.#failing = failing;
    this.options.onChange();
  }

  /** Anything but the two ways in which a request fails is a bug and passes on. */
  #expected(error: unknown): void {
    if (!(error instanceof RpcError || error instanceof RpcUnanswered)) throw error;
  }
}
