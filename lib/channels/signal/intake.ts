/**
 * From notifications to stored events. signal-cli acknowledges to the server before it prints a line and never prints
 * it again (facts: signal.md §4.6): what is in hand here is nowhere else, so it is kept until it is stored.
 *
 * Notifications wait in a bounded queue and are stored in batches by a loop of its own; answers to requests never wait
 * behind them. When the queue is full, reading stops (and with it answers) until there is room. Storing needs no
 * answer from signal-cli, so the room comes and the two sides cannot wait for each other.
 *
 * When nothing can be stored the subscription is given up, so that messages wait at the server; what is still on its
 * way out of signal-cli is read on beyond the bound, since it would be lost otherwise and the answer to the
 * unsubscription stands behind it.
 *
 * @module
 */
import type { AccountId } from "../../domain/address.ts";
import { type Clock, DeadlineExceeded, within } from "../../runtime/clock.ts";
import type { Counters } from "../../runtime/counters.ts";
import { describeError, type Log } from "../../runtime/log.ts";
import { type Condition, LIVE } from "../../runtime/service.ts";
import type { Accept, RawEvent } from "../channel.ts";
import { isUnasked, type Receipt, serverReceivedMs, sortNotification, type Transcript } from "./envelope.ts";
import type { RpcClient, RpcNotification } from "./rpc.ts";
import { Subscription } from "./subscription.ts";

/** Events that wait to be stored before reading stops. */
export const MAX_QUEUED_EVENTS = 2_000;
/** Characters that wait to be stored before reading stops. */
export const MAX_QUEUED_CHARACTERS = 32 * 1024 * 1024;
/** While nothing can be stored, the bounds are this many times as wide. */
const UNSTORABLE_FACTOR = 4;
/** Events stored in one call: bounds the transaction behind it. */
export const MAX_ACCEPT_BATCH = 500;
/**
 * Wait before storing is tried again; doubles up to the cap. A try costs next to nothing, and people are heard again only when one
 * worked: within 5 s of the return of the database, also after a spool that was full.
 */
const ACCEPT_RETRY_FIRST_MS = 1_000;
const ACCEPT_RETRY_CAP_MS = 4_000;
/** How long the end of intake waits for what is being stored. */
const DRAIN_TIMEOUT_MS = 5_000;
/** Undecryptable messages in a row, with no good one between, from which on the condition is `degraded`. */
export const EXCEPTIONS_UNTIL_DEGRADED = 5;

/** In the text of a canary; stands in a JSON text as it is. */
export const CANARY_MARK = "signal-automation: receive check";

export interface IntakeOptions {
  readonly account: AccountId;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Receipts for what we sent, one call per batch. Must not throw. */
  readonly onReceipts: ((receipts: readonly Receipt[]) => void) | undefined;
  /** What other devices of the account sent, one call per batch, before it is stored as an event. Must not throw. */
  readonly onTranscripts: ((transcripts: readonly Transcript[]) => void) | undefined;
  /** A message or a receipt came; whether a canary of our account was in it. Must not throw. */
  readonly onHeard: ((canary: boolean) => void) | undefined;
  /** Messages came of somebody whose safety number changed: signal-cli keeps them until that is trusted. Must not throw. */
  readonly onUntrusted: (() => void) | undefined;
  /** Events that wait to be stored before reading stops. Default {@link MAX_QUEUED_EVENTS}. */
  readonly maxQueuedEvents: number | undefined;
  /** Called after each change of {@link Intake.condition}. */
  readonly onChange: () => void;
  /** A request of the intake was not answered in time. Resolves when its connection is left. */
  readonly onSilence: (rpc: RpcClient) => Promise<void>;
}

/** How far the account's queue at Signal's server has been read. */
export interface Listening {
  /** Since when messages arrive, monotonic milliseconds; undefined: they do not just now. */
  readonly sinceMs: number | undefined;
  /** When something came last, monotonic milliseconds. */
  readonly lastFrameAtMs: number | undefined;
  /** The newest instant at which the server took in something that came, its clock, milliseconds UTC. */
  readonly newestMs: number | undefined;
}

