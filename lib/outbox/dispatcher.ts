/**
 * The dispatcher of one account: moves its messages from the outbox to the channel and records what became of them.
 *
 * It works in ticks. One transaction per tick settles what was answered since the last one and marks up to SEND_WINDOW
 * rows `sending`; between ticks the rows of the window are handed over, one at a time per lane, SIGNAL_CONCURRENCY in all.
 * The map of states, and why it is safe to kill it at any moment, is in README.md beside this file.
 *
 * @module
 */
import { LeaseLost, StoreUnavailable } from "../domain/errors.ts";
import type { MessageKind, SendOutcome } from "../domain/message.ts";
import type { Channel } from "../channels/channel.ts";
import type { Alarm } from "../runtime/alarm.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import type { Random } from "../runtime/random.ts";
import type { Service } from "../runtime/service.ts";
import { Wake } from "../runtime/wake.ts";
import type { HeldLease, Lease, OutboxRow, SettledRow, Store, StoreTx } from "../store/port.ts";
import type { Journal } from "./journal.ts";
import { carryOut, type Move, type Subject, verdict } from "./moves.ts";
import { AccountPause } from "./pause.ts";
import { recover } from "./recovery.ts";
import { Window } from "./window.ts";

/** How often messages that grew too old are looked for, milliseconds. */
const EXPIRY_CHECK_MS = 30_000;
/** Messages that grew too old, per look. */
const EXPIRY_BATCH = 100;
/** Without a reason to look, the dispatcher looks after this long, milliseconds: a safety net, its bells ring earlier. */
const IDLE_LOOK_MS = 30_000;
/** Without the lease, milliseconds: its keeper rings when it is taken; one that merely came back rings nobody. */
const LEASE_LOOK_MS = 1_000;
/** After the database failed, the next try comes after this long, milliseconds, or when the pulse rings. */
const STORE_RETRY_MS = 500;
/** Tries that may end in `unknown` before a message counts as poison: it kills its channel, or is never answered. */
export const UNKNOWN_LIMIT = 10;
/** Time that recording the last outcomes may take when stopping, milliseconds. */
const SETTLE_DEADLINE_MS = 3_000;

export interface DispatcherOptions {
  readonly channel: Channel;
  readonly store: Store;
  readonly held: HeldLease;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  readonly alarm: Alarm;
  /** LEASE_SECONDS, milliseconds. */
  readonly leaseMs: number;
  readonly sendWindow: number;
  readonly laneWindow: number;
  /** Requests in flight at the channel (`SIGNAL_CONCURRENCY`). */
  readonly concurrency: number;
  readonly maxRetries: number;
  readonly unknownWaitMs: number;
  readonly unknownPolicy: (kind: MessageKind) => "resend" | "hold";
  /** How long a stop waits for requests in flight before it gives them up, milliseconds. */
  readonly softStopMs: number;
  /** Aborted when even that is too long (a second signal). */
  readonly work: AbortSignal;
  /**
   * Tells the owners of messages that reached an end, in the same transaction. May run more than once; what it returns
   * runs once, after the commit.
   */
  readonly onSettled: (tx: StoreTx, rows: readonly SettledRow[]) => Promise<() => void>;
}

interface Unknown {
  readonly row: Subject;
  readonly resolveAtMs: number;
}

export class Dispatcher implements Service {
  readonly name = "outbox";
  readonly pause: AccountPause;
  readonly #o: DispatcherOptions;
  readonly #log: Log;
  readonly #wake: Wake;
  readonly #window = new Window();
  readonly #unknowns = new Map<number, Unknown>();
  readonly #laneFaults = new Map<string, number>();
  #moves: Move[] = [];
  #lease: Lease | undefined;
  /** The fate of the last COMMIT is not known: the rows have to be looked at before anything else. */
  #doubtful = false;
  #mayHaveMore = true;
  #afterLane: string | undefined;
  #clockOffsetMs = 0;
  #nextExpiryLookMs = 0;
  readonly #quiet: (() => void)[] = [];
  #running: { stopping: boolean; readonly give_up: AbortController; readonly loop: Promise<void> } | undefined;

