/**
 * Reads TypeScript just well enough for the gate: tells code from comments and strings, so that a word in a comment
 * is no use of it.
 *
 * @module
 */

/** A quoted text of the source. Template literals come as one piece, with their `${…}` in it. */
export interface Quoted {
  readonly text: string;
  /** Offset of the opening quote. */
  readonly at: number;
}

export interface SourceText {
  /** As long as the source: comments, regular expressions and the insides of strings are blanks, line breaks stay. */
  readonly code: string;
  readonly strings: readonly Quoted[];
  /** Line of an offset, from 1. */
  lineOf(at: number): number;
}

/** What stands before a `/` that begins a regular expression and no division. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|yield|await))\s*$/;

export function readSource(source: string): SourceText {
  const code: string[] = [];
  const strings: Quoted[] = [];
  let at = 0;

  const blank = (text: string) => text.replace(/[^\n]/g, " ");
  while (at < source.length) {
    const two = source.slice(at, at + 2);
    const character = source[at]!;
    let end: number;
    if (two === "//") {
      end = source.indexOf("\n", at);
      if (end < 0) end = source.length;
      code.push(blank(source.slice(at, end)));
    } else if (two === "/*") {
      end = source.indexOf("*/", at + 2);
      end = end < 0 ? source.length : end + 2;
      code.push(blank(source.slice(at, end)));
    } else if (character === '"' || character === "'" || character === "`") {
      end = endOfString(source, at);
      strings.push({ text: source.slice(at + 1, end - 1), at });
      // What a template computes is code too; its own strings are looked at as a whole.
      const inside = character === "`"
        ? keepComputed(source.slice(at + 1, end - 1))
        : blank(source.slice(at + 1, end - 1));
      code.push(character + inside + (end - at > 1 ? character : ""));
    } else if (character === "/" && BEFORE_REGEX.test(code.join("").slice(-40))) {
      end = endOfRegex(source, at);
      code.push(blank(source.slice(at, end)));
    } else {
      end = at + 1;
      code.push(character);
    }
    at = end;
  }
  return { code: code.join(""), strings, lineOf: (offset) => source.slice(0, offset).split("\n").length };
}

/** @returns the offset behind the closing quote */
function endOfString(source: string, start: number): number {
  const quote = source[start];
  let depth = 0;
  for (let at = start + 1; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (quote === "`" && source.startsWith("${", at)) {
      depth++;
      at++;
    } else if (depth > 0) {
      if (source[at] === "{") depth++;
      else if (source[at] === "}") depth--;
      else if (`"'\``.includes(source[at]!)) at = endOfString(source, at) - 1;
    } else if (source[at] === quote) return at + 1;
  }
  return source.length;
}

/** @returns the offset behind the closing slash */
function endOfRegex(source: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < source.length && source[at] !== "\n"; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === "[") inClass = true;
    else if (source[at] === "]") inClass = false;
    else if (source[at] === "/" && !inClass) return at + 1;
  }
  return start + 1;
}

function keepComputed(inside: string): string {
  let kept = "";
  let depth = 0;
  for (let at = 0; at < inside.length; at++) {
    if (depth === 0 && inside.startsWith("${", at)) {
      depth = 1;
      kept += "  ";
      at++;
      continue;
    }
    if (depth > 0) {
      if (inside[at] === "{") depth++;
      else if (inside[at] === "}") depth--;
    }
    kept += depth > 0 || inside[at] === "\n" ? inside[at] : " ";
  }
  return kept;
}
