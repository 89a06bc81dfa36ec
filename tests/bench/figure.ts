/**
 * Figures: what was measured, several times over, and what it is held against.
 *
 * @module
 */

/** What one run of a measure gives: figures by key. A key that is missing in a run leaves that run out. */
export type Sample = Readonly<Record<string, number>>;

/** Which values reach a target. */
export type Target = { readonly atMost: number } | { readonly atLeast: number };

/** How a figure of a measure is shown and judged. */
export interface FigureSpec {
  /** Key in the {@link Sample}. */
  readonly key: string;
  readonly label: string;
  readonly unit: string;
  /** Of `design` §10; a figure without one is shown for what it tells. */
  readonly target?: Target;
}

export interface Figure extends FigureSpec {
  readonly measure: string;
  readonly database: string;
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** `undefined` without a target. */
  readonly reached: boolean | undefined;
  /** What is special to this figure: counts, what was made, the load of the machine before and after. */
  readonly conditions: string;
}

/** The middle one; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle) ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!;
}

/** The smallest value that at least this share of all values does not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** @returns undefined when no run gave this figure */
export function figure(
  spec: FigureSpec,
  where: { readonly measure: string; readonly database: string; readonly conditions: string },
  samples: readonly Sample[],
): Figure | undefined {
  const values = samples.flatMap((sample) => sample[spec.key] === undefined ? [] : [sample[spec.key]!]);
  if (values.length === 0) return undefined;
  const middle = median(values);
  const { target } = spec;
  return {
    ...spec,
    ...where,
    values,
    median: middle,
    min: Math.min(...values),
    max: Math.max(...values),
    reached: target === undefined ? undefined : "atMost" in target ? middle <= target.atMost : middle >= target.atLeast,
  };
}
