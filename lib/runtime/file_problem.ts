/**
 * What is wrong with a file that a person wrote, and the result of compiling one (design, P5): all problems at once, each
 * with its place.
 *
 * @module
 */

export interface FileProblem {
  /** From 1; absent when the whole file is meant (empty, unreadable). */
  readonly line?: number;
  /** From 1, in characters (code points, so an emoji counts once). */
  readonly column?: number;
  /** What the problem belongs to, as the person wrote it: `new_order_owner`. */
  readonly key?: string;
  /** One sentence without a full stop, with the accepted form where there is one. */
  readonly reason: string;
}

/** A compiled file: either a value, perhaps with warnings, or every problem found. */
export type Compiled<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly FileProblem[] }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** `templates.yaml:3:5: new_order_owner: unknown placeholder {tiem}`, in the form that editors can jump to. */
export function describeProblem(path: string, problem: FileProblem): string {
  const line = problem.line === undefined ? "" : `:${problem.line}`;
  const column = problem.line === undefined || problem.column === undefined ? "" : `:${problem.column}`;
  const key = problem.key === undefined ? "" : `${problem.key}: `;
  return `${path}${line}${column}: ${key}${problem.reason}`;
}
