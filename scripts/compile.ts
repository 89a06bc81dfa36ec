/**
 * Makes the executable: one bundle, compiled with its permissions baked in and `--no-prompt` (design §9), with
 * `templates/`, `sql/` and `systemd/` inside.
 *
 *   deno task compile [--for ENV_FILE] [--out FILE] [--target TRIPLE] [--explain]
 *
 * Without `--for` it is the general build, which may reach any host and the usual folders. With it, hosts, paths and
 * programs are narrowed to what that file's settings name; the values themselves stay out of the executable, which reads
 * its settings when it starts, as ever. `--explain` compiles nothing and prints each flag with its reasons.
 *
 * `DENORT_BIN` names the runtime to embed where the official one cannot be downloaded (`scripts/denort` has it for
 * Linux). How code finds the files inside: scripts/README.md.
 *
 * @module
 */
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadConfig } from "../lib/config/load.ts";
import { deploymentGrants, GENERAL_GRANTS, type Grants } from "../lib/config/permissions.ts";
import { formatProblem, formatWarning } from "../lib/config/problems.ts";
import { asciiOnly } from "./compile/ascii.ts";
import { explain, permissionFlags } from "./compile/flags.ts";
import { checkRuntime, howToGetRuntime } from "./compile/runtime.ts";

/** Folders that travel inside the executable. */
const INCLUDED = ["templates", "sql", "systemd"];
/** A download that hangs must not hold the gate for ever. */
const STEP_TIMEOUT_MS = 10 * 60_000;
/** Cold compiles with large packages overflow Deno's default stack (facts: deno.md §8, trap 1). */
const COMPILER_STACK_BYTES = 8 * 1024 * 1024;

export interface CompileOptions {
  /** Folder with the entry and the included folders. */
  readonly root: string;
  /** Below `root`. */
  readonly entry: string;
  readonly out: string;
  /** What the program may touch. Default: the general build's. */
  readonly grants?: Grants;
  /** One of `TARGETS`. Default: this machine. */
  readonly target?: string;
}

/**
 * Bundles and compiles. The bundle stands beside the included folders in a folder of its own, so that
 * `import.meta.dirname` of the bundle is their parent inside the executable, and nothing of this machine's paths gets in.
 * @throws {Error} with what to do, when a step fails
 */
export async function compile(
  { root, entry, out, grants = GENERAL_GRANTS, target = Deno.build.target }: CompileOptions,
): Promise<void> {
  await checkRuntime(target, Deno.env.get("DENORT_BIN"));
  const stage = await Deno.makeTempDir({ prefix: "signal-automation-compile-" });
  try {
    const bundle = join(stage, `${basename(entry).replace(/\.ts$/, "")}.js`);
    await deno(["bundle", "--quiet", "--platform", "deno", "--output", bundle, join(root, entry)], root);
    await Deno.writeTextFile(bundle, asciiOnly(await Deno.readTextFile(bundle)));
    const include: string[] = [];
    for (const folder of INCLUDED) {
      if (await copyFolder(join(root, folder), join(stage, folder))) include.push("--include", folder);
    }
    await Deno.mkdir(dirname(out), { recursive: true });
    // The compiler removes what is in the place first: the program before stays until there is a new one.
    const fresh = `${out}.new`;
    const flags = permissionFlags(grants, Deno.version.deno).map(({ flag }) => flag);
    const wanted = target === Deno.build.target ? [] : ["--target", target];
    await deno(
      [
        "compile",
        "--quiet",
        "--no-config",
        "--no-lock",
        "--no-check",
        "--output",
        fresh,
        ...wanted,
        ...flags,
        ...include,
        bundle,
      ],
      stage,
      howToGetRuntime(target),
    );
    await Deno.rename(fresh, out);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
}

/** Runs this Deno. @throws {Error} with its output and `hint` when it fails or does not end */
async function deno(args: string[], cwd: string, hint?: string): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { RUST_MIN_STACK: String(COMPILER_STACK_BYTES), DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(STEP_TIMEOUT_MS),
  });
  const { success, code, signal, stdout, stderr } = await command.output();
  if (success) return;
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim()).join("\n").trim();
  const needed = hint !== undefined && Deno.env.get("DENORT_BIN") === undefined ? `\n${hint}` : "";
  throw new Error(`deno ${args[0]} ended with ${signal ?? code}\n${output}${needed}`);
}

/** @returns false when there is no such folder */
async function copyFolder(from: string, to: string): Promise<boolean> {
  try {
    await Deno.stat(from);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyFolder(source, copy);
    else await Deno.copyFile(source, copy);
  }
  return true;
}

/**
 * What a program for these settings may touch. Only the file counts, not the environment of who compiles.
 * @throws {Error} listing every problem of the settings; {ConfigError} when the file cannot be read
 */
export async function grantsFor(envFile: string): Promise<Grants> {
  const path = resolve(envFile);
  const result = await loadConfig({ envFile: path, getEnv: () => undefined });
  for (const warning of result.warnings) console.error(`warning: ${formatWarning(warning)}`);
  if ("problems" in result) {
    throw new Error(`nothing compiled: ${path} is not complete\n${result.problems.map(formatProblem).join("\n")}`);
  }
  return deploymentGrants(result.config, path);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      for: { type: "string" },
      out: { type: "string" },
      target: { type: "string" },
      root: { type: "string" },
      entry: { type: "string", default: "main.ts" },
      explain: { type: "boolean" },
    },
  });
  const grants = values.for === undefined ? GENERAL_GRANTS : await grantsFor(values.for);
  if (values.explain) {
    console.log(explain(permissionFlags(grants, Deno.version.deno)));
    return;
  }
  const root = resolve(values.root ?? join(import.meta.dirname!, ".."));
  const out = resolve(values.out ?? join(root, "dist/signal-automation"));
  const target = values.target === undefined ? {} : { target: values.target };
  await compile({ root, entry: values.entry, out, grants, ...target });
  const { size } = await Deno.stat(out);
  const kind = values.for === undefined ? "general build" : `for the settings of ${values.for}`;
  console.log(`${out}: ${(size / 1_000_000).toFixed(1)} MB, ${kind}, made with Deno ${Deno.version.deno}`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
