/** `templates list` @module */
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { renderTable } from "../screen/table.ts";
import { needConfig } from "../settings.ts";
import { templatesInUse } from "../template_file.ts";

export const templatesListCommand: CommandSpec = {
  path: ["templates", "list"],
  summary: "List the templates in use and what each may hold",
  options: [JSON_OUTPUT, ENV_FILE],
  examples: [{ line: "signal-automation templates list", meaning: "where each text comes from: the file or built in" }],
  async run(invocation, context) {
    const { terminal } = context;
    const file = (await needConfig(invocation, context)).files.templatesFile;
    const { set, fromFile } = await templatesInUse(file);
    const templates = set.list();
    if (invocation.flag("json")) {
      printJson(terminal, { file: fromFile ? file : null, templates });
      return EXIT.done;
    }
    const paint = painter(terminal.outInfo.colour);
    terminal.out(renderTable(
      templates,
      [
        { title: "KEY", value: ({ key }) => key, paint: (cell) => paint.accent(cell) },
        { title: "FROM", value: ({ source }) => source === "file" ? "file" : "built in" },
        {
          title: "PLACEHOLDERS",
          value: ({ placeholders }) => placeholders.map((each) => `{${each}}`).join(" ") || "–",
        },
      ],
      paint,
      terminal.outInfo.columns,
    ));
    terminal.out(`\n${fromFile ? `File: ${file}` : `There is no ${file}: all texts are built in.`}\n`);
    return EXIT.done;
  },
};
