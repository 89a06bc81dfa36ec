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
import type { SendOutcome } from "../domain/message.ts";
import { describeError } from "../runtime/log.ts";
import type { Service } from "../runtime/service.ts";
import { Wake } from "../runtime/wake.ts";
import type { Lease, OutboxRow, StoreTx } from "../store/port.ts";
import type { Evidence } from "./evidence.ts";
import { Flights } from "./flights.ts";
import { carryOut, type Move, type Subject, verdict } from "./moves.ts";
import type { DispatcherOptions } from "./options.ts";
import { AccountPause } from "./pause.ts";
import { recover } from "./recovery.ts";
import { Selection } from "./selection.ts";
import type { TranscriptNotice } from "./transcripts.ts";
import { Unknowns } from "./unknowns.ts";
import { Weighing } from "./weighing.ts";
import { Window } from "./window.ts";

export type { DispatcherOptions } from "./options.ts";

/** How often messages that grew too old are looked for, milliseconds. */
const EXPIRY_CHECK_MS = 30_000;
/** Messages that grew too old, per look. */
const EXPIRY_BATCH = 100;
/** Answers wait for a transaction this long at most while there is more to hand over, milliseconds. */
const SETTLE_WITHIN_MS = 20;
/** Without a reason to look, the dispatcher looks after this long, milliseconds: a safety net, its bells ring earlier. */
const IDLE_LOOK_MS = 30_000;
/** Without the lease, milliseconds: its keeper rings when it is taken; one that merely came back rings nobody. */
const LEASE_LOOK_MS = 1_000;
/** After the database failed, the next try comes after this long, milliseconds, or when the pulse rings. */
const STORE_RETRY_MS = 500;
/** Time that recording the last outcomes may take when stopping, milliseconds. */
const SETTLE_DEADLINE_MS = 3_000;
/**
 * A tick that marked this part of a window is one of a backlog: what follows is searched for while it is handed over. Below it, the
 * answers are likely to be here before the search, which would only be a statement more.
 */
const BACKLOG = 1 / 8;
/** Lanes remembered in memory as having been told of in the database. */
const REMEMBERED_LANES = 20_000;

export class Dispatcher implements Service {
  readonly name = "outbox";
  readonly pause: AccountPause;
  /** When the loop turned last, on the monotonic clock: it does so every half minute at least. */
  lastTurnAtMs: number;
  readonly #o: DispatcherOptions;
  readonly #wake: Wake;
  readonly #window = new Window();
  readonly #selection: Selection;
  readonly #unknowns: Unknowns;
  readonly #laneFaults = new Map<string, number>();
  readonly #toldLanes = new Set<string>();
  readonly #quiet: (() => void)[] = [];
  #moves: Move[] = [];
  readonly #flights: Flights;
  readonly #weighing: Weighing;
  /** Changes whenever {@link #window} is given up: what was handed over before concerns it no more. */
  #grip = Symbol();
  #lease: Lease | undefined;
  /** The fate of the last COMMIT is not known: the rows have to be looked at before anything else. */
  #doubtful = false;
  /** Rows that a recovery of unknown fate may have made `unknown`: not in the metric yet. */
  readonly #uncounted = new Set<number>();
  /** The last transaction failed because the database was away. */
  #storeAway = false;
  /** When the oldest of {@link #moves} was answered, on the monotonic clock. */
  #firstMoveAtMs = 0;
  /** Something was enqueued, or became due, since the last search. */
  #news = false;
  #clockOffsetMs = 0;
  #nextExpiryLookMs = 0;
  #running: { stopping: boolean; readonly giveUp: AbortController; readonly loop: Promise<void> } | undefined;

  constructor(options: DispatcherOptions) {
    const { channel, store, pacing, exempt, laneWindow, clock, random, breaker } = options;
    this.#o = options;
    this.lastTurnAtMs = clock.monotonicMs();
    this.#wake = new Wake(clock);
    this.pause = new AccountPause(channel.account, clock, random, breaker);
    this.#selection = new Selection({ store, account: channel.account, pacing, exempt, laneWindow });
    this.#unknowns = new Unknowns(options);
    this.#flights = new Flights(options);
    this.#weighing = new Weighing({
      ...options,
      account: channel.account,
      unknowns: this.#unknowns,
      flights: this.#flights,
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
    this.#running = { stopping: false, giveUp: new AbortController(), loop };
  }

