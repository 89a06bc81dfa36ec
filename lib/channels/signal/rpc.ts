/**
 * JSON-RPC 2.0 over a pair of byte streams, one JSON value per line (facts: signal.md §4.1): requests with deadlines
 * out, answers and notifications in.
 *
 * Every waiter is registered before its request is written, has a deadline, and is failed when the peer goes away.
 * Requests made in one tick leave in one write, and what is asked for while a write is under way leaves in the next.
 *
 * **Reading.** Answers are dispatched as soon as their chunk is read, never behind the handling of a notification.
 * Notifications go to `onNotifications` in one call per chunk; when that returns a promise, nothing more is read
 * until it resolves. That is the way to bound memory, and it also holds up answers, so whoever returns a promise
 * must be able to resolve it without an answer from this peer, else both sides wait for each other.
 *
 * @module
 */
import { type Clock, within } from "../../runtime/clock.ts";
import type { Counters } from "../../runtime/counters.ts";
import { Deadlines } from "./deadlines.ts";
import { LateResults } from "./late_results.ts";
import { LineSplitter, LineTooLong, parseObject } from "./lines.ts";
import { readRpcError, RpcUnanswered } from "./rpc_errors.ts";

export interface RpcNotification {
  readonly method: string;
  readonly params: unknown;
  /** The whole line as it came. */
  readonly line: string;
}

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /**
   * Called at most once, synchronously before the first byte leaves. When it throws, the request is not written and
   * fails with what was thrown.
   */
  readonly onWrite?: () => void;
  /** Called with the result if it comes after the deadline, while the connection lasts. Must not throw. A late error is none. */
  readonly onLate?: (result: unknown) => void;
}

export interface RpcOptions {
  readonly input: WritableStream<Uint8Array>;
  readonly output: ReadableStream<Uint8Array>;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly onNotifications: (notifications: readonly RpcNotification[]) => void | Promise<void>;
  /** Longest line taken. Default {@link MAX_LINE_LENGTH}. */
  readonly maxLineLength?: number;
}

/** An end waits for a write under way at most so long, milliseconds: a frozen peer takes nothing and keeps its side open. */
const LET_GO_TIMEOUT_MS = 1_000;
/** A peer that takes nothing any more ends by itself, after its last answers. One that does not is left after this, milliseconds. */
const LAST_ANSWERS_TIMEOUT_MS = 5_000;

/** Why the connection ended. */
export type RpcEnd = "end_of_stream" | "read_failed" | "write_failed" | "line_too_long" | "closed";

interface Waiter {
  readonly id: number;
  readonly method: string;
  readonly line: string;
  readonly deadlineMs: number;
  readonly onWrite: (() => void) | undefined;
  written: boolean;
  settle(result: { readonly value: unknown } | { readonly error: unknown }): void;
  expire(): void;
}

export class RpcClient {
  readonly #options: RpcOptions;
  readonly #waiters = new Map<number, Waiter>();
  readonly #late = new LateResults();
  readonly #deadlines: Deadlines<Waiter>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #end = Promise.withResolvers<RpcEnd>();
  #unwritten: Waiter[] = [];
  #flushing: Promise<void> | undefined;
  #nextId = 1;
  readonly #over = new AbortController();
  #inputOpen = true;
  #lastReadAtMs: number;
  #heldUp = false;

  /** Starts to read at once. */
  constructor(options: RpcOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, () => this.#waiters.values());
    this.#writer = options.input.getWriter();
    // A failed write is noticed where it is awaited; the same error is also kept here and must not go unhandled.
    this.#writer.closed.catch(() => {});
    this.#reader = options.output.getReader();
    this.#lastReadAtMs = options.clock.monotonicMs();
    this.#read();
  }

  /** Resolves when nothing more will be read; by then every waiter has been failed. Never rejects. */
  get ended(): Promise<RpcEnd> {
    return this.#end.promise;
  }

  /** Whether a request can be made. */
  get open(): boolean {
    return this.#inputOpen && !this.#over.signal.aborted;
  }

  /** Requests without an answer so far. */
  get inFlight(): number {
    return this.#waiters.size;
  }

  /** When something was last read, on the monotonic clock. */
  get lastReadAtMs(): number {
    return this.#lastReadAtMs;
  }

  /** Reading stands still because notifications are not taken: silence then says nothing about the peer. */
  get heldUp(): boolean {
    return this.#heldUp && !this.#over.signal.aborted;
  }

