/**
 * Requests that are at the channel: handed over, journaled, and answered, whatever happens to the lease meanwhile.
 *
 * @module
 */
import type { Channel } from "../channels/channel.ts";
import type { SendOutcome } from "../domain/message.ts";
import type { Alarm } from "../runtime/alarm.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import type { OutboxRow } from "../store/port.ts";
import type { Journal } from "./journal.ts";
import { tellJournalFailed, tellJournalWorks } from "./journal_notice.ts";
import { type Evidence, fits, type IsMember } from "./evidence.ts";

export interface FlightsOptions {
  readonly channel: Channel;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly alarm: Alarm;
  readonly isMember: IsMember;
}

/** What came of a request. */
export interface Landed {
  readonly outcome: SendOutcome;
  /** Undefined: it certainly did not go out. */
  readonly handedOverAtMs: number | undefined;
  readonly endedAtMs: number;
}

interface Conduct {
  readonly mayLeave: () => boolean;
  readonly giveUp: AbortSignal;
  readonly onLate: (outcome: SendOutcome, handedOverAtMs: number) => void;
}

interface Flight {
  readonly row: OutboxRow;
  /** Undefined until its first byte leaves. */
  handedOverAtMs: number | undefined;
}

/** The right to send ended between the choice of a message and its first byte: it did not leave. */
class TooLate extends Error {
  override readonly name = "TooLate";
}

/** The disk refused the journal's line, so the message did not leave. */
class Unjournaled extends Error {
  override readonly name = "Unjournaled";
}

export class Flights {
  /** The journal takes lines; undefined: not known yet, and an earlier process may have told the admin that it does not. */
  #journals: boolean | undefined;
  /** Also those of a lease that was lost meanwhile. */
  readonly #flights = new Set<Flight>();
  constructor(private readonly options: FlightsOptions) {}

  get size(): number {
    return this.#flights.size;
  }

  /**
   * Hands a message over and waits for what comes of it.
   * @param how.mayLeave asked right before the first byte: a channel can keep a request for long before it writes it, and a
   *   process can be frozen in between
   * @param how.onLate called with the answer to a request that was given up at its deadline, if it comes after all
   */
  async carry(row: OutboxRow, how: Conduct): Promise<Landed> {
    const { journal, clock, counters, log } = this.options;
    const flight: Flight = { row, handedOverAtMs: undefined };
    this.#flights.add(flight);
    const outcome = await this.#send(flight, how);
    this.#flights.delete(flight);
    const { handedOverAtMs } = flight;
    const endedAtMs = clock.nowMs();
    if (handedOverAtMs !== undefined) {
      counters.observeMs("hand_over_seconds", endedAtMs - handedOverAtMs);
      // Also when the lease ran out meanwhile: whoever takes stock next, here or after a restart, reads it. Unless the
      // message was sent again since: then it would be taken for the answer to that.
      const again = [...this.#flights].some((other) => other.row.id === row.id);
      try {
        if (!again) journal.answered(row.id, outcome);
      } catch (error) {
        // The outcome is known here. Only a kill before the next tick would make it unknown.
        log.critical("The journal cannot be written", { cause: describeError(error) });
      }
    }
    return { outcome, handedOverAtMs, endedAtMs };
  }

  /** Whether the evidence may speak of a request whose answer is not here yet. */
  mayConcern(piece: Evidence): boolean {
    const nowMs = this.options.clock.nowMs();
    return [...this.#flights].some(({ row, handedOverAtMs }) =>
      handedOverAtMs !== undefined && fits(piece, row.recipient, handedOverAtMs, nowMs, this.options.isMember)
    );
  }

  async #send(flight: Flight, { mayLeave, giveUp, onLate }: Conduct): Promise<SendOutcome> {
    const { channel, clock, counters, log } = this.options;
    const { row } = flight;
    try {
      return await channel.send(row, giveUp, () => {
        if (!mayLeave()) throw new TooLate();
        const atMs = clock.nowMs();
        this.#journal(row, atMs);
        flight.handedOverAtMs = atMs;
      }, (outcome) => onLate(outcome, flight.handedOverAtMs!));
    } catch (error) {
      if (error instanceof TooLate) return { outcome: "paused", reason: "shutdown" };
      if (error instanceof Unjournaled) return { outcome: "paused", reason: "journal_failed" };
      // The port promises not to reject: a bug.
      counters.add("bugs_total", 1, { room: "channel" });
      log.critical("A channel threw instead of answering", { row: row.id, cause: describeError(error) });
      return flight.handedOverAtMs === undefined
        ? { outcome: "paused", reason: "channel_error" }
        : { outcome: "unknown", reason: "disconnected" };
    }
  }

  /** @throws {Unjournaled} nothing may leave without its line */
  #journal(row: OutboxRow, atMs: number): void {
    try {
      this.options.journal.handedOver(row.id, row.attempts, atMs);
    } catch (error) {
      this.#journals = false;
      tellJournalFailed(this.options, error);
      throw new Unjournaled();
    }
    if (this.#journals !== true) tellJournalWorks(this.options);
    this.#journals = true;
  }
}
