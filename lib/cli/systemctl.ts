/**
 * Asks systemd. The program may run `systemctl` and nothing else of it; where systemd does not run, or does not answer in
 * time, there is no answer.
 *
 * @module
 */
import { DeadlineExceeded, within } from "../runtime/clock.ts";

/** How long systemd may take, milliseconds. */
const TIMEOUT_MS = 5_000;

/** One question. @returns what it printed; undefined without an answer */
export type Systemctl = (args: readonly string[]) => Promise<string | undefined>;

/** The machine's. `systemctl` never asks for a password and never opens a pager here. */
export function realSystemctl(getEnv: (name: string) => string | undefined): Systemctl {
  return async (args) => {
    try {
      const child = new Deno.Command("systemctl", {
        args: ["--no-pager", "--no-ask-password", ...args],
        clearEnv: true,
        env: { PATH: getEnv("PATH") ?? "/usr/bin:/bin", LANG: "C.UTF-8" },
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const output = child.output();
      try {
        const { stdout } = await within(output, TIMEOUT_MS, "systemctl");
        // Its exit code also tells the state of what was asked about: what it printed decides.
        const text = new TextDecoder().decode(stdout);
        return text.trim() === "" ? undefined : text;
      } catch (error) {
        if (!(error instanceof DeadlineExceeded)) throw error;
        child.kill("SIGKILL");
        await output;
        return undefined;
      }
    } catch (error) {
      const absent = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable ||
        error instanceof Deno.errors.PermissionDenied;
      if (absent) return undefined;
      throw error;
    }
  };
}

/** Properties of a unit by name; undefined without systemd. */
export async function unitProperties(
  ask: Systemctl,
  unit: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await ask(["show", `--property=${names.join(",")}`, unit]);
  if (text === undefined) return undefined;
  return new Map(
    text.split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}
