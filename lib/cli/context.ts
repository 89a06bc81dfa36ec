/**
 * The process as commands see it. Tests make one of their own.
 *
 * @module
 */
import { systemClock } from "../runtime/clock.ts";
import { systemRandom } from "../runtime/random.ts";
import type { CliContext } from "./command.ts";
import { diskSpace } from "./health/disk.ts";
import { systemTerminal } from "./screen/terminal.ts";
import { VERSION } from "./version.ts";

/** @param options.assetsDir folder with `sql/` and `templates/` */
export function systemContext(options: { readonly assetsDir: string }): CliContext {
  return {
    terminal: systemTerminal(getEnv),
    assetsDir: options.assetsDir,
    version: VERSION,
    clock: systemClock,
    random: systemRandom,
    getEnv,
    diskSpace,
    onSignal(name, listener) {
      Deno.addSignalListener(name, listener);
      return () => Deno.removeSignalListener(name, listener);
    },
    exitNow: (code) => Deno.exit(code),
  };
}

/** A variable that the program may not read counts as not there: only names of the permission list matter. */
function getEnv(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}