  /** Hands nothing more over, waits for what is in flight, records it, gives the rest back. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (!running || running.stopping) return running?.loop;
    running.stopping = true;
    this.#wake.ring();
    const over = new AbortController();
    const forced = () => running.giveUp.abort();
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
    this.#news = true;
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
      window: this.#window.size,
      inFlight: this.#window.inFlight,
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
        this.#takeBack();
        settleBeforeMs = Math.min(settleBeforeMs, clock.monotonicMs() + SETTLE_DEADLINE_MS);
        if (this.#moves.length === 0 || clock.monotonicMs() > settleBeforeMs) break;
      }
      const lease = held.lease();
      if (lease === undefined) {
        if (stopping) break;
        this.#loseGrip();
        await this.#wake.wait(LEASE_LOOK_MS, never);
        continue;
      }
      if (this.#lease === lease && !this.#doubtful && !stopping && !this.#tickIsDue()) {
        await this.#wake.wait(Math.min(this.#nextDateMs(), SETTLE_WITHIN_MS), never);
        continue;
      }
      let busy = false;
      try {
        if (this.#lease !== lease || this.#doubtful) await this.#takeStock(lease);
        busy = await this.#tick(lease, stopping);
      } catch (error) {
        if (error instanceof LeaseLost) {
          held.lost(lease);
        } else if (error instanceof StoreUnavailable) {
          // Outcomes stay in memory and in the journal. Nothing more is handed over: whoever takes over on another host knows
          // neither, and would have to send again what was answered meanwhile.
          this.#doubtful ||= error.maybeCommitted;
          this.#storeAway = true;
          log.debug("Outcomes wait: the database is away", {
            waiting: this.#moves.length,
            cause: describeError(error),
          });
          await this.#wake.wait(STORE_RETRY_MS, never);
          continue;
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
      if (this.#window.size === 0) this.#quiet.splice(0).forEach((tell) => tell());
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
    const { waiting, inFlight, hasReady } = this.#window;
    if (inFlight === 0 || this.pause.remainingMs() > 0 || channel.condition().state === "down") return true;
    if (this.#weighing.isDue) return true;
    if (inFlight < concurrency && (waiting === 0 || (this.#news && !hasReady))) return true;
    const [oldest] = this.#moves;
    if (oldest === undefined) return false;
    return this.#moves.some((move) => move.to !== "accepted") ||
      clock.monotonicMs() - this.#firstMoveAtMs >= SETTLE_WITHIN_MS;
  }

  /** Forgets what belongs to a lease that is not ours any more. Requests in flight are answered into the journal. */
  #loseGrip(): void {
    this.#lease = undefined;
    this.#grip = Symbol();
    this.#window.clear();
    this.#unknowns.clear();
    this.#laneFaults.clear();
    this.#moves = [];
    this.#weighing.clear();
    this.#doubtful = false;
  }

  /** The lease is new to us, or the fate of a COMMIT is not known: decides every row that stands in `sending`. */
  async #takeStock(lease: Lease): Promise<void> {
    const { store, channel, journal, counters, log } = this.#o;
    const fresh = this.#lease !== lease;
    if (fresh) this.#loseGrip();
    await this.#selection.forgetAhead();
    const said = fresh ? journal.read() : () => ({ state: "not_handed_over" } as const);
    // A move to `unknown` whose COMMIT took effect unseen is done, though it is still in hand here.
    const goesOn = new Set(this.#moves.flatMap((move) => move.to === "unknown" ? [] : [move.row.id]));
    // Asked while the transaction runs: what was in flight when it began may have been answered since.
    const isOurs = (row: Subject) => !fresh && this.#window.has(row);
    let tried: readonly Move[] = [];
    const { found, after } = await store.transaction("outbox_recover", async (tx) => {
      const nowMs = await this.#fence(tx, lease);
      const found = await recover(tx, lease, channel.account, said, isOurs, this.#o);
      tried = found.moves;
      const done = await carryOut(tx, found.moves, lease, nowMs);
      const after = await this.#o.onSettled(tx, done.settled);
      return { found, after };
    }).catch((error: unknown) => {
      // Should it have taken effect unseen, the next try finds these as unknown already: they are counted then.
      for (const { to, row } of tried) if (to === "unknown") this.#uncounted.add(row.id);
      throw error;
    });
    after();
    const unknown: { row: Subject; attempt: Parameters<Unknowns["add"]>[1] }[] = [];
    for (const move of found.moves) {
      if (move.to === "unknown") unknown.push({ row: { ...move.row, attempts: move.attempts }, attempt: move.attempt });
    }
    for (const row of found.stillUnknown) {
      if (!fresh && (this.#unknowns.has(row.id) || goesOn.has(row.id))) continue;
      const attempt = (await store.outbox.find(row.id))?.timeline.at(-1);
      if (attempt !== undefined) unknown.push({ row, attempt });
    }
    if (fresh) {
      journal.begin(lease.epoch);
      journal.forgetOthers();
      await this.pause.load(store.state);
      // Answers that the database never learnt of: the other side wants to be left alone, whoever asks.
      for (const outcome of found.pauses) this.pause.begin(outcome);
    }
    const patience = fresh ? this.#unknowns.patience() : undefined;
    for (const { row, attempt } of unknown) this.#unknowns.add(row, attempt, patience);
    this.#lease = lease;
    this.#doubtful = false;
    this.#storeAway = false;
    this.#selection.look();
    const newlyUnknown = found.moves.filter((move) => move.to === "unknown").length +
      found.stillUnknown.filter((row) => this.#uncounted.has(row.id)).length;
    this.#uncounted.clear();
    if (newlyUnknown > 0) counters.add("messages_unknown_total", newlyUnknown, { reason: "recovered" });
    if (found.moves.length + found.stillUnknown.length === 0) return;
    log.info("Messages that were under way were looked after", {
      given_back: found.moves.filter((move) => move.to === "given_back").length,
      unknown: newlyUnknown + found.stillUnknown.length,
      settled: found.moves.filter((move) => move.to !== "given_back" && move.to !== "unknown").length,
    });
  }

  /** Settles and marks, in one transaction. @returns false when there was nothing to do */
  async #tick(lease: Lease, stopping: boolean): Promise<boolean> {
    const { store, channel, journal, clock, counters, sendWindow } = this.#o;
    await this.#weighing.decide(this.#moves);
    await this.#lookForExpired();
    const open = !stopping && this.pause.remainingMs() === 0 && channel.condition().state !== "down";
    if (!open) this.#takeBack();
    // Rows that are settled in the transaction that marks others make room for them.
    const held = this.#window.waiting + this.#window.inFlight;
    const free = open ? (this.pause.probing ? 1 : sendWindow) - held : 0;
    if (free > 0) this.#news = false;
    else await this.#selection.forgetAhead();
    const found = free > 0 && this.#selection.mayHaveMore
      ? await this.#selection.choose(this.#window, free, clock.nowMs() + this.#clockOffsetMs, this.#blockedLanes())
      : [];
    // An outcome that came during the search may have stopped a lane: what it put back goes before these.
    const rows = found.filter((row) => !this.#window.isStopped(row.lane));
    const moves = this.#moves;
    if (rows.length === 0 && moves.length === 0) return this.#selection.mayHaveMore && free > 0;

    this.#moves = [];
    const sentAtMs = clock.monotonicMs();
    let done;
    try {
      done = await store.transaction("outbox_tick", async (tx) => {
        const nowMs = await this.#fence(tx, lease);
        const { settled, moved } = await carryOut(tx, moves, lease, nowMs);
        const after = settled.length > 0 ? await this.#o.onSettled(tx, settled) : () => {};
        await this.#rememberLanes(tx, moves, nowMs);
        const marked = rows.length > 0 ? await tx.outbox.markSending(rows.map((row) => row.id), lease, nowMs) : [];
        await this.pause.save(tx.state);
        return { moved, marked: new Set(marked), after };
      });
    } catch (error) {
      this.#moves = [...moves, ...this.#moves];
      this.#selection.look();
      throw error;
    }
    this.#storeAway = false;
    this.pause.saved();
    this.#o.held.confirmed(lease, sentAtMs);
    done.after();
    journal.settled(moves.map((move) => ({ id: move.row.id, requeued: move.to !== "accepted" && move.to !== "dead" })));
    let unmatched = 0;
    for (const move of moves) {
      this.#window.settled(move.row);
      if (move.to === "given_back") this.#selection.givenBack(move.row);
      if (move.to === "accepted") this.#toldLanes.add(move.row.lane);
      if (!done.moved.has(move.row.id)) unmatched++;
      else if (move.to === "unknown") this.#unknowns.add({ ...move.row, attempts: move.attempts }, move.attempt);
    }
    // Possible after a COMMIT of unknown fate that did take effect; otherwise somebody else moved our rows.
    if (unmatched > 0) counters.add("outbox_moves_unmatched_total", unmatched);
    const mine = rows.filter((row) => done.marked.has(row.id));
    this.#selection.marked(mine);
    for (const row of this.#window.add(mine)) this.#moves.push({ row, to: "given_back" });
    if (moves.length > 0) this.#selection.look();
    this.#handOverMore();
    this.#lookAhead(mine.length);
    return true;
  }

  /** While there is a backlog, what follows is searched for while the present rows are handed over. */
  #lookAhead(marked: number): void {
    const { sendWindow, concurrency, clock } = this.#o;
    if (marked < sendWindow * BACKLOG) return;
    // What is still in flight when the next transaction begins keeps its place in the window.
    const limit = Math.max(1, sendWindow - concurrency + 1);
    this.#selection.searchAhead(this.#window, limit, clock.nowMs() + this.#clockOffsetMs, this.#blockedLanes());
  }

  /** Lanes that wait for the fate of a message, also when it was decided and the database does not know yet. */
  #blockedLanes(): ReadonlySet<string> {
    const lanes = new Set(this.#unknowns.lanes());
    for (const { to, row } of this.#moves) if (to === "resend") lanes.add(row.lane);
    return lanes;
  }

  /** @throws {LeaseLost} */
  async #fence(tx: StoreTx, lease: Lease): Promise<number> {
    // Our clock from before the renewal is sent: the estimate of the database's clock may be a round trip ahead, which lets a
    // retry leave a little early, but never behind, which would overlook a row that was enqueued just now.
    const sentAtMs = this.#o.clock.nowMs();
    const nowMs = await tx.leases.renew(lease, this.#o.leaseMs);
    if (nowMs === undefined) throw new LeaseLost(lease.name);
    this.#clockOffsetMs = nowMs - sentAtMs + 1;
    return nowMs;
  }

  #takeBack(): void {
    for (const row of this.#window.takeBack()) this.#moves.push({ row, to: "given_back" });
  }

  #handOverMore(): void {
    const { channel, concurrency, held } = this.#o;
    const limit = this.pause.probing ? 1 : concurrency;
    while (this.#window.inFlight < limit && !this.#running?.stopping && !this.#storeAway) {
      if (this.pause.remainingMs() > 0 || channel.condition().state === "down") return;
      if (this.#lease === undefined || held.lease() !== this.#lease) return;
      const row = this.#window.take();
      if (row === undefined) return;
      void this.#handOver(row, this.#lease);
    }
  }

  async #handOver(row: OutboxRow, lease: Lease): Promise<void> {
    const { clock, held } = this.#o;
    const grip = this.#grip;
    const { outcome, handedOverAtMs, endedAtMs } = row.expiresAtMs <= clock.nowMs() + this.#clockOffsetMs
      ? {
        outcome: { outcome: "refused", reason: "expired" } as const,
        handedOverAtMs: undefined,
        endedAtMs: clock.nowMs(),
      }
      : await this.#flights.carry(row, {
        mayLeave: () => this.#grip === grip && held.lease() === lease,
        giveUp: this.#running!.giveUp.signal,
      });
    if (this.#grip === grip) {
      this.#answered(row, outcome, handedOverAtMs, endedAtMs);
      this.#handOverMore();
    } else if (outcome.outcome === "accepted" && handedOverAtMs !== undefined) {
      // The lease was lost and taken again meanwhile, and the message became unknown: here is the answer after all.
      this.#moves.push(...this.#unknowns.answered(row.id, handedOverAtMs, outcome));
    }
    if (this.#running?.stopping || this.#tickIsDue()) this.#wake.ring();
  }

  #answered(row: OutboxRow, outcome: SendOutcome, handedOverAtMs: number | undefined, endedAtMs: number): void {
    const { counters, maxRetries, random } = this.#o;
    const reason = "reason" in outcome ? outcome.reason : "none";
    counters.add("send_outcomes_total", 1, { outcome: outcome.outcome, reason });
    if (outcome.outcome === "accepted") {
      this.pause.worked();
      this.#laneFaults.delete(row.lane);
    } else if (outcome.outcome === "paused" && outcome.reason !== "shutdown") {
      this.#paused(row, outcome);
    } else if (outcome.outcome === "unknown") {
      counters.add("messages_unknown_total", 1, { reason });
    }
    if (this.#moves.length === 0) this.#firstMoveAtMs = this.#o.clock.monotonicMs();
    const times = { handedOverAtMs: handedOverAtMs ?? endedAtMs, endedAtMs };
    const laneFaults = this.#laneFaults.get(row.lane) ?? 1;
    const move: Move = handedOverAtMs === undefined && outcome.outcome === "paused"
      ? { row, to: "given_back" }
      : verdict(row, outcome, times, { maxRetries, random, laneFaults });
    this.#moves.push(move);
    // A death stops its lane, too, until the database knows: after a reboot it would be sent again, behind what followed it.
    const goesOn = move.to === "accepted";
    for (const behind of this.#window.answered(row, goesOn)) this.#moves.push({ row: behind, to: "given_back" });
  }

  #paused(row: OutboxRow, outcome: Extract<SendOutcome, { outcome: "paused" }>): void {
    const { counters, log, alarm } = this.#o;
    this.#laneFaults.set(row.lane, (this.#laneFaults.get(row.lane) ?? 0) + 1);
    const pauseMs = this.pause.begin(outcome);
    counters.add("account_pauses_total", 1, { reason: outcome.reason });
    log.info("The account pauses", { reason: outcome.reason, pauseMs, breaker: this.pause.breakerState() });
    const next = PAUSE_NEXT_STEP[outcome.reason];
    if (next !== undefined) alarm.raise(outcome.reason, "error", `Signal error: ${next} Messages wait, none is lost.`);
  }

  /** Who was written to before is remembered, for the limit on first messages to new people. */
  async #rememberLanes(tx: StoreTx, moves: readonly Move[], nowMs: number): Promise<void> {
    if (this.#toldLanes.size > REMEMBERED_LANES) this.#toldLanes.clear();
    const lanes = new Set<string>();
    for (const { to, row } of moves) if (to === "accepted" && !this.#toldLanes.has(row.lane)) lanes.add(row.lane);
    if (lanes.size > 0) await tx.outbox.rememberLanes(this.#o.channel.account, [...lanes], nowMs);
  }

  async #lookForExpired(): Promise<void> {
    const { clock, store, channel } = this.#o;
    if (clock.monotonicMs() < this.#nextExpiryLookMs) return;
    const rows = await store.outbox.expired(channel.account, clock.nowMs() + this.#clockOffsetMs, EXPIRY_BATCH);
    this.#nextExpiryLookMs = rows.length === EXPIRY_BATCH ? 0 : clock.monotonicMs() + EXPIRY_CHECK_MS;
    // Found again while the transaction that buries them is being repeated: owners must hear of each death once.
    const pending = new Set(this.#moves.map((move) => move.row.id));
    for (const row of rows) {
      if (!pending.has(row.id)) this.#moves.push({ row, to: "dead", reason: "expired", attempts: row.attempts });
    }
  }

  /** How long there is nothing to do unless a bell rings, milliseconds. */
  #nextDateMs(): number {
    const pausedMs = this.pause.remainingMs();
    const paceMs = this.#selection.pacedForMs;
    if (paceMs < Infinity) this.#selection.look();
    return Math.min(IDLE_LOOK_MS, pausedMs > 0 ? pausedMs : Infinity, paceMs, this.#unknowns.nextDateMs());
  }
}

/** What the admin is told when an account pauses for a reason that only a person can end. */
const PAUSE_NEXT_STEP: Readonly<Record<string, string>> = {
  proof_required: "Signal wants a captcha solved before it takes more messages. Next step: " +
    "open signalcaptchas.org/challenge/generate.html, solve it, copy the link of Open Signal " +
    "(signalcaptcha://…), and hand it in on the server with the command signal-automation captcha.",
  account_refused: "Signal does not know this account any more. Next step: link or register it again with signal-cli.",
};
