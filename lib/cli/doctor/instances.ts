/**
 * Other instances on this machine: whether two settings files claim the same account, port or folder. What the files
 * say counts, and where they say nothing what the unit of that instance gives.
 *
 * @module
 */
import { join } from "node:path";
import { parseEnvFile } from "../../config/env_file.ts";
import type { Finding } from "../health/finding.ts";
import { maskNumber } from "../screen/mask.ts";

/** Where `install` puts the settings of every instance. */
export const SETTINGS_FOLDER = "/etc/signal-automation";
const STATE = "/var/lib/signal-automation";
const RUNTIME = "/run/signal-automation";
/** What the settings' file is called for `--env-file -`. */
const STANDARD_INPUT = "standard input";
const DEFAULT_PORT = "8787";
const DEFAULT_HOST = "127.0.0.1";
/** For who may not look: names of settings and files, no secret. */
const LOOK_YOURSELF = `sudo grep -nE '^(SIGNAL_NUMBER|SIGNAL_CLI_DATA_DIR|HTTP_PORT|STATE_DIR|RUNTIME_DIR)=' ` +
  `${SETTINGS_FOLDER}/env ${SETTINGS_FOLDER}/*/env`;

/** What one settings file claims. */
interface Claims {
  readonly file: string;
  readonly number: string | undefined;
  /** `host:port`; undefined when HTTP is off. */
  readonly http: string | undefined;
  readonly stateDir: string;
  readonly runtimeDir: string;
  readonly dataDir: string | undefined;
}

/**
 * @param own the settings file in use, compared too when it lies elsewhere
 * @param folder default {@link SETTINGS_FOLDER}
 */
export async function judgeInstances(own?: string, folder: string = SETTINGS_FOLDER): Promise<Finding[]> {
  const name = "other instances";
  const claims: Claims[] = [];
  const hidden: string[] = [];
  try {
    for (const { file, instance } of await settingsFiles(folder, own)) {
      const found = await claimsOf(file, instance);
      if (found === "hidden") hidden.push(file);
      else if (found !== "absent") claims.push(found);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      const text = `this program was compiled for one file of settings and cannot look at the others in ${folder}`;
      return [{ name, level: "ok", text, fix: LOOK_YOURSELF }];
    }
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    hidden.push(folder);
  }
  const findings = clashes(claims);
  if (hidden.length > 0) {
    const text = `${hidden.join(", ")} cannot be read by this user, so it was not compared`;
    findings.push({ name, level: "warn", text, fix: "run doctor as the service's user or as root" });
  }
  if (findings.length > 0) return findings;
  if (claims.length < 2) return [{ name, level: "ok", text: "none on this machine" }];
  return [{ name, level: "ok", text: `${claims.length} settings files, each with its own account, port and folders` }];
}

/** The instance without a name, and those with one. Nothing where nothing is installed. */
async function settingsFiles(
  folder: string,
  own: string | undefined,
): Promise<{ readonly file: string; readonly instance: string }[]> {
  const files = [{ file: join(folder, "env"), instance: "" }];
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (!isFile) files.push({ file: join(folder, name, "env"), instance: name });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (own !== undefined && own !== STANDARD_INPUT) {
    // A take-over leaves a link where the original's settings were.
    const place = await placeOf(own);
    const places = await Promise.all(files.map(({ file }) => placeOf(file)));
    if (place !== undefined && !places.includes(place)) files.push({ file: own, instance: "" });
  }
  return files.toSorted((a, b) => (a.file < b.file ? -1 : 1));
}

/** Where a file really is; undefined when it is not there, or may not be looked at. */
async function placeOf(file: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(file);
  } catch (error) {
    const hidden = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
    if (hidden) return undefined;
    throw error;
  }
}

async function claimsOf(file: string, instance: string): Promise<Claims | "absent" | "hidden"> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return "absent";
    if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) return "hidden";
    throw error;
  }
  const { entries } = parseEnvFile(text, () => undefined);
  const value = (name: string) => entries.get(name)?.value?.trim() || undefined;
  const port = value("HTTP_PORT") ?? DEFAULT_PORT;
  const below = instance === "" ? "" : `/${instance}`;
  return {
    file,
    number: value("SIGNAL_NUMBER")?.replace(/[^+0-9]/g, ""),
    http: port === "0" ? undefined : `${value("HTTP_HOST") ?? DEFAULT_HOST}:${port}`,
    stateDir: folderName(value("STATE_DIR") ?? STATE + below),
    runtimeDir: folderName(value("RUNTIME_DIR") ?? RUNTIME + below),
    dataDir: value("SIGNAL_CLI_DATA_DIR") === undefined ? undefined : folderName(value("SIGNAL_CLI_DATA_DIR")!),
  };
}

function folderName(path: string): string {
  return path.replace(/(?<=.)\/+$/, "");
}

function clashes(claims: readonly Claims[]): Finding[] {
  const name = "other instances";
  const findings: Finding[] = [];
  const pairs = claims.flatMap((one, at) => claims.slice(at + 1).map((other) => [one, other] as const));
  for (const [one, other] of pairs) {
    const both = `${one.file} and ${other.file}`;
    if (one.number !== undefined && one.number === other.number) {
      // Each then takes away what is meant for the other, whatever their data folders are.
      const waits = one.dataDir === other.dataDir ? "the second to start waits for the first for ever" : "both receive";
      findings.push({
        name,
        level: "fail",
        text: `${both} have the same SIGNAL_NUMBER (${maskNumber(one.number)}): ${waits}`,
        fix: `give one of them a number of its own, or stop it: systemctl disable --now ${unitOf(other.file)}`,
      });
    }
    const same = (setting: string, value: string | undefined, twin: string | undefined, fix: string) => {
      if (value === undefined || value !== twin) return;
      findings.push({ name, level: "fail", text: `${both} have the same ${setting} (${value})`, fix });
    };
    same("HTTP_PORT", one.http, other.http, `another HTTP_PORT in ${other.file}, or 0`);
    same("STATE_DIR", one.stateDir, other.stateDir, `a STATE_DIR of its own in ${other.file}`);
    same("RUNTIME_DIR", one.runtimeDir, other.runtimeDir, `a RUNTIME_DIR of its own in ${other.file}`);
  }
  return findings;
}

/** The unit that reads a settings file where `install` puts it. */
export function unitOf(envFile: string | undefined): string {
  const [, instance] = /\/etc\/signal-automation\/([a-z0-9][a-z0-9_-]*)\/env$/.exec(envFile ?? "") ?? [];
  return instance === undefined ? "signal-automation.service" : `signal-automation@${instance}.service`;
}
