/**
 * What the program's exit code says (design §7), also to cron and systemd.
 *
 * @module
 */
export const EXIT = {
  /** It was done. */
  done: 0,
  /** It was tried and failed. */
  failed: 1,
  /** The command line, a setting or a file is wrong: a person has to change something. */
  usage: 2,
  /** The database, signal-cli or the service itself is not there just now. */
  dependencyDown: 3,
} as const;

export type ExitCode = typeof EXIT[keyof typeof EXIT];
