/**
 * Recording stand-ins for the small interfaces that every room takes: log, counters, alarm, clock. They only remember;
 * none of them imitates a room.
 *
 * @module
 */
import type { Alarm, Severity } from "../../lib/runtime/alarm.ts";
import type { Clock } from "../../lib/runtime/clock.ts";
import type { Counters, Labels } from "../../lib/runtime/counters.ts";
import type { Log, LogFields } from "../../lib/runtime/log.ts";
import { PATIENCE_MS, Recorder } from "./recorder.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error" | "critical";
  readonly room: string;
  readonly message: string;
  readonly fields: LogFields;
}

export class RecordingLog implements Log {
  constructor(readonly lines: Recorder<LogLine> = new Recorder(), readonly room: string = "") {}
  debug = (message: string, fields?: LogFields) => this.#write("debug", message, fields);
  info = (message: string, fields?: LogFields) => this.#write("info", message, fields);
  warn = (message: string, fields?: LogFields) => this.#write("warn", message, fields);
  error = (message: string, fields?: LogFields) => this.#write("error", message, fields);
  critical = (message: string, fields?: LogFields) => this.#write("critical", message, fields);
  /** Writes into the same list, under its own room. */
  child(room: string): RecordingLog {
    return new RecordingLog(this.lines, this.room === "" ? room : `${this.room}.${room}`);
  }
  /** Lines of a level, or all. */
  at(level?: LogLine["level"]): readonly LogLine[] {
    return this.lines.items.filter((line) => level === undefined || line.level === level);
  }
  /** Everything written, as text: for "nothing private in it". */
  text(): string {
    return this.lines.items.map((line) => JSON.stringify(line)).join("\n");
  }
  #write(level: LogLine["level"], message: string, fields: LogFields = {}): void {
    this.lines.push({ level, room: this.room, message, fields });
  }
}

export interface Measurement {
  readonly what: "add" | "set" | "observeMs";
  readonly name: string;
  readonly value: number;
  readonly labels: Labels;
}

export class RecordingCounters implements Counters {
  readonly measurements = new Recorder<Measurement>();
  add(name: string, by = 1, labels: Labels = {}): void {
    this.measurements.push({ what: "add", name, value: by, labels });
  }
  set(name: string, value: number, labels: Labels = {}): void {
    this.measurements.push({ what: "set", name, value, labels });
  }
  observeMs(name: string, ms: number, labels: Labels = {}): void {
    this.measurements.push({ what: "observeMs", name, value: ms, labels });
  }
  /** The sum of a counter, over all series or those that carry the given labels. */
  total(name: string, labels: Labels = {}): number {
    return this.#matching("add", name, labels).reduce((sum, one) => sum + one.value, 0);
  }
  /** The last value of a gauge. */
  gauge(name: string, labels: Labels = {}): number | undefined {
    return this.#matching("set", name, labels).at(-1)?.value;
  }
  #matching(what: Measurement["what"], name: string, labels: Labels): Measurement[] {
    return this.measurements.items.filter((one) =>
      one.what === what && one.name === name &&
      Object.entries(labels).every(([label, value]) => one.labels[label] === value)
    );
  }
}

export interface AlarmCall {
  readonly what: "raise" | "clear";
  readonly cause: string;
  /** Absent for `clear`. */
  readonly severity?: Severity;
  readonly message: string;
}

export class RecordingAlarm implements Alarm {
  readonly calls = new Recorder<AlarmCall>();
  raise(cause: string, severity: Severity, message: string): void {
    this.calls.push({ what: "raise", cause, severity, message });
  }
  clear(cause: string, message: string): void {
    this.calls.push({ what: "clear", cause, message });
  }
  raised(cause?: string): readonly AlarmCall[] {
    return this.calls.items.filter((call) => call.what === "raise" && (cause === undefined || call.cause === cause));
  }
  cleared(cause?: string): readonly AlarmCall[] {
    return this.calls.items.filter((call) => call.what === "clear" && (cause === undefined || call.cause === cause));
  }
}

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/**
 * A clock that stands still until the test advances it. Wall and monotonic clock move together, except through
 * {@link jumpWall}.
 */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #sleepers = new Set<Sleeper>();
  readonly #sleeps = new Recorder<number>();

  /** @param startMs the wall clock's first value; default 2026-01-15 12:00:00 UTC */
  constructor(startMs: number = Date.UTC(2026, 0, 15, 12)) {
    this.#wallMs = startMs;
  }
  nowMs(): number {
    return this.#wallMs;
  }
  monotonicMs(): number {
    return this.#monotonicMs;
  }
  sleepMs(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper: Sleeper = { dueMs: this.#monotonicMs + Math.max(0, ms), wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake, { once: true });
      this.#sleeps.push(ms);
    });
  }

  /** How many sleeps are under way. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Waits, in real time, until at least `count` sleeps are under way: the code under test has come to rest. */
  async untilSleeping(count = 1, timeoutMs = PATIENCE_MS): Promise<void> {
    await this.#sleeps.waitFor(() => this.#sleepers.size >= count, `${count} sleeping`, timeoutMs);
  }

  /**
   * Moves time on, ending each sleep at its own moment, in order; what it wakes runs (its microtasks and one turn of the
   * event loop) before time goes on, so a loop that sleeps again within the span is woken again.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await turn();
    while (true) {
      const next = [...this.#sleepers].filter((one) => one.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#move(Math.max(next.dueMs, this.#monotonicMs));
      next.wake();
      await turn();
    }
    this.#move(endMs);
  }

  /** Sets the wall clock forward or back, as an administrator or NTP would; sleeps and deadlines do not notice. */
  jumpWall(ms: number): void {
    this.#wallMs += ms;
  }

  #move(toMs: number): void {
    this.#wallMs += toMs - this.#monotonicMs;
    this.#monotonicMs = toMs;
  }
}

/** One turn of the event loop: everything that is ready has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