  constructor(options: DispatcherOptions) {
    this.#o = options;
    this.#log = options.log;
    this.#wake = new Wake(options.clock);
    this.pause = new AccountPause(options.channel.account, options.clock, options.random);
  }

  start(): Promise<void> {
    if (this.#running) throw new Error("outbox: already started");
    const stop: (() => void)[] = [];
    const giveUp = new AbortController();
    this.#mayHaveMore = true;
    stop.push(this.#o.held.onChange(() => this.#wake.ring()));
    stop.push(this.#o.channel.onCondition(() => this.look()));
    const loop = Promise.resolve().then(() => this.#loop()).finally(() => stop.forEach((end) => end()));
    this.#running = { stopping: false, give_up: giveUp, loop };
    return Promise.resolve();
  }

  /** Hands nothing more over, waits for what is in flight, records it, gives the rest back. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (!running || running.stopping) return running?.loop;
    running.stopping = true;
    this.#wake.ring();
    const over = new AbortController();
    const forced = () => running.give_up.abort();
    this.#o.work.addEventListener("abort", forced, { once: true });
    void this.#o.clock.sleepMs(this.#o.work.aborted ? 0 : this.#o.softStopMs, over.signal).then(() =>
      running.give_up.abort()
    );
    await running.loop;
    over.abort();
    this.#o.work.removeEventListener("abort", forced);
    this.#running = undefined;
  }

  /** Something may be due: rung after an enqueue and by the pulse. */
  look(): void {
    this.#mayHaveMore = true;
    this.#wake.ring();
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
  } {
    return {
      window: this.#window.size,
      inFlight: this.#window.inFlight,
      unknown: this.#unknowns.size,
      pausedMs: this.pause.remainingMs(),
    };
  }

  async #loop(): Promise<void> {
    const { clock } = this.#o;
    const never = new AbortController().signal;
    let settleBeforeMs = Infinity;
    while (true) {
      const stopping = this.#running?.stopping ?? false;
      if (stopping) {
        if (this.#window.inFlight === 0) {
          this.#moves.push(...this.#window.takeBack().map((row): Move => ({ row, to: "given_back" })));
          settleBeforeMs = Math.min(settleBeforeMs, clock.monotonicMs() + SETTLE_DEADLINE_MS);
          if (this.#moves.length === 0 || clock.monotonicMs() > settleBeforeMs) break;
        } else {
          await this.#wake.wait(IDLE_LOOK_MS, never);
          continue;
        }
      }
      const lease = this.#o.held.lease();
      if (lease === undefined) {
        if (stopping) break;
        this.#loseGrip();
        await this.#wake.wait(LEASE_LOOK_MS, never);
        continue;
      }
      let busy = false;
      try {
        if (this.#lease !== lease || this.#doubtful) await this.#takeStock(lease);
        busy = await this.#tick(lease, stopping);
      } catch (error) {
        if (error instanceof LeaseLost) {
          this.#o.held.lost(lease);
        } else if (error instanceof StoreUnavailable) {
          // Outcomes stay in memory and in the journal; what is marked goes on being handed over while the lease lasts.
          this.#doubtful ||= error.maybeCommitted;
          this.#log.debug("Outcomes wait: the database is away", {
            waiting: this.#moves.length,
            cause: describeError(error),
          });
          await this.#wake.wait(STORE_RETRY_MS, never);
          continue;
        } else {
          this.#o.counters.add("bugs_total", 1, { room: "outbox" });
          this.#o.alarm.raise("outbox_failure", "critical", "The outbox met an unexpected error and goes on trying");
          this.#log.critical("The outbox met an unexpected error", { cause: describeError(error) });
          this.#doubtful = true;
          await clock.sleepMs(STORE_RETRY_MS);
          if (stopping && clock.monotonicMs() > settleBeforeMs) break;
        }
      }
      if (busy) continue;
      if (this.#window.size === 0) this.#quiet.splice(0).forEach((tell) => tell());
      await this.#wake.wait(this.#nextDateMs(), never);
    }
    this.#quiet.splice(0).forEach((tell) => tell());
    this.#o.journal.close();
    this.#loseGrip();
  }

  /** Forgets what belongs to a lease that is not ours any more. Requests in flight are answered into nothing. */
  #loseGrip(): void {
    this.#lease = undefined;
    this.#window.clear();
    this.#unknowns.clear();
    this.#laneFaults.clear();
    this.#moves = [];
    this.#doubtful = false;
  }

  /** The lease is new to us, or the fate of a COMMIT is not known: decides every row that stands in `sending`. */
  async #takeStock(lease: Lease): Promise<void> {
    const { store, channel, journal, clock, counters } = this.#o;
    const fresh = this.#lease !== lease;
    if (fresh) this.#loseGrip();
    const said = fresh ? journal.read() : () => ({ state: "not_handed_over" } as const);
    const pending = new Set(this.#moves.map((move) => move.row.id));
    const isOurs = (row: Subject) => !fresh && (this.#window.has(row) || pending.has(row.id));
    const outcome = await store.transaction("outbox_recover", async (tx) => {
      const nowMs = await this.#fence(tx, lease);
      const found = await recover(tx, lease, channel.account, said, isOurs, this.#o);
      const done = await carryOut(tx, found.moves, lease, nowMs);
      const after = await this.#o.onSettled(tx, done.settled);
      return { found, after };
    });
    outcome.after();
    if (fresh) {
      journal.begin(lease.epoch);
      journal.forgetOthers();
      await this.pause.load(store.state);
    }
    this.#lease = lease;
    this.#doubtful = false;
    this.#mayHaveMore = true;
    for (const row of outcome.found.stillUnknown) this.#awaitEvidence(row);
    const counts = { given_back: 0, accepted: 0, queued: 0, unknown: 0, dead: 0, resend: 0 };
    for (const move of outcome.found.moves) {
      counts[move.to]++;
      if (move.to === "unknown") this.#awaitEvidence({ ...move.row, attempts: move.attempts });
    }
    if (counts.unknown > 0) counters.add("messages_unknown_total", counts.unknown, { reason: "recovered" });
    if (outcome.found.moves.length + outcome.found.stillUnknown.length > 0) {
      this.#log.info("Messages that were under way were looked after", {
        given_back: counts.given_back,
        settled: counts.accepted + counts.queued + counts.dead,
        unknown: counts.unknown + outcome.found.stillUnknown.length,
        at: new Date(clock.nowMs()).toISOString(),
      });
    }
  }

  /** Settles and marks, in one transaction. @returns false when there was nothing to do */
  async #tick(lease: Lease, stopping: boolean): Promise<boolean> {
    const { store, channel, journal, clock, sendWindow, laneWindow } = this.#o;
    await this.#resolveUnknowns();
    await this.#lookForExpired();
    const open = !stopping && this.pause.remainingMs() === 0 && channel.condition().state !== "down";
    if (!open) this.#moves.push(...this.#window.takeBack().map((row): Move => ({ row, to: "given_back" })));

    let rows: readonly OutboxRow[] = [];
    const free = (this.pause.probing ? 1 : sendWindow) - this.#window.size;
    if (open && free > 0 && this.#mayHaveMore) {
      this.#mayHaveMore = false;
      const { running, skip } = this.#window.room(laneWindow);
      const found = await store.outbox.candidates(channel.account, {
        afterLane: this.#afterLane,
        limit: free,
        perLane: laneWindow,
        nowMs: clock.nowMs() + this.#clockOffsetMs,
        running,
        skip,
      });
      rows = found.rows;
      // A full round without a row means that nothing is due; anything else may have left something behind.
      this.#mayHaveMore = rows.length > 0 || found.nextLane !== undefined || this.#afterLane !== undefined;
      this.#afterLane = found.nextLane;
    }
    const moves = this.#moves;
    if (rows.length === 0 && moves.length === 0) return this.#mayHaveMore && open && free > 0;

    this.#moves = [];
    const sentAtMs = clock.monotonicMs();
    let done;
    try {
      done = await store.transaction("outbox_tick", async (tx) => {
        const nowMs = await this.#fence(tx, lease);
        const { settled, moved } = await carryOut(tx, moves, lease, nowMs);
        const after = settled.length > 0 ? await this.#o.onSettled(tx, settled) : () => {};
        const marked = rows.length > 0 ? await tx.outbox.markSending(rows.map((row) => row.id), lease, nowMs) : [];
        await this.pause.save(tx.state);
        return { moved, marked: new Set(marked), after };
      });
    } catch (error) {
      this.#moves = [...moves, ...this.#moves];
      this.#mayHaveMore = true;
      throw error;
    }
    this.pause.saved();
    this.#o.held.confirmed(lease, sentAtMs);
    done.after();
    journal.settled(moves.map((move) => ({ id: move.row.id, requeued: move.to !== "accepted" && move.to !== "dead" })));
    this.#settled(moves, done.moved);
    this.#window.add(rows.filter((row) => done.marked.has(row.id)));
    if (moves.length > 0) this.#mayHaveMore = true;
    this.#handOverMore();
    return true;
  }

  /** @throws {LeaseLost} */
  async #fence(tx: StoreTx, lease: Lease): Promise<number> {
    const nowMs = await tx.leases.renew(lease, this.#o.leaseMs);
    if (nowMs === undefined) throw new LeaseLost(lease.name);
    this.#clockOffsetMs = nowMs - this.#o.clock.nowMs();
    return nowMs;
  }

  #settled(moves: readonly Move[], moved: ReadonlySet<number>): void {
    const { counters } = this.#o;
    let unmatched = 0;
    for (const move of moves) {
      this.#window.settled(move.row);
      if (!moved.has(move.row.id)) unmatched++;
      else if (move.to === "unknown") this.#awaitEvidence({ ...move.row, attempts: move.attempts });
    }
    // Possible after a COMMIT of unknown fate that did take effect; otherwise somebody else moved our rows.
    if (unmatched > 0) counters.add("outbox_moves_unmatched_total", unmatched);
  }

  #handOverMore(): void {
    const { channel, concurrency } = this.#o;
    const limit = this.pause.probing ? 1 : concurrency;
    while (this.#window.inFlight < limit && !this.#running?.stopping) {
      if (this.pause.remainingMs() > 0 || channel.condition().state === "down") return;
      if (this.#lease === undefined || this.#o.held.lease() !== this.#lease) return;
      const row = this.#window.take();
      if (row === undefined) return;
      void this.#handOver(row, this.#lease);
    }
  }

  async #handOver(row: OutboxRow, lease: Lease): Promise<void> {
    const { channel, journal, clock, counters } = this.#o;
    const startedAtMs = clock.nowMs();
    let handedOverAtMs: number | undefined;
    let outcome: SendOutcome;
    if (row.expiresAtMs <= startedAtMs + this.#clockOffsetMs) {
      outcome = { outcome: "refused", reason: "expired" };
    } else {
      try {
        outcome = await channel.send(row, this.#running!.give_up.signal, () => {
          handedOverAtMs = clock.nowMs();
          journal.handedOver(row.id, row.attempts, handedOverAtMs);
        });
      } catch (error) {
        // The port promises not to reject: a bug. Handed over or not decides whether it may have arrived.
        counters.add("bugs_total", 1, { room: "channel" });
        this.#log.critical("A channel threw instead of answering", { row: row.id, cause: describeError(error) });
        outcome = handedOverAtMs === undefined
          ? { outcome: "paused", reason: "channel_error" }
          : { outcome: "unknown", reason: "disconnected" };
      }
    }
    const endedAtMs = clock.nowMs();
    if (handedOverAtMs !== undefined) {
      // Also when the lease ran out meanwhile: whoever takes stock next, here or after a restart, reads it.
      journal.answered(row.id, outcome);
      counters.observeMs("hand_over_seconds", endedAtMs - handedOverAtMs);
    }
    if (this.#lease !== lease) return;
    this.#answered(row, outcome, handedOverAtMs, endedAtMs);
    this.#handOverMore();
    this.#wake.ring();
  }

