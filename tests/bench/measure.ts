/**
 * What a measure is.
 *
 * @module
 */
import type { Engine } from "./engines.ts";
import type { FigureSpec, Sample } from "./figure.ts";

export interface Measure {
  readonly name: string;
  /** One line: what is done, from where to where. */
  readonly method: string;
  readonly figures: readonly FigureSpec[];
  /** Takes minutes: only when named by `--only`. */
  readonly long?: boolean;
  /** @param quick a tenth of the work, to see whether it runs at all: no figure to quote */
  run(engine: Engine, context: { readonly quick: boolean; readonly note: (text: string) => void }): Promise<Sample>;
}
