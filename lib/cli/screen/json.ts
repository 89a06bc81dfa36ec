/** One JSON document on standard output, for programs: indented, so that people can read it too. @module */
import type { Terminal } from "./terminal.ts";

export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(`${JSON.stringify(value, null, 2)}\n`);
}
