/**
 * Settings for a command: found, parsed, or refused with everything that is wrong, in one block.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { DEFAULT_ENV_FILES, loadConfig, type LoadResult } from "../config/load.ts";
import type { StandIns } from "../config/parse.ts";
import { formatProblem, type Warning } from "../config/problems.ts";
import type { CliContext, Invocation } from "./command.ts";
import { EXIT } from "./exit_code.ts";
import { CliProblem } from "./problem.ts";

/**
 * What a command about the account alone does without. `link` and `groups` come before the settings are complete: one
 * gives the account its device, the other the value of SIGNAL_GROUP_ID.
 */
const WITHOUT_SHOP: StandIns = {
  SIGNAL_GROUP_ID: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
  AFFILIATE_LINK: "https://not-set.invalid/",
  ADMIN_PHONE_NUMBER: "+999000000000",
};

/** The parse's result as it is, for commands that show problems themselves. @throws {ConfigError} as `loadConfig` */
export function findConfig(invocation: Invocation, context: CliContext, standIns: StandIns = {}): Promise<LoadResult> {
  const envFile = invocation.text("env-file");
  return loadConfig({
    ...(envFile !== undefined && { envFile }),
    ...(envFile === "-" && { stdin: context.terminal.stdin }),
    getEnv: context.getEnv,
    standIns,
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

/** {@link needConfig} for who uses the account and nothing of the shop: what is said of that is not looked at. */
export async function needAccount(invocation: Invocation, context: CliContext): Promise<Config> {
  return (await needSettings(invocation, context, WITHOUT_SHOP)).config;
}

/** {@link needConfig} with what is remarkable about the settings. */
export async function needSettings(
  invocation: Invocation,
  context: CliContext,
  standIns: StandIns = {},
): Promise<{ readonly config: Config; readonly warnings: readonly Warning[] }> {
  const result = await findConfig(invocation, context, standIns);
  if ("problems" in result) {
    const count = result.problems.length;
    const named = invocation.text("env-file");
    const sameFile = named === undefined || named === "-" ? "" : ` --env-file ${named}`;
    throw new CliProblem(EXIT.usage, `${count} ${count === 1 ? "problem" : "problems"} in the settings`, {
      details: [...result.problems.map(formatProblem), `read from: ${sourceOf(result)}`],
      next: `Change the settings, then: signal-automation check${sameFile}`,
    });
  }
  return result;
}

/** Where the settings were read, for people. */
export function sourceOf(result: LoadResult): string {
  if (result.file !== undefined) return `the environment, then ${result.file}`;
  return `the environment; no file (looked for ${DEFAULT_ENV_FILES.join(", ")})`;
}
