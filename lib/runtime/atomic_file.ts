/**
 * Replacing a file so that a reader, a crash or a power cut finds either the old or the new content, never a part.
 *
 * @module
 */
import { dirname } from "node:path";

export interface AtomicWriteOptions {
  /** Synced to disk before and after the rename. `false` for what may be lost with the power, such as a status. Default true. */
  readonly sync?: boolean;
  /** Default 0o600: nobody else reads. */
  readonly mode?: number;
}

/**
 * Writes `path` through `path.tmp` in the same folder. Two writers of one path must take turns.
 * @throws the error of the file system; the old content stays
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array<ArrayBuffer>,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const { sync = true, mode = 0o600 } = options;
  const temporary = `${path}.tmp`;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    using file = await Deno.open(temporary, { write: true, create: true, truncate: true, mode });
    await writeAll(file, bytes);
    if (sync) await file.sync();
  } catch (error) {
    await removeIfThere(temporary).catch(() => {/* The error that matters is the first one. */});
    throw error;
  }
  await Deno.rename(temporary, path);
  if (sync) await syncFolder(dirname(path));
}

/** Writes everything: a single `write` may take only a part. */
export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}

/** Makes names that were created, renamed or removed in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path, { read: true });
  await folder.sync();
}

/** @returns false when there was nothing to remove */
export async function removeIfThere(path: string): Promise<boolean> {
  try {
    await Deno.remove(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
