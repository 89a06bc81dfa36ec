/**
 * Cron lines that an original installation left, in the files that everybody may read. Lines are never shown: they can
 * hold numbers and passwords.
 *
 * @module
 */
import type { Finding } from "../health/finding.ts";

/** What the program may read of cron. Crontabs of users are private, and stay so. */
export const CRON_PLACES = { table: "/etc/crontab", folder: "/etc/cron.d" } as const;
/** cron reads no other names in its folder. */
const READ_BY_CRON = /^[A-Za-z0-9_-]+$/;
const LOOK_AT_ROOTS = "sudo crontab -l | grep -nE 'health_check\\.sh|signal-cli'";
const LOOK_AT_ALL =
  `grep -nsE 'health_check\\.sh|signal-cli' ${CRON_PLACES.table} ${CRON_PLACES.folder}/*; ${LOOK_AT_ROOTS}`;

/** @param hadOriginal whether something else of an original installation is here: then root's crontab matters */
export async function judgeCron(
  hadOriginal: boolean,
  { table, folder }: { readonly table: string; readonly folder: string } = CRON_PLACES,
): Promise<Finding[]> {
  const name = "cron";
  const findings: Finding[] = [];
  let unseen = false;
  for (const file of await cronFiles(table, folder)) {
    const text = await readIfAllowed(file);
    if (text === "refused") unseen = true;
    if (text === undefined || text === "refused") continue;
    for (const [at, line] of text.split("\n").entries()) {
      const what = leftoverIn(line);
      if (what === undefined) continue;
      const where = `${file}:${at + 1}`;
      findings.push({
        name,
        level: "warn",
        text: `${where} ${what}`,
        fix: `sudoedit ${file}   and delete line ${at + 1}`,
      });
    }
  }
  if (unseen) {
    const level = hadOriginal ? "warn" : "ok";
    return [...findings, { name, level, text: "cron's files cannot be read by this program", fix: LOOK_AT_ALL }];
  }
  const clean = findings.length === 0 ? "no line of the original; " : "";
  // The original's instructions put the line there.
  findings.push({
    name,
    level: hadOriginal ? "warn" : "ok",
    text: `${clean}root's own crontab cannot be seen from here`,
    fix: LOOK_AT_ROOTS,
  });
  return findings;
}

/** What an original installation leaves in a crontab; undefined for every other line. */
function leftoverIn(line: string): string | undefined {
  if (/^\s*#/.test(line)) return undefined;
  if (/health_check\.sh\b/.test(line)) return "runs the original's health check, which starts a second signal-cli";
  // As a word that is run, not as part of a folder's name.
  if (/(?:^|[\s/;&|(])signal-cli(?=[\s;&|)]|$)/.test(line)) {
    return "starts signal-cli: on this account it waits for the service, or the service for it";
  }
  return undefined;
}

async function cronFiles(table: string, folder: string): Promise<string[]> {
  const files = [table];
  try {
    for await (const { name } of Deno.readDir(folder)) if (READ_BY_CRON.test(name)) files.push(`${folder}/${name}`);
  } catch (error) {
    if (!isRefused(error) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
  return files.toSorted();
}

async function readIfAllowed(file: string): Promise<string | "refused" | undefined> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (isRefused(error)) return "refused";
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) return undefined;
    throw error;
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied;
}
