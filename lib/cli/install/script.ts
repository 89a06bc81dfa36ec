/**
 * Puts a POSIX script together: assignments, functions that print files, and the shell parts of `systemd/install/`,
 * which are plain files so that they can be read and linted as what they are.
 *
 * @module
 */
import { join } from "node:path";
import type { Terminal } from "../screen/terminal.ts";

export interface Script {
  /** Comment lines at its head. */
  readonly about: readonly string[];
  /** Assigned before anything runs; quoted here. */
  readonly values: Readonly<Record<string, string>>;
  /** Function name → the text that it prints. */
  readonly files: Readonly<Record<string, string>>;
  /** Names of parts in `systemd/install/`, in order; one of them has `main`. */
  readonly parts: readonly string[];
}

/** Ends a text inside the script; no line of any text may be this. */
const END_OF_TEXT = "END_OF_TEXT_OF_SIGNAL_AUTOMATION";

/**
 * Nothing of it runs before its last line has arrived, and `main` gets no standard input, because that is the script.
 * @param assetsDir folder with `systemd/`
 */
export async function renderScript(assetsDir: string, { about, values, files, parts }: Script): Promise<string> {
  const blocks = [
    ["#!/bin/sh", ...about.map((line) => `# ${line}`), "set -eu"].join("\n"),
    Object.entries(values).map(([name, value]) => `${name}=${quote(value)}`).join("\n"),
    ...Object.entries(files).map(([name, text]) => printing(name, text)),
  ];
  for (const part of parts) {
    blocks.push((await Deno.readTextFile(join(assetsDir, "systemd", "install", `${part}.sh`))).trimEnd());
  }
  return `${[...blocks.filter((block) => block !== ""), "main </dev/null"].join("\n\n")}\n`;
}

/** Who sees it scroll by on a terminal learns that nothing has happened yet. */
export function printScript(script: string, { out, err, outInfo }: Terminal): void {
  out(script);
  if (outInfo.isTerminal) {
    err("\nNothing was changed: above is the script. Put  | sudo sh  behind the command to run it.\n");
  }
}

/** One word for a POSIX shell, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function printing(name: string, text: string): string {
  if (text.split("\n").includes(END_OF_TEXT)) throw new Error(`${name} contains the mark that ends it`);
  return `${name}() {\n  cat <<'${END_OF_TEXT}'\n${text.replace(/\n*$/, "")}\n${END_OF_TEXT}\n}`;
}
