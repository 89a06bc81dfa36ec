/**
 * What may stand behind a placeholder's name, `{name!r:*>10.5}`, with the meaning it has in Python 3.10 and later for
 * text: every value of ours is text, as it was in the original system.
 *
 * @module
 */

/** Widest padding; more than a phone shows, and a slip such as `:>100000000` cannot fill the memory. */
export const MAX_WIDTH = 1000;

export interface FormatSpec {
  readonly fill: string;
  readonly align: "<" | ">" | "^";
  /** In characters (code points), as Python counts; 0 for none. */
  readonly width: number;
  /** Cut to this many characters. */
  readonly precision: number | undefined;
}

const SPEC =
  /^(?:(?<fill>.)?(?<align>[<>^=]))?(?<sign>[-+ ])?(?<z>z)?(?<alternate>#)?(?<zero>0)?(?<width>[0-9]+)?(?<group>[,_])?(?:\.(?<precision>[0-9]+))?(?<type>.)?$/su;

const ACCEPTED = "accepted: fill, < > or ^, width, .length, as in {name:*>10.5}";

/** Reads what stands behind the colon. @returns the problem as a sentence when it is not for text */
export function parseSpec(text: string): FormatSpec | string {
  const groups = SPEC.exec(text)?.groups;
  if (groups === undefined) return `":${clip(text)}" is no format specification; ${ACCEPTED}`;
  const { fill, align, sign, z, alternate, zero, width, group, precision, type } = groups;
  if (type !== undefined && type !== "s") return `type "${type}" is for numbers, and every value is text; ${ACCEPTED}`;
  if (align === "=") return `alignment "=" is for numbers, and every value is text; ${ACCEPTED}`;
  if (sign !== undefined) return `sign "${sign}" is for numbers, and every value is text; ${ACCEPTED}`;
  const numeric = z ?? alternate ?? group;
  if (numeric !== undefined) return `"${numeric}" is for numbers, and every value is text; ${ACCEPTED}`;
  if (Number(width ?? 0) > MAX_WIDTH) return `width ${clip(width!)} is too large; accepted: up to ${MAX_WIDTH}`;
  return {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: (align ?? "<") as FormatSpec["align"],
    width: Number(width ?? 0),
    precision: precision === undefined ? undefined : Number(precision),
  };
}

/** Cuts, then pads. Counts code points, so an emoji of several may be cut inside, as in Python. */
export function applySpec(value: string, spec: FormatSpec): string {
  let characters = [...value];
  if (spec.precision !== undefined) characters = characters.slice(0, spec.precision);
  const missing = Math.max(0, spec.width - characters.length);
  const before = spec.align === ">" ? missing : spec.align === "^" ? Math.floor(missing / 2) : 0;
  return spec.fill.repeat(before) + characters.join("") + spec.fill.repeat(missing - before);
}

/**
 * `{name!r}`: the value as Python writes a text in source: in quotes, with everything escaped that is not printable (also
 * line breaks and the joiners inside some emoji).
 */
export function pythonRepr(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  let out = quote;
  for (const character of value) {
    if (character === "\\" || character === quote) out += `\\${character}`;
    else if (character === "\n") out += "\\n";
    else if (character === "\r") out += "\\r";
    else if (character === "\t") out += "\\t";
    else if (character === " " || !NOT_PRINTABLE.test(character)) out += character;
    else out += escapeCode(character.codePointAt(0)!);
  }
  return out + quote;
}

/** Unicode's "other" and "separator" categories: what `str.isprintable` refuses, the plain space apart. */
const NOT_PRINTABLE = /[\p{C}\p{Z}]/u;

function escapeCode(code: number): string {
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Longest piece of a person's file that a problem quotes. */
const QUOTED_CHARACTERS = 40;

/** A piece of the file, short enough and on one line, for the text of a problem. */
export function clip(text: string, most: number = QUOTED_CHARACTERS): string {
  const oneLine = text.replace(/\p{C}+/gu, " ");
  const characters = [...oneLine];
  return characters.length <= most ? oneLine : `${characters.slice(0, most).join("")}…`;
}
