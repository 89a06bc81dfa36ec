/**
 * Rewrites what is made from the tables of settings, commands and metrics: `.env.example`, both tables of the README, the
 * one of `lib/observe/README.md`, and the permission set that `deno task` uses. With `--check` it changes nothing, shows
 * what differs and exits 1.
 *
 *   deno run -A scripts/generate.ts [--check] [--root DIR]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { COMMANDS } from "../lib/cli/commands.ts";
import { CHECKOUT_PERMISSIONS } from "../lib/config/permissions.ts";
import { CATALOGUE } from "../lib/observe/catalogue.ts";
import { METRICS_PREFIX } from "../lib/observe/metrics.ts";
import { renderEnvExample, renderSettingsTable } from "../lib/config/sample.ts";

/** One generated file. `make` gets the present text (empty when there is none) and gives the right one. */
interface Generated {
  readonly path: string;
  /** Without it there is nothing to rewrite, so it is skipped with a notice. */
  readonly mustExist: boolean;
  make(present: string): string;
}

const GENERATED: readonly Generated[] = [
  { path: ".env.example", mustExist: false, make: () => renderEnvExample() },
  {
    path: "README.md",
    mustExist: true,
    make: (present) =>
      replaceBetween(
        replaceBetween(present, "README.md", "settings", renderSettingsTable()),
        "README.md",
        "commands",
        renderCommandsTable(),
      ),
  },
  {
    path: "lib/observe/README.md",
    mustExist: true,
    make: (present) => replaceBetween(present, "lib/observe/README.md", "metrics", renderMetricsTable()),
  },
  { path: "deno.json", mustExist: true, make: (present) => replacePermissions(present, CHECKOUT_PERMISSIONS) },
];

/** Replaces what stands between `<!-- NAME:start -->` and `<!-- NAME:end -->`. @throws {Error} when the marks are missing */
function replaceBetween(text: string, path: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const [start, end] = [text.indexOf(open), text.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`${path}: the marks ${open} and ${close} are missing`);
  return `${text.slice(0, start + open.length)}\n\n${content}\n${text.slice(end)}`;
}

/** Every command with its arguments and what it does, in the order of `--help`. */
function renderCommandsTable(): string {
  const rows = COMMANDS.map(({ path, arguments: words = [], summary }) => [
    `\`${[...path, ...words.map(({ name }) => name)].join(" ")}\``,
    summary,
  ]);
  return alignedTable(["Command", "What it does"], rows);
}

/** Every metric, in the order in which it is shown. */
function renderMetricsTable(): string {
  const rows = Object.entries(CATALOGUE).map(([name, { kind, labels, help }]) => [
    `\`${METRICS_PREFIX}${name}\``,
    kind,
    Object.entries(labels ?? {}).map(([label, values]) =>
      values === "bounded" ? `\`${label}\`` : `\`${label}\`: ${values.join(", ")}`
    ).join("; "),
    help,
  ]);
  return alignedTable(["Metric", "Kind", "Labels", "What"], rows);
}

/** A Markdown table as the formatter leaves it. */
function alignedTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n") + "\n";
}

/** Replaces the `default` set inside the top-level "permissions" and leaves every other byte of deno.json alone. */
export function replacePermissions(denoJson: string, permissions: typeof CHECKOUT_PERMISSIONS): string {
  const found = /^ {2}"permissions": \{$[\s\S]*?^ {2}\}|^ {2}"permissions": \{.*\}(?=,?$)/m.exec(denoJson);
  if (found === null) throw new Error('deno.json: the top-level key "permissions" is missing');
  const set = JSON.stringify({ default: permissions }, null, 2).replaceAll("\n", "\n  ");
  return denoJson.slice(0, found.index) + `  "permissions": ${set}` + denoJson.slice(found.index + found[0].length);
}

/** Lines that only one side has, in order: enough to see what to do, which is to run the script. */
function difference(present: string, right: string): string {
  const [had, has] = [present.split("\n"), right.split("\n")];
  const lines = [
    ...had.filter((line) => !has.includes(line)).map((line) => `- ${line}`),
    ...has.filter((line) => !had.includes(line)).map((line) => `+ ${line}`),
  ];
  return lines.length === 0 ? "  (the same lines in another order or number)" : lines.slice(0, 60).join("\n");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** @returns the exit code */
export async function generate(root: string, check: boolean): Promise<number> {
  let stale = 0;
  for (const { path, mustExist, make } of GENERATED) {
    const present = await readIfThere(`${root}/${path}`);
    if (present === undefined && mustExist) {
      console.log(`${path}: not there, skipped`);
      continue;
    }
    const right = make(present ?? "");
    if (right === present) continue;
    stale++;
    if (check) {
      console.log(`${path} is not what the table of settings says; run: deno task generate`);
      console.log(difference(present ?? "", right));
    } else {
      await Deno.writeTextFile(`${root}/${path}`, right);
      console.log(`${path}: rewritten`);
    }
  }
  return check && stale > 0 ? 1 : 0;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: "boolean" }, root: { type: "string" } } });
  Deno.exit(await generate(values.root ?? `${import.meta.dirname}/..`, values.check ?? false));
}
