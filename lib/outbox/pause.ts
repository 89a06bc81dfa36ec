/**
 * The pause of an account after a channel fault: nothing is handed over until it ends, then one message goes first to
 * see whether the channel works again. A long pause is stored, so a restart does not shorten it.
 *
 * @module
 */
import type { AccountId } from "../domain/address.ts";
import type { ChannelFault, SendOutcome } from "../domain/message.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { StateStore } from "../store/port.ts";
import { channelPauseMs } from "./backoff.ts";

/** Pauses longer than this are stored. A shorter one is over before a restart is. */
const STORED_FROM_MS = 5_000;

export class AccountPause {
  #untilMs = 0;
  #reason: ChannelFault | undefined;
  #faultsInARow = 0;
  #probing = false;
  #unsaved = false;

  constructor(private readonly account: AccountId, private readonly clock: Clock, private readonly random: Random) {}

  /** Milliseconds until the account may be used again; 0 when it may. */
  remainingMs(): number {
    return Math.max(0, this.#untilMs - this.clock.nowMs());
  }

  get reason(): ChannelFault | undefined {
    return this.#reason;
  }

  /** After a pause, until something was accepted: one request at a time. */
  get probing(): boolean {
    return this.#probing;
  }

  /** @returns how long it will last, milliseconds */
  begin(outcome: Extract<SendOutcome, { outcome: "paused" }>): number {
    this.#faultsInARow++;
    const ms = outcome.retryAfterMs ?? channelPauseMs(this.#faultsInARow, this.random);
    this.#untilMs = Math.max(this.#untilMs, this.clock.nowMs() + ms);
    this.#reason = outcome.reason;
    this.#probing = true;
    if (ms > STORED_FROM_MS) this.#unsaved = true;
    return ms;
  }

  /** Something was accepted: the channel works. */
  worked(): void {
    this.#faultsInARow = 0;
    this.#probing = false;
    this.#reason = undefined;
  }

  async load(state: StateStore): Promise<void> {
    const text = await state.get(this.#key());
    if (text === undefined) return;
    const stored = JSON.parse(text) as { untilMs: number; reason: ChannelFault };
    if (stored.untilMs > this.clock.nowMs()) {
      this.#untilMs = stored.untilMs;
      this.#reason = stored.reason;
      this.#probing = true;
    }
  }

  /** Stores what is worth storing; cheap when nothing is. */
  async save(state: StateStore): Promise<void> {
    if (!this.#unsaved) return;
    await state.put(this.#key(), JSON.stringify({ untilMs: this.#untilMs, reason: this.#reason }));
  }

  saved(): void {
    this.#unsaved = false;
  }

  #key(): string {
    return `outbox.pause.${this.account}`;
  }
}
