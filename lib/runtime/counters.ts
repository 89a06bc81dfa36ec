/**
 * What the rooms need of metrics: names and numbers. `lib/observe/` keeps them, `lib/http/` shows them.
 *
 * @module
 */

/** Label values come from closed sets (a state, a reason, a channel): never an id, a name or a path. */
export type Labels = Readonly<Record<string, string>>;

export interface Counters {
  /** Adds to a counter. `name` is snake case without the prefix `signal_automation_`. */
  add(name: string, by?: number, labels?: Labels): void;
  /** Sets a gauge. */
  set(name: string, value: number, labels?: Labels): void;
  /** Records a duration in milliseconds in a histogram. */
  observeMs(name: string, ms: number, labels?: Labels): void;
}

export const noCounters: Counters = { add() {}, set() {}, observeMs() {} };
