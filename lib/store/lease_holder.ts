/**
 * Proof that the holder of a lease is dead: a file in `RUNTIME_DIR`, named after the holder and locked (`flock`) as long as
 * its process lives. The kernel frees the lock when the process ends, however it ends; a frozen process keeps it.
 *
 * So a service that was killed and started again on the same host takes its leases at once, instead of waiting until they run
 * out. The proof is only about this host: a holder without a file here, on another host or from before a reboot, is not known
 * to be dead, and its lease runs out as ever. Whatever the file says, the database decides: the lease is taken only from the
 * very holder that was found dead, with a new epoch.
 *
 * The lock is on a file of its own, so it has nothing to do with the locks of SQLite.
 *
 * @module
 */

/** A holder's name is part of a path: random text of these characters, as this program makes it. */
const NAME = /^[0-9A-Za-z-]{8,64}$/;
const PREFIX = "holder-";
/** Two starts of the machine are told apart by when it booted, known to about a second (see `lib/outbox/journal.ts`). */
const SAME_BOOT_TOLERANCE_MS = 4_000;

export class LeaseHolder {
  #file: Deno.FsFile | undefined;

  /**
   * @param folder `RUNTIME_DIR`
   * @param holder the name under which this process takes leases, unique to it
   * @param bootedAtMs when this machine started, milliseconds UTC; `undefined` when that cannot be known, and then no death
   *   is ever proven
   */
  constructor(
    private readonly folder: string,
    readonly holder: string,
    private readonly bootedAtMs: number | undefined,
  ) {
    if (!NAME.test(holder)) throw new Error("a lease holder's name that no file can have");
  }

  /** From now on our own death can be proven. Does nothing when it can already. @throws on a disk that refuses */
  open(): void {
    if (this.#file !== undefined || this.bootedAtMs === undefined) return;
    const file = Deno.openSync(this.#path(this.holder), { create: true, read: true, write: true, mode: 0o600 });
    try {
      // Locked before anything is in it: an empty file is no proof of anything.
      file.lockSync(true);
      file.writeSync(new TextEncoder().encode(`${Math.round(this.bootedAtMs)}\n`));
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file = file;
  }

  /** Whether this holder ran on this machine, since it booted, and its process is gone. */
  isDead(holder: string): boolean {
    if (holder === this.holder || this.bootedAtMs === undefined || !NAME.test(holder)) return false;
    return this.#examine(this.#path(holder)) === "dead";
  }

  /** Removes the files of the dead: no lease is theirs any more. @throws on a disk that refuses */
  forgetDead(): void {
    for (const { name } of Deno.readDirSync(this.folder)) {
      const path = `${this.folder}/${name}`;
      if (!name.startsWith(PREFIX) || path === this.#path(this.holder) || !NAME.test(name.slice(PREFIX.length))) {
        continue;
      }
      if (this.#examine(path) !== "alive") remove(path);
    }
  }

  /**
   * We act under no lease any more.
   * @param holdsNothing every lease was given back. Otherwise the file stays, as after a death: whoever starts next need not
   *   wait until they run out
   */
  close(holdsNothing: boolean): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    try {
      if (holdsNothing) remove(this.#path(this.holder));
    } finally {
      file.close();
    }
  }

  #path(holder: string): string {
    return `${this.folder}/${PREFIX}${holder}`;
  }

  /** `unknown`: nobody has the file, but it may speak of another machine, or of this one before it booted. */
  #examine(path: string): "alive" | "dead" | "unknown" {
    let file: Deno.FsFile;
    try {
      file = Deno.openSync(path, { read: true, write: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return "unknown";
      throw error;
    }
    try {
      if (!file.tryLockSync(true)) return "alive";
      const bytes = new Uint8Array(32);
      const text = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
      if (!/^\d+\n$/.test(text) || this.bootedAtMs === undefined) return "unknown";
      return Math.abs(Number(text) - this.bootedAtMs) <= SAME_BOOT_TOLERANCE_MS ? "dead" : "unknown";
    } finally {
      file.close();
    }
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
