/**
 * The command line. The one file that knows commander: commands are values (`command.ts`), and what goes wrong comes
 * out as {@link CliProblem}.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import type { CommandSpec, GroupSpec, Invocation } from "./command.ts";
import { EXIT, type ExitCode } from "./exit_code.ts";
import { CliProblem } from "./problem.ts";
import type { Painter } from "./screen/paint.ts";

export interface ProgramOptions {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly commands: readonly CommandSpec[];
  readonly groups: readonly GroupSpec[];
  readonly columns: number;
  readonly paint: Painter;
  /** Where help goes that was asked for. */
  readonly write: (text: string) => void;
}

/** What a command line asks for: a command with its options, or nothing more, since help or version was written. */
export type Parsed =
  | { readonly command: CommandSpec; readonly invocation: Invocation }
  | { readonly command: undefined; readonly exit: ExitCode };

/** Reads a command line. @throws {CliProblem} `usage`, with a suggestion where one is near */
export async function parseCommandLine(args: readonly string[], options: ProgramOptions): Promise<Parsed> {
  let parsed: Parsed = { command: undefined, exit: EXIT.done };
  let errors = "";
  const dress = (command: Command): Command =>
    command
      .exitOverride()
      .helpOption("-h, --help", "show this help")
      .helpCommand(false)
      .showSuggestionAfterError(true)
      .configureHelp({
        helpWidth: options.columns,
        styleTitle: (text) => options.paint.bold(text),
        subcommandTerm: (sub) => [sub.name(), ...sub.registeredArguments.map(argumentTerm)].join(" "),
      })
      .configureOutput({
        writeOut: options.write,
        writeErr: (text) => {
          errors += text;
        },
        getOutHasColors: () => options.paint.enabled,
        getErrHasColors: () => false,
      });

  const root = dress(new Command(options.name))
    .description(options.summary)
    .version(options.version, "-V, --version", "show the version");
  const groups = new Map<string, Command>();
  for (const spec of options.commands) {
    const parent = spec.path.length === 1 ? root : groupOf(spec.path[0]!);
    const command = dress(parent.command(spec.path.at(-1)!)).summary(spec.summary).description(
      spec.details === undefined ? `${spec.summary}.` : `${spec.summary}. ${spec.details}`,
    );
    for (const { name, description } of spec.arguments ?? []) command.argument(name, description);
    for (const { flags, description } of spec.options ?? []) command.option(flags, description);
    command.addHelpText("after", () => `\n${examplesText(spec, options)}`);
    command.action(() => {
      parsed = { command: spec, invocation: invocationOf(command) };
    });
  }
  root.addHelpText("after", `\n${options.name} COMMAND --help shows the options of a command and an example.`);

  if (args.length === 0) {
    root.outputHelp();
    return { command: undefined, exit: EXIT.usage };
  }
  try {
    await root.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { command: undefined, exit: EXIT.done };
    throw asProblem(error, errors, options, args);
  }
  return parsed;

  function groupOf(name: string): Command {
    let group = groups.get(name);
    if (group === undefined) {
      const spec = options.groups.find((each) => each.name === name);
      // A group called the same as a command (`demo`, `demo order`) is that command.
      group = root.commands.find((each) => each.name() === name) ??
        dress(root.command(name)).summary(spec?.summary ?? "").description(`${spec?.summary ?? ""}.`);
      groups.set(name, group);
    }
    return group;
  }
}

function invocationOf(command: Command): Invocation {
  const options = command.optsWithGlobals();
  const values = new Map<string, unknown>();
  for (const option of command.options) values.set(option.long!.slice(2), options[option.attributeName()]);
  command.registeredArguments.forEach((argument, at) => values.set(argument.name(), command.processedArgs[at]));
  return {
    flag: (name) => values.get(name) === true,
    text: (name) => {
      const value = values.get(name);
      return typeof value === "string" ? value : undefined;
    },
    list: (name) => {
      const value = values.get(name);
      return Array.isArray(value) ? value.filter((word) => typeof word === "string") : [];
    },
  };
}

function argumentTerm(argument: { name(): string; required: boolean; variadic: boolean }): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}

function examplesText(spec: CommandSpec, { paint }: ProgramOptions): string {
  const lines = spec.examples.map(({ line, meaning }) => `  ${paint.accent(line)}\n      ${meaning}`);
  return `${paint.bold(spec.examples.length === 1 ? "Example:" : "Examples:")}\n${lines.join("\n")}\n`;
}

function asProblem(
  error: CommanderError,
  written: string,
  options: ProgramOptions,
  args: readonly string[],
): CliProblem {
  const words: string[] = [];
  for (const word of args) {
    const known = options.commands.some((spec) => [...words, word].every((each, at) => spec.path[at] === each));
    if (!known) break;
    words.push(word);
  }
  const help = [options.name, ...words, "--help"].join(" ");
  if (error.code === "commander.help") {
    // A group without its second word. Nothing was asked for that could be done, so the exit code is that of a slip.
    const under = options.commands.filter((spec) => spec.path[0] === words[0]).map((spec) => spec.path.join(" "));
    return new CliProblem(EXIT.usage, `${words.join(" ")}: a word is missing`, {
      details: [`accepted: ${under.join(", ")}`],
      next: help,
    });
  }
  const [first = "", ...rest] = (written || error.message).trim().split("\n");
  return new CliProblem(EXIT.usage, first.replace(/^error: /, ""), {
    details: rest.map((line) => line.replace(/^\((.*)\)$/, "$1").replace(/^Did you mean/, "did you mean")),
    next: help,
  });
}
