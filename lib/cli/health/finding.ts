/**
 * One look at one thing, with what to do: what `health` and `doctor` are made of.
 *
 * @module
 */
import { EXIT, type ExitCode } from "../exit_code.ts";
import { type Painter } from "../screen/paint.ts";
import { labelled, pad } from "../screen/width.ts";

export interface Finding {
  /** What was looked at: lower case, the same in every run. */
  readonly name: string;
  /** `warn`: works, and somebody should know. `fail`: does not work. */
  readonly level: "ok" | "warn" | "fail";
  /** What was seen, a clause. */
  readonly text: string;
  /** What to do: a command or a sentence. Absent where there is nothing to do. */
  readonly fix?: string;
  /** The failure is somebody else's: the database, signal-cli or the service are not there. Exit 3 instead of 1. */
  readonly dependency?: boolean;
}

/** 0 without failures, 3 when a dependency is down, else 1. Warnings change nothing: a cron line must not cry for them. */
export function exitOf(findings: readonly Finding[]): ExitCode {
  const failed = findings.filter(({ level }) => level === "fail");
  if (failed.length === 0) return EXIT.done;
  return failed.some(({ dependency }) => dependency === true) ? EXIT.dependencyDown : EXIT.failed;
}

/** A line each, with the fix below it. Fixes are never wrapped: most are commands to be copied. */
export function findingsText(findings: readonly Finding[], paint: Painter, columns: number): string {
  const width = Math.max(0, ...findings.map(({ name }) => name.length));
  const marks = { ok: paint.good("ok  "), warn: paint.warn("warn"), fail: paint.bad("fail") } as const;
  return findings.map(({ name, level, text, fix }) => {
    const line = labelled(`  ${marks[level]} ${pad(name, width)}`, text, columns);
    return fix === undefined ? line : `${line}${" ".repeat(width + 9)}${paint.dim("→")} ${fix}\n`;
  }).join("");
}

/** For `--json`. */
export function findingsJson(findings: readonly Finding[]): readonly object[] {
  return findings.map(({ name, level, text, fix }) => ({ name, level, text, fix: fix ?? null }));
}