  #answered(row: OutboxRow, outcome: SendOutcome, handedOverAtMs: number | undefined, endedAtMs: number): void {
    const { counters, maxRetries, random } = this.#o;
    counters.add("send_outcomes_total", 1, {
      outcome: outcome.outcome,
      reason: "reason" in outcome ? outcome.reason : "none",
    });
    if (outcome.outcome === "accepted") {
      this.pause.worked();
      this.#laneFaults.delete(row.lane);
    } else if (outcome.outcome === "paused" && outcome.reason !== "shutdown") {
      this.#paused(row, outcome);
    } else if (outcome.outcome === "unknown") {
      counters.add("messages_unknown_total", 1, { reason: outcome.reason });
    }
    const move: Move = handedOverAtMs === undefined && outcome.outcome === "paused"
      ? { row, to: "given_back" }
      : verdict(row, outcome, { handedOverAtMs: handedOverAtMs ?? endedAtMs, endedAtMs }, {
        maxRetries,
        random,
        laneFaults: this.#laneFaults.get(row.lane) ?? 1,
      });
    const goesOn = move.to === "accepted" || move.to === "dead";
    this.#moves.push(move);
    for (const behind of this.#window.answered(row, goesOn)) this.#moves.push({ row: behind, to: "given_back" });
  }

