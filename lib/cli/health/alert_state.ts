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

interface Memory {
  readonly told: Told;
  /** When it was written: of several files the newest counts. */
  readonly atMs: number;
}

/**
 * What was told, by the newest of these files. Without a file, or with none that can be used, nothing was told: that costs
 * one repetition. Nor may a file of another user, left by a run of root's, keep the service's user from telling.
 */
export async function readTold(paths: readonly string[]): Promise<Told> {
  const found = await Promise.all(paths.map(readMemory));
  return found.reduce<Memory>((best, memory) => memory.atMs > best.atMs ? memory : best, { told: {}, atMs: -1 }).told;
}

async function readMemory(path: string): Promise<Memory> {
  const none: Memory = { told: {}, atMs: -1 };
  try {
    const value = JSON.parse(await Deno.readTextFile(path));
    if (value?.version !== VERSION || typeof value.told !== "object" || value.told === null) return none;
    const told = Object.fromEntries(Object.entries(value.told).filter(([, atMs]) => Number.isFinite(atMs))) as Told;
    return { told, atMs: Number.isFinite(value.atMs) ? value.atMs : 0 };
  } catch (error) {
    const unusable = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.PermissionDenied || error instanceof SyntaxError;
    if (unusable) return none;
    throw error;
  }
}

/**
 * Writes the first of these files that can be written: a full disk, which is being told, must not make it forget so.
 * @returns false when none can: then everything is told again at the next run
 */
export async function writeTold(paths: readonly string[], told: Told, nowMs: number): Promise<boolean> {
  for (const path of paths) {
    try {
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
      await writeFileAtomically(path, `${JSON.stringify({ version: VERSION, atMs: nowMs, told })}\n`);
      return true;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  return false;
}
