/**
 * Colours by meaning. Only the eight basic ones and two weights: every terminal theme makes those readable on its own
 * background, light or dark.
 *
 * @module
 */

export interface Painter {
  readonly enabled: boolean;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
  /** For names: people, commands, keys. */
  accent(text: string): string;
}

const CODES = { bold: [1, 22], dim: [2, 22], good: [32, 39], warn: [33, 39], bad: [31, 39], accent: [36, 39] } as const;

/** @param enabled false: every function returns its text as it is */
export function painter(enabled: boolean): Painter {
  const paint = (name: keyof typeof CODES) => (text: string) =>
    enabled && text !== "" ? `\u001b[${CODES[name][0]}m${text}\u001b[${CODES[name][1]}m` : text;
  return {
    enabled,
    bold: paint("bold"),
    dim: paint("dim"),
    good: paint("good"),
    warn: paint("warn"),
    bad: paint("bad"),
    accent: paint("accent"),
  };
}