  #paused(row: OutboxRow, outcome: Extract<SendOutcome, { outcome: "paused" }>): void {
    this.#laneFaults.set(row.lane, (this.#laneFaults.get(row.lane) ?? 0) + 1);
    const pauseMs = this.pause.begin(outcome);
    this.#o.counters.add("account_pauses_total", 1, { reason: outcome.reason });
    this.#log.info("The account pauses", { reason: outcome.reason, pauseMs });
    if (outcome.reason === "proof_required") {
      this.#o.alarm.raise(
        "proof_required",
        "critical",
        "Signal error: Signal wants a captcha solved before it takes more messages. Messages wait, none is lost. " +
          "Next step: signal-automation captcha",
      );
    }
  }

  #awaitEvidence(row: Subject): void {
    this.#unknowns.set(row.id, { row, resolveAtMs: this.#o.clock.monotonicMs() + this.#o.unknownWaitMs });
  }

  /** Unknown for long enough: the policy of its kind decides. */
  async #resolveUnknowns(): Promise<void> {
    const { clock, unknownPolicy, maxRetries, counters, store } = this.#o;
    for (const [id, { row, resolveAtMs }] of this.#unknowns) {
      if (resolveAtMs > clock.monotonicMs()) continue;
      const tries = (await store.outbox.find(id))?.timeline.filter((attempt) => attempt.outcome === "unknown").length ??
        0;
      this.#unknowns.delete(id);
      if (unknownPolicy(row.kind) === "hold" || row.attempts > maxRetries || tries >= UNKNOWN_LIMIT) {
        this.#moves.push({ row, to: "dead", reason: "unknown", attempts: row.attempts });
      } else {
        counters.add("messages_resent_total");
        this.#moves.push({ row, to: "resend" });
      }
    }
  }

  async #lookForExpired(): Promise<void> {
    const { clock, store, channel } = this.#o;
    if (clock.monotonicMs() < this.#nextExpiryLookMs) return;
    this.#nextExpiryLookMs = clock.monotonicMs() + EXPIRY_CHECK_MS;
    const rows = await store.outbox.expired(channel.account, clock.nowMs() + this.#clockOffsetMs, EXPIRY_BATCH);
    if (rows.length === EXPIRY_BATCH) this.#nextExpiryLookMs = 0;
    for (const row of rows) this.#moves.push({ row, to: "dead", reason: "expired", attempts: row.attempts });
  }

  /** How long there is nothing to do unless a bell rings, milliseconds. */
  #nextDateMs(): number {
    let waitMs = IDLE_LOOK_MS;
    const pausedMs = this.pause.remainingMs();
    if (pausedMs > 0) waitMs = Math.min(waitMs, pausedMs);
    const nowMs = this.#o.clock.monotonicMs();
    for (const { resolveAtMs } of this.#unknowns.values()) waitMs = Math.min(waitMs, Math.max(1, resolveAtMs - nowMs));
    return waitMs;
  }
}
