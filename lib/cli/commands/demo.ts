/** `demo` @module */
import type { CommandSpec } from "../command.ts";
import { DEFAULT_FOLDER } from "../demo/folder.ts";
import { runDemo } from "../demo/demo.ts";

export const demoCommand: CommandSpec = {
  path: ["demo"],
  summary: "Play the whole service as a story: no settings, no network, no phone",
  details: "Runs the real service on an embedded database with a simulated Signal, shows what each person receives, " +
    "checks it, and removes what it made. Takes about ten seconds.",
  options: [
    { flags: "--keep", description: "keep running afterwards, for orders of your own" },
    { flags: "--folder <dir>", description: `a new folder for its files (default: ${DEFAULT_FOLDER})` },
  ],
  examples: [{ line: "signal-automation demo", meaning: "in a folder where you may write" }],
  run: (invocation, context) => runDemo({ context, folder: invocation.text("folder"), keep: invocation.flag("keep") }),
};
