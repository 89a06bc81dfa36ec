/**
 * Compiled programs for tests.
 *
 * @module
 */
export const ROOT: string = new URL("../../", import.meta.url).pathname;
/** A compiled program that does not end by then is a failure. */
export const TIMEOUT_MS = 60_000;
export const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The runtime to embed: as given, else from scripts/denort where npm has it, else whatever Deno downloads. */
export async function useRuntime(): Promise<void> {
  if (Deno.env.get("DENORT_BIN") !== undefined || Deno.build.target !== "x86_64-unknown-linux-gnu") return;
  const { success, stdout } = await new Deno.Command(`${ROOT}scripts/denort`, { stderr: "inherit" }).output();
  if (success) Deno.env.set("DENORT_BIN", decode(stdout).trim());
}

export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "scripts-test-" }));
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program with a PATH and this environment, and nothing else: without a PATH Deno cannot look up `--allow-run`. */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Record<string, string>; readonly stdin?: string },
): Promise<Ran> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: options.cwd,
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", NO_COLOR: "1", ...options.env },
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).spawn();
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  return { code, out: decode(stdout), err: decode(stderr) };
}
