/** Cuts bytes into lines that end on LF, CR or CRLF, as Java's reader does (facts: signal.md §4.1). */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  #rest = "";
  #afterReturn = false;

  push(chunk: Uint8Array): string[] {
    return this.#cut(this.#decoder.decode(chunk, { stream: true }));
  }

  /** The last line, when the input ended without a line end. */
  end(): string[] {
    const lines = this.#cut(this.#decoder.decode());
    if (this.#rest !== "") lines.push(this.#rest);
    this.#rest = "";
    return lines;
  }

  #cut(text: string): string[] {
    if (text === "") return [];
    const start = this.#afterReturn && text.startsWith("\n") ? 1 : 0;
    this.#afterReturn = text.endsWith("\r");
    const lines = (this.#rest + text.slice(start)).split(/\r\n|\n|\r/);
    this.#rest = lines.pop()!;
    return lines;
  }
}
