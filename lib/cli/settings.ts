/**
 * Settings for a command: found, parsed, or refused with everything that is wrong, in one block.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { DEFAULT_ENV_FILES, loadConfig, type LoadResult } from "../config/load.ts";
import { formatProblem, type Warning } from "../config/problems.ts";
import type { CliContext, Invocation } from "./command.ts";
import { EXIT } from "./exit_code.ts";
import { CliProblem } from "./problem.ts";

/** The parse's result as it is, for commands that show problems themselves. @throws {ConfigError} as `loadConfig` */
export function findConfig(invocation: Invocation, context: CliContext): Promise<LoadResult> {
  const envFile = invocation.text("env-file");
  return loadConfig({
    ...(envFile !== undefined && { envFile }),
    ...(envFile === "-" && { stdin: context.terminal.stdin }),
    getEnv: context.getEnv,
  });
}

/**
 * The settings, or the end of the command. Warnings are left to `check` and `run`: in every other command, and in
 * mails from cron, they would only be noise.
 * @throws {CliProblem} `usage`, listing all problems
 */
export async function needConfig(invocation: Invocation, context: CliContext): Promise<Config> {
  return (await needSettings(invocation, context)).config;
}

/** {@link needConfig} with what is remarkable about the settings. */
export async function needSettings(
  invocation: Invocation,
  context: CliContext,
): Promise<{ readonly config: Config; readonly warnings: readonly Warning[] }> {
  const result = await findConfig(invocation, context);
  if ("problems" in result) {
    const count = result.problems.length;
    throw new CliProblem(EXIT.usage, `${count} ${count === 1 ? "problem" : "problems"} in the settings`, {
      details: [...result.problems.map(formatProblem), `read from: ${sourceOf(result)}`],
      next: "Change the settings, then: signal-automation check",
    });
  }
  return result;
}

/** Where the settings were read, for people. */
export function sourceOf(result: LoadResult): string {
  if (result.file !== undefined) return `the environment, then ${result.file}`;
  return `the environment; no file (looked for ${DEFAULT_ENV_FILES.join(", ")})`;
}
