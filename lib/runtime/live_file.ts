/**
 * A file that people edit while the service runs (design, P5): compiled as a whole, swapped as a whole, and never
 * replaced by a bad one.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import type { Alarm } from "./alarm.ts";
import type { Clock } from "./clock.ts";
import type { Counters } from "./counters.ts";
import { type Compiled, describeProblem, type FileProblem } from "./file_problem.ts";
import { fileIdentity, readLive } from "./file_reading.ts";
import { LastGood, sha256 } from "./last_good.ts";
import { describeError, type Log } from "./log.ts";
import type { Service } from "./service.ts";

/** Wait for a writer to finish: the file must look the same this long before it is read. */
const DEBOUNCE_MS = 200;
/** A file that keeps changing is read nevertheless after this time. */
const LONGEST_SETTLING_MS = 500;
/** How often the file is looked at (one `realpath`, one `stat`); with the debounce below one second. */
const POLL_MS = 300;
/** Problems that an alarm quotes; the log has all of them. */
const PROBLEMS_IN_ALARM = 3;

export interface LiveFileOptions<T> {
  /** One word, lower case, for logs, counters and the stored copy: `templates`. */
  readonly name: string;
  /** The file. It, its folder, and what a symlink points to may come and go. */
  readonly path: string;
  /** Used until a good file was seen, and when there is no file. */
  readonly builtIn: T;
  /** Pure; must not throw. */
  readonly compile: (text: string, path: string) => Compiled<T>;
  /** Where the last good content is kept across restarts: `STATE_DIR`. */
  readonly stateFolder: string;
  /** Cause under which a refused file is told to the admin: `template_refused`. */
  readonly alarmCause: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly alarm: Alarm;
  /** Called after the value, or what is known of the file, has changed. Must not throw. */
  readonly onChange?: (status: LiveFileStatus) => void;
  /** Default 200. */
  readonly debounceMs?: number;
  /** Default 300. */
  readonly pollMs?: number;
}

export interface LiveFileStatus {
  /** Where the value in use comes from. `last_good`: from the state folder, because the file was bad at the start. */
  readonly source: "file" | "last_good" | "builtin";
  /** When the value in use was taken, wall clock; `undefined` before the start. */
  readonly loadedAtMs: number | undefined;
  /** How the file on disk is. `unread` only before the start. */
  readonly file: "unread" | "good" | "refused" | "missing";
  /** Why it is refused, in the form `path:line:column: key: reason`; else empty. */
  readonly problems: readonly string[];
  /** What was found in the good file that has no effect, in the same form. */
  readonly warnings: readonly string[];
}

/** What {@link LiveFile.reload} found. `unchanged`: the same good content as before. */
export type ReloadResult = "loaded" | "unchanged" | "refused" | "missing";

