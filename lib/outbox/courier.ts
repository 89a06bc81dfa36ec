/**
 * Hands the rows of the window over, one at a time per lane and `SIGNAL_CONCURRENCY` in all, and keeps in hand what came of each.
 *
 * @module
 */
import type { SendOutcome } from "../domain/message.ts";
import type { Lease, OutboxRow } from "../store/port.ts";
import type { Fence } from "./fence.ts";
import type { Flights } from "./flights.ts";
import type { Hand } from "./hand.ts";
import { type Move, verdict } from "./moves.ts";
import type { DispatcherOptions } from "./options.ts";
import type { AccountPause } from "./pause.ts";
import { pauseNotice } from "./pause_notice.ts";
import type { Unknowns } from "./unknowns.ts";

export interface CourierParts {
  readonly hand: Hand;
  readonly flights: Flights;
  readonly pause: AccountPause;
  readonly unknowns: Unknowns;
  readonly fence: Fence;
  /** Something came of a request. */
  readonly onLanded: () => void;
}

export class Courier {
  readonly #o: DispatcherOptions;
  readonly #parts: CourierParts;
  /** Channel faults in a row, by lane. */
  readonly #laneFaults = new Map<string, number>();
  #shut = false;
  #giveUp = new AbortController();

  constructor(options: DispatcherOptions, parts: CourierParts) {
    this.#o = options;
    this.#parts = parts;
  }

  open(): void {
    this.#shut = false;
    this.#giveUp = new AbortController();
  }

  /** Nothing more leaves; what is under way goes on. @returns a function that gives up waiting for it */
  shut(): () => void {
    this.#shut = true;
    const giveUp = this.#giveUp;
    return () => giveUp.abort();
  }

  /** The lease is not ours any more. */
  clear(): void {
    this.#laneFaults.clear();
  }

  /** Hands over what may leave now: until the window has nothing ready, or `SIGNAL_CONCURRENCY` are under way. */
  handOverMore(): void {
    const { channel, concurrency, held } = this.#o;
    const { hand, pause } = this.#parts;
    const limit = pause.probing ? 1 : concurrency;
    // Not while the database is away: whoever takes over on another host knows neither what is here nor the journal, and would have
    // to send again what was answered meanwhile.
    while (hand.window.inFlight < limit && !this.#shut && !hand.storeAway) {
      if (pause.remainingMs() > 0 || channel.condition().state === "down") return;
      if (hand.lease === undefined || held.lease() !== hand.lease) return;
      const row = hand.window.take();
      if (row === undefined) return;
      void this.#handOver(row, hand.lease);
    }
  }

  async #handOver(row: OutboxRow, lease: Lease): Promise<void> {
    const { clock, held } = this.#o;
    const { hand } = this.#parts;
    const { grip } = hand;
    const { outcome, handedOverAtMs, endedAtMs } = row.expiresAtMs <= this.#parts.fence.nowMs()
      ? {
        outcome: { outcome: "refused", reason: "expired" } as const,
        handedOverAtMs: undefined,
        endedAtMs: clock.nowMs(),
      }
      : await this.#parts.flights.carry(row, {
        mayLeave: () => hand.grip === grip && held.lease() === lease,
        giveUp: this.#giveUp.signal,
        onLate: (late, atMs) => this.#answeredLate(row, late, atMs),
      });
    if (hand.grip === grip) {
      this.#answered(row, outcome, handedOverAtMs, endedAtMs);
      this.handOverMore();
    } else if (handedOverAtMs !== undefined) {
      // The lease was lost and taken again meanwhile, and the message became unknown.
      this.#answeredLate(row, outcome, handedOverAtMs);
    }
    this.#parts.onLanded();
  }

  /** No evidence is better: the answer to a request that counts as unknown. */
  #answeredLate(row: OutboxRow, outcome: SendOutcome, handedOverAtMs: number): void {
    if (outcome.outcome !== "accepted") return;
    this.#parts.hand.moves.push(...this.#parts.unknowns.answered(row.id, handedOverAtMs, outcome));
    this.#parts.onLanded();
  }

  #answered(row: OutboxRow, outcome: SendOutcome, handedOverAtMs: number | undefined, endedAtMs: number): void {
    const { counters, clock, maxRetries, random } = this.#o;
    const { hand, pause } = this.#parts;
    const reason = "reason" in outcome ? outcome.reason : "none";
    counters.add("send_outcomes_total", 1, { outcome: outcome.outcome, reason });
    if (outcome.outcome === "accepted") {
      for (const member of outcome.failedMembers ?? []) {
        counters.add("members_not_reached_total", 1, { reason: member.reason });
      }
      pause.worked();
      this.#laneFaults.delete(row.lane);
    } else if (outcome.outcome === "paused" && outcome.reason !== "shutdown") {
      this.#paused(row, outcome);
    } else if (outcome.outcome === "unknown") {
      counters.add("messages_unknown_total", 1, { reason });
    }
    if (hand.moves.length === 0) hand.firstMoveAtMs = clock.monotonicMs();
    const times = { handedOverAtMs: handedOverAtMs ?? endedAtMs, endedAtMs };
    const laneFaults = this.#laneFaults.get(row.lane) ?? 1;
    const move: Move = handedOverAtMs === undefined && outcome.outcome === "paused"
      ? { row, to: "given_back" }
      : verdict(row, outcome, times, { maxRetries, random, laneFaults });
    hand.moves.push(move);
    // A death stops its lane, too, until the database knows: after a reboot it would be sent again, behind what followed it.
    const goesOn = move.to === "accepted";
    for (const behind of hand.window.answered(row, goesOn)) hand.moves.push({ row: behind, to: "given_back" });
  }

  #paused(row: OutboxRow, outcome: Extract<SendOutcome, { outcome: "paused" }>): void {
    const { counters, clock, log, alarm } = this.#o;
    const { pause } = this.#parts;
    this.#laneFaults.set(row.lane, (this.#laneFaults.get(row.lane) ?? 0) + 1);
    const pauseMs = pause.begin(outcome);
    counters.add("account_pauses_total", 1, { reason: outcome.reason });
    log.info("The account pauses", { reason: outcome.reason, pauseMs, breaker: pause.breakerState() });
    const notice = pauseNotice(outcome.reason, clock.nowMs() + pause.remainingMs());
    if (notice !== undefined) alarm.raise(outcome.reason, notice.severity, notice.text);
  }
}
