/**
 * "Did you mean": the known word that a typing error most likely stands for.
 *
 * @module
 */

/** Edits that are taken for a slip of the finger; short words allow one less. */
const MOST_EDITS = 2;
const SHORT_WORD = 4;

/** The closest of `known`, or `undefined` when none is close. Upper and lower case count as the same. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const most = word.length <= SHORT_WORD ? MOST_EDITS - 1 : MOST_EDITS;
  let best: { readonly word: string; readonly edits: number } | undefined;
  for (const candidate of known) {
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (edits <= most && (best === undefined || edits < best.edits)) best = { word: candidate, edits };
  }
  return best?.word;
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other. */
function editDistance(from: string, to: string): number {
  // A word that is longer by more than the limit cannot be close, and long ones would only cost time.
  if (Math.abs(from.length - to.length) > MOST_EDITS) return Infinity;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const now = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let edits = Math.min(last[column]! + 1, now[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) edits = Math.min(edits, beforeLast[column - 2]! + 1);
      now.push(edits);
    }
    beforeLast = last;
    last = now;
  }
  return last[to.length]!;
}
