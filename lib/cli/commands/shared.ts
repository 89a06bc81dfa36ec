/** Options that several commands share, and reading their values. @module */
import type { OptionSpec } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";

export const SHOW_NUMBERS: OptionSpec = { flags: "--show-numbers", description: "show phone numbers in full" };

/** @throws {CliProblem} `usage` for anything but a whole number within the bounds */
export function wholeNumber(text: string | undefined, name: string, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && value >= min && value <= max) return value;
  throw notAccepted(name, `a whole number from ${min} to ${max}`);
}

/** One of a closed set. @throws {CliProblem} `usage`, with the set */
export function oneOf<T extends string>(
  text: string | undefined,
  name: string,
  accepted: readonly T[],
): T | undefined {
  if (text === undefined) return undefined;
  const found = accepted.find((one) => one === text);
  if (found === undefined) throw notAccepted(name, accepted.join(", "));
  return found;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `45s`, `30m`, `12h`, `2d` as milliseconds. @throws {CliProblem} `usage` */
export function span(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const [, count, unit] = /^([0-9]{1,6})([smhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) throw notAccepted(name, "a number with s, m, h or d behind it, as 2d");
  return Number(count) * UNIT_MS[unit]!;
}

/** What was typed is not repeated: it may be a number of somebody. */
export function notAccepted(name: string, accepted: string): CliProblem {
  return new CliProblem(EXIT.usage, `${name}: not accepted`, { details: [`accepted: ${accepted}`] });
}
