/**
 * Tables that fit: wide cells give way first, cut with `…`.
 *
 * @module
 */
import type { Painter } from "./paint.ts";
import { pad, truncate, widthOf } from "./width.ts";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Default `left`. */
  readonly align?: "left" | "right";
  /** Colours a finished cell. */
  readonly paint?: (cell: string, row: Row) => string;
}

const GAP = "  ";
/** A column is never made narrower than this to let another one live. */
const NARROWEST = 6;

/** Lines of the table with a heading, ending in a line break; no heading and no lines for no rows. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  paint: Painter,
  width: number,
): string {
  if (rows.length === 0) return "";
  const cells = rows.map((row) => columns.map((column) => flat(column.value(row))));
  const widths = fit(
    columns.map((column, at) => Math.max(widthOf(column.title), ...cells.map((line) => widthOf(line[at]!)))),
    width - GAP.length * (columns.length - 1),
  );
  const line = (texts: readonly string[], finish: (cell: string, at: number) => string) =>
    texts.map((text, at) => {
      const cut = truncate(text, widths[at]!);
      const last = at === columns.length - 1 && columns[at]!.align !== "right";
      const blanks = last ? "" : " ".repeat(Math.max(0, widths[at]! - widthOf(cut)));
      const painted = finish(cut, at);
      return columns[at]!.align === "right" ? blanks + painted : painted + blanks;
    }).join(GAP).trimEnd();
  const heading = line(columns.map((column) => column.title), (cell) => paint.bold(cell));
  const body = cells.map((texts, at) =>
    line(texts, (cell, column) => columns[column]!.paint?.(cell, rows[at]!) ?? cell)
  );
  return `${[heading, ...body].join("\n")}\n`;
}

/** Two columns: names, and what belongs to them. */
export function renderPairs(pairs: readonly (readonly [string, string])[], paint: Painter, width: number): string {
  const names = Math.max(0, ...pairs.map(([name]) => widthOf(name)));
  return pairs.map(([name, value]) =>
    `${paint.bold(pad(name, names))}${GAP}${truncate(flat(value), width - names - GAP.length)}\n`
  ).join("");
}

/** Takes columns away from the widest until all fit. */
function fit(wanted: readonly number[], room: number): number[] {
  const widths = [...wanted];
  while (widths.reduce((sum, each) => sum + each, 0) > room) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    widths[widths.lastIndexOf(widest)]! -= 1;
  }
  return widths;
}

/** One line that disguises nothing, whatever somebody wrote into the database or called a group. */
export function flat(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ").trim();
}
