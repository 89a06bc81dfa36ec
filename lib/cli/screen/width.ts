/**
 * How wide text is on a terminal: emoji and CJK take two columns, joiners and combining marks none, colour codes
 * none.
 *
 * @module
 */

// deno-lint-ignore no-control-regex
const COLOUR = /\u001b\[[0-9;]*m/g;
const SEGMENTS = new Intl.Segmenter("en", { granularity: "grapheme" });
const EMOJI = /\p{Emoji_Presentation}|\p{RGI_Emoji_Flag_Sequence}|\p{Emoji}\uFE0F/v;
const WITHOUT_WIDTH = /^[\p{Mark}\p{Control}\p{Format}]+$/u;

/** East Asian wide and fullwidth ranges (Unicode 16, EastAsianWidth W and F), without the emoji. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x17000, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f2ff],
  [0x20000, 0x3fffd],
];

/** Columns that the text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of SEGMENTS.segment(text.replace(COLOUR, ""))) width += segmentWidth(segment);
  return width;
}

function segmentWidth(segment: string): number {
  const code = segment.codePointAt(0)!;
  if (code >= 0x20 && code < 0x7f && segment.length === 1) return 1;
  if (EMOJI.test(segment)) return 2;
  if (WITHOUT_WIDTH.test(segment)) return 0;
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1;
}

/** The text, cut to `columns` with a final `…` when it is wider. Knows no colour codes: paint afterwards. */
export function truncate(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns < 1) return "";
  let kept = "";
  let width = 0;
  for (const { segment } of SEGMENTS.segment(text)) {
    const next = segmentWidth(segment);
    if (width + next > columns - 1) break;
    kept += segment;
    width += next;
  }
  return `${kept}…`;
}

/** The text with blanks behind (or before) it up to `columns`. */
export function pad(text: string, columns: number, side: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, columns - widthOf(text)));
  return side === "left" ? text + blanks : blanks + text;
}

/**
 * The text in lines of at most `columns`, broken at blanks; words that are longer stay whole, since most of them are
 * paths and commands to be copied.
 * @param hanging put in front of every line but the first
 */
export function wrap(text: string, columns: number, hanging = ""): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    const indent = /^ */.exec(paragraph)![0];
    let line = lines.length === 0 ? indent : hanging;
    let empty = true;
    for (const word of paragraph.trim().split(/ +/)) {
      const glue = empty ? "" : " ";
      if (!empty && widthOf(line) + 1 + widthOf(word) > columns) {
        lines.push(line);
        line = hanging + word;
      } else line += glue + word;
      empty = false;
    }
    lines.push(line.trimEnd());
  }
  return lines;
}

/** The text behind a label, wrapped so that every further line begins below its first word. */
export function labelled(label: string, text: string, columns: number): string {
  const indent = " ".repeat(widthOf(label) + 2);
  const lines = wrap(text, Math.max(1, columns - indent.length));
  return `${label}  ${lines.join(`\n${indent}`)}\n`;
}
