/**
 * What the rooms need of alerting. `lib/alerts/` supplies the real one: it coalesces, chooses the way, and remembers.
 *
 * @module
 */

export type Severity = "info" | "warning" | "error" | "critical";

export interface Alarm {
  /**
   * Tells the admin. Never throws, never waits, may be called as often as the trouble is seen: the same `cause` is
   * told at most once per 5 minutes, with a count.
   * @param cause closed set, snake case: `database_down`, `signal_down`, `template_refused`, `order_dead`, …
   * @param message one sentence for a person; ids and codes allowed, nobody's number, token or text
   */
  raise(cause: string, severity: Severity, message: string): void;
  /** The cause is over: one recovery notice if the admin was told of the trouble, else nothing. */
  clear(cause: string, message: string): void;
}

export const noAlarm: Alarm = { raise() {}, clear() {} };
