/**
 * A scripted JSON-RPC peer in memory: the other end of the streams, speaking real JSON-RPC text.
 *
 * @module
 */
import { LineSplitter } from "../../../lib/channels/signal/lines.ts";
import { Recorder } from "../../support/recorder.ts";

export interface PeerRequest {
  readonly method: string;
  // deno-lint-ignore no-explicit-any
  readonly params?: any;
  readonly id: number;
}

export class Peer {
  /** Requests as they arrive. */
  readonly requests = new Recorder<PeerRequest>();
  /** Sizes of the chunks in which they arrived. */
  readonly writes: number[] = [];
  readonly #toClient = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 64 });
  readonly #fromClient = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 64 });
  readonly #writer = this.#toClient.writable.getWriter();
  readonly #encoder = new TextEncoder();
  /** Answers each request by itself when set. */
  respond: ((request: PeerRequest) => void) | undefined;
  readonly inputEnded: Promise<void>;

  constructor(private readonly reading = true) {
    this.#writer.closed.catch(() => {});
    this.inputEnded = this.reading ? this.#read() : Promise.resolve();
  }

  get input(): WritableStream<Uint8Array> {
    return this.#fromClient.writable;
  }
  get output(): ReadableStream<Uint8Array> {
    return this.#toClient.readable;
  }

  /** Writes text as one chunk. */
  write(text: string): Promise<void> {
    return this.#writer.write(this.#encoder.encode(text));
  }
  line(value: unknown): Promise<void> {
    return this.write(JSON.stringify(value) + "\n");
  }
  result(id: number, result: unknown): Promise<void> {
    return this.line({ jsonrpc: "2.0", result, id });
  }
  error(id: number, code: number, data: unknown = null, message = "no"): Promise<void> {
    return this.line({ jsonrpc: "2.0", error: { code, message, data }, id });
  }
  /** Ends its output, as a dying process does. */
  end(): Promise<void> {
    return this.#writer.close().catch(() => {});
  }

  async #read(): Promise<void> {
    const splitter = new LineSplitter();
    try {
      for await (const chunk of this.#fromClient.readable) {
        this.writes.push(chunk.length);
        for (const line of splitter.push(chunk)) {
          const request = JSON.parse(line) as PeerRequest;
          this.requests.push(request);
          this.respond?.(request);
        }
      }
    } catch {
      // The client let go of the stream.
    }
  }
}
