/**
 * Tells the admin of trouble: at most as often as the {@link Ledger} allows, by the way that works.
 *
 * @module
 */
import { join } from "node:path";
import type { Alarm, Severity } from "../runtime/alarm.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import type { Random } from "../runtime/random.ts";
import { type Condition, LIVE, type Service } from "../runtime/service.ts";
import { Wake } from "../runtime/wake.ts";
import { bounded } from "./bounded.ts";
import { Ledger, LONGEST_WAIT_MS, type Notice, type Pace, START_CAUSE } from "./ledger.ts";
import type { AlertTemplates, SignalWay, WebhookWay } from "./port.ts";
import { readState, writeState } from "./state_file.ts";

export interface AlertsOptions {
  /** STATE_DIR; the file is `alerts.json` in it. */
  readonly stateDir: string;
  readonly templates: AlertTemplates;
  readonly signal: SignalWay;
  /** Absent when WEBHOOK_ENABLED is false. */
  readonly webhook?: WebhookWay;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  /** Defaults: {@link DEFAULT_PACE}. */
  readonly pace?: Partial<Pace>;
  /** How long a stored notice may wait to be accepted before the webhook is used too. Default 30 s. */
  readonly acceptWithinMs?: number;
}

/** Troubles whose subject is Signal, or our account there: telling them over Signal would be no use. */
const SIGNAL_CAUSES = /^(signal_.*|rate_limited|proof_required|account_refused)$/;
/** A blip shorter than this is nobody's business (style, habit 19). */
const HOLD_MS = 7_000;
export const DEFAULT_PACE: Pace = {
  coalesceMs: 5 * 60_000,
  reminderMs: 60 * 60_000,
  holdMs: { signal_down: HOLD_MS, database_down: HOLD_MS },
  lasting: new Set(["signal_down", "database_down", "spool_full", "journal_failed", "template_refused"]),
};
const ACCEPT_WITHIN_MS = 30_000;
/** An alert that was not accepted for so long is history: the reminder says how things are. */
export const ALERT_MAX_AGE_MS = LONGEST_WAIT_MS;
/** A notice that could be sent nowhere is tried again for so long. */
const GIVE_UP_MS = 24 * 60 * 60_000;
const ENQUEUE_TIMEOUT_MS = 5_000;
const DIRECT_TIMEOUT_MS = 20_000;
const FIRST_RETRY_MS = 15_000;
const LONGEST_RETRY_MS = 10 * 60_000;
/** Calls kept until the state file was read. */
const MAX_EARLY_CALLS = 1_000;

const STARTED = "Signal Automation System started successfully";
const FAILED_CAUSE = "service_failed";
const STOPPING = "Signal Automation System shutting down";

export class Alerts implements Alarm, Service {
  readonly name = "alerts";
  readonly #path: string;
  readonly #wake: Wake;
  #ledger: Ledger | undefined;
  readonly #early: (() => void)[] = [];
  #running: { readonly stop: AbortController; readonly loop: Promise<void> } | undefined;
  #round: Promise<void> = Promise.resolve();
  #fileTrouble = false;
  #lastWritten = "";

  constructor(private readonly options: AlertsOptions) {
    this.#path = join(options.stateDir, "alerts.json");
    this.#wake = new Wake(options.clock);
  }

  raise(cause: string, severity: Severity, message: string): void {
    this.options.log.debug("alarm raised", { cause, severity });
    this.#later((ledger, nowMs) => ledger.raise(cause, severity, message, nowMs));
  }

  /**
   * A trouble that was met at `sinceMs` (UTC) and goes on, perhaps since before this process, whose predecessor may have died before
   * it could tell: told once, and not at all when it was {@link raise}d since then.
   */
  recall(cause: string, severity: Severity, message: string, sinceMs: number): void {
    this.#later((ledger, nowMs) => ledger.recall(cause, severity, message, sinceMs, nowMs));
  }

  clear(cause: string, message: string): void {
    this.#later((ledger, nowMs) => ledger.clear(cause, message, nowMs));
  }

  /** The start notice: at most once per 5 minutes, with the number of starts in between. */
  announceStart(): void {
    this.raise(START_CAUSE, "info", STARTED);
  }

  /** The stop notice, throttled likewise; returns when it was stored or sent, at the latest after `timeoutMs`. */
  async announceStop(timeoutMs: number): Promise<void> {
    this.raise("service_stopping", "info", STOPPING);
    await this.flush(timeoutMs);
  }

