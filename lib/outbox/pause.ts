/**
 * The pause of an account after a channel fault: nothing is handed over until it ends, then one message goes first to
 * see whether the channel works again. A long pause is stored, so a restart does not shorten it.
 *
 * After CIRCUIT_BREAKER_THRESHOLD channel faults in a row the breaker opens: each further pause lasts at least
 * CIRCUIT_BREAKER_COOLDOWN. Message faults never count, so five bad recipients do not open it.
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

export interface BreakerOptions {
  /** Channel faults in a row that open it (`CIRCUIT_BREAKER_THRESHOLD`). */
  readonly threshold: number;
  /** The shortest pause once it is open, milliseconds (`CIRCUIT_BREAKER_COOLDOWN`). */
  readonly cooldownMs: number;
}

/** A pause that an earlier process, or another instance, met and that goes on here. */
export interface ResumedPause {
  readonly reason: ChannelFault;
  /** When it was met, milliseconds UTC: whoever told of its reason since then has told of this pause. */
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** `closed`: works. `open`: left alone for now. `half_open`: one message goes first. */
export type BreakerState = "closed" | "open" | "half_open";

export class AccountPause {
  #untilMs = 0;
  /** The same on the monotonic clock, and how long that was when it began: a clock that is set back makes no pause longer. */
  #untilMonotonicMs = 0;
  #lengthMs = 0;
  /** When it was met first, milliseconds UTC; one that is prolonged for the same reason is the same pause. */
  #sinceMs = 0;
  #reason: ChannelFault | undefined;
  #faultsInARow = 0;
  #probing = false;
  #unsaved = false;
  /** What is being stored. */
  #saving: { readonly text: string; readonly faultsInARow: number } | undefined;
  #storedFaults = false;
  readonly #onResumed: ((pause: ResumedPause) => void)[] = [];

  constructor(
    private readonly account: AccountId,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly breaker: BreakerOptions,
  ) {}

  /** Milliseconds until the account may be used again; 0 when it may. */
  remainingMs(): number {
    const leftMs = Math.min(this.#untilMs - this.clock.nowMs(), this.#untilMonotonicMs - this.clock.monotonicMs());
    return Math.max(0, Math.ceil(leftMs));
  }

  get reason(): ChannelFault | undefined {
    return this.#reason;
  }

  breakerState(): BreakerState {
    if (this.#faultsInARow < this.breaker.threshold) return "closed";
    return this.remainingMs() > 0 ? "open" : "half_open";
  }

  /** After a pause, until something was accepted: one request at a time. */
  get probing(): boolean {
    return this.#probing;
  }

  /** @returns how long it will last, milliseconds */
  begin(outcome: Extract<SendOutcome, { outcome: "paused" }>): number {
    this.#faultsInARow++;
    const own = channelPauseMs(this.#faultsInARow, this.random);
    const open = this.#faultsInARow >= this.breaker.threshold;
    // "At once" from the other side is no date: it would be asked in a tight loop.
    const asked = outcome.retryAfterMs === 0 ? undefined : outcome.retryAfterMs;
    if (this.remainingMs() === 0 || this.#reason !== outcome.reason) this.#sinceMs = this.clock.nowMs();
    const ms = asked ?? (open ? Math.max(own, this.breaker.cooldownMs) : own);
    this.#last(Math.max(this.remainingMs(), ms));
    this.#reason = outcome.reason;
    this.#probing = true;
    if (ms > STORED_FROM_MS) this.#unsaved = true;
    return ms;
  }

  /**
   * Who was killed right after it met a pause may have told nobody: {@link load} and {@link resume} say what goes on. Must not throw.
   * The same pause may be told of several times.
   */
  onResumed(tell: (pause: ResumedPause) => void): void {
    this.#onResumed.push(tell);
  }

  /** An answer that an earlier process got to a request of `handedOverAtMs`, and of which the database never learnt. */
  resume(outcome: Extract<SendOutcome, { outcome: "paused" }>, handedOverAtMs: number): void {
    this.begin(outcome);
    this.#sinceMs = Math.min(this.#sinceMs, handedOverAtMs);
    this.#tellResumed();
  }

  #tellResumed(): void {
    if (this.#reason === undefined || this.remainingMs() === 0) return;
    const resumed = { reason: this.#reason, sinceMs: this.#sinceMs, untilMs: this.clock.nowMs() + this.remainingMs() };
    for (const tell of this.#onResumed) tell(resumed);
  }

  /** Something was accepted: the channel works. */
  worked(): void {
    // A stored count must not survive the recovery: the next fault after a restart would open the breaker at once.
    if (this.#storedFaults) this.#unsaved = true;
    this.#faultsInARow = 0;
    this.#probing = false;
    this.#reason = undefined;
  }

  /** A person removed the cause: no more waiting. One message goes first all the same. */
  lift(): void {
    this.#untilMs = 0;
    this.#faultsInARow = 0;
    this.#reason = undefined;
    this.#unsaved = true;
  }

  #last(ms: number): void {
    this.#lengthMs = ms;
    this.#untilMs = this.clock.nowMs() + ms;
    this.#untilMonotonicMs = this.clock.monotonicMs() + ms;
  }

  async load(state: StateStore): Promise<void> {
    const text = await state.get(this.#key());
    if (text === undefined) return;
    const stored = JSON.parse(text) as {
      untilMs: number;
      lengthMs?: number;
      sinceMs?: number;
      reason: ChannelFault;
      faultsInARow?: number;
    };
    this.#faultsInARow = stored.faultsInARow ?? 0;
    this.#storedFaults = this.#faultsInARow > 0;
    // An open breaker whose pause is over is half open: one message goes first.
    this.#probing ||= this.#faultsInARow >= this.breaker.threshold;
    if (stored.untilMs > this.clock.nowMs()) {
      this.#last(Math.min(stored.untilMs - this.clock.nowMs(), stored.lengthMs ?? Infinity));
      this.#sinceMs = Math.min(stored.sinceMs ?? this.clock.nowMs(), this.clock.nowMs());
      this.#reason = stored.reason;
      this.#probing = true;
      this.#tellResumed();
    }
  }

  /** Stores what is worth storing; cheap when nothing is. */
  async save(state: StateStore): Promise<void> {
    this.#saving = undefined;
    if (!this.#unsaved) return;
    this.#saving = { text: this.#text(), faultsInARow: this.#faultsInARow };
    await state.put(this.#key(), this.#saving.text);
  }

  /** What {@link save} stored is certain now. What an answer changed meanwhile is still to be stored. */
  saved(): void {
    if (this.#saving === undefined) return;
    this.#storedFaults = this.#saving.faultsInARow > 0;
    this.#unsaved = this.#saving.text !== this.#text();
    this.#saving = undefined;
  }

  #text(): string {
    return JSON.stringify({
      untilMs: this.#untilMs,
      lengthMs: this.#lengthMs,
      sinceMs: this.#sinceMs,
      reason: this.#reason,
      faultsInARow: this.#faultsInARow,
    });
  }

  #key(): string {
    return `outbox.pause.${this.account}`;
  }
}
