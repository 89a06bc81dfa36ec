/** `uninstall` @module */
import { type CommandSpec, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { layoutOf, PROGRAM_PATH, SERVICE_USER } from "../install/layout.ts";
import { printScript, renderScript } from "../install/script.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { layoutValues } from "./install.ts";

export const uninstallCommand: CommandSpec = {
  path: ["uninstall"],
  summary: "Print the script that removes the service again",
  details:
    "Read it, then let root run it. Units, cron lines and program go; settings, state, the Signal account and logs " +
    "stay unless --purge is given, which asks once more. Tables in a database server always stay. This command itself " +
    "changes nothing.",
  options: [
    { flags: "--purge", description: "delete settings, state, the Signal account, logs and the user too" },
    { flags: "--name <name>", description: "only this one of several instances; the program stays" },
    { flags: "--yes", description: "with --purge: the script does not ask" },
    JSON_OUTPUT,
  ],
  examples: [
    { line: "signal-automation uninstall | sudo sh", meaning: "can be undone by install" },
    { line: "signal-automation uninstall --purge | sudo sh", meaning: "asks at the terminal before it deletes" },
  ],
  async run(invocation, context) {
    const layout = layoutOf(invocation.text("name"));
    const purge = invocation.flag("purge");
    if (invocation.flag("yes") && !purge) {
      throw new CliProblem(EXIT.usage, "--yes belongs to --purge: nothing else asks");
    }
    const script = await renderScript(context.assetsDir, {
      about: [`Removes signal-automation. Printed by version ${context.version}. Read it, then run it as root.`],
      values: {
        PROGRAM: PROGRAM_PATH,
        SERVICE_USER,
        ...layoutValues(layout),
        PURGE: purge ? "yes" : "no",
        ASK: invocation.flag("yes") ? "no" : "yes",
      },
      files: {},
      parts: ["common", "uninstall"],
    });
    if (invocation.flag("json")) printJson(context.terminal, { ...layout, purge, script });
    else printScript(script, context.terminal);
    return EXIT.done;
  },
};
