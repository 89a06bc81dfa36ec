/**
 * Finds the settings: the process environment first, then systemd's credentials, then one file (design §6). The
 * environment is asked name by name, because the compiled program may not list it.
 *
 * @module
 */
import { ConfigError } from "../domain/errors.ts";
import { readCredentials } from "./credentials.ts";
import { type EnvFile, parseEnvFile } from "./env_file.ts";
import { parseConfig, type ParseResult, type StandIns } from "./parse.ts";
import type { Problem, RawValue, Warning } from "./problems.ts";
import { NOT_YET_SUPPORTED, SETTINGS } from "./schema.ts";

/** Read when no file is named, in this order; the first that is there is used. */
export const DEFAULT_ENV_FILES: readonly string[] = [
  "./.env",
  "/etc/signal-automation/env",
  "/opt/signal-automation/.env",
];
/** `./.env` may be somebody else's: it counts only when it names this. */
const OWN_MARK = "SIGNAL_NUMBER";
/** A file of settings is small; a larger one is something else. */
const LARGEST_FILE_BYTES = 1024 * 1024;
/** Read or write for the group, or anything for others. */
const OPEN_TO_OTHERS = 0o077;

export interface LoadOptions {
  /** `--env-file`: a path, or `-` for standard input. Nothing else is looked at then. */
  readonly envFile?: string;
  /** One variable of the process; default: `Deno.env`. */
  readonly getEnv?: (name: string) => string | undefined;
  /** Default: {@link DEFAULT_ENV_FILES}; the first counts only when it names SIGNAL_NUMBER. */
  readonly files?: readonly string[];
  /** For `-`; default: the process's own. */
  readonly stdin?: ReadableStream<Uint8Array>;
  /** See {@link parseConfig}; default: none. */
  readonly standIns?: StandIns;
}

/** What was found, not yet judged. */
export interface Found {
  readonly values: ReadonlyMap<string, RawValue>;
  /** The file that was used, undefined when there was none; `standard input` for `-`. */
  readonly file: string | undefined;
  /** Lines of the file that cannot be read. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Warning[];
}

export type LoadResult = ParseResult & { readonly file: string | undefined };

/**
 * Finds and parses the settings. Has no side effect.
 * @throws {ConfigError} when a file that was named, or that is there, cannot be read at all
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadResult> {
  const found = await findSettings(options);
  const parsed = parseConfig(found.values, options.standIns);
  const warnings = [...found.warnings, ...parsed.warnings];
  if ("config" in parsed && found.problems.length === 0) return { config: parsed.config, warnings, file: found.file };
  const problems = [...found.problems, ...("problems" in parsed ? parsed.problems : [])];
  return { problems, warnings, file: found.file };
}

/** The first half of {@link loadConfig}: everything found, by name. @throws {ConfigError} as there */
export async function findSettings(options: LoadOptions = {}): Promise<Found> {
  const getEnv = options.getEnv ?? ((name) => Deno.env.get(name));
  const values = new Map<string, RawValue>();
  const chosen = await chooseFile(options, (name) => askSoftly(getEnv, name));
  if (chosen !== undefined) {
    for (const [name, entry] of chosen.parsed.entries) {
      const origin = { file: chosen.name, line: entry.line };
      if (entry.value !== undefined) values.set(name, { value: entry.value, origin });
    }
  }
  for (const [name, value] of await readCredentials(askForOwn(getEnv, "CREDENTIALS_DIRECTORY"))) {
    values.set(name, value);
  }
  for (const name of [...Object.keys(SETTINGS), ...NOT_YET_SUPPORTED]) {
    const value = askForOwn(getEnv, name);
    // Set but empty means missing, so it hides nothing in the file.
    if (value !== undefined && value.trim() !== "") values.set(name, { value, origin: "environment" });
  }
  return { values, file: chosen?.name, ...aboutFile(chosen) };
}

interface ChosenFile {
  readonly name: string;
  readonly parsed: EnvFile;
  /** Permission bits; undefined for what is no regular file. */
  readonly mode: number | undefined;
}

async function chooseFile(
  options: LoadOptions,
  processEnv: (name: string) => string | undefined,
): Promise<ChosenFile | undefined> {
  if (options.envFile === "-") {
    const text = await readLimited("standard input", options.stdin ?? Deno.stdin.readable);
    return { name: "standard input", parsed: parseEnvFile(text, processEnv), mode: undefined };
  }
  if (options.envFile !== undefined) {
    const file = await readFile(options.envFile, processEnv);
    if (file === undefined) throw new ConfigError(options.envFile, "no such file");
    return file;
  }
  const files = options.files ?? DEFAULT_ENV_FILES;
  for (const [index, path] of files.entries()) {
    // `sudo -u` leaves who is asked in a home folder that this user may not even look into.
    if (index === 0 && await isHidden(path)) continue;
    const file = await readFile(path, processEnv);
    if (file !== undefined && (index > 0 || file.parsed.entries.has(OWN_MARK))) return file;
  }
  return undefined;
}

/** Whether nobody can tell if the file is there: the folder may not be searched. */
async function isHidden(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied;
  }
}

