/**
 * "Did you mean": names that are probably slips of a known name.
 *
 * @module
 */

/** Slips further apart than this many edits are other words. */
const MOST_EDITS = 2;
/** In names shorter than this, one edit is already another word. */
const SHORT_NAME = 7;

/** Names near ours that belong to somebody else (Java, signal-cli, the shell). */
const FOREIGN = new Set(["PATH", "HOME", "LANG", "TERM", "USER", "SHELL", "TZ", "SIGNAL_CLI_OPTS"]);
const FOREIGN_PREFIXES = ["JAVA_", "LC_", "XDG_", "MYSQL_"];

/** @returns the known name that `name` is a slip of, or undefined when it is near none or belongs to somebody else */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (FOREIGN.has(name) || FOREIGN_PREFIXES.some((prefix) => name.startsWith(prefix))) return undefined;
  const upper = name.toUpperCase().replaceAll("-", "_");
  const limit = name.length < SHORT_NAME ? 1 : MOST_EDITS;
  let best: { name: string; edits: number } | undefined;
  for (const candidate of known) {
    if (Math.abs(candidate.length - upper.length) > limit) continue;
    const edits = editDistance(upper, candidate);
    if (edits <= limit && (best === undefined || edits < best.edits)) best = { name: candidate, edits };
  }
  return best?.name;
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours count one each. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let edits = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        edits = Math.min(edits, beforeLast[column - 2]! + 1);
      }
      current.push(edits);
    }
    [beforeLast, last] = [last, current];
  }
  return last[b.length]!;
}
