/**
 * Rewrites what is made from the table of settings: `.env.example`, the settings table of the README, and the
 * permission set that `deno task` uses. With `--check` it changes nothing, shows what differs and exits 1.
 *
 *   deno run -A scripts/generate.ts [--check] [--root DIR]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { CHECKOUT_PERMISSIONS } from "../lib/config/permissions.ts";
import { renderEnvExample, renderSettingsTable } from "../lib/config/sample.ts";

const TABLE_START = "<!-- settings:start -->";
const TABLE_END = "<!-- settings:end -->";

/** One generated file. `make` gets the present text (empty when there is none) and gives the right one. */
interface Generated {
  readonly path: string;
  /** Without it there is nothing to rewrite, so it is skipped with a notice. */
  readonly mustExist: boolean;
  make(present: string): string;
}

const GENERATED: readonly Generated[] = [
  { path: ".env.example", mustExist: false, make: () => renderEnvExample() },
  { path: "README.md", mustExist: true, make: replaceTable },
  { path: "deno.json", mustExist: true, make: (present) => replacePermissions(present, CHECKOUT_PERMISSIONS) },
];

function replaceTable(readme: string): string {
  const start = readme.indexOf(TABLE_START);
  const end = readme.indexOf(TABLE_END);
  if (start < 0 || end < start) throw new Error(`README.md: the marks ${TABLE_START} and ${TABLE_END} are missing`);
  return `${readme.slice(0, start + TABLE_START.length)}\n\n${renderSettingsTable()}\n${readme.slice(end)}`;
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
