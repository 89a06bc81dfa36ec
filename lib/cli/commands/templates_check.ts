/** `templates check` @module */
import { describeProblem } from "../../runtime/file_problem.ts";
import { compileTemplates } from "../../templates/compile.ts";
import { type CommandSpec, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { readTemplates } from "../template_file.ts";

export const templatesCheckCommand: CommandSpec = {
  path: ["templates", "check"],
  summary: "Check a templates file as the service would",
  details: "Needs no settings. Exit 0 when the service would take the file, 2 when it would refuse it.",
  arguments: [{ name: "<file>", description: "the file, - for standard input" }],
  options: [JSON_OUTPUT],
  examples: [
    { line: "signal-automation templates check templates/templates.yaml", meaning: "problems with line and column" },
    { line: "signal-automation templates check - < templates/templates.yaml", meaning: "the same from a pipe" },
  ],
  async run(invocation, { terminal }) {
    const file = invocation.text("file")!;
    const name = file === "-" ? "standard input" : file;
    const compiled = file === "-"
      ? compileTemplates(await new Response(terminal.stdin).text())
      : await readTemplates(file);
    if (compiled === undefined) throw new CliProblem(EXIT.usage, `${file}: no such file`);
    const warnings = compiled.ok ? compiled.warnings : [];
    const problems = compiled.ok ? [] : compiled.problems;
    if (invocation.flag("json")) {
      printJson(terminal, { file: name, ok: compiled.ok, problems, warnings });
      return compiled.ok ? EXIT.done : EXIT.usage;
    }
    const paint = painter(terminal.outInfo.colour);
    for (const problem of problems) terminal.out(`${paint.bad("refused")}  ${describeProblem(name, problem)}\n`);
    for (const warning of warnings) terminal.out(`${paint.warn("warning")}  ${describeProblem(name, warning)}\n`);
    if (compiled.ok) {
      const own = compiled.value.list().filter((template) => template.source === "file").length;
      const rest = compiled.value.list().length - own;
      terminal.out(`${paint.good("good")}  ${name}: ${own} of its own, ${rest} built in\n`);
      return EXIT.done;
    }
    terminal.out("The service would keep the last good file.\n");
    return EXIT.usage;
  },
};
