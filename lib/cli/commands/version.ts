/** `version` @module */
import { type CommandSpec, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { printJson } from "../screen/json.ts";

export const versionCommand: CommandSpec = {
  path: ["version"],
  summary: "Show the version of the program and of what it runs on",
  options: [JSON_OUTPUT],
  examples: [{ line: "signal-automation version --json", meaning: "for scripts" }],
  async run(invocation, { terminal, version }) {
    const facts = {
      version,
      deno: Deno.version.deno,
      target: Deno.build.target,
      build: Deno.build.standalone ? "compiled" : "source",
    };
    if (invocation.flag("json")) printJson(terminal, facts);
    else {
      const built = facts.build === "compiled" ? "compiled" : "from source";
      terminal.out(`signal-automation ${version} (${built}, Deno ${facts.deno}, ${facts.target})\n`);
    }
    return EXIT.done;
  },
};
