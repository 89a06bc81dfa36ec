/**
 * Secrets that systemd hands over as files (`LoadCredential=DB_PASSWORD:/some/file` in the unit): one file per setting,
 * named like it, in the folder that `CREDENTIALS_DIRECTORY` names. Only secrets are looked for.
 *
 * @module
 */
import { ConfigError } from "../domain/errors.ts";
import type { RawValue } from "./problems.ts";
import { type SettingName, settingOf, SETTINGS } from "./schema.ts";

/** A secret is short; a larger file is something else. */
const LARGEST_CREDENTIAL_BYTES = 64 * 1024;

/**
 * The secrets that are there. One line break at the end of a file does not belong to its value.
 * @param folder `CREDENTIALS_DIRECTORY`; undefined or empty: none
 * @throws {ConfigError} when one is there and cannot be read
 */
export async function readCredentials(folder: string | undefined): Promise<ReadonlyMap<SettingName, RawValue>> {
  const found = new Map<SettingName, RawValue>();
  if (folder === undefined || folder === "") return found;
  for (const name of (Object.keys(SETTINGS) as SettingName[]).filter((each) => settingOf(each).secret === true)) {
    const file = `${folder}/${name}`;
    const value = await readOne(file, name);
    if (value !== undefined && value.trim() !== "") found.set(name, { value, origin: { file, line: 1 } });
  }
  return found;
}

async function readOne(file: string, name: string): Promise<string | undefined> {
  const accepted = "a small text file, handed over by LoadCredential= of the unit";
  try {
    const bytes = await Deno.readFile(file);
    if (bytes.byteLength > LARGEST_CREDENTIAL_BYTES) throw new ConfigError(name, `${file} is too large`, accepted);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory) return undefined;
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(name, `${file} cannot be read`, accepted, { cause });
  }
}
