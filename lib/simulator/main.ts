/**
 * The executable: the program with the streams, arguments and signals of its own process, and the folder world of
 * its data directory. Started by `tests/fakes/signal-cli`.
 *
 * @module
 */
import { FolderWorld } from "./folder_world.ts";
import { CRASHED, runSignalCli } from "./program.ts";

/** The world's folder: `simulator` in the data directory that the arguments or the environment name. */
function worldFolder(args: readonly string[], env: Readonly<Record<string, string>>): string {
  const at = args.findIndex((word) => /^(-d|-c|--data-dir|--config)(=|$)/.test(word));
  const given = at === -1
    ? undefined
    : args[at]!.includes("=")
    ? args[at]!.slice(args[at]!.indexOf("=") + 1)
    : args[at + 1];
  const home = env.XDG_DATA_HOME ?? `${env.HOME ?? "/tmp"}/.local/share`;
  return `${given ?? `${home}/signal-cli`}/simulator`;
}

if (import.meta.main) {
  const env = Deno.env.toObject();
  const world = new FolderWorld(worldFolder(Deno.args, env));
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(name, () => stop.abort());
  Deno.writeTextFileSync(`${world.folder}/pids`, `${Deno.pid}\n`, { append: true });
  const { stdin, stdout, stderr } = Deno;
  const io = {
    args: Deno.args,
    env,
    stdin: stdin.readable,
    stdout: stdout.writable,
    stderr: stderr.writable,
    signal: stop.signal,
  };
  const code = await runSignalCli(io, world);
  if (code === CRASHED) Deno.kill(Deno.pid, "SIGKILL");
  Deno.exit(code);
}
