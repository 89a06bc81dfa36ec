/**
 * Bytes to lines. Lines end on `\n` only: U+2028 and U+2029 stand unescaped inside signal-cli's JSON (facts: signal.md
 * §3.1), so neither a regex over all line ends nor a reader that knows Unicode line breaks will do.
 *
 * @module
 */

/**
 * Longest line taken, in UTF-16 units. signal-cli itself cannot handle strings above about 20 million characters
 * (facts: signal.md §4.1); what is longer is no line but a broken peer.
 */
export const MAX_LINE_LENGTH = 20 * 1024 * 1024;

/** The peer sent more than {@link MAX_LINE_LENGTH} without a line end. The stream cannot be read any further. */
export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
  constructor(readonly maxLength: number) {
    super(`a line is longer than ${maxLength} characters`);
  }
}

/** Cuts a stream of chunks into lines. One per stream: it holds the unfinished rest. */
export class LineSplitter {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest: string[] = [];
  #restLength = 0;

  constructor(private readonly maxLength: number = MAX_LINE_LENGTH) {}

  /**
   * The lines that end in this chunk, without their `\n`.
   * @throws {LineTooLong}
   */
  push(chunk: Uint8Array): string[] {
    return this.#split(this.#decoder.decode(chunk, { stream: true }));
  }

  /** What stands behind the last line end: at the end of the stream a line that was cut off, or "". */
  get rest(): string {
    return this.#rest.join("");
  }

  #split(text: string): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", from)) {
      const piece = text.slice(from, end);
      this.#check(this.#restLength + piece.length);
      lines.push(this.#restLength === 0 ? piece : this.rest + piece);
      if (this.#restLength > 0) {
        this.#rest = [];
        this.#restLength = 0;
      }
      from = end + 1;
    }
    if (from < text.length) {
      this.#rest.push(from === 0 ? text : text.slice(from));
      this.#restLength += text.length - from;
      this.#check(this.#restLength);
    }
    return lines;
  }

  #check(length: number): void {
    if (length > this.maxLength) throw new LineTooLong(this.maxLength);
  }
}

/** The JSON object of a line; undefined when it holds anything else. */
export function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined;
  }
}
