/**
 * Makes the executable: one bundle, compiled with its permissions baked in and `--no-prompt` (design §9, the general
 * build), with `templates/`, `sql/` and `systemd/` inside.
 *
 *   deno task compile [--out FILE] [--target TRIPLE] [--explain]
 *
 * `DENORT_BIN` names the runtime to embed where the official one cannot be downloaded (`scripts/denort` has it for
 * Linux x86_64). How code finds the files inside: scripts/README.md.
 *
 * @module
 */
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { GENERAL_PERMISSIONS, PERMISSION_REASONS, type PermissionList } from "../lib/config/permissions.ts";

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
  readonly target?: string;
}

/** A permission flag and why it is there. */
export interface Flag {
  readonly flag: string;
  readonly why: string;
}

/**
 * The flags of the compiled program.
 * @param denoVersion of the Deno that compiles: since 2.9 a unix socket also needs a grant of the network, and 2.7
 *   does not even parse that grant (facts: deno.md §3)
 */
export function permissionFlags(list: PermissionList, denoVersion: string): Flag[] {
  const [, minor = 0] = denoVersion.split(".").map(Number);
  const sockets = minor >= 9
    ? "unix sockets too, since 2.9 counts them as network"
    : "unix sockets are files here, granted by read and write";
  return [
    { flag: "--no-prompt", why: "a service has nobody to ask: what is not granted fails" },
    {
      flag: "--no-code-cache",
      why: "no file of a predictable name in the temporary folder; costs about 30 ms of start",
    },
    { flag: `--allow-env=${list.env.join(",")}`, why: PERMISSION_REASONS.env },
    { flag: `--allow-read=${list.read.join(",")}`, why: PERMISSION_REASONS.read },
    { flag: `--allow-write=${list.write.join(",")}`, why: PERMISSION_REASONS.write },
    { flag: `--allow-run=${list.run.join(",")}`, why: PERMISSION_REASONS.run },
    { flag: `--allow-sys=${list.sys.join(",")}`, why: PERMISSION_REASONS.sys },
    { flag: "--allow-net", why: `${PERMISSION_REASONS.net}; ${sockets}` },
  ];
}

/**
 * Bundles and compiles. The bundle stands beside the included folders in a folder of its own, so that
 * `import.meta.dirname` of the bundle is their parent inside the executable, and nothing of this machine's paths gets in.
 * @throws {Error} with what to do, when a step fails
 */
export async function compile({ root, entry, out, target }: CompileOptions): Promise<void> {
  const stage = await Deno.makeTempDir({ prefix: "signal-automation-compile-" });
  try {
    const bundle = join(stage, `${basename(entry).replace(/\.ts$/, "")}.js`);
    await deno(["bundle", "--quiet", "--platform", "deno", "--output", bundle, join(root, entry)], root);
    const include: string[] = [];
    for (const folder of INCLUDED) {
      if (await copyFolder(join(root, folder), join(stage, folder))) include.push("--include", folder);
    }
    await Deno.mkdir(dirname(out), { recursive: true });
    const flags = permissionFlags(GENERAL_PERMISSIONS, Deno.version.deno).map(({ flag }) => flag);
    const wanted = target === undefined ? [] : ["--target", target];
    await deno(
      [
        "compile",
        "--quiet",
        "--no-config",
        "--no-lock",
        "--no-check",
        "--output",
        out,
        ...wanted,
        ...flags,
        ...include,
        bundle,
      ],
      stage,
      "The runtime to embed is downloaded from dl.deno.land. Where that cannot be reached, set DENORT_BIN to a denort of " +
        `this version (${Deno.version.deno}); for Linux x86_64: DENORT_BIN=$(scripts/denort) deno task compile`,
    );
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

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      out: { type: "string" },
      target: { type: "string" },
      root: { type: "string" },
      entry: { type: "string", default: "main.ts" },
      explain: { type: "boolean" },
    },
  });
  if (values.explain) {
    for (const { flag, why } of permissionFlags(GENERAL_PERMISSIONS, Deno.version.deno)) {
      console.log(`${flag}\n    ${why}`);
    }
    Deno.exit(0);
  }
  const root = resolve(values.root ?? join(import.meta.dirname!, ".."));
  const out = resolve(values.out ?? join(root, "dist/signal-automation"));
  const target = values.target === undefined ? {} : { target: values.target };
  try {
    await compile({ root, entry: values.entry, out, ...target });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  const { size } = await Deno.stat(out);
  console.log(`${out}: ${(size / 1_000_000).toFixed(1)} MB, made with Deno ${Deno.version.deno}`);
}
