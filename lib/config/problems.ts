/**
 * What is wrong with the settings, for people: the place, the value seen, the accepted form. Secrets never get here.
 *
 * @module
 */
import { type Setting } from "./schema.ts";

/** Where a value came from. */
export type Origin = "environment" | { readonly file: string; readonly line: number };

/** A value as found, before anything is made of it. */
export interface RawValue {
  readonly value: string;
  readonly origin: Origin;
}

/** A reason not to start. */
export interface Problem {
  /** The setting, or the file when no setting is to blame. */
  readonly name: string;
  /** What is wrong, a clause without a full stop. */
  readonly problem: string;
  /** The value seen, safe to show. */
  readonly seen?: string;
  readonly accepted?: string;
  readonly origin?: string;
  readonly hint?: string;
}

/** Something that works but is probably not what was meant. */
export interface Warning {
  readonly name: string;
  /** A sentence without a full stop. */
  readonly warning: string;
  readonly origin?: string;
}

/** Longest part of a value that is shown, in characters. */
const LONGEST_SHOWN = 80;
const STARS = "********";

export function describeOrigin(origin: Origin): string {
  return origin === "environment" ? "environment" : `${origin.file}:${origin.line}`;
}

/** The value as it may be shown: secrets as stars whatever their length, digits of numbers as stars, control characters escaped. */
export function showValue(setting: Setting, value: string): string {
  if (setting.secret) return STARS;
  const shown = setting.personal ? value.replace(/[0-9]/g, (digit, at: number) => at < 3 ? digit : "*") : value;
  const characters = [...shown];
  const cut = characters.length > LONGEST_SHOWN ? `${characters.slice(0, LONGEST_SHOWN - 1).join("")}…` : shown;
  return JSON.stringify(cut);
}

/** One line: `MAX_RETRIES: not accepted; seen "many"; accepted: a whole number from 0 to 20 (.env:12)`. */
export function formatProblem(problem: Problem): string {
  const parts = [
    `${problem.name}: ${problem.problem}`,
    problem.seen === undefined ? "" : `seen ${problem.seen}`,
    problem.accepted === undefined ? "" : `accepted: ${problem.accepted}`,
    problem.hint ?? "",
  ];
  return parts.filter((part) => part !== "").join("; ") + (problem.origin === undefined ? "" : ` (${problem.origin})`);
}

/** One line, like {@link formatProblem}. */
export function formatWarning(warning: Warning): string {
  return `${warning.name}: ${warning.warning}${warning.origin === undefined ? "" : ` (${warning.origin})`}`;
}
