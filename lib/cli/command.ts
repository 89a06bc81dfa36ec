/**
 * What a command is to the rest of this room: a value. `program.ts` turns the values into a command line; nothing
 * else knows the library that reads it.
 *
 * @module
 */
import type { Clock } from "../runtime/clock.ts";
import type { Random } from "../runtime/random.ts";
import type { ExitCode } from "./exit_code.ts";
import type { DiskSpace } from "./health/disk.ts";
import type { Terminal } from "./screen/terminal.ts";

export interface OptionSpec {
  /** As it is typed: `--env-file <file>`, `--yes`. */
  readonly flags: string;
  readonly description: string;
}

export interface ArgumentSpec {
  /** As it is shown: `<key>` is needed, `[key]` is not, `[keys...]` takes several. */
  readonly name: string;
  readonly description: string;
}

/** A command line that works as it stands, below `--help`; a test runs each one. */
export interface Example {
  readonly line: string;
  readonly meaning: string;
}

/** A command line, read: options by their long name (`env-file`), arguments by their name (`key`). */
export interface Invocation {
  flag(name: string): boolean;
  text(name: string): string | undefined;
  /** Every word of an argument that takes several (`[ids...]`, named `ids`). */
  list(name: string): readonly string[];
}

export interface CommandSpec {
  /** Words after the program's name: `["templates", "preview"]`. */
  readonly path: readonly string[];
  /** One line without a full stop, for lists. */
  readonly summary: string;
  /** Further sentences for `--help`. */
  readonly details?: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly Example[];
  /** Errors that it throws are put in words by `problem.ts`. */
  run(invocation: Invocation, context: CliContext): Promise<ExitCode>;
}

/** A word that only groups others: `templates`. */
export interface GroupSpec {
  readonly name: string;
  readonly summary: string;
}

/** Everything that a command may touch of the outside. */
export interface CliContext {
  readonly terminal: Terminal;
  /** Folder with `sql/` and `templates/`: inside the executable when compiled. */
  readonly assetsDir: string;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  /** One variable of the process. */
  readonly getEnv: (name: string) => string | undefined;
  /** Room on the disk of a folder that exists. */
  readonly diskSpace: (folder: string) => Promise<DiskSpace>;
  /** Calls back for each signal until the returned function is called. */
  readonly onSignal: (name: "SIGINT" | "SIGTERM" | "SIGHUP", listener: () => void) => () => void;
  /** Ends the process at once, whatever still runs. For a second signal only. */
  readonly exitNow: (code: ExitCode) => void;
}

/** Shared by every command that needs settings. */
export const ENV_FILE: OptionSpec = {
  flags: "--env-file <file>",
  description: "read settings from this file, - for standard input (default: ./.env, then the folders of the README)",
};

/** Shared by every command that prints data. */
export const JSON_OUTPUT: OptionSpec = { flags: "--json", description: "print one JSON document instead of text" };

/** Shared by every command that changes something for good. */
export const YES: OptionSpec = { flags: "--yes", description: "do not ask" };
