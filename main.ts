/**
 * The program: one command line, one exit code.
 *
 * @module
 */
import { runCli } from "./lib/cli/cli.ts";
import { systemContext } from "./lib/cli/context.ts";

if (import.meta.main) {
  // `sql/` and `templates/` lie beside this file, in the sources as in the compiled program.
  Deno.exit(await runCli(Deno.args, systemContext({ assetsDir: import.meta.dirname! })));
}