/** undefined when there is no such file. @throws {ConfigError} when it is there and cannot be read */
async function readFile(
  path: string,
  processEnv: (name: string) => string | undefined,
): Promise<ChosenFile | undefined> {
  try {
    const info = await Deno.stat(path);
    if (info.isDirectory) throw new ConfigError(path, "is a folder", "a file of NAME=value lines");
    using file = await Deno.open(path);
    const text = await readLimited(path, file.readable);
    const mode = info.isFile && info.mode !== null ? info.mode & 0o777 : undefined;
    return { name: path, parsed: parseEnvFile(text, processEnv), mode };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    if (error instanceof Deno.errors.NotCapable) {
      throw new ConfigError(
        path,
        "this program is not permitted to read it",
        "./.env, /opt/signal-automation/.env, a file below /etc/signal-automation, or - for standard input",
        { cause: error },
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      const accepted = "its owner or root: sudo -u signal-automation signal-automation …; of the service's own user, " +
        "a file that it may read: chown it, mode 0600";
      throw new ConfigError(path, "this user may not read it", accepted, { cause: error });
    }
    throw error;
  }
}

async function readLimited(name: string, stream: ReadableStream<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.byteLength;
    if (size > LARGEST_FILE_BYTES) throw new ConfigError(name, "larger than 1 MB", "a file of NAME=value lines");
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new ConfigError(name, "not UTF-8 text", "a file of NAME=value lines in UTF-8", { cause: error });
  }
}

function aboutFile(file: ChosenFile | undefined): { problems: Problem[]; warnings: Warning[] } {
  if (file === undefined) return { problems: [], warnings: [] };
  const problems = file.parsed.problems.map(({ line, column, problem }) => ({
    name: `${file.name}:${line}:${column}`,
    problem,
    accepted: "NAME=value, # comment, or an empty line",
  }));
  const warnings: Warning[] = [];
  if (file.mode !== undefined && (file.mode & OPEN_TO_OTHERS) !== 0) {
    const mode = file.mode.toString(8).padStart(4, "0");
    warnings.push({
      name: file.name,
      warning: `mode ${mode}: the group or others can read the secrets in it; use chmod 600`,
    });
  }
  for (const [name, { line, unresolved }] of file.parsed.entries) {
    for (const other of unresolved) {
      const warning = `\${${other}} stands for nothing here, so that part of the value is empty`;
      warnings.push({ name, warning, origin: `${file.name}:${line}` });
    }
  }
  return { problems, warnings };
}

/** For `${NAME}`: foreign names that the program may not read count as not there. */
function askSoftly(getEnv: (name: string) => string | undefined, name: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return undefined;
  try {
    return getEnv(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

function askForOwn(getEnv: (name: string) => string | undefined, name: string): string | undefined {
  try {
    return getEnv(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new ConfigError(name, "this program is not permitted to read the variable", "a run with -P", {
      cause: error,
    });
  }
}
