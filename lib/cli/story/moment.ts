/** Instants in stories: on the wall clock of TIMEZONE, and how long ago or ahead. @module */
import { formatDate, formatTime } from "../../templates/format.ts";
import { formatSpan } from "../screen/when.ts";

/** Nearer than this is now, milliseconds. */
const NOW_MS = 1_000;

export class Moments {
  /** @param zone IANA name */
  constructor(private readonly zone: string, private readonly nowMs: number) {}

  /** `2026-01-31 14:05:09` */
  at(ms: number): string {
    return `${formatDate(ms, this.zone)} ${formatTime(ms, this.zone)}`;
  }

  /** `5 min ago`, `in 2 min`, `now` */
  relative(ms: number): string {
    const distance = ms - this.nowMs;
    if (Math.abs(distance) < NOW_MS) return "now";
    return distance > 0 ? `in ${formatSpan(distance)}` : `${formatSpan(-distance)} ago`;
  }

  isAhead(ms: number): boolean {
    return ms > this.nowMs;
  }

  /** `2026-01-31 14:05:09 (5 min ago)` */
  full(ms: number): string {
    return `${this.at(ms)} (${this.relative(ms)})`;
  }
}
