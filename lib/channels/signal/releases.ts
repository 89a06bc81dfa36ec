/**
 * How old a signal-cli is. Signal's servers may refuse clients that are older than three months (facts: signal.md §9).
 *
 * @module
 */
import { compareVersions } from "./version.ts";

/** Days after which a release is told: about three months. */
export const OLD_AFTER_DAYS = 90;

/** First days of releases, newest first (facts: signal.md §9). What is older than the last has no date here: it is old. */
const RELEASED: readonly (readonly [version: string, day: string])[] = [
  ["0.14.6", "2026-07-12"],
  ["0.14.5", "2026-06-11"],
];
const DAY_MS = 86_400_000;

export type SignalCliAge =
  /** `days` counts from its release. */
  | { readonly known: true; readonly days: number; readonly old: boolean }
  /** Older than every release of the table, by `days` at least. */
  | { readonly known: false; readonly old: true; readonly days: number }
  /** Newer than the table, or no version at all: nothing can be said. */
  | { readonly known: false; readonly old: false };

/** The age of a release as the table has it. */
export function signalCliAge(version: string, nowMs: number): SignalCliAge {
  const [newest] = RELEASED;
  if (!/^\d/.test(version) || compareVersions(version, newest![0]) > 0) return { known: false, old: false };
  const found = RELEASED.find(([release]) => compareVersions(version, release) >= 0);
  const days = Math.floor((nowMs - Date.parse((found ?? RELEASED.at(-1)!)[1])) / DAY_MS);
  return found === undefined
    ? { known: false, old: true, days: Math.max(days, 0) }
    : { known: true, days, old: days > OLD_AFTER_DAYS };
}
