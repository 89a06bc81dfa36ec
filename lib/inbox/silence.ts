/**
 * Listens for silence. A process that is alive is not a channel that receives: signal-cli once dropped every message for
 * days while everything looked up. So two things are watched:
 *
 * - how long nothing came, against the gaps that are usual here; many times the usual gap is told to the admin;
 * - optionally a canary: when nothing came for N minutes, a message to ourselves has to come back. Signal gives no device of an
 *   account what that device sent itself, so a lost canary says something only where one came back before.
 *
 * @module
 */
import type { Alarm } from "../runtime/alarm.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import type { Log } from "../runtime/log.ts";
import { LoopService } from "../runtime/loop.ts";
import { type Condition, LIVE } from "../runtime/service.ts";
import { Wake } from "../runtime/wake.ts";

/** Gaps remembered: enough for days of a small shop. */
const GAPS = 200;
/** Fewer than this many gaps say nothing about what is usual. */
const GAPS_TO_JUDGE = 20;
/** Of the remembered gaps, this share is shorter than the "usual" one: nights are usual too. */
const USUAL_SHARE = 0.95;
/** What follows sooner belongs to the same occasion, milliseconds: receipts of a large group say nothing of how often people write. */
const SAME_OCCASION_MS = 60_000;
/** Silence shorter than this is never told, milliseconds. */
const SHORTEST_SILENCE_MS = 60 * 60_000;
/** How often the silence is looked at, milliseconds. */
const LOOK_MS = 60_000;
/** How long a canary may take to come back, milliseconds. */
const CANARY_BACK_MS = 2 * 60_000;

export interface SilenceOptions {
  /** Told when nothing came for this many times the usual gap (`SILENCE_FACTOR`); 0: never. */
  readonly factor: number;
  /** A canary after so much silence, milliseconds (`RECEIVE_CANARY_MINUTES`); 0: never. */
  readonly canaryAfterMs: number;
  /** Sends a message to ourselves that comes back to us. @returns false when it could not be sent */
  readonly sendCanary: (signal: AbortSignal) => Promise<boolean>;
  /** Whether this instance is the one that receives just now. */
  readonly isReceiving: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly alarm: Alarm;
}

export class SilenceWatch extends LoopService {
  readonly name = "silence";
  readonly #o: SilenceOptions;
  readonly #wake: Wake;
  readonly #gapsMs: number[] = [];
  #lastMs: number | undefined;
  #receivingSinceMs: number | undefined;
  #canarySentAtMs: number | undefined;
  /** The same, and not forgotten when something else comes first. */
  #lastCanaryAtMs = -Infinity;
  #deaf = false;
  /** A canary came back once: one that does not is news. */
  #canaryProven = false;
  /** No canary ever came back: none is sent any more. */
  #canaryUseless = false;

  constructor(options: SilenceOptions) {
    super(options);
    this.#o = options;
    this.#wake = new Wake(options.clock);
  }

  /** When something came last, monotonic milliseconds. */
  get lastHeardMs(): number | undefined {
    return this.#lastMs;
  }

  /** Something came: a message, a receipt. @param canary one that our account sent was in it, from whichever of its devices */
  heard(canary = false): void {
    const nowMs = this.#o.clock.monotonicMs();
    const isCanary = this.#canarySentAtMs !== undefined;
    // One that another instance sent is no proof that ours come back.
    this.#canaryProven ||= canary && nowMs - this.#lastCanaryAtMs <= CANARY_BACK_MS;
    // What a canary brought back says that we hear, and nothing about how often people write.
    if (this.#lastMs !== undefined && !isCanary && nowMs - this.#lastMs >= SAME_OCCASION_MS) {
      this.#gapsMs.push(nowMs - this.#lastMs);
      if (this.#gapsMs.length > GAPS) this.#gapsMs.shift();
    }
    this.#lastMs = nowMs;
    this.#canarySentAtMs = undefined;
    if (!this.#deaf) return;
    this.#deaf = false;
    this.#o.alarm.clear("signal_silent", "Messages are received again");
  }

  /** An instance that does not receive, because another one does, is not deaf, whatever it was before. */
  condition(): Condition {
    return this.#deaf && this.#o.isReceiving() ? { state: "degraded", reason: "silent" } : LIVE;
  }

  protected async loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#wake.wait(LOOK_MS, signal);
      if (!signal.aborted) await this.#look(signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { clock, counters, factor, canaryAfterMs, isReceiving, sendCanary } = this.#o;
    const nowMs = clock.monotonicMs();
    if (!isReceiving()) {
      // Silence counts from when we listen.
      this.#receivingSinceMs = undefined;
      this.#canarySentAtMs = undefined;
      return;
    }
    this.#receivingSinceMs ??= nowMs;
    const silentMs = nowMs - Math.max(this.#lastMs ?? 0, this.#receivingSinceMs);
    counters.set("receive_silence_seconds", Math.round(silentMs / 1000));
    if (this.#canarySentAtMs !== undefined) {
      // As long as it may still come back, it is what answers whether we hear.
      if (nowMs - this.#canarySentAtMs <= CANARY_BACK_MS) return;
      this.#canarySentAtMs = undefined;
      counters.add("receive_canaries_total", 1, { result: "lost" });
      if (this.#canaryProven) this.#tell("a message to ourselves did not come back");
      else this.#giveCanaryUp();
    } else if (canaryAfterMs > 0 && !this.#canaryUseless && silentMs >= canaryAfterMs) {
      this.#canarySentAtMs = this.#lastCanaryAtMs = nowMs;
      const sent = await sendCanary(signal);
      counters.add("receive_canaries_total", 1, { result: sent ? "sent" : "not_sent" });
      if (sent || (this.#lastMs ?? 0) > nowMs) return;
      // What cannot be sent proves nothing about receiving; the channel's own condition tells of it.
      this.#canarySentAtMs = undefined;
    }
    const usualMs = this.#usualGapMs();
    if (factor > 0 && usualMs !== undefined && silentMs > Math.max(SHORTEST_SILENCE_MS, factor * usualMs)) {
      this.#tell(`nothing was received for ${Math.round(silentMs / 60_000)} minutes, which is unusual here`);
    }
  }

  #tell(what: string): void {
    if (!this.#deaf) this.#o.log.warn("Receiving is silent", { silent: true });
    this.#deaf = true;
    this.#o.alarm.raise(
      "signal_silent",
      "warning",
      `Signal error: ${what}. Next step: write to the shop's number; if nothing arrives, restart and update signal-cli.`,
    );
  }

  #giveCanaryUp(): void {
    this.#canaryUseless = true;
    this.#o.log.warn(
      "A message to ourselves did not come back and none did before: no more are sent until the next start",
    );
    this.#o.alarm.raise(
      "canary_useless",
      "warning",
      "Signal error: a message to ourselves did not come back, and none ever did here. Either nothing is received, or Signal does " +
        "not give this account its own messages back. Next step: write to the shop's number; if that arrives, set " +
        "RECEIVE_CANARY_MINUTES to 0. No more are sent until the next start.",
    );
  }

  #usualGapMs(): number | undefined {
    if (this.#gapsMs.length < GAPS_TO_JUDGE) return undefined;
    return this.#gapsMs.toSorted((a, b) => a - b)[Math.floor(this.#gapsMs.length * USUAL_SHARE)];
  }
}