export class LiveFile<T> implements Service {
  readonly name: string;
  readonly #options: LiveFileOptions<T>;
  readonly #path: string;
  readonly #lastGood: LastGood;
  #current: T;
  #status: LiveFileStatus = { source: "builtin", loadedAtMs: undefined, file: "unread", problems: [], warnings: [] };
  /** Content that was judged last, so that each is reported once. */
  #judged: string | undefined;
  /** What `stat` said before the last read. */
  #identity: string | undefined;
  #running: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  /** The reading under way: the loop and `reload` take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LiveFileOptions<T>) {
    this.name = `live_file:${options.name}`;
    this.#options = options;
    this.#path = resolve(options.path);
    this.#lastGood = new LastGood(join(options.stateFolder, `${options.name}.last-good.json`), this.#path);
    this.#current = options.builtIn;
  }

  /** The value in use. Read it anew each time. */
  get current(): T {
    return this.#current;
  }

  status(): LiveFileStatus {
    return this.#status;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.name} is already started`);
    const abort = new AbortController();
    const loaded = this.#inTurn(() => this.#loadFirst());
    const done = loaded.then(() => this.#follow(abort.signal)).finally(() => this.#running = undefined);
    this.#running = { abort, done };
    await loaded;
  }

  async stop(): Promise<void> {
    this.#running?.abort.abort();
    await this.#running?.done;
  }

  /** Reads the file now, whatever it looks like from outside (SIGHUP, tests). Says what it found; reports as always. */
  reload(): Promise<ReloadResult> {
    return this.#inTurn(() => this.#check(undefined));
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, pollMs = POLL_MS } = this.#options;
    while (!signal.aborted) {
      await clock.sleepMs(pollMs, signal);
      if (signal.aborted) return;
      if (await this.#look() === this.#identity) continue;
      await this.#settle(signal);
      if (!signal.aborted) await this.#inTurn(() => this.#check(signal));
    }
  }

  #look(): Promise<string | undefined> {
    return fileIdentity(this.#path, this.#options.clock.nowMs());
  }

  /** Waits until whoever writes the file is probably done. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { clock, debounceMs = DEBOUNCE_MS } = this.#options;
    const deadlineMs = clock.monotonicMs() + LONGEST_SETTLING_MS;
    let before = await this.#look();
    while (!signal.aborted) {
      await clock.sleepMs(debounceMs, signal);
      const now = await this.#look();
      if (now === before || clock.monotonicMs() >= deadlineMs) return;
      before = now;
    }
  }

  async #loadFirst(): Promise<void> {
    this.#judged = undefined;
    const result = await this.#check(undefined, true);
    const { name, log } = this.#options;
    if (result === "missing") {
      log.warn("The file does not exist; the built-in one is used until it does", { file: name });
    }
  }

  /**
   * Reads and judges the file.
   * @param signal while running: a bad content is read a second time, after a pause, before it is reported, because it may
   *   be half written
   */
  async #check(signal: AbortSignal | undefined, first = false): Promise<ReloadResult> {
    const { clock, compile, debounceMs = DEBOUNCE_MS } = this.#options;
    let doubted: string | undefined;
    while (true) {
      this.#identity = await this.#look();
      const read = await readLive(this.#path);
      if (read === undefined) return await this.#missing(first);
      const content = await sha256(read.ok ? read.text : JSON.stringify(read.problems));
      if (content === this.#judged) return this.#status.file === "refused" ? "refused" : "unchanged";
      const compiled: Compiled<T> = read.ok ? compile(read.text, this.#path) : read;
      if (read.ok && compiled.ok) return await this.#adopt(compiled.value, compiled.warnings, read.text, content);
      if (signal !== undefined && !signal.aborted && doubted !== content) {
        doubted = content;
        await clock.sleepMs(debounceMs, signal);
        continue;
      }
      if (!compiled.ok) return await this.#refuse(compiled.problems, content, first);
    }
  }

  async #adopt(value: T, warnings: readonly FileProblem[], text: string, content: string): Promise<ReloadResult> {
    const { name, log, counters, alarm, alarmCause } = this.#options;
    this.#current = value;
    this.#judged = content;
    const described = warnings.map((warning) => describeProblem(this.#path, warning));
    // In use before anybody is told that it is, and before the disk is waited for.
    this.#setStatus({ source: "file", file: "good", warnings: described, problems: [] }, true);
    for (const warning of described) log.warn("Something in the file has no effect", { file: name, problem: warning });
    log.info("The file was loaded", { file: name, content: content.slice(0, 12) });
    counters.add("live_file_loads_total", 1, { file: name, result: "loaded" });
    alarm.clear(alarmCause, `${this.#path} is good again and in use.`);
    await this.#store(text);
    return "loaded";
  }

  async #refuse(problems: readonly FileProblem[], content: string, first: boolean): Promise<ReloadResult> {
    const { name, log, counters, alarm, alarmCause } = this.#options;
    this.#judged = content;
    const source = first ? await this.#fallBack() : this.#status.source;
    const described = problems.map((problem) => describeProblem(this.#path, problem));
    for (const problem of described) log.error("The file was refused", { file: name, problem, source });
    counters.add("live_file_loads_total", 1, { file: name, result: "refused" });
    const more = described.length - PROBLEMS_IN_ALARM;
    const kept = source === "builtin" ? "the built-in one is used" : "the last good one stays in use";
    const list = described.slice(0, PROBLEMS_IN_ALARM).join("; ") + (more > 0 ? `; and ${more} more` : "");
    alarm.raise(alarmCause, "error", `${basename(this.#path)} was refused, ${kept}: ${list}`);
    this.#setStatus({ source, file: "refused", problems: described, warnings: [] }, first);
    return "refused";
  }

  async #missing(first: boolean): Promise<ReloadResult> {
    const { name, log, builtIn, alarm, alarmCause } = this.#options;
    const known = this.#status.file === "missing";
    this.#judged = undefined;
    if (first) this.#current = builtIn;
    if (first || !known) {
      if (!first) log.warn("The file is gone; what was loaded stays in use until it is back", { file: name });
      const source = first ? "builtin" : this.#status.source;
      this.#setStatus({ source, file: "missing", problems: [], warnings: [] }, first);
      // There is no refused file any more, also when it went while nobody ran.
      const kept = source === "builtin" ? "the built-in one is used" : "what was loaded stays in use";
      alarm.clear(alarmCause, `${this.#path} is gone; ${kept}.`);
    }
    return "missing";
  }

  /** The value for a start with a bad file. */
  async #fallBack(): Promise<LiveFileStatus["source"]> {
    const { name, log, builtIn, compile } = this.#options;
    this.#current = builtIn;
    try {
      const text = await this.#lastGood.read();
      const compiled = text === undefined ? undefined : compile(text, this.#path);
      if (compiled === undefined || !compiled.ok) return "builtin";
      this.#current = compiled.value;
      return "last_good";
    } catch (error) {
      log.error("The last good content cannot be read", { file: name, error: describeError(error) });
      return "builtin";
    }
  }

  /** A content that cannot be stored is used all the same: only a restart with a bad file would miss it. */
  async #store(text: string): Promise<void> {
    const { name, log, counters } = this.#options;
    try {
      await Deno.mkdir(this.#options.stateFolder, { recursive: true, mode: 0o700 });
      if (await this.#lastGood.read() !== text) await this.#lastGood.write(text);
    } catch (error) {
      counters.add("live_file_store_failures_total", 1, { file: name });
      log.error("The last good content cannot be stored; a restart with a bad file would use the built-in one", {
        file: name,
        error: describeError(error),
      });
    }
  }

  #setStatus(change: Omit<LiveFileStatus, "loadedAtMs">, loaded: boolean): void {
    const { name, clock, counters, onChange } = this.#options;
    this.#status = { ...change, loadedAtMs: loaded ? clock.nowMs() : this.#status.loadedAtMs };
    counters.set("live_file_good", change.file === "refused" ? 0 : 1, { file: name });
    onChange?.(this.#status);
  }

  #inTurn<R>(work: () => Promise<R>): Promise<R> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {/* Its caller sees it; the next turn is not concerned. */});
    return turn;
  }
}
