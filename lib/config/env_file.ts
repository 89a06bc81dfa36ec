/**
 * Reads a file of `NAME=value` lines exactly as python-dotenv 1.0 does, from which users of the original come
 * (its `parser.py` and `variables.py`; `tests/config/env_file_test.ts` fixes every case):
 *
 * - a blank may stand around `=`; `export ` may stand in front; a byte order mark and CRLF are fine;
 * - unquoted: up to the end of the line, `#` begins a comment only after a blank;
 * - `'…'` knows the escapes `\\` and `\'`; `"…"` knows `\\ \' \" \a \b \f \n \r \t \v`; both may span lines;
 * - `${NAME}` and `${NAME:-default}` expand afterwards, in *every* value, single quotes too: a process variable first,
 *   then an earlier line, then the default, then nothing. `$NAME` and `\${NAME}` do not expand and keep their text;
 * - a name without `=` has no value; a later line wins over an earlier one.
 *
 * Where python-dotenv skips a line that it cannot read with a warning, this reports it.
 *
 * @module
 */

/** A line that cannot be read. The text never quotes the line: it may hold a secret. */
export interface EnvFileProblem {
  /** From 1. */
  readonly line: number;
  /** From 1, in characters (UTF-16). */
  readonly column: number;
  readonly problem: string;
}

export interface EnvEntry {
  /** undefined for a name without `=`. */
  readonly value: string | undefined;
  readonly line: number;
  /** Names in `${…}` that stand for nothing, so that a part of the value vanished. */
  readonly unresolved: readonly string[];
}

export interface EnvFile {
  readonly entries: ReadonlyMap<string, EnvEntry>;
  readonly problems: readonly EnvFileProblem[];
}

const LINE_BREAK = /\r\n|\n|\r/g;
const ANY_BLANK = /\s*/y;
const BLANK = /[^\S\r\n]*/y;
const EXPORT = /(?:export[^\S\r\n]+)?/y;
const QUOTED_NAME = /'([^']+)'/y;
const PLAIN_NAME = /([^=#\s]+)/y;
const EQUALS = /=[^\S\r\n]*/y;
const SINGLE_QUOTED = /'((?:\\'|[^'])*)'/y;
const DOUBLE_QUOTED = /"((?:\\"|[^"])*)"/y;
const REST = /[^\r\n]*/y;
const COMMENT = /(?:[^\S\r\n]*#[^\r\n]*)?/y;
const LINE_END = /[^\S\r\n]*(?:\r\n|\n|\r|$)/y;
const REST_WITH_END = /[^\r\n]*(?:\r\n|\n|\r)?/y;

const ESCAPES: Readonly<Record<string, string>> = {
  "\\\\": "\\",
  "\\'": "'",
  '\\"': '"',
  "\\a": "\x07",
  "\\b": "\b",
  "\\f": "\f",
  "\\n": "\n",
  "\\r": "\r",
  "\\t": "\t",
  "\\v": "\v",
};

/** Thrown and caught here: the binding at hand cannot be read. */
class Unreadable {
  constructor(readonly at: number, readonly problem: string) {}
}

/**
 * @param text the whole file
 * @param processEnv gives a variable of the process for `${NAME}`, undefined when there is none
 */
export function parseEnvFile(
  text: string,
  processEnv: (name: string) => string | undefined = () => undefined,
): EnvFile {
  const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
  const places = new Places(source);
  const entries = new Map<string, EnvEntry>();
  const problems: EnvFileProblem[] = [];
  let at = 0;

  /** Matches at the present place and moves on; undefined leaves the place alone. */
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match === null) return undefined;
    at += match[0].length;
    return match;
  };

  const takeValue = (): string => {
    const quote = source[at];
    if (quote === "'" || quote === '"') {
      const match = take(quote === "'" ? SINGLE_QUOTED : DOUBLE_QUOTED);
      if (match === undefined) throw new Unreadable(at, `the quote ${quote} is never closed`);
      return unescape(match[1] ?? "", quote);
    }
    return (take(REST)?.[0] ?? "").replace(/\s+#.*/, "").trimEnd();
  };

  while (at < source.length) {
    try {
      take(ANY_BLANK);
      if (at >= source.length) break;
      const start = at;
      take(EXPORT);
      const name = source[at] === "#" ? undefined : (take(source[at] === "'" ? QUOTED_NAME : PLAIN_NAME))?.[1];
      if (name === undefined && source[at] !== "#") throw new Unreadable(at, "a name is missing here");
      take(BLANK);
      const raw = take(EQUALS) === undefined ? undefined : takeValue();
      take(COMMENT);
      if (take(LINE_END) === undefined) {
        take(BLANK);
        throw new Unreadable(at, raw === undefined ? "= is missing here" : "text after the closing quote");
      }
      if (name === undefined) continue;
      const { value, unresolved } = expand(raw, (other) => {
        return processEnv(other) ?? (entries.has(other) ? entries.get(other)?.value ?? "" : undefined);
      });
      entries.set(name, { value, line: places.of(start).line, unresolved });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      problems.push({ ...places.of(error.at), problem: error.problem });
      take(REST_WITH_END);
    }
  }
  return { entries, problems };
}

function unescape(text: string, quote: "'" | '"'): string {
  return text.replace(quote === "'" ? /\\[\\']/g : /\\[\\'"abfnrtv]/g, (escape) => ESCAPES[escape] ?? escape);
}

function expand(
  raw: string | undefined,
  lookUp: (name: string) => string | undefined,
): { value: string | undefined; unresolved: string[] } {
  const unresolved: string[] = [];
  const value = raw?.replace(/\$\{([^}:]*)(?::-([^}]*))?\}/g, (_, name: string, fallback: string | undefined) => {
    const found = lookUp(name) ?? fallback;
    if (found === undefined) unresolved.push(name);
    return found ?? "";
  });
  return { value, unresolved };
}

/** Turns offsets into lines and columns. */
class Places {
  readonly #starts: number[] = [0];
  constructor(text: string) {
    for (const match of text.matchAll(LINE_BREAK)) this.#starts.push(match.index + match[0].length);
  }
  of(offset: number): { line: number; column: number } {
    let line = this.#starts.findLastIndex((start) => start <= offset);
    if (line < 0) line = 0;
    return { line: line + 1, column: offset - (this.#starts[line] ?? 0) + 1 };
  }
}
