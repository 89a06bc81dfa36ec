/**
 * The dispatcher of one account: moves its messages from the outbox to the channel and records what became of them.
 *
 * It works in ticks ({@link Tick}): one transaction settles what was answered since the last one and marks up to SEND_WINDOW
 * rows `sending`; between ticks the {@link Courier} hands the rows of the window over, one at a time per lane, SIGNAL_CONCURRENCY
 * in all. Here is decided when. The map of states, and why it is safe to kill it at any moment, is in README.md beside this file.
 *
 * @module
 */
import { LeaseLost, StoreUnavailable } from "../domain/errors.ts";
import { describeError } from "../runtime/log.ts";
import type { Service } from "../runtime/service.ts";
import { Wake } from "../runtime/wake.ts";
import type { Lease } from "../store/port.ts";
import { Courier } from "./courier.ts";
import type { Evidence } from "./evidence.ts";
import { Fence } from "./fence.ts";
import { Flights } from "./flights.ts";
import { Hand } from "./hand.ts";
import { JournalFailed } from "./journal.ts";
import { tellJournalFailed } from "./journal_notice.ts";
import type { DispatcherOptions } from "./options.ts";
import { AccountPause } from "./pause.ts";
import { Selection } from "./selection.ts";
import { Stocktaking } from "./stocktaking.ts";
import { Tick } from "./tick.ts";
import type { TranscriptNotice } from "./transcripts.ts";
import { Unknowns } from "./unknowns.ts";
import { Weighing } from "./weighing.ts";

export type { DispatcherOptions } from "./options.ts";

/** Answers wait for a transaction this long at most while there is more to hand over, milliseconds. */
const SETTLE_WITHIN_MS = 20;
/** Without a reason to look, the dispatcher looks after this long, milliseconds: a safety net, its bells ring earlier. */
const IDLE_LOOK_MS = 30_000;
/** Without the lease, milliseconds: its keeper rings when it is taken; one that merely came back rings nobody. */
const LEASE_LOOK_MS = 1_000;
/** After the database failed, the next try comes after this long, milliseconds, or when the pulse rings. */
const STORE_RETRY_MS = 500;
/** After the disk refused the journal, milliseconds. */
const JOURNAL_RETRY_MS = 1_000;
/** Time that recording the last outcomes may take when stopping, milliseconds. */
const SETTLE_DEADLINE_MS = 3_000;

export class Dispatcher implements Service {
  readonly name = "outbox";
  readonly pause: AccountPause;
  /** When the loop turned last, on the monotonic clock: it does so every half minute at least. */
  lastTurnAtMs: number;
  readonly #o: DispatcherOptions;
  readonly #wake: Wake;
  readonly #hand = new Hand();
  readonly #fence: Fence;
  readonly #selection: Selection;
  readonly #unknowns: Unknowns;
  readonly #flights: Flights;
  readonly #weighing: Weighing;
  readonly #courier: Courier;
  readonly #stocktaking: Stocktaking;
  readonly #tick: Tick;
  readonly #quiet: (() => void)[] = [];
  /** The fate of the last COMMIT is not known: the rows have to be looked at before anything else. */
  #doubtful = false;
  #running: { stopping: boolean; readonly loop: Promise<void> } | undefined;

