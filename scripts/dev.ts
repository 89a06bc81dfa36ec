/**
 * `deno task dev`: `run` from the sources, started again when one of them changes.
 *
 * Deno's watcher asks the service to stop (SIGTERM), waits until the program has ended by itself, and starts it again.
 * `Deno.exit`, with which `main.ts` ends, would end the watcher too.
 *
 * @module
 */
import { join } from "node:path";
import { runCli } from "../lib/cli/cli.ts";
import { systemContext } from "../lib/cli/context.ts";

let interrupted = false;
Deno.addSignalListener("SIGINT", () => interrupted = true);
const code = await runCli(["run", ...Deno.args], systemContext({ assetsDir: join(import.meta.dirname!, "..") }));
// Ctrl-C means the watcher as well.
if (interrupted) Deno.exit(code);
Deno.exitCode = code;
