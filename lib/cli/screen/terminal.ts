/**
 * The three standard streams, as commands see them. Tests pass one that records.
 *
 * @module
 */

export interface Terminal {
  /** Writes to standard output, as it is. */
  out(text: string): void;
  /** Writes to standard error, as it is. */
  err(text: string): void;
  readonly outInfo: StreamInfo;
  readonly errInfo: StreamInfo;
  /** Whether a person can be asked. */
  readonly interactive: boolean;
  readonly stdin: ReadableStream<Uint8Array>;
  /** Asks on standard error. @returns the line, undefined at the end of input or without a person */
  ask(question: string, options?: { readonly hidden?: boolean }): Promise<string | undefined>;
}

export interface StreamInfo {
  readonly isTerminal: boolean;
  readonly colour: boolean;
  /** Columns that may be used: the terminal's, else {@link PLAIN_COLUMNS}. */
  readonly columns: number;
}

/** Width of texts that go to a file or pipe. */
export const PLAIN_COLUMNS = 80;
/** Wider lines are hard to read, whatever the terminal can. */
const WIDEST_COLUMNS = 120;
/** Below this nothing lines up any more. */
const NARROWEST_COLUMNS = 40;

/** Thrown when the reader of our output is gone (`| head`): nobody is left to tell, so the program just ends. */
export class ReaderGone extends Error {
  override readonly name = "ReaderGone";
}

/** The streams of this process. `TERM=dumb` and NO_COLOR (any value) switch colour off. */
export function systemTerminal(getEnv: (name: string) => string | undefined): Terminal {
  const mayColour = !Deno.noColor && getEnv("TERM") !== "dumb";
  const info = (isTerminal: boolean): StreamInfo => ({
    isTerminal,
    colour: isTerminal && mayColour,
    get columns() {
      return isTerminal ? consoleColumns() : PLAIN_COLUMNS;
    },
  });
  const errInfo = info(Deno.stderr.isTerminal());
  const err = (text: string) => writeAll(Deno.stderr, text);
  return {
    out: (text) => writeAll(Deno.stdout, text),
    err,
    outInfo: info(Deno.stdout.isTerminal()),
    errInfo,
    interactive: Deno.stdin.isTerminal() && errInfo.isTerminal,
    get stdin() {
      return Deno.stdin.readable;
    },
    async ask(question, options = {}) {
      if (!Deno.stdin.isTerminal()) return undefined;
      err(question);
      if (options.hidden) Deno.stdin.setRaw(true, { cbreak: true });
      try {
        return await readLine(options.hidden ?? false);
      } finally {
        if (options.hidden) {
          Deno.stdin.setRaw(false);
          err("\n");
        }
      }
    },
  };
}

function consoleColumns(): number {
  try {
    const { columns } = Deno.consoleSize();
    return columns === 0 ? PLAIN_COLUMNS : Math.min(WIDEST_COLUMNS, Math.max(NARROWEST_COLUMNS, columns));
  } catch {
    // Not every terminal tells its size (a serial line); that is no reason to stop.
    return PLAIN_COLUMNS;
  }
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new ReaderGone("the reader of the output is gone");
    throw error;
  }
}

const [BACKSPACE, DELETE, END_OF_INPUT, NEWLINE, RETURN] = [0x08, 0x7f, 0x04, 0x0a, 0x0d];

/** One line, byte by byte, so that nothing behind it is swallowed. */
async function readLine(raw: boolean): Promise<string | undefined> {
  const bytes: number[] = [];
  const one = new Uint8Array(1);
  while (true) {
    const count = await Deno.stdin.read(one);
    const byte = one[0]!;
    if (count === null || (raw && byte === END_OF_INPUT)) return bytes.length === 0 ? undefined : decode(bytes);
    if (byte === NEWLINE || (raw && byte === RETURN)) return decode(bytes);
    if (raw && (byte === BACKSPACE || byte === DELETE)) bytes.pop();
    else bytes.push(byte);
  }
}

function decode(bytes: readonly number[]): string {
  return new TextDecoder().decode(new Uint8Array(bytes)).replace(/\r$/, "");
}