  /**
   * In place of the stop notice, when the service ends by itself: the admin would otherwise read that somebody stopped it.
   * Taken back by {@link announceRecovery}, also in a later process.
   */
  async announceFailure(reason: string, timeoutMs: number): Promise<void> {
    this.raise(FAILED_CAUSE, "critical", `Critical error: the service cannot go on: ${reason}`);
    await this.flush(timeoutMs);
  }

  /** What the service ended for is well again. */
  announceRecovery(): void {
    this.clear(FAILED_CAUSE, "The service works again");
  }

  /** Tells what is due now, without waiting for the loop: before an exit. Never throws. */
  async flush(timeoutMs: number): Promise<void> {
    const over = new AbortController();
    try {
      await bounded(this.options.clock, "alerts.flush", timeoutMs, over.signal, (signal) => this.#oneRound(signal));
    } catch (error) {
      this.options.log.warn("alerts left for the next start", { error: describeError(error) });
    } finally {
      over.abort();
    }
  }

  /**
   * What became of a notice given to `enqueue`. Dead or dropped: the other ways are tried. Unknown ids (settled
   * already, or from before the file was lost) are ignored.
   */
  onAlertSettled(alertId: string, state: "accepted" | "dead" | "dropped"): void {
    this.#later((ledger, nowMs) => {
      const notice = ledger.state.notices.find((one) => one.id === alertId);
      if (notice === undefined) return;
      if (state === "dead" && notice.severity !== "info") ledger.retryElsewhere(notice, nowMs);
      else ledger.settle(notice);
    });
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) throw new TypeError("alerts: started already");
    const stop = new AbortController();
    this.#running = { stop, loop: this.#load().then(() => this.#loop(stop.signal)) };
    await this.#load();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.stop.abort();
    await running.loop;
    if (this.#running === running) this.#running = undefined;
  }

  /** `down`: the admin could not be reached by any way. */
  condition(): Condition {
    if (this.#ledger?.state.notices.some((notice) => notice.failures > 0)) return { state: "down", reason: "unsent" };
    return this.#fileTrouble ? { state: "degraded", reason: "state_file" } : LIVE;
  }

  #later(change: (ledger: Ledger, nowMs: number) => void): void {
    const nowMs = this.options.clock.nowMs();
    if (this.#ledger !== undefined) change(this.#ledger, nowMs);
    else if (this.#early.length < MAX_EARLY_CALLS) this.#early.push(() => change(this.#ledger!, nowMs));
    this.#wake.ring();
  }

  #loading: Promise<void> | undefined;
  #load(): Promise<void> {
    return this.#loading ??= this.#read();
  }

  async #read(): Promise<void> {
    const { log, random, pace } = this.options;
    const state = await readState(this.#path).catch((error: unknown) => {
      this.#fileTrouble = true;
      log.error("alert state cannot be read: alerts may repeat", { error: describeError(error) });
      return undefined;
    });
    const makeId = () => {
      const bytes = new Uint8Array(12);
      random.bytes(bytes);
      return `alert_${bytes.toHex()}`;
    };
    this.#ledger = new Ledger(state ?? { causes: {}, notices: [] }, { ...DEFAULT_PACE, ...pace }, makeId);
    for (const change of this.#early.splice(0)) change();
  }

  async #loop(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.#oneRound(stop);
      const { clock } = this.options;
      const nextMs = this.#ledger?.tick(clock.nowMs());
      const waitMs = nextMs === undefined ? LONGEST_RETRY_MS : Math.max(0, nextMs - clock.nowMs());
      await this.#wake.wait(Math.min(waitMs, LONGEST_RETRY_MS), stop);
    }
    await (this.#round = this.#round.then(() => this.#save()));
  }

  /** Rounds never overlap: a flush waits for the loop's. */
  #oneRound(signal: AbortSignal): Promise<void> {
    return this.#round = this.#round.then(() => this.#work(signal)).catch((error: unknown) => {
      this.options.counters.add("bugs_total", 1, { room: "alerts" });
      this.options.log.error("alert round failed", { error: describeError(error) });
    });
  }

  async #work(signal: AbortSignal): Promise<void> {
    await this.#load();
    const ledger = this.#ledger!;
    ledger.tick(this.options.clock.nowMs());
    // Remembered before it is sent: a crash in between costs a repetition of this notice, never a flood.
    await this.#save();
    for (const notice of [...ledger.state.notices]) {
      if (signal.aborted || notice.dueAtMs > this.options.clock.nowMs()) continue;
      await this.#deliver(ledger, notice, signal);
      await this.#save();
    }
  }

  async #deliver(ledger: Ledger, notice: Notice, signal: AbortSignal): Promise<void> {
    const { clock, log, counters, random } = this.options;
    if (notice.enqueued && (notice.severity === "info" || clock.nowMs() - notice.atMs >= ALERT_MAX_AGE_MS)) {
      return ledger.settle(notice);
    }
    const signalTrouble = notice.signalFailed || SIGNAL_CAUSES.test(notice.cause) || this.options.signal.troubled();
    // What waited in the outbox and was not accepted in time has had its chance over Signal.
    const way = notice.enqueued || signalTrouble
      ? await this.#byWebhook(notice, signal) ?? (notice.enqueued ? undefined : await this.#bySignal(notice, signal))
      : await this.#bySignal(notice, signal) ?? await this.#byWebhook(notice, signal);
    if (way !== undefined) counters.add("alerts_sent_total", 1, { way });
    const nowMs = clock.nowMs();
    if (way === "enqueued") {
      notice.enqueued = true;
      notice.failures = 0;
      // Without a second way, or for a mere note, there is nothing to do but to let the outbox work.
      const patient = this.options.webhook === undefined || notice.severity === "info";
      notice.dueAtMs = nowMs + (patient ? ALERT_MAX_AGE_MS : this.options.acceptWithinMs ?? ACCEPT_WITHIN_MS);
    } else if (way !== undefined) {
      ledger.settle(notice);
    } else if (!signal.aborted) {
      notice.failures += 1;
      counters.add("alerts_unsent_total");
      log.critical("the admin could not be reached", { cause: notice.cause, tries: notice.failures });
      if (nowMs - notice.atMs >= GIVE_UP_MS) ledger.settle(notice);
      const wait = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(notice.failures - 1, 10));
      ledger.postpone(notice, nowMs + Math.round(wait * (0.75 + random.fraction() / 2)));
    }
  }

  async #bySignal(notice: Notice, signal: AbortSignal): Promise<"enqueued" | "direct" | undefined> {
    const stored = await this.#byOutbox(notice, signal);
    if (stored !== undefined) return stored;
    try {
      const text = this.#render("system_alert", notice);
      const outcome = await bounded(
        this.options.clock,
        "alerts.direct",
        DIRECT_TIMEOUT_MS,
        signal,
        (over) => this.options.signal.sendDirect(text, over),
      );
      return outcome.outcome === "accepted" ? "direct" : undefined;
    } catch (error) {
      this.options.log.warn("alert not sent directly", { cause: notice.cause, error: describeError(error) });
      return undefined;
    }
  }

  async #byOutbox(notice: Notice, signal: AbortSignal): Promise<"enqueued" | undefined> {
    const { id: alertId, cause } = notice;
    const message = { alertId, cause, body: this.#render("system_alert", notice), maxAgeMs: ALERT_MAX_AGE_MS };
    try {
      await bounded(
        this.options.clock,
        "alerts.enqueue",
        ENQUEUE_TIMEOUT_MS,
        signal,
        (over) => this.options.signal.enqueue(message, over),
      );
      return "enqueued";
    } catch (error) {
      this.options.log.warn("alert not stored", { cause, error: describeError(error) });
      return undefined;
    }
  }

  async #byWebhook(notice: Notice, signal: AbortSignal): Promise<"webhook" | undefined> {
    const { webhook } = this.options;
    if (webhook === undefined) return undefined;
    const { id: alertId, cause, severity, atMs } = notice;
    const text = this.#render("webhook_alert", notice);
    const { result } = await webhook.deliver({ alertId, cause, severity, text, atMs }, signal);
    return result === "delivered" ? "webhook" : undefined;
  }

  #render(key: "system_alert" | "webhook_alert", notice: Notice): string {
    // Told late, it says of when it speaks.
    const late = notice.failures > 0
      ? ` (${new Date(notice.atMs).toISOString().slice(0, 16).replace("T", " ")} UTC)`
      : "";
    return this.options.templates.current.render(key, { message: `${notice.message}${late}` });
  }

  async #save(): Promise<void> {
    if (this.#ledger === undefined) return;
    const text = JSON.stringify(this.#ledger.state);
    if (text === this.#lastWritten) return;
    try {
      await writeState(this.#path, this.#ledger.state);
      this.#lastWritten = text;
      this.#fileTrouble = false;
    } catch (error) {
      if (!this.#fileTrouble) this.options.log.error("alert state not saved", { error: describeError(error) });
      this.#fileTrouble = true;
    }
  }
}
