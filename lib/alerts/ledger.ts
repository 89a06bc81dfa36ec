/**
 * What the admin was told, and what is due: pure decisions on plain data, so that the throttle is the same across a
 * restart and a test can show it whole. Times are wall-clock milliseconds because they outlive the process.
 *
 * @module
 */
import type { Severity } from "../runtime/alarm.ts";

/** Numbers of the throttle, milliseconds. */
export interface Pace {
  /** The same cause is told again after this long at the earliest; doubled with each repetition, up to `reminderMs`. */
  readonly coalesceMs: number;
  /** How often the admin is reminded of a trouble that lasts; after as long a silence a cause that is not lasting is forgotten. */
  readonly reminderMs: number;
  /** By cause: how long it must last before it is told. Absent: told at once. */
  readonly holdMs: Readonly<Record<string, number>>;
  /** Causes that last until cleared although they are raised only once: reminded of without being seen again. */
  readonly lasting: ReadonlySet<string>;
}

/** A trouble, as far as the admin knows of it. */
export interface CauseRecord {
  severity: Severity;
  message: string;
  /** Raised and not cleared. */
  active: boolean;
  /** When this trouble began. */
  sinceMs: number;
  lastSeenMs: number;
  /** Times seen since {@link countedFromMs}, not told yet. */
  seen: number;
  countedFromMs: number;
  /** Told in this trouble, so a recovery is owed. */
  told: boolean;
  toldAtMs: number | undefined;
  /** Tellings since the last quiet time: spaces the next one. */
  tellings: number;
}

/** Something to be said. */
export interface Notice {
  id: string;
  readonly cause: string;
  readonly severity: Severity;
  readonly message: string;
  readonly atMs: number;
  readonly recovery: boolean;
  /** Tries on which every way failed. */
  failures: number;
  dueAtMs: number;
  /** Set once it waits in the outbox to be accepted. */
  enqueued?: boolean;
  /** Its row in the outbox died: Signal is not the first way any more. */
  signalFailed?: boolean;
}

export interface LedgerState {
  readonly causes: Record<string, CauseRecord>;
  readonly notices: Notice[];
}

/** The one cause that counts starts. */
export const START_CAUSE = "service_started";
/** Causes remembered; more would mean that a cause carries an id. The oldest silent one gives way. */
const MAX_CAUSES = 100;
/** Notices waiting; the oldest gives way. One cause has two at most: trouble and recovery. */
const MAX_NOTICES = 50;
const MAX_MESSAGE = 1_000;
/** How long it is known that a cause was told, milliseconds: longer than Signal asks anybody to wait. */
const KNOWN_FOR_MS = 7 * 24 * 60 * 60_000;
/** No notice waits longer than this for its next try, milliseconds. */
export const LONGEST_WAIT_MS = 60 * 60_000;

export class Ledger {
  constructor(readonly state: LedgerState, private readonly pace: Pace, private readonly makeId: () => string) {}

  raise(cause: string, severity: Severity, message: string, nowMs: number): void {
    const text = message.slice(0, MAX_MESSAGE);
    const record = this.state.causes[cause];
    if (record === undefined) {
      this.#makeRoom();
      this.state.causes[cause] = {
        severity,
        message: text,
        active: true,
        sinceMs: nowMs,
        lastSeenMs: nowMs,
        seen: 1,
        countedFromMs: nowMs,
        told: false,
        toldAtMs: undefined,
        tellings: 0,
      };
      return;
    }
    if (!record.active) Object.assign(record, { active: true, sinceMs: nowMs, told: false });
    if (record.seen === 0) record.countedFromMs = nowMs;
    Object.assign(record, { severity, message: text, lastSeenMs: nowMs, seen: record.seen + 1 });
  }

  /** A trouble that was met at `sinceMs`, perhaps by an earlier process: nothing new when it was seen since then. */
  recall(cause: string, severity: Severity, message: string, sinceMs: number, nowMs: number): void {
    const record = this.state.causes[cause];
    if (record === undefined || record.lastSeenMs < sinceMs) this.raise(cause, severity, message, nowMs);
  }

  clear(cause: string, message: string, nowMs: number): void {
    const record = this.state.causes[cause];
    if (record === undefined || !record.active) return;
    record.active = false;
    if (!record.told) return;
    Object.assign(record, { told: false, seen: 0 });
    // What could not be told yet is due with its end: told afterwards, it would read as a new trouble.
    for (const notice of this.state.notices) {
      if (notice.cause === cause && !notice.enqueued) notice.dueAtMs = Math.min(notice.dueAtMs, nowMs);
    }
    this.#say({ cause, severity: "info", message: message.slice(0, MAX_MESSAGE), recovery: true }, nowMs);
  }

