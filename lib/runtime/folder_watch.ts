/**
 * Watching folders: a hint, as early as the system gives it, that something in them may have changed. Never the only
 * source: what it misses, its owner's poll finds.
 *
 * @module
 */
import type { Log } from "./log.ts";
import { describeError } from "./log.ts";

interface Watched {
  readonly watcher: Deno.FsWatcher;
  /** Device and inode of the folder when the watch began: a folder that was replaced needs a new watch. */
  readonly identity: string;
  readonly ended: Promise<void>;
}

/**
 * Folders and not files: a watch on a file goes deaf after the first rename-replace (facts: deno.md §7). Kinds of events
 * differ between versions and are not looked at.
 */
export class FolderWatch {
  readonly #watched = new Map<string, Watched>();
  readonly #complained = new Set<string>();

  /** @param onChange called for every event, with the paths it names; must not throw */
  constructor(private readonly onChange: (paths: readonly string[]) => void, private readonly log: Log) {}

  /** Watches exactly these folders from now on. One that cannot be watched yet is left out: call again later. */
  async watch(folders: ReadonlySet<string>): Promise<void> {
    for (const folder of [...this.#watched.keys()]) {
      const stale = !folders.has(folder) || this.#watched.get(folder)!.identity !== await identityOf(folder);
      if (stale) await this.#end(folder);
    }
    for (const folder of folders) {
      if (!this.#watched.has(folder)) await this.#begin(folder);
    }
  }

  async close(): Promise<void> {
    for (const folder of [...this.#watched.keys()]) await this.#end(folder);
  }

  async #begin(folder: string): Promise<void> {
    const identity = await identityOf(folder);
    if (identity === undefined) return;
    try {
      const watcher = Deno.watchFs(folder, { recursive: false });
      this.#watched.set(folder, { watcher, identity, ended: this.#listen(folder, watcher) });
      this.#complained.delete(folder);
    } catch (error) {
      // No inotify watches left, no permission, or the folder went away just now: polling alone goes on.
      if (!this.#complained.has(folder)) {
        this.log.warn("A folder cannot be watched; it is looked at from time to time instead", {
          error: describeError(error),
        });
      }
      this.#complained.add(folder);
    }
  }

  async #listen(folder: string, watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const event of watcher) this.onChange(event.paths);
    } catch (error) {
      this.log.warn("Watching a folder ended with an error; it is begun again", { error: describeError(error) });
    }
    if (this.#watched.get(folder)?.watcher === watcher) this.#watched.delete(folder);
  }

  async #end(folder: string): Promise<void> {
    const watched = this.#watched.get(folder);
    if (watched === undefined) return;
    this.#watched.delete(folder);
    try {
      watched.watcher.close();
    } catch (error) {
      // It ended by itself a moment ago.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    await watched.ended;
  }
}

async function identityOf(folder: string): Promise<string | undefined> {
  try {
    const info = await Deno.stat(folder);
    return info.isDirectory ? `${info.dev}:${info.ino}` : undefined;
  } catch {
    // Absent or not readable yet: not watchable, which is all that is asked here.
    return undefined;
  }
}
