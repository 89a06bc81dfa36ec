/**
 * What `health --alert` told last, over runs: a cron line every five minutes must not tell the same every five minutes.
 *
 * @module
 */
import { writeFileAtomically } from "../../runtime/atomic_file.ts";

/** The same cause is told again after this long, milliseconds. */
export const REMIND_MS = 60 * 60_000;
/** Raised when the form changes; another form counts as none. */
const VERSION = 1;

/** When each cause that lasts was told, milliseconds UTC. */
export type Told = Readonly<Record<string, number>>;

/** Which of the causes have to be told now. A clock that was set back tells again. */
export function due(causes: readonly string[], told: Told, nowMs: number): string[] {
  return causes.filter((cause) => {
    const atMs = told[cause];
    return atMs === undefined || nowMs - atMs >= REMIND_MS || atMs > nowMs;
  });
}

/** The memory after a run: causes that are over are forgotten, so that they are told at once when they come back. */
export function remember(causes: readonly string[], justTold: readonly string[], told: Told, nowMs: number): Told {
  return Object.fromEntries(causes.flatMap((cause) => {
    const atMs = justTold.includes(cause) ? nowMs : told[cause];
    return atMs === undefined ? [] : [[cause, atMs]];
  }));
}

/**
 * Without a file, or with one that cannot be used, nothing was told: that costs one repetition. Nor may a file of another
 * user, left by a run of root's, keep the service's user from telling.
 */
export async function readTold(path: string): Promise<Told> {
  try {
    const value = JSON.parse(await Deno.readTextFile(path));
    if (value?.version !== VERSION || typeof value.told !== "object" || value.told === null) return {};
    return Object.fromEntries(Object.entries(value.told).filter(([, atMs]) => Number.isFinite(atMs))) as Told;
  } catch (error) {
    const unusable = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
      error instanceof SyntaxError;
    if (unusable) return {};
    throw error;
  }
}

/** @throws when the folder cannot be made or written */
export async function writeTold(path: string, told: Told): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, `${JSON.stringify({ version: VERSION, told })}\n`);
}
