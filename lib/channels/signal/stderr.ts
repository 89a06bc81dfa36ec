/**
 * What signal-cli writes on stderr: read to the end so that it never blocks, counted, and the last lines kept.
 *
 * @module
 */
import { LineSplitter, LineTooLong } from "./lines.ts";

/** Lines kept for classifying a failed start. */
export const KEPT_STDERR_LINES = 20;
/** Longest stderr line that is read; stack traces have short ones. */
const MAX_STDERR_LINE = 256 * 1024;
/** Characters of a line that go into the log. */
const SHOWN_CHARACTERS = 300;

export class StderrTail {
  /** The last lines as they came: can hold phone numbers and names, for matching only. */
  readonly lines: string[] = [];
  /** Resolves at the end of the stream; never rejects. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #count = 0;

  /** @param onLine called for each line as it came */
  constructor(stream: ReadableStream<Uint8Array>, private readonly onLine?: (line: string) => void) {
    this.#reader = stream.getReader();
    this.ended = this.#read();
  }

  /** Lets go of the stream, also when somebody else still holds its other end open. */
  async close(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  /** Lines read so far. */
  get count(): number {
    return this.#count;
  }

  async #read(): Promise<void> {
    let splitter = new LineSplitter(MAX_STDERR_LINE);
    try {
      for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read()) {
        try {
          for (const line of splitter.push(part.value)) this.#take(line);
        } catch (error) {
          if (!(error instanceof LineTooLong)) throw error;
          splitter = new LineSplitter(MAX_STDERR_LINE);
        }
      }
    } catch {
      // A stream that breaks off ends like one that ends: the exit status tells what happened.
    }
    if (splitter.rest !== "") this.#take(splitter.rest);
  }

  #take(line: string): void {
    this.#count++;
    if (this.lines.push(line) > KEPT_STDERR_LINES) this.lines.shift();
    this.onLine?.(line);
  }
}

/**
 * A line for the debug log: digits, quoted text, service ids and long runs of base64 are masked, since numbers, names,
 * persons and group ids stand there. Cut afterwards: a quotation that lost its end would be read as none.
 */
export function masked(line: string): string {
  return line
    .replace(/"[^"]*(?:"|$)|'[^']*'|“[^”]*(?:”|$)|«[^»]*(?:»|$)/g, '"…"')
    // Whole: the letters that are left of one without its digits are still nobody else's.
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi, "…")
    .replace(/[A-Za-z0-9+/]{20,}={0,2}/g, "…")
    .replace(/\p{Nd}/gu, "#")
    .slice(0, SHOWN_CHARACTERS);
}
