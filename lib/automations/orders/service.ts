/**
 * The orders scan as a service: sleeps until it is woken, then turns every due order into messages.
 *
 * @module
 */
import { LeaseLost, StoreUnavailable } from "../../domain/errors.ts";
import { describeError } from "../../runtime/log.ts";
import type { Random } from "../../runtime/random.ts";
import { type Condition, LIVE, type Service } from "../../runtime/service.ts";
import type { Wake } from "../../runtime/wake.ts";
import { LARGEST_ORDER_ID, type Lease } from "../../store/port.ts";
import { type BatchOptions, runBatch } from "./batch.ts";
import { type FirstStartOptions, prepareHistory } from "./first_start.ts";
import { cancelFlagged } from "./flags.ts";
import { SetAside } from "./set_aside.ts";

/** Orders per transaction unless said otherwise: large enough that commits do not limit, small enough to be brief. */
export const DEFAULT_BATCH_SIZE = 100;
/** Looks without being rung: a lost ring delays an order by this at most. */
export const UNRUNG_LOOK_MS = 30_000;
/** How often flags set by hand are looked for while a long scan is under way. */
const FLAG_LOOK_MS = 1_000;
/** How often an id beyond reach is looked for; a pass without a ring comes as often. */
const BEYOND_LOOK_MS = UNRUNG_LOOK_MS / 2;
/** After a failed pass: this long, doubled by each further one, a random part of it taken off. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

export interface OrdersServiceOptions extends Omit<BatchOptions, "batchSize">, Pick<FirstStartOptions, "since"> {
  readonly random: Random;
  /** Rung when orders may be due or flagged; this service is its only waiter. */
  readonly wake: Wake;
  /** Messages were committed: wakes the dispatcher. Must not throw. */
  readonly onEnqueued: () => void;
  /** Default {@link DEFAULT_BATCH_SIZE}. */
  readonly batchSize?: number;
}

export class OrdersService implements Service {
  readonly name = "orders";
  readonly #options: OrdersServiceOptions & { readonly batchSize: number };
  readonly #setAside = new SetAside();
  #running: { stop: AbortController; done: Promise<void>; unlisten: () => void } | undefined;
  /** The first start and ORDERS_SINCE are dealt with, once per process. */
  #prepared = false;
  #failures = 0;
  /** An order that is never due because of its id. */
  #beyondReach: string | undefined;
  #beyondSeenAtMs = -Infinity;

  constructor(options: OrdersServiceOptions) {
    this.#options = { ...options, batchSize: options.batchSize ?? DEFAULT_BATCH_SIZE };
  }

  /** `degraded` while orders are set aside, `down` while passes fail; waiting for the lease is no trouble. */
  condition(): Condition {
    if (this.#failures > 0) return { state: "down", reason: "the scan of orders fails" };
    if (this.#setAside.size > 0) return { state: "degraded", reason: `${this.#setAside.size} orders are set aside` };
    if (this.#beyondReach !== undefined) return { state: "degraded", reason: beyondText(this.#beyondReach) };
    return LIVE;
  }

  async start(): Promise<void> {
    if (this.#running) throw new Error("orders: already started");
    const stop = new AbortController();
    // A lease just taken is a reason to look: what is due was not ours before.
    const unlisten = this.#options.lease.onChange((lease) => {
      if (lease !== undefined) this.#options.wake.ring();
    });
    this.#running = { stop, done: this.#loop(stop.signal), unlisten };
  }

  /** Waits for the transaction under way, if any. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.stop.abort();
    running.unlisten();
    await running.done;
    if (this.#running === running) this.#running = undefined;
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { wake, clock, random } = this.#options;
    while (!signal.aborted) {
      try {
        if (await this.#pass(signal)) this.#recovered();
        // Another instance does the work now; while the lease merely ran out, the database is still away.
        else if (this.#options.lease.lastKnown() === undefined) this.#failures = 0;
      } catch (error) {
        this.#failed(error);
        // Not ended by a ring: the pulse rings every second while orders are due.
        const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS);
        await clock.sleepMs(pauseMs * (1 - random.fraction() / 2), signal);
        continue;
      }
      await wake.wait(UNRUNG_LOOK_MS, signal);
    }
  }

  /** Everything that is due now, as long as the lease is ours. @returns whether anything was looked at */
  async #pass(signal: AbortSignal): Promise<boolean> {
    const options = this.#options;
    let flagsSeenAtMs = -Infinity;
    let lease: Lease | undefined;
    let looked = false;
    try {
      while (!signal.aborted) {
        lease = options.lease.lease();
        if (lease === undefined) return looked;
        if (!this.#prepared) this.#prepared = await prepareHistory(options, lease, signal);
        looked = true;
        if (!this.#prepared) return looked;
        // New orders first: somebody waits for them.
        const { enqueued, more } = await runBatch(options, this.#setAside, lease);
        if (enqueued) options.onEnqueued();
        const nowMs = options.clock.monotonicMs();
        if (nowMs - flagsSeenAtMs >= FLAG_LOOK_MS) {
          await cancelFlagged(options, lease, signal);
          flagsSeenAtMs = nowMs;
        }
        if (!more) {
          await this.#lookBeyond();
          return looked;
        }
      }
    } catch (error) {
      if (!(error instanceof LeaseLost) || lease === undefined) throw error;
      options.lease.lost(lease);
    }
    return looked;
  }

  /** Names an order that this program cannot take up; the others go on. */
  async #lookBeyond(): Promise<void> {
    const { store, clock, log, alarm } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#beyondSeenAtMs < BEYOND_LOOK_MS) return;
    const found = await store.orders.beyondReach();
    this.#beyondSeenAtMs = nowMs;
    if (found === this.#beyondReach) return;
    this.#beyondReach = found;
    if (found === undefined) {
      alarm.clear("order_beyond_reach", "No order waits because of its id any more");
      return;
    }
    log.error("An order cannot be taken up because of its id", { order: found, largest: LARGEST_ORDER_ID });
    const help = "Give it a smaller id, or set its notified to TRUE; the others go on.";
    alarm.raise("order_beyond_reach", "error", `${beyondText(found)}. ${help}`);
  }

  #failed(error: unknown): void {
    this.#failures++;
    const { log, counters, alarm } = this.#options;
    const cause = describeError(error);
    if (error instanceof StoreUnavailable) {
      // Whoever watches the database tells the admin.
      if (this.#failures === 1) log.warn("Orders wait: the database cannot be used", { cause });
      return;
    }
    log.error("The scan of orders failed; it is tried again", { cause, failures: this.#failures });
    counters.add("orders_scan_failures_total");
    alarm.raise("orders_failed", "error", "The scan of orders fails and is tried again. The log has the cause.");
  }

  #recovered(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#options.log.info("The scan of orders works again");
    this.#options.alarm.clear("orders_failed", "The scan of orders works again");
  }
}

function beyondText(orderId: string): string {
  return `Order ${orderId} is not sent: ids above ${LARGEST_ORDER_ID} are not supported`;
}
