/**
 * Free space of the disk that the service writes to.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import type { Finding } from "./finding.ts";

/** Less free space than this is too little: 100 MB, as the original had it. */
export const LOW_DISK_BYTES = 100 * 1024 * 1024;
/** Less than this share of the disk is told: a big disk fills by more than 100 MB in an hour. */
export const LOW_DISK_SHARE = 0.1;

/** Less free space than this under RUNTIME_DIR, often a small one in memory, and the service can neither send nor say how it is. */
export const RUNTIME_DISK_BYTES = 64 * 1024;

export interface DiskSpace {
  /** What this user may still write. */
  readonly freeBytes: number;
  /** 0: the file system does not say (ramfs, some of FUSE). */
  readonly totalBytes: number;
}

/** Looks at the disks of STATE_DIR and RUNTIME_DIR, or of the nearest folders above them that exist. */
export async function lookAtDisk(
  files: { readonly stateDir: string; readonly runtimeDir: string },
  spaceOf: (folder: string) => Promise<DiskSpace>,
): Promise<Finding> {
  try {
    return judgeRuntimeDisk(await spaceOf(await existing(files.runtimeDir)), files.runtimeDir) ??
      judgeDisk(await spaceOf(await existing(files.stateDir)));
  } catch (error) {
    const why = error instanceof Error ? error.name : "unknown";
    return { name: "disk", level: "warn", text: `its free space could not be read (${why})` };
  }
}

/** @returns undefined when there is room for what the service keeps there */
export function judgeRuntimeDisk({ freeBytes, totalBytes }: DiskSpace, folder: string): Finding | undefined {
  if (freeBytes >= RUNTIME_DISK_BYTES || totalBytes === 0) return undefined;
  return {
    name: "disk",
    level: "fail",
    text: "the one under RUNTIME_DIR is full: the service can neither send nor write how it is",
    fix: `make room there (df -h ${folder}); it goes on by itself`,
  };
}

/** Below 100 MB it fails; below 10 % it warns. */
export function judgeDisk({ freeBytes, totalBytes }: DiskSpace): Finding {
  if (totalBytes === 0) return { name: "disk", level: "ok", text: "its file system does not say how much is free" };
  const share = freeBytes / totalBytes;
  const text = `${megabytes(freeBytes)} MB free, ${Math.floor(share * 100)} %`;
  const tooLittle = freeBytes < LOW_DISK_BYTES;
  if (!tooLittle && share >= LOW_DISK_SHARE) return { name: "disk", level: "ok", text };
  const fix = "make room (df -h; journalctl --disk-usage), or put STATE_DIR on another disk";
  return {
    name: "disk",
    level: tooLittle ? "fail" : "warn",
    text: `${text}: ${tooLittle ? "too little" : "low"}`,
    fix,
  };
}

/** As the operating system tells it. */
export async function diskSpace(folder: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

async function existing(folder: string): Promise<string> {
  for (let at = folder;; at = at.slice(0, Math.max(1, at.lastIndexOf("/")))) {
    try {
      await Deno.stat(at);
      return at;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) || at === "/" || !at.includes("/")) throw error;
    }
  }
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / (1024 * 1024));
}
