/** `check` @module */
import { outsideGrants } from "../../config/outside_grants.ts";
import { formatProblem, formatWarning } from "../../config/problems.ts";
import type { CommandSpec } from "../command.ts";
import { ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { inspectFiles } from "../inspect.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { labelled, wrap } from "../screen/width.ts";
import { findConfig, sourceOf } from "../settings.ts";

export const checkCommand: CommandSpec = {
  path: ["check"],
  summary: "Check all settings and files, without any effect",
  details: "Starts nothing, connects to nothing and writes nothing. Exit 0 when the service would start with these " +
    "settings, 2 when it would refuse them.",
  options: [JSON_OUTPUT, ENV_FILE],
  examples: [{ line: "signal-automation check --env-file ./.env", meaning: "every problem at once, before a restart" }],
  async run(invocation, context) {
    const { terminal } = context;
    const result = await findConfig(invocation, context);
    const files = "config" in result ? await inspectFiles(result.config) : { problems: [], warnings: [] };
    const outside = "config" in result
      ? outsideGrants(result.config, (descriptor) => Deno.permissions.querySync(descriptor).state, {
        envFile: invocation.text("env-file") === "-" ? undefined : result.file,
      })
      : undefined;
    const problems = [
      ...("problems" in result ? result.problems : []),
      ...outside?.problems ?? [],
      // What may not be touched could not be looked at either: one line is enough.
      ...files.problems.filter(({ name }) => !outside?.settings.has(name)),
    ];
    const warnings = [...result.warnings, ...outside?.warnings ?? [], ...files.warnings];
    const ok = problems.length === 0;
    if (invocation.flag("json")) {
      printJson(terminal, { ok, file: result.file ?? null, problems, warnings });
      return ok ? EXIT.done : EXIT.usage;
    }
    const paint = painter(terminal.outInfo.colour);
    const line = (tag: string, text: string) => terminal.out(labelled(tag, text, terminal.outInfo.columns));
    for (const problem of problems) line(paint.bad("problem"), formatProblem(problem));
    for (const warning of warnings) line(paint.warn("warning"), formatWarning(warning));
    if (problems.length + warnings.length > 0) terminal.out("\n");
    terminal.out(`${wrap(`Settings: ${sourceOf(result)}`, terminal.outInfo.columns, "  ").join("\n")}\n`);
    if (!("config" in result)) terminal.out("Files were not looked at: the settings say where they are.\n");
    const counts = `${plural(problems.length, "problem")}, ${plural(warnings.length, "warning")}`;
    terminal.out(`${ok ? paint.good("ok") : paint.bad("refused")}: ${counts}\n`);
    return ok ? EXIT.done : EXIT.usage;
  },
};

function plural(count: number, word: string): string {
  return `${count === 0 ? "no" : count} ${word}${count === 1 ? "" : "s"}`;
}