  /** Turns what is due into notices. @returns when to look again, or undefined when nothing waits */
  tick(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const [cause, record] of Object.entries(this.state.causes)) {
      unjump(record, nowMs);
      const dueMs = this.#dueMs(cause, record);
      if (dueMs !== undefined && dueMs <= nowMs) this.#tell(cause, record, nowMs);
      else this.#forget(cause, record, nowMs);
      const again = this.state.causes[cause] === undefined ? undefined : this.#dueMs(cause, record);
      if (again !== undefined) next = Math.min(next ?? again, again);
    }
    for (const notice of this.state.notices) {
      notice.dueAtMs = Math.min(notice.dueAtMs, nowMs + LONGEST_WAIT_MS);
      next = Math.min(next ?? notice.dueAtMs, notice.dueAtMs);
    }
    return next;
  }

  /** It is tried again then, and what is to be said of the same cause after it not before. */
  postpone(notice: Notice, untilMs: number): void {
    const { notices } = this.state;
    notice.dueAtMs = untilMs;
    for (const later of notices.slice(notices.indexOf(notice) + 1)) {
      if (later.cause === notice.cause) later.dueAtMs = Math.max(later.dueAtMs, untilMs);
    }
  }

  settle(notice: Notice): void {
    const index = this.state.notices.indexOf(notice);
    if (index >= 0) this.state.notices.splice(index, 1);
  }

  /** Its row is dead: due at once by the other ways, under a new id, because the old one is an idempotency key. */
  retryElsewhere(notice: Notice, nowMs: number): void {
    Object.assign(notice, { id: this.makeId(), dueAtMs: nowMs, signalFailed: true });
    delete notice.enqueued;
  }

  #dueMs(cause: string, record: CauseRecord): number | undefined {
    if (!record.active) return undefined;
    const held = record.told ? 0 : record.sinceMs + (this.pace.holdMs[cause] ?? 0);
    const spaced = record.toldAtMs === undefined ? 0 : record.toldAtMs + this.#spacingMs(record);
    if (record.seen > 0) return Math.max(held, spaced);
    return this.pace.lasting.has(cause) && record.toldAtMs !== undefined
      ? record.toldAtMs + this.pace.reminderMs
      : undefined;
  }

  #spacingMs(record: CauseRecord): number {
    return Math.min(this.pace.reminderMs, this.pace.coalesceMs * 2 ** Math.max(0, record.tellings - 1));
  }

  #tell(cause: string, record: CauseRecord, nowMs: number): void {
    const times = cause === START_CAUSE ? `${record.seen} starts` : `seen ${record.seen} times`;
    const count = record.seen > 1 ? ` (${times} since ${momentOf(record.countedFromMs, nowMs)} UTC)` : "";
    // Quiet for long: the spacing starts anew.
    if (record.toldAtMs !== undefined && nowMs - record.toldAtMs >= 2 * this.pace.reminderMs) record.tellings = 0;
    const still = record.told && record.seen === 0 ? ` (still so, since ${momentOf(record.sinceMs, nowMs)} UTC)` : "";
    const { severity } = record;
    this.#say({ cause, severity, message: `${worded(cause, severity, record.message)}${count}${still}` }, nowMs);
    Object.assign(record, { told: true, toldAtMs: nowMs, seen: 0, tellings: Math.min(record.tellings + 1, 20) });
  }

  #say(
    notice: { cause: string; severity: Severity; message: string; recovery?: boolean },
    nowMs: number,
  ): void {
    const { notices } = this.state;
    const recovery = notice.recovery ?? false;
    // Nobody needs yesterday's state of the same trouble: what has not gone out yet is replaced.
    const older = notices.findIndex((one) => one.cause === notice.cause && one.recovery === recovery && !one.enqueued);
    const replaced = older >= 0 ? notices.splice(older, 1)[0] : undefined;
    notices.push({
      ...notice,
      recovery,
      id: this.makeId(),
      atMs: nowMs,
      failures: replaced?.failures ?? 0,
      dueAtMs: replaced?.dueAtMs ?? nowMs,
    });
    if (notices.length > MAX_NOTICES) notices.shift();
  }

  /** What was quiet for long begins anew with the next {@link raise}; that it was told stays known, for {@link recall}. */
  #forget(cause: string, record: CauseRecord, nowMs: number): void {
    const quietMs = nowMs - Math.max(record.lastSeenMs, record.toldAtMs ?? 0);
    const lasts = record.active && this.pace.lasting.has(cause);
    if (lasts || (record.active && record.seen > 0) || quietMs < this.pace.reminderMs) return;
    if (quietMs >= KNOWN_FOR_MS) delete this.state.causes[cause];
    else Object.assign(record, { active: false, told: false, seen: 0, tellings: 0 });
  }

  #makeRoom(): void {
    const causes = Object.entries(this.state.causes);
    if (causes.length < MAX_CAUSES) return;
    causes.sort(([, a], [, b]) => a.lastSeenMs - b.lastSeenMs);
    const oldest = causes[0];
    if (oldest !== undefined) delete this.state.causes[oldest[0]];
  }
}

/** A wall clock that went back must not silence a cause until it catches up (nor a notice: {@link LONGEST_WAIT_MS}). */
function unjump(record: CauseRecord, nowMs: number): void {
  if (record.toldAtMs !== undefined) record.toldAtMs = Math.min(record.toldAtMs, nowMs);
  record.sinceMs = Math.min(record.sinceMs, nowMs);
  record.lastSeenMs = Math.min(record.lastSeenMs, nowMs);
}

/** The original's words for three kinds of trouble, put in front unless the message has them already. */
function worded(cause: string, severity: Severity, message: string): string {
  if (severity === "info" || /^(Database|Signal|Critical) error: /.test(message)) return message;
  if (cause.startsWith("database")) return `Database error: ${message}`;
  if (cause.startsWith("signal")) return `Signal error: ${message}`;
  return severity === "critical" ? `Critical error: ${message}` : message;
}

/** The time, with its date when that is not today's: a trouble can last for days. */
function momentOf(timeMs: number, nowMs: number): string {
  const [then, now] = [timeMs, nowMs].map((ms) => new Date(ms).toISOString()) as [string, string];
  return then.slice(0, 10) === now.slice(0, 10) ? then.slice(11, 16) : then.slice(0, 16).replace("T", " ");
}
