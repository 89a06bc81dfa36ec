/**
 * A copy of a SQLite database beside its users: SQLite's own backup reads one state of it, and nobody waits meanwhile.
 * `VACUUM INTO` would do the same, but is refused under permissions that name paths (facts: deno.md §5).
 *
 * @module
 */
import { dirname } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { StoreUnavailable } from "../../domain/errors.ts";
import { removeIfThere, syncFolder } from "../../runtime/atomic_file.ts";
import { mapSqliteError } from "./errors.ts";

/** All in one step: a copy in several would begin again whenever somebody writes in between. */
const PAGES_PER_STEP = 2 ** 30;
/** The copy holds messages and numbers of people. */
const FILE_MODE = 0o600;

/** What a copy is made in is there: another one is being made, or one was cut off. */
export class PartIsThere extends Error {
  override readonly name = "PartIsThere";
  constructor(readonly part: string) {
    super(`${part} is there already`);
  }
}

/**
 * Copies the database into `target`, which must not exist; it appears there whole, checked and synced to disk, or not at all.
 * The copy is one file, without a log beside it.
 * @returns its size
 * @throws {StoreUnavailable} when the database cannot be read, or the copy is damaged
 * @throws {PartIsThere} when another copy is being made there, or one was cut off
 * @throws {Deno.errors.AlreadyExists} and other errors of the file system, for `target`
 */
export async function backupSqlite(path: string, target: string): Promise<{ readonly bytes: number }> {
  const part = `${target}.part`;
  if (await isThere(target)) throw new Deno.errors.AlreadyExists(target);
  await Deno.open(part, { write: true, createNew: true, mode: FILE_MODE }).then((file) => file.close(), (error) => {
    throw error instanceof Deno.errors.AlreadyExists ? new PartIsThere(part) : error;
  });
  try {
    await copy(path, part);
    using file = await Deno.open(part, { read: true });
    await file.sync();
    const { size } = await file.stat();
    await Deno.rename(part, target);
    await syncFolder(dirname(target));
    return { bytes: size };
  } finally {
    for (const name of [part, `${part}-wal`, `${part}-shm`]) await removeIfThere(name);
  }
}

async function copy(path: string, part: string): Promise<void> {
  try {
    const source = new DatabaseSync(path, { readOnly: true });
    try {
      await backup(source, part, { rate: PAGES_PER_STEP });
    } finally {
      source.close();
    }
    const made = new DatabaseSync(part);
    try {
      made.exec("PRAGMA journal_mode = DELETE");
      const { quick_check: verdict } = made.prepare("PRAGMA quick_check").get() as { quick_check: unknown };
      if (verdict !== "ok") throw new StoreUnavailable("storage", "the copy does not pass SQLite's own check");
    } finally {
      made.close();
    }
  } catch (error) {
    throw mapSqliteError(error, path);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
