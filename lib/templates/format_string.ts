/**
 * A template's text, read once at load: literal pieces and placeholders. What Python's `str.format` understands for
 * text is understood the same way; the rest is refused by name, at the brace where it starts.
 *
 * @module
 */
import { closest } from "./closest.ts";
import { clip, type FormatSpec, parseSpec } from "./format_spec.ts";

export interface Placeholder {
  readonly name: string;
  /** `{name!r}`: inserted as Python source text. */
  readonly repr: boolean;
  readonly spec: FormatSpec | undefined;
}

/** Literal text (braces already single) or a placeholder, in the order of the text. */
export type Part = string | Placeholder;

export interface FormatProblem {
  /** Index in the text: always that of a `{` or `}`. */
  readonly offset: number;
  readonly reason: string;
}

export interface ParsedFormat {
  readonly parts: readonly Part[];
  /** Empty when the text is fine. */
  readonly problems: readonly FormatProblem[];
}

/** @param allowed the placeholders that this template may use */
export function parseFormat(text: string, allowed: readonly string[]): ParsedFormat {
  const parts: Part[] = [];
  const problems: FormatProblem[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    const brace = nextBrace(text, at);
    literal += text.slice(at, brace);
    if (brace === text.length) break;
    if (text[brace + 1] === text[brace]) {
      literal += text[brace];
      at = brace + 2;
      continue;
    }
    if (text[brace] === "}") {
      problems.push({ offset: brace, reason: "stray }; write }} for a literal brace" });
      at = brace + 1;
      continue;
    }
    const end = nextBrace(text, brace + 1);
    if (text[end] !== "}") {
      problems.push({ offset: brace, reason: unclosed(text.slice(brace + 1, end), end === text.length) });
      at = skipNested(text, brace, end);
      continue;
    }
    const field = readField(text.slice(brace + 1, end), allowed);
    if (typeof field === "string") problems.push({ offset: brace, reason: field });
    else {
      if (literal !== "") parts.push(literal);
      literal = "";
      parts.push(field);
    }
    at = end + 1;
  }
  if (literal !== "") parts.push(literal);
  return { parts, problems };
}

/** Index of the next `{` or `}`, or the length of the text. */
function nextBrace(text: string, from: number): number {
  for (let index = from; index < text.length; index++) {
    if (text[index] === "{" || text[index] === "}") return index;
  }
  return text.length;
}

/** Why a `{` did not find its `}`. `content` is what stands before the next `{` or the end. */
function unclosed(content: string, atEnd: boolean): string {
  if (!atEnd && isNested(content)) {
    return `placeholder inside the format specification of {${clip(content)} is not supported`;
  }
  return "{ without its }; write {{ for a literal brace";
}

/** `{name:{width}}`: the second brace belongs to the first one's specification. */
function isNested(content: string): boolean {
  return /^[A-Za-z0-9_]*(?:![a-z])?:[^\n]*$/.test(content);
}

/** Where to go on after an unclosed brace, so that one slip is one problem and later ones are still found. */
function skipNested(text: string, brace: number, end: number): number {
  if (end === text.length || !isNested(text.slice(brace + 1, end))) return end;
  let depth = 1;
  for (let index = end; index < text.length; index = nextBrace(text, index + 1)) {
    depth += text[index] === "{" ? 1 : -1;
    if (depth === 0) return index + 1;
  }
  return end;
}

/** What stands between two braces. @returns the problem as a sentence when it is refused */
function readField(content: string, allowed: readonly string[]): Placeholder | string {
  const [, name, rest] = /^([^!:]*)(.*)$/s.exec(content) as unknown as [string, string, string];
  const badName = checkName(name, allowed);
  if (badName !== undefined) return badName;
  let repr = false;
  let spec = rest;
  if (rest.startsWith("!")) {
    const [, conversion, after] = /^!([^:]*)(.*)$/s.exec(rest) as unknown as [string, string, string];
    if (conversion !== "r" && conversion !== "s") {
      return `conversion "!${clip(conversion)}" of {${name}} is not supported; accepted: !r, !s or none`;
    }
    repr = conversion === "r";
    spec = after;
  }
  if (spec === "" || spec === ":") return { name, repr, spec: undefined };
  const parsed = parseSpec(spec.slice(1));
  return typeof parsed === "string" ? `{${name}}: ${parsed}` : { name, repr, spec: parsed };
}

function checkName(name: string, allowed: readonly string[]): string | undefined {
  if (allowed.includes(name)) return undefined;
  const list = allowed.length === 0
    ? "this template has no placeholders"
    : `allowed here: ${allowed.map((one) => `{${one}}`).join(" ")}`;
  const shown = `{${clip(name)}}`;
  if (name.trim() === "") return `{} without a name is not supported; ${list}; write {{}} for literal braces`;
  if (/^[0-9]+$/.test(name)) return `position ${shown} is not supported, placeholders have names; ${list}`;
  if (/^[^.[]+\./.test(name)) return `attribute access ${shown} is not supported; ${list}`;
  if (/^[^.[]+\[/.test(name)) return `index access ${shown} is not supported; ${list}`;
  if (allowed.includes(name.trim())) return `blanks inside the braces of ${shown}; write {${name.trim()}}`;
  const meant = closest(name, allowed);
  const hint = meant === undefined ? "" : `did you mean {${meant}}? `;
  return `unknown placeholder ${shown}; ${hint}${list}`;
}
