/**
 * Receiving for one account, one message at a time, with the crash windows of the original
 * (facts: signal.md §4.6): cache, acknowledge, decrypt, hand over, forget.
 *
 * @module
 */
import { type ReceivedLine, renderLine, senderOf } from "./envelope.ts";
import { Crash } from "./failure.ts";
import type { Recipients } from "./recipients.ts";
import type { Mailbox, QueueItem, World } from "./world.ts";

/** Writes one line for one subscriber. Resolves when the pipe took it or it is lost. */
export type LineHandler = (line: ReceivedLine) => Promise<unknown>;

export interface ReceiverOptions {
  readonly world: World;
  readonly recipients: Recipients;
  /** The process died at a scripted point. */
  readonly onCrash: () => void;
  /** Aborted when the program ends. */
  readonly life: AbortSignal;
}

export class Receiver {
  readonly #world: World;
  readonly #recipients: Recipients;
  readonly #mailbox: Mailbox;
  readonly #onCrash: () => void;
  readonly #life: AbortSignal;
  readonly #handlers = new Set<LineHandler>();
  #running: Promise<void> | undefined;
  #arrived = Promise.withResolvers<void>();
  #stopListening: (() => void) | undefined;
  #cacheDue = true;

  constructor(options: ReceiverOptions) {
    this.#world = options.world;
    this.#recipients = options.recipients;
    this.#onCrash = options.onCrash;
    this.#life = options.life;
    this.#mailbox = options.world.mailbox(options.recipients.account.number);
  }

  get active(): boolean {
    return this.#handlers.size > 0;
  }

  /** Messages are taken from the server while there is a handler. @returns its removal */
  add(handler: LineHandler): () => void {
    this.#handlers.add(handler);
    this.#stopListening ??= this.#mailbox.onArrival(() => this.#wake());
    this.#running ??= this.#run();
    return () => {
      this.#handlers.delete(handler);
      if (this.#handlers.size === 0) this.#release();
    };
  }

  /** Tries what is in the cache again: somebody was trusted. */
  retryCached(): void {
    this.#cacheDue = true;
    this.#wake();
  }

  /** Ends all handlers; the message in hand is finished with nobody listening, and so it is lost. */
  close(): void {
    this.#handlers.clear();
    this.#release();
  }

  #release(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
    this.#cacheDue = true;
    this.#wake();
  }

  #wake(): void {
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers<void>();
  }

  async #run(): Promise<void> {
    try {
      while (this.active) {
        if (this.#cacheDue) {
          this.#cacheDue = false;
          for (const item of this.#mailbox.cached()) await this.#fromCache(item);
          continue;
        }
        const arrived = this.#arrived.promise;
        const item = this.#mailbox.next();
        if (item) await this.#fromServer(item);
        else await arrived;
      }
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.#onCrash();
    } finally {
      // In the turn in which no handler was left: one that is added after it begins anew.
      this.#running = undefined;
    }
  }

  async #fromCache(item: QueueItem & { readonly decrypted: boolean }): Promise<void> {
    // Decrypted before the process died: a second decryption fails, and the copy goes without a line.
    if (item.decrypted) this.#mailbox.dropCached(item);
    else await this.#open(item, false);
  }

  async #fromServer(item: QueueItem): Promise<void> {
    this.#world.refresh();
    await this.#point("receive.arrived", item);
    const duplicate = this.#mailbox.wasDecrypted(item.seq);
    this.#mailbox.cache(item);
    await this.#point("receive.cached", item);
    this.#mailbox.ack(item);
    await this.#point("receive.acked", item);
    if (!duplicate) return await this.#open(item, true);
    await this.#hand(renderLine(item.item, this.#recipients, this.#world.time.nowMs(), {
      message: "message with old counter",
      type: "ProtocolDuplicateMessageException",
    }));
    this.#mailbox.dropCached(item);
  }

  async #open(item: QueueItem, first: boolean): Promise<void> {
    const sender = senderOf(item.item, this.#recipients);
    if (sender && !this.#recipients.keyTrusted(sender)) {
      if (!first) return;
      const exception = { message: "untrusted identity", type: "UntrustedIdentityException" };
      return await this.#hand(renderLine(item.item, this.#recipients, this.#world.time.nowMs(), exception));
    }
    this.#mailbox.markDecrypted(item);
    const { processingMs } = item.item;
    if (typeof processingMs === "number") await this.#world.time.pause(processingMs, this.#life);
    await this.#point("receive.decrypted", item);
    await this.#hand(renderLine(item.item, this.#recipients, this.#world.time.nowMs()));
    await this.#point("receive.written", item);
    this.#mailbox.dropCached(item);
  }

  async #hand(line: ReceivedLine): Promise<void> {
    this.#world.flush();
    await Promise.all([...this.#handlers].map((handler) => handler(line)));
  }

  async #point(on: string, item: QueueItem): Promise<void> {
    const { from, group } = item.item;
    const to = [from, group].filter((name) => typeof name === "string");
    for (const effect of this.#world.faults.take({ on, to })) {
      if (effect.type === "delay") {
        await this.#world.time.pause(typeof effect.ms === "number" ? effect.ms : effect.ms[0], this.#life);
      }
      if (effect.type === "hang") await new Promise(() => {});
      if (effect.type === "crash_before" || effect.type === "crash_after") {
        this.#world.flush();
        throw new Crash();
      }
    }
  }
}
