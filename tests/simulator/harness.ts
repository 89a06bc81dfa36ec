/**
 * Talks to the simulator in the test's own process: what a client would write and read, line by line.
 *
 * @module
 */
import { MemoryWorld } from "../../lib/simulator/memory_world.ts";
import { runSignalCli } from "../../lib/simulator/program.ts";
import type { World } from "../../lib/simulator/world.ts";
import { PATIENCE_MS } from "../support/recorder.ts";

export const ACCOUNT = "+15550100001";
export const OTHER_ACCOUNT = "+15550100002";
export const ADA = { uuid: "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f", number: "+15550100007", name: "Ada" };
export const BOB = { uuid: "5b1f6c80-3c55-4d0e-8f7a-1c2d3e4f5a6b", number: "+15550100008", name: "Bob" };
export const GROUP = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

// deno-lint-ignore no-explicit-any
export type Line = any;

/** Account, Ada, Bob, and a group of both. */
export function world(changes: Record<string, unknown> = {}): MemoryWorld {
  const groups = [{ id: GROUP, name: "Shop", members: [ADA.uuid, BOB.uuid] }];
  return new MemoryWorld({ accounts: [ACCOUNT], people: [ADA, BOB], groups, ...changes });
}

/** One run of the program. */
export class Run implements AsyncDisposable {
  /** Every line of standard output so far, as text. */
  readonly raw: string[] = [];
  readonly exit: Promise<number>;
  stderr = "";
  readonly #stop = new AbortController();
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<unknown>;
  readonly #waiters = new Set<() => void>();
  #unread: Line[] = [];
  #nextId = 0;

  constructor(world: World, args: readonly string[], options: { readonly read?: Promise<void> } = {}) {
    const [stdin, stdout, stderr] = [pipe(), pipe(), pipe()];
    this.#stdin = stdin.writable.getWriter();
    this.exit = runSignalCli({
      args,
      env: {},
      stdin: stdin.readable,
      stdout: stdout.writable,
      stderr: stderr.writable,
      signal: this.#stop.signal,
    }, world).finally(async () => {
      await Promise.allSettled([stdout.writable.close(), stderr.writable.close()]);
    });
    this.#reading = Promise.all([this.#readLines(stdout.readable, options.read), this.#readErrors(stderr.readable)]);
  }

  /** Writes one line as it is. */
  line(text: string): void {
    this.bytes(`${text}\n`);
  }

  bytes(text: string): void {
    this.#stdin.write(new TextEncoder().encode(text)).catch(() => {});
  }

  /** Sends a request and takes its answer, whatever else comes in between. */
  async call(method: string, params?: unknown): Promise<Line> {
    const id = this.request(method, params);
    return await this.take((line) => line.id === id);
  }

  request(method: string, params?: unknown): string {
    const id = `t${this.#nextId++}`;
    this.line(JSON.stringify({ jsonrpc: "2.0", method, ...(params === undefined ? {} : { params }), id }));
    return id;
  }

  /** The first line that nobody took yet and that fits, now or later. Rejects at the deadline. */
  async take(fits: (line: Line) => boolean = () => true): Promise<Line> {
    const { promise, resolve, reject } = Promise.withResolvers<Line>();
    const look = () => {
      const index = this.#unread.findIndex(fits);
      if (index === -1) return;
      // At once: more lines may come before the caller goes on, and this one must not take them too.
      this.#waiters.delete(look);
      resolve(this.#unread.splice(index, 1)[0]);
    };
    const timer = setTimeout(
      () => reject(new Error(`no such line came; left: ${JSON.stringify(this.#unread)}`)),
      PATIENCE_MS,
    );
    this.#waiters.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(look);
    }
  }

  /** The next message notification, unwrapped. */
  async message(): Promise<Line> {
    const { params } = await this.take((line) => line.method === "receive");
    return params.result ?? params;
  }

  /** What came and was not taken. Meaningful after an answer to a later request, or after the exit. */
  get rest(): readonly Line[] {
    return this.#unread;
  }

  /** Standard input ends. */
  async eof(): Promise<number> {
    await this.#stdin.close().catch(() => {});
    return await this.done();
  }

  terminate(): Promise<number> {
    this.#stop.abort();
    return this.done();
  }

  async done(): Promise<number> {
    const code = await this.exit;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
    await this.#stdin.abort().catch(() => {});
  }

  async #readLines(stream: ReadableStream<Uint8Array>, start: Promise<void> | undefined): Promise<void> {
    await start;
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        this.raw.push(line);
        this.#unread.push(line.startsWith("{") || line.startsWith("[") ? JSON.parse(line) : line);
      }
      for (const look of [...this.#waiters]) look();
    }
  }

  async #readErrors(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
      this.stderr += text;
    }
  }
}

/** The usual start: one account, manual mode. */
export function manual(world: World, ...globals: readonly string[]): Run {
  return new Run(world, ["-a", ACCOUNT, ...globals, "jsonRpc", "--receive-mode=manual"]);
}

export function onStart(world: World): Run {
  return new Run(world, ["-a", ACCOUNT, "jsonRpc"]);
}

function pipe(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream();
}