  constructor(options: DispatcherOptions) {
    const { channel, store, pacing, exempt, laneWindow, clock, random, breaker, leaseMs } = options;
    this.#o = options;
    this.lastTurnAtMs = clock.monotonicMs();
    this.#wake = new Wake(clock);
    this.pause = new AccountPause(channel.account, clock, random, breaker);
    this.#selection = new Selection({ store, account: channel.account, pacing, exempt, laneWindow });
    this.#unknowns = new Unknowns(options);
    this.#flights = new Flights(options);
    this.#fence = new Fence(clock, leaseMs);
    const parts = {
      hand: this.#hand,
      fence: this.#fence,
      pause: this.pause,
      unknowns: this.#unknowns,
      flights: this.#flights,
    };
    this.#weighing = new Weighing({ ...options, ...parts, account: channel.account });
    this.#stocktaking = new Stocktaking(options, parts);
    this.#courier = new Courier(options, {
      ...parts,
      onLanded: () => {
        if (this.#running?.stopping || this.#tickIsDue()) this.#wake.ring();
      },
    });
    this.#tick = new Tick(options, {
      ...parts,
      selection: this.#selection,
      weighing: this.#weighing,
      courier: this.#courier,
    });
  }

  async start(): Promise<void> {
    if (this.#running) throw new Error("outbox: already started");
    const unlisten = [
      this.#o.held.onChange(() => this.#wake.ring()),
      this.#o.channel.onCondition(() => this.look()),
    ];
    this.#selection.look();
    const loop = Promise.resolve().then(() => this.#loop()).finally(() => unlisten.forEach((end) => end()));
    this.#courier.open();
    this.#running = { stopping: false, loop };
  }

  /** Hands nothing more over, waits for what is in flight, records it, gives the rest back. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (!running || running.stopping) return running?.loop;
    running.stopping = true;
    const forced = this.#courier.shut();
    this.#wake.ring();
    const over = new AbortController();
    const { work, clock, softStopMs } = this.#o;
    work.addEventListener("abort", forced, { once: true });
    void clock.sleepMs(work.aborted ? 0 : softStopMs, over.signal).then(forced);
    await running.loop;
    over.abort();
    work.removeEventListener("abort", forced);
    this.#running = undefined;
  }

  /** Something may be due: rung after an enqueue and by the pulse. */
  look(): void {
    this.#tick.news = true;
    this.#selection.look();
    this.#wake.ring();
  }

  /** Receipts that belong to no message whose fate is known: proof, perhaps, for one whose is not. The next tick weighs them. */
  evidence(evidence: readonly Evidence[]): void {
    if (this.#weighing.hear(evidence)) this.#wake.ring();
  }

  /** What other devices of the account sent: proof, perhaps, for messages that an instance on another host left behind. */
  transcripts(transcripts: readonly TranscriptNotice[]): void {
    if (this.#unknowns.heard(transcripts)) this.#wake.ring();
  }

  /** Resolves when nothing is due any more, or after `timeoutMs`. */
  async whenQuiet(timeoutMs: number): Promise<void> {
    const quiet = new AbortController();
    this.#quiet.push(() => quiet.abort());
    this.look();
    await this.#o.clock.sleepMs(timeoutMs, quiet.signal);
  }

  /** For health: what is held and in flight here. */
  status(): {
    readonly window: number;
    readonly inFlight: number;
    readonly unknown: number;
    readonly pausedMs: number;
    readonly breaker: string;
  } {
    return {
      window: this.#hand.window.size,
      inFlight: this.#hand.window.inFlight,
      unknown: this.#unknowns.size,
      pausedMs: this.pause.remainingMs(),
      breaker: this.pause.breakerState(),
    };
  }

  async #loop(): Promise<void> {
    const { clock, log, counters, alarm, held } = this.#o;
    const never = new AbortController().signal;
    let settleBeforeMs = Infinity;
    while (true) {
      this.lastTurnAtMs = clock.monotonicMs();
      const stopping = this.#running?.stopping ?? false;
      if (stopping && this.#flights.size > 0) {
        await this.#wake.wait(IDLE_LOOK_MS, never);
        continue;
      }
      if (stopping) {
        this.#hand.takeBack();
        settleBeforeMs = Math.min(settleBeforeMs, clock.monotonicMs() + SETTLE_DEADLINE_MS);
        if (this.#hand.moves.length === 0 || clock.monotonicMs() > settleBeforeMs) break;
      }
      const lease = held.lease();
      if (lease === undefined) {
        if (stopping) break;
        this.#loseGrip();
        await this.#wake.wait(LEASE_LOOK_MS, never);
        continue;
      }
      if (this.#hand.lease === lease && !this.#doubtful && !stopping && !this.#tickIsDue()) {
        await this.#wake.wait(Math.min(this.#nextDateMs(), SETTLE_WITHIN_MS), never);
        continue;
      }
      let busy = false;
      try {
        if (this.#hand.lease !== lease || this.#doubtful) await this.#takeStock(lease);
        busy = await this.#tick.run(lease, stopping);
      } catch (error) {
        if (error instanceof LeaseLost) {
          held.lost(lease);
        } else if (error instanceof StoreUnavailable) {
          // Outcomes stay in memory and in the journal.
          this.#doubtful ||= error.maybeCommitted;
          this.#hand.storeAway = true;
          log.debug("Outcomes wait: the database is away", {
            waiting: this.#hand.moves.length,
            cause: describeError(error),
          });
          await this.#wake.wait(STORE_RETRY_MS, never);
          continue;
        } else if (error instanceof JournalFailed) {
          tellJournalFailed({ log, alarm }, error);
          this.#doubtful = true;
          await clock.sleepMs(JOURNAL_RETRY_MS);
        } else {
          counters.add("bugs_total", 1, { room: "outbox" });
          alarm.raise(
            "outbox_failure",
            "critical",
            "The outbox met an unexpected error and goes on trying; see the log",
          );
          log.critical("The outbox met an unexpected error", { cause: describeError(error) });
          this.#doubtful = true;
          await clock.sleepMs(STORE_RETRY_MS);
        }
      }
      if (busy) continue;
      if (this.#hand.window.size === 0) this.#quiet.splice(0).forEach((tell) => tell());
      if (!await this.#wake.wait(this.#nextDateMs(), never)) this.#selection.look();
    }
    this.#quiet.splice(0).forEach((tell) => tell());
    await this.#selection.forgetAhead();
    this.#o.journal.close();
    this.#loseGrip();
  }

  /**
   * Whether the next transaction is worth its cost now. It costs about the same for one row as for a full window, so answers
   * are gathered until there is nothing left to hand over, or for {@link SETTLE_WITHIN_MS}; a message that comes alone
   * waits for nothing.
   */
  #tickIsDue(): boolean {
    const { clock, concurrency, channel } = this.#o;
    const { waiting, inFlight, hasReady } = this.#hand.window;
    if (inFlight === 0 || this.pause.remainingMs() > 0 || channel.condition().state === "down") return true;
    if (this.#weighing.isDue) return true;
    if (inFlight < concurrency && (waiting === 0 || (this.#tick.news && !hasReady))) return true;
    const [oldest] = this.#hand.moves;
    if (oldest === undefined) return false;
    return this.#hand.moves.some((move) => move.to !== "accepted") ||
      clock.monotonicMs() - this.#hand.firstMoveAtMs >= SETTLE_WITHIN_MS;
  }

  /** Forgets what belongs to a lease that is not ours any more. */
  #loseGrip(): void {
    this.#hand.drop();
    this.#courier.clear();
    this.#unknowns.clear();
    this.#weighing.clear();
    this.#doubtful = false;
  }

  /** The lease is new to us, or the fate of a COMMIT is not known. */
  async #takeStock(lease: Lease): Promise<void> {
    const fresh = this.#hand.lease !== lease;
    if (fresh) this.#loseGrip();
    await this.#selection.forgetAhead();
    await this.#stocktaking.take(lease, fresh);
    this.#doubtful = false;
    this.#selection.look();
  }

  /** How long there is nothing to do unless a bell rings, milliseconds. */
  #nextDateMs(): number {
    const pausedMs = this.pause.remainingMs();
    const paceMs = this.#selection.pacedForMs;
    if (paceMs < Infinity) this.#selection.look();
    return Math.min(IDLE_LOOK_MS, pausedMs > 0 ? pausedMs : Infinity, paceMs, this.#unknowns.nextDateMs());
  }
}