export class Intake {
  readonly #o: IntakeOptions;
  readonly #subscription: Subscription;
  #accept: Accept | undefined;
  /** What stored events last: for what still comes after {@link unsubscribe}, since signal-cli prints nothing twice. */
  #lastAccept: Accept | undefined;
  #queue: RawEvent[] = [];
  #queuedCharacters = 0;
  #draining: Promise<void> | undefined;
  /** Ends the waits between tries to store. */
  #hurry = new AbortController();
  #room: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  #unstorable = false;
  #exceptionsInARow = 0;
  /** This connection brought something that nobody had subscribed to. */
  #unasked = false;
  #lastFrameAtMs: number | undefined;
  #newestMs: number | undefined;

  constructor(options: IntakeOptions) {
    this.#o = options;
    this.#subscription = new Subscription(options);
  }

  condition(): Condition {
    if (this.#unstorable) return { state: "down", reason: "intake_stopped" };
    if (this.#subscription.failing) return { state: "degraded", reason: "subscribe_failed" };
    if (this.#exceptionsInARow >= EXCEPTIONS_UNTIL_DEGRADED) return { state: "degraded", reason: "receive_exceptions" };
    if (this.#unasked) return { state: "degraded", reason: "receive_mode" };
    return LIVE;
  }

  listening(): Listening {
    return { sinceMs: this.#subscription.sinceMs, lastFrameAtMs: this.#lastFrameAtMs, newestMs: this.#newestMs };
  }

  /** A new connection is there: subscribes again if that is wanted. */
  connected(rpc: RpcClient): void {
    this.#unasked = false;
    this.#subscription.connected(rpc);
  }

  /** Resolves after the first try to subscribe; goes on trying by itself. */
  async subscribe(accept: Accept): Promise<void> {
    this.#accept = this.#lastAccept = accept;
    this.#hurry.abort();
    this.#hurry = new AbortController();
    this.#drain();
    if (!this.#unstorable) await this.#subscription.want();
  }

  /**
   * Stops to take in. What cannot be stored now is kept for the next {@link subscribe}. One that comes before this has
   * ended is the last word: a lease that was lost can be taken again while signal-cli still confirms the end.
   */
  async unsubscribe(): Promise<void> {
    const hurry = this.#hurry;
    await this.#subscription.drop();
    hurry.abort();
    try {
      await within(this.#draining ?? Promise.resolve(), DRAIN_TIMEOUT_MS, "storing of received messages");
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
      this.#o.log.error("Storing of received messages did not end in time", { timeoutMs: DRAIN_TIMEOUT_MS });
    }
    if (this.#hurry === hurry) this.#accept = undefined;
  }

  /** After {@link unsubscribe} and the end of the process: stores what came in between, then lets go. */
  async close(): Promise<void> {
    if (this.#queue.length > 0) {
      this.#accept = this.#lastAccept;
      this.#drain();
      await this.unsubscribe();
    }
    if (this.#queue.length > 0) {
      this.#o.counters.add("signal_intake_lost_total", this.#queue.length);
      this.#o.log.critical("Received messages could not be stored before the end and are lost", {
        count: this.#queue.length,
      });
    }
    this.#queue = [];
    this.#queuedCharacters = 0;
    this.#unstorable = false;
    this.#exceptionsInARow = 0;
    this.#makeRoom();
  }

  /** Takes what came with one chunk. A promise means: read nothing more until it resolves. */
  onNotifications(notifications: readonly RpcNotification[]): void | Promise<void> {
    const { account, clock, counters, onReceipts, onTranscripts } = this.#o;
    const receivedAtMs = clock.nowMs();
    const receipts: Receipt[] = [];
    const transcripts: Transcript[] = [];
    this.#lastFrameAtMs = clock.monotonicMs();
    let heard = false;
    let canary = false;
    let untrusted = false;
    const wasDegraded = this.#exceptionsInARow >= EXCEPTIONS_UNTIL_DEGRADED;
    for (const notification of notifications) {
      if (!this.#unasked && isUnasked(notification)) this.#noteUnasked();
      this.#newestMs = newer(this.#newestMs, serverReceivedMs(notification));
      const sorted = sortNotification(notification);
      if (sorted.is === "exception") {
        counters.add("receive_exceptions_total", 1, { type: sorted.type });
        // The server repeats what it saw no acknowledgement for; a duplicate says nothing is wrong.
        if (sorted.type !== "duplicate") this.#exceptionsInARow++;
        untrusted ||= sorted.type === "untrusted_identity";
      } else if (sorted.is === "ignored") {
        counters.add("signal_ignored_total", 1, { what: sorted.what });
      } else {
        heard = true;
        this.#exceptionsInARow = 0;
        if (sorted.is === "receipt") receipts.push(sorted.receipt);
        else {
          const { externalId, lane, body, own, transcript } = sorted;
          canary ||= own && body.includes(CANARY_MARK);
          if (transcript !== undefined) transcripts.push(transcript);
          this.#queue.push({ account, externalId, lane, body, receivedAtMs });
          this.#queuedCharacters += body.length;
        }
      }
    }
    if (heard) this.#o.onHeard?.(canary);
    if (untrusted) this.#o.onUntrusted?.();
    if (receipts.length > 0) {
      counters.add("signal_receipts_total", receipts.length);
      onReceipts?.(receipts);
    }
    if (transcripts.length > 0) onTranscripts?.(transcripts);
    if (wasDegraded !== this.#exceptionsInARow >= EXCEPTIONS_UNTIL_DEGRADED) this.#o.onChange();
    this.#drain();
    if (this.#hasRoom()) return;
    counters.add("signal_intake_held_up_total");
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  /** Messages then come twice while we are subscribed; their key stores them once. */
  #noteUnasked(): void {
    this.#unasked = true;
    this.#o.log.warn(
      "signal-cli receives by itself: what arrives while this service is away or cannot store is lost. " +
        "Start its daemon with --receive-mode=manual",
    );
    this.#o.onChange();
  }

  #hasRoom(): boolean {
    const factor = this.#unstorable ? UNSTORABLE_FACTOR : 1;
    const events = this.#o.maxQueuedEvents ?? MAX_QUEUED_EVENTS;
    return this.#queue.length < events * factor && this.#queuedCharacters < MAX_QUEUED_CHARACTERS * factor;
  }

  #makeRoom(): void {
    if (this.#room === undefined || !this.#hasRoom()) return;
    this.#room.resolve();
    this.#room = undefined;
  }

  #drain(): void {
    if (this.#accept === undefined || this.#queue.length === 0 || this.#draining !== undefined) return;
    const draining = this.#store().finally(() => {
      if (this.#draining === draining) this.#draining = undefined;
    });
    this.#draining = draining;
  }

  async #store(): Promise<void> {
    let waitMs = ACCEPT_RETRY_FIRST_MS;
    while (this.#queue.length > 0 && this.#accept !== undefined) {
      const batch = this.#queue.slice(0, MAX_ACCEPT_BATCH);
      try {
        await this.#accept(batch);
      } catch (error) {
        this.#storingFailed(error);
        if (this.#hurry.signal.aborted) break;
        await this.#o.clock.sleepMs(waitMs, this.#hurry.signal);
        waitMs = Math.min(waitMs * 2, ACCEPT_RETRY_CAP_MS);
        continue;
      }
      this.#queue.splice(0, batch.length);
      for (const event of batch) this.#queuedCharacters -= event.body.length;
      this.#o.counters.add("signal_received_total", batch.length);
      waitMs = ACCEPT_RETRY_FIRST_MS;
      this.#makeRoom();
      if (this.#unstorable) this.#storingWorks();
    }
    // In the turn in which the queue was found empty: whatever comes after that begins anew instead of waiting for nobody.
    this.#draining = undefined;
  }

  #storingFailed(error: unknown): void {
    this.#o.counters.add("signal_accept_failures_total");
    if (this.#unstorable) return;
    this.#unstorable = true;
    this.#o.log.error("Received messages can be stored nowhere; intake is paused", { error: describeError(error) });
    this.#makeRoom();
    this.#subscription.drop();
    this.#o.onChange();
  }

  #storingWorks(): void {
    this.#unstorable = false;
    this.#o.log.info("Received messages can be stored again; intake goes on");
    if (!this.#hurry.signal.aborted) this.#subscription.want();
    this.#o.onChange();
  }
}

function newer(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.max(a, b);
}
