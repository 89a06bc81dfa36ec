/**
 * The command line's one entrance: arguments in, exit code out. Never throws and never ends the process itself, so
 * that tests run it in-process.
 *
 * @module
 */
import { COMMANDS, GROUPS } from "./commands.ts";
import type { CliContext } from "./command.ts";
import { EXIT, type ExitCode } from "./exit_code.ts";
import { describeFailure, sortError, traceOf } from "./problem.ts";
import { parseCommandLine } from "./program.ts";
import { painter } from "./screen/paint.ts";
import { ReaderGone } from "./screen/terminal.ts";

export const PROGRAM = "signal-automation";
const SUMMARY = "Turns rows in a database and messages from people into reliable messages on Signal.";

/** Runs one command line (without the program's own name). */
export async function runCli(args: readonly string[], context: CliContext): Promise<ExitCode> {
  const { terminal } = context;
  try {
    const parsed = await parseCommandLine(args, {
      name: PROGRAM,
      summary: SUMMARY,
      version: context.version,
      commands: COMMANDS,
      groups: GROUPS,
      columns: terminal.outInfo.columns,
      paint: painter(terminal.outInfo.colour),
      write: (text) => terminal.out(text),
    });
    if (parsed.command === undefined) return parsed.exit;
    return await parsed.command.run(parsed.invocation, context);
  } catch (error) {
    if (error instanceof ReaderGone) return EXIT.done;
    return report(error, context);
  }
}

function report(error: unknown, { terminal, getEnv }: CliContext): ExitCode {
  const failure = sortError(error);
  try {
    terminal.err(describeFailure(failure, painter(terminal.errInfo.colour), terminal.errInfo.columns));
    if (getEnv("LOG_LEVEL")?.toUpperCase() === "DEBUG") terminal.err(traceOf(error));
  } catch (gone) {
    // Nobody reads standard error: the exit code still says it.
    if (!(gone instanceof ReaderGone)) throw gone;
  }
  return failure.exit;
}