  /**
   * Sends a request and waits for its answer.
   * @returns the `result` of the answer
   * @throws {RpcError} the peer answered with an error
   * @throws {RpcUnanswered} no answer came
   */
  request(method: string, params: unknown, options: RequestOptions): Promise<unknown> {
    const { signal } = options;
    if (!this.open) return Promise.reject(new RpcUnanswered(method, "disconnected", false));
    if (signal?.aborted) return Promise.reject(new RpcUnanswered(method, "aborted", false));
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const onAbort = () => waiter.settle({ error: new RpcUnanswered(method, "aborted", waiter.written) });
      const waiter: Waiter = {
        id,
        method,
        line: JSON.stringify({ jsonrpc: "2.0", method, params, id }) + "\n",
        deadlineMs: this.#options.clock.monotonicMs() + options.timeoutMs,
        onWrite: options.onWrite,
        written: false,
        settle: (result) => {
          if (!this.#waiters.delete(id)) return;
          signal?.removeEventListener("abort", onAbort);
          if ("error" in result) reject(result.error);
          else resolve(result.value);
        },
        expire: () => {
          waiter.settle({ error: new RpcUnanswered(method, "deadline", waiter.written) });
          if (waiter.written && options.onLate !== undefined) this.#late.await(id, options.onLate);
        },
      };
      this.#waiters.set(id, waiter);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#deadlines.watch(waiter.deadlineMs);
      this.#unwritten.push(waiter);
      this.#flushing ??= this.#flush();
    });
  }

  /**
   * Closes the way out: the peer answers what it has and ends (facts: signal.md §4.3). Answers are still read.
   * Resolves when the close has gone through or failed; a peer that reads nothing can hold it up for ever.
   */
  async closeInput(): Promise<void> {
    if (!this.#inputOpen) return;
    this.#inputOpen = false;
    await this.#flushing;
    await this.#writer.close().catch(() => {});
  }

  /** Ends at once: fails every waiter and lets go of both streams. */
  async close(why: RpcEnd = "closed"): Promise<void> {
    this.#finish(why);
    const letGo = Promise.allSettled([this.#reader.cancel(), this.#writer.abort()]);
    await within(letGo, LET_GO_TIMEOUT_MS, "end of a connection").catch(() => {});
  }

  async #flush(): Promise<void> {
    // One turn of the microtask queue collects what is asked for in the same tick.
    await Promise.resolve();
    while (this.#unwritten.length > 0 && !this.#over.signal.aborted) {
      const bytes = this.#takeUnwritten();
      if (bytes === undefined) continue;
      try {
        await this.#writer.write(bytes);
      } catch {
        // The peer does not read any more. Answers to earlier requests can still be in its output, so waiters whose
        // request was written stay until the output ends; the others can go at once.
        this.#inputOpen = false;
        this.#options.counters.add("signal_rpc_write_failures_total");
        this.#leaveLater();
        for (const waiter of this.#takeAll()) {
          waiter.settle({ error: new RpcUnanswered(waiter.method, "disconnected", false) });
        }
      }
    }
    this.#flushing = undefined;
  }

  /** A peer that hears nobody is of no use, however long it keeps its side open. What it said already is read first. */
  async #leaveLater(): Promise<void> {
    const { signal } = this.#over;
    do await this.#options.clock.sleepMs(LAST_ANSWERS_TIMEOUT_MS, signal); while (this.heldUp);
    if (!signal.aborted) await this.close("write_failed");
  }

  #takeAll(): Waiter[] {
    const taken = this.#unwritten;
    this.#unwritten = [];
    return taken;
  }

  #takeUnwritten(): Uint8Array | undefined {
    let text = "";
    for (const waiter of this.#takeAll()) {
      if (!this.#waiters.has(waiter.id)) continue;
      try {
        waiter.onWrite?.();
      } catch (error) {
        waiter.settle({ error });
        continue;
      }
      waiter.written = true;
      text += waiter.line;
    }
    return text === "" ? undefined : this.#encoder.encode(text);
  }

  async #read(): Promise<void> {
    const splitter = new LineSplitter(this.#options.maxLineLength);
    let end: RpcEnd = "end_of_stream";
    try {
      for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read()) {
        this.#lastReadAtMs = this.#options.clock.monotonicMs();
        const waiting = this.#dispatch(splitter.push(part.value));
        if (waiting === undefined) continue;
        this.#heldUp = true;
        await waiting;
        this.#heldUp = false;
        this.#lastReadAtMs = this.#options.clock.monotonicMs();
      }
      if (splitter.rest !== "") this.#options.counters.add("signal_rpc_cut_lines_total");
    } catch (error) {
      end = error instanceof LineTooLong ? "line_too_long" : "read_failed";
      await this.#reader.cancel().catch(() => {});
    }
    this.#finish(end);
  }

  #dispatch(lines: readonly string[]): void | Promise<void> {
    let notifications: RpcNotification[] | undefined;
    for (const line of lines) {
      const message = parseObject(line);
      if (message === undefined) {
        this.#options.counters.add("signal_rpc_bad_lines_total");
      } else if (typeof message.method === "string") {
        (notifications ??= []).push({ method: message.method, params: message.params, line });
      } else {
        this.#answer(message);
      }
    }
    return notifications && this.#options.onNotifications(notifications);
  }

  #answer(message: Record<string, unknown>): void {
    const { id, error } = message;
    const failed = error !== undefined && error !== null;
    const waiter = typeof id === "number" ? this.#waiters.get(id) : undefined;
    if (waiter === undefined) {
      // Ids only grow, so an id that was given out and has no waiter is an answer that came too late.
      const late = typeof id === "number" && Number.isInteger(id) && id > 0 && id < this.#nextId;
      this.#options.counters.add("signal_rpc_stray_answers_total", 1, { kind: late ? "late" : "unknown" });
      if (late) this.#late.came(id, failed ? undefined : { value: message.result });
      return;
    }
    if (failed) waiter.settle({ error: readRpcError(waiter.method, error) });
    else waiter.settle({ value: message.result });
  }

  #finish(end: RpcEnd): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#inputOpen = false;
    this.#deadlines.close();
    this.#unwritten = [];
    this.#late.clear();
    for (const waiter of [...this.#waiters.values()]) {
      waiter.settle({ error: new RpcUnanswered(waiter.method, "disconnected", waiter.written) });
    }
    this.#end.resolve(end);
  }
}
