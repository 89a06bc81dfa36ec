/**
 * Gathers receipts and records them in batches: `accepted → delivered → read`, per member in groups. What belongs to no
 * accepted message may be evidence for one whose fate is unknown.
 *
 * Receipts are not stored before they are recorded: losing one to a kill loses a line of a timeline, or evidence for
 * which the policy stands in, and never a message.
 *
 * @module
 */
import type { AccountId, Address } from "../domain/address.ts";
import { StoreUnavailable } from "../domain/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import { LoopService } from "../runtime/loop.ts";
import { Wake } from "../runtime/wake.ts";
import type { Store } from "../store/port.ts";
import type { Evidence } from "./evidence.ts";

/** Receipts are gathered this long, milliseconds: they come in bursts. */
const GATHER_MS = 150;
/**
 * Unmatched receipts are looked up again for so long, milliseconds: one can be faster than the settling of its message,
 * and evidence for a message whose answer is lost counts only after SIGNAL_TIMEOUT (60 s), until UNKNOWN_WAIT_SECONDS (10)
 * are over.
 */
const PATIENCE_MS = 120_000;
/** Between two looks for unmatched ones, milliseconds. */
const LOOK_AGAIN_MS = 2_000;
/**
 * A receipt becomes evidence so long after it came, milliseconds. People acknowledge also what the owner typed on the phone; the
 * transcript that says so comes by itself and may come later than the receipt.
 */
export const TRANSCRIPT_GRACE_MS = 1_000;
/** Receipts held in memory; beyond it the oldest go, counted. */
const MAX_HELD = 20_000;
/** Receipts of one transaction. */
const BATCH = 1_000;

/** A receipt as the channel tells it. */
export interface ReceiptNotice {
  readonly from: Address | undefined;
  /** The same person by number, when it is known. */
  readonly fromNumber: Address | undefined;
  readonly kind: "delivery" | "read" | "viewed";
  readonly timestamps: readonly number[];
  readonly whenMs: number;
}

interface Held {
  readonly remoteId: string;
  readonly from: Address | undefined;
  readonly fromNumber: Address | undefined;
  readonly kind: "delivered" | "read";
  readonly atMs: number;
  readonly heardAtMs: number;
  readonly giveUpAtMs: number;
}

export interface ReceiptsOptions {
  readonly store: Pick<Store, "outbox">;
  readonly account: AccountId;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Receipts that belong to no message whose fate is known. Must not throw. */
  readonly onEvidence: (evidence: readonly Evidence[]) => void;
  /** Default {@link TRANSCRIPT_GRACE_MS}. */
  readonly graceMs?: number;
}

export class Receipts extends LoopService {
  readonly name = "receipts";
  readonly #wake: Wake;
  #held: Held[] = [];

  constructor(private readonly options: ReceiptsOptions) {
    super(options);
    this.#wake = new Wake(options.clock);
  }

  /** Takes receipts in; never waits. */
  add(receipts: readonly ReceiptNotice[]): void {
    const heardAtMs = this.options.clock.monotonicMs();
    const nowMs = this.options.clock.nowMs();
    for (const { from, fromNumber, kind, timestamps, whenMs } of receipts) {
      for (const timestamp of timestamps) {
        this.#held.push({
          remoteId: String(timestamp),
          from,
          fromNumber,
          kind: kind === "delivery" ? "delivered" : "read",
          atMs: isPast(whenMs, nowMs) ? whenMs : nowMs,
          heardAtMs,
          giveUpAtMs: heardAtMs + PATIENCE_MS,
        });
      }
    }
    this.#bound();
    this.#wake.ring();
  }

  protected async loop(signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    while (!signal.aborted) {
      await this.#wake.wait(this.#nextLookMs(), signal);
      await clock.sleepMs(GATHER_MS, signal);
      await this.#record();
    }
  }

  async #record(): Promise<void> {
    const { store, account, clock, log, counters, onEvidence } = this.options;
    const all = this.#held.splice(0);
    const left: Held[] = [];
    for (let at = 0; at < all.length; at += BATCH) {
      const batch = all.slice(at, at + BATCH);
      try {
        const unmatched = await store.outbox.recordReceipts(account, batch);
        const open = batch.filter((receipt) => unmatched.has(receipt.remoteId));
        counters.add("receipts_total", batch.length - open.length, { result: "recorded" });
        const nowMs = clock.monotonicMs();
        const ripe = open.filter((receipt) => !this.#isYoung(receipt, nowMs));
        if (ripe.length > 0) onEvidence(ripe);
        const patient = open.filter((receipt) => receipt.giveUpAtMs > nowMs);
        if (patient.length < open.length) {
          counters.add("receipts_total", open.length - patient.length, { result: "unmatched" });
        }
        left.push(...patient);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        log.debug("Receipts wait: the database is away", { cause: describeError(error), waiting: all.length });
        left.push(...all.slice(at));
        break;
      }
    }
    this.#held = [...left, ...this.#held];
    this.#bound();
  }

  #isYoung({ heardAtMs }: Held, nowMs: number): boolean {
    return nowMs - heardAtMs < (this.options.graceMs ?? TRANSCRIPT_GRACE_MS);
  }

  #nextLookMs(): number {
    if (this.#held.length === 0) return Number.MAX_SAFE_INTEGER;
    const nowMs = this.options.clock.monotonicMs();
    return this.#held.some((held) => this.#isYoung(held, nowMs)) ? TRANSCRIPT_GRACE_MS : LOOK_AGAIN_MS;
  }

  #bound(): void {
    const tooMany = this.#held.length - MAX_HELD;
    if (tooMany <= 0) return;
    this.#held.splice(0, tooMany);
    this.options.counters.add("receipts_total", tooMany, { result: "forgotten" });
  }
}

/** Whether the moment that a sender names can be believed: it may be any number, made up or of a clock that is wrong. */
function isPast(whenMs: number, nowMs: number): boolean {
  return Number.isSafeInteger(whenMs) && whenMs >= 0 && whenMs <= nowMs;
}
