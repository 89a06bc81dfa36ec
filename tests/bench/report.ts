/**
 * The figures as a table of at most 80 columns.
 *
 * @module
 */
import type { Figure, Target } from "./figure.ts";

const WIDTH = 80;

export interface Report {
  readonly machine: string;
  readonly program: string;
  readonly runs: number;
  readonly startedAt: string;
  /** What holds for every figure. */
  readonly common: readonly string[];
  readonly databases: Readonly<Record<string, string>>;
  readonly methods: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
  readonly skipped: readonly string[];
  readonly quick: boolean;
}

/** Three significant digits, thousands set apart. */
export function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function targetText(target: Target | undefined): string {
  if (target === undefined) return "";
  return "atMost" in target
    ? `≤ ${target.atMost.toLocaleString("en-US")}`
    : `≥ ${target.atLeast.toLocaleString("en-US")}`;
}

/** Lines of text, none wider than 80 columns. */
export function render(report: Report, colour: boolean): readonly string[] {
  const paint = (code: number, text: string) => colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  const lines: string[] = [];
  const say = (text: string, indent = "") => lines.push(...wrap(text, indent));
  say(`Machine   ${report.machine}`, "          ");
  say(`Program   ${report.program}`, "          ");
  say(`Runs      median of ${report.runs} (min … max), begun ${report.startedAt}`, "          ");
  for (const text of report.common) say(`          ${text}`, "          ");
  for (const [name, text] of Object.entries(report.databases)) say(`${name.padEnd(13)} ${text}`, "              ");
  if (report.quick) say("QUICK: a tenth of the work, one run; no figures to quote");
  for (const [measure, method] of Object.entries(report.methods)) {
    const figures = report.figures.filter((figure) => figure.measure === measure);
    if (figures.length === 0) continue;
    lines.push("", ...wrap(`${measure}: ${method}`, "  ").map((line) => paint(1, line)));
    for (const figure of figures) {
      const mark = figure.reached === undefined ? " " : figure.reached ? "✓" : "✗";
      const text = `${mark} ${figure.label.padEnd(31)} ${figure.database.padEnd(12)} ` +
        `${number(figure.median).padStart(7)} ${figure.unit.padEnd(6)} ${targetText(figure.target).padStart(7)}`;
      lines.push(figure.reached === false ? paint(31, text) : text);
      if (figure.values.length > 1) {
        lines.push(paint(2, `    ${number(figure.min)} … ${number(figure.max)}   ${figure.conditions}`));
      } else lines.push(paint(2, `    ${figure.conditions}`));
    }
  }
  if (report.skipped.length > 0) lines.push("", "Not measured:", ...report.skipped.map((text) => `  ${text}`));
  return lines;
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent + word;
    } else line = line === "" && lines.length === 0 ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
