/**
 * `status.json`: what the service knows of itself, for programs that cannot ask it over HTTP (`health`, cron).
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { Counters } from "./counters.ts";
import { writeFileAtomically } from "./atomic_file.ts";
import { describeError, type Log } from "./log.ts";
import type { Service } from "./service.ts";
import { Wake } from "./wake.ts";

/** Raised when a field changes its meaning. */
export const STATUS_FORMAT = 1;

/** How often it is written without a change, so that an old file shows a service that is gone or stuck. */
const INTERVAL_MS = 5_000;
/** Shortest distance of two writings, however often {@link StatusFile.touch} is called, unless another is given. */
const SHORTEST_GAP_MS = 200;

/** The content of the file. */
export interface StatusRecord {
  readonly format: typeof STATUS_FORMAT;
  /** False in the last one, written by an orderly stop. */
  readonly running: boolean;
  /** Wall clock. Older than three intervals: the service does not run, or is stuck. */
  readonly writtenAtMs: number;
  readonly intervalMs: number;
  readonly status: unknown;
}

export interface StatusFileOptions {
  readonly path: string;
  /** The status, to be turned into JSON. A throw is counted and the file goes stale, which is what it then should. */
  readonly snapshot: () => object;
  /** Default 5000. */
  readonly intervalMs?: number;
  /** Default 200; longer for a content that may be large. */
  readonly shortestGapMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
}

export class StatusFile implements Service {
  readonly name = "status_file";
  readonly #options: StatusFileOptions;
  readonly #wake: Wake;
  #running: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #failing = false;

  constructor(options: StatusFileOptions) {
    this.#options = options;
    this.#wake = new Wake(options.clock);
  }

  start(): Promise<void> {
    if (this.#running !== undefined) return Promise.reject(new Error(`${this.name} is already started`));
    const abort = new AbortController();
    const done = this.#run(abort.signal).finally(() => this.#running = undefined);
    this.#running = { abort, done };
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#running?.abort.abort();
    await this.#running?.done;
  }

  /** Something changed: write soon. */
  touch(): void {
    this.#wake.ring();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs = INTERVAL_MS, shortestGapMs = SHORTEST_GAP_MS } = this.#options;
    while (!signal.aborted) {
      await this.#write(true);
      await clock.sleepMs(Math.min(shortestGapMs, intervalMs), signal);
      await this.#wake.wait(Math.max(0, intervalMs - shortestGapMs), signal);
    }
    await this.#write(false);
  }

  /** A disk that is full or gone must not end the service: told once, counted each time. */
  async #write(running: boolean): Promise<void> {
    const { path, snapshot, clock, log, counters, intervalMs = INTERVAL_MS } = this.#options;
    try {
      const record: StatusRecord = {
        format: STATUS_FORMAT,
        running,
        writtenAtMs: clock.nowMs(),
        intervalMs,
        status: snapshot(),
      };
      // Not synced: a status from before a power cut is of no use.
      await writeFileAtomically(path, JSON.stringify(record) + "\n", { sync: false, mode: 0o640 });
      if (this.#failing) log.info("The status file is written again");
      this.#failing = false;
    } catch (error) {
      counters.add("status_file_failures_total");
      if (!this.#failing) log.error("The status file cannot be written", { error: describeError(error) });
      this.#failing = true;
    }
  }
}

/**
 * What a status file says.
 * @returns `undefined` when there is none
 * @throws {SyntaxError} when it is no status file of a format known here
 */
export async function readStatusFile(path: string): Promise<StatusRecord | undefined> {
  let record: unknown;
  try {
    record = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const known = typeof record === "object" && record !== null && "format" in record && record.format === STATUS_FORMAT;
  if (!known) throw new SyntaxError("status file: not in a format that this program knows");
  return record as StatusRecord;
}
