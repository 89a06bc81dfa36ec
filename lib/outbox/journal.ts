/**
 * The hand-over journal: which requests were written to a channel, and which of them were answered.
 *
 * The database learns of an outcome a few milliseconds after it happened. A kill in between would leave rows in
 * `sending` of which nobody knows whether they went out. So two lines per message are appended to a file in
 * `RUNTIME_DIR`: one right before the first byte of the request leaves, one when the answer is here. They are
 * written, not synced: the kernel keeps them through a kill, and a reboot empties `RUNTIME_DIR` anyway.
 *
 *     signal-automation journal 1 <account> <epoch> <bootedAtMs>
 *     H <row> <attempts> <atMs>        handed over
 *     A <row> <JSON of the outcome>    answered
 *     Q <row>                          back in the queue: the lines above no longer speak of it
 *
 * The files of an epoch are proof for rows marked under that epoch only. A file longer than {@link SEGMENT_BYTES} is
 * continued in the next one, and deleted once the database knows the outcome of every row that it opened.
 *
 * @module
 */
import type { AccountId } from "../domain/address.ts";
import type { SendOutcome } from "../domain/message.ts";

/** What the journal of an epoch says of a row. */
export type HandOver =
  /** No line: never written to the channel. */
  | { readonly state: "not_handed_over" }
  /** Written, no answer: it may have arrived. */
  | { readonly state: "handed_over"; readonly attempts: number; readonly atMs: number }
  | { readonly state: "answered"; readonly attempts: number; readonly atMs: number; readonly outcome: SendOutcome };

/** A file longer than this is continued in a new one: bounds what `RUNTIME_DIR`, often memory, must hold. */
export const SEGMENT_BYTES = 1 << 20;

/**
 * Two starts of the machine are told apart by when it booted, known to about a second (uptime and wall clock).
 * No machine boots and starts this service twice within this many milliseconds.
 */
const SAME_BOOT_TOLERANCE_MS = 4_000;

const HEADER = "signal-automation journal 1";

interface Segment {
  readonly path: string;
  readonly file: Deno.FsFile;
  /** Rows that were handed over in this file and whose outcome the database does not know yet. */
  readonly open: Set<number>;
  bytes: number;
}

/** The disk refuses a new journal: without one nothing may be handed over. */
export class JournalFailed extends Error {
  override readonly name = "JournalFailed";
}

/** The journal of one account, for the lease that this process holds. */
export class Journal {
  readonly #encoder = new TextEncoder();
  readonly #prefix: string;
  #epoch = 0;
  #segments: Segment[] = [];
  #nextSegment = 0;
  readonly #segmentOf = new Map<number, Segment>();
  /** The disk refused a line in the middle: whatever came behind it in the same file would be read as part of it. */
  #torn = false;

  /**
   * @param folder `RUNTIME_DIR`
   * @param bootedAtMs when this machine started, milliseconds UTC; `undefined` when that cannot be known, and then a
   *   journal of an earlier process is never believed
   */
  constructor(
    private readonly folder: string,
    private readonly account: AccountId,
    private readonly bootedAtMs: number | undefined,
  ) {
    this.#prefix = `journal-${account.replaceAll(/[^A-Za-z0-9]/g, "_")}-`;
  }

  /** Opens the journal of an epoch, behind what an earlier process may have left of it. @throws {JournalFailed} */
  begin(epoch: number): void {
    this.close();
    this.#epoch = epoch;
    try {
      const files = this.#files().filter((file) => file.epoch === epoch);
      this.#nextSegment = files.reduce((next, { segment }) => Math.max(next, segment + 1), 0);
      this.#openSegment();
    } catch (error) {
      throw new JournalFailed("the disk under RUNTIME_DIR refuses the journal", { cause: error });
    }
  }

  /** Right before the first byte of a request leaves. @throws on a disk that refuses: the request must not leave */
  handedOver(row: number, attempts: number, atMs: number): void {
    const segment = this.#current();
    this.#write(segment, `H ${row} ${attempts} ${atMs}\n`);
    segment.open.add(row);
    this.#segmentOf.set(row, segment);
  }

  /** The answer is here. Does nothing once the journal is closed. @throws on a disk that refuses */
  answered(row: number, outcome: SendOutcome): void {
    if (this.#segments.length === 0) return;
    this.#write(this.#current(), `A ${row} ${JSON.stringify(outcome)}\n`);
  }

  /** The database knows the outcome of these rows. `requeued`: it is back in the queue and will be handed over again. */
  settled(rows: Iterable<{ readonly id: number; readonly requeued: boolean }>): void {
    for (const { id, requeued } of rows) {
      const segment = this.#segmentOf.get(id);
      if (segment === undefined) continue;
      this.#segmentOf.delete(id);
      segment.open.delete(id);
      if (requeued) this.#forget(id);
    }
    while (this.#segments.length > 1 && this.#segments[0]!.open.size === 0) {
      const done = this.#segments.shift()!;
      done.file.close();
      removeIfPossible(done.path);
    }
  }

  /**
   * What the journals of earlier processes say; to be asked after the lease was taken, before {@link begin}.
   * @returns a function from (row, epoch) to what is known: `undefined` when that epoch left no journal to believe
   */
  read(): (row: number, epoch: number) => HandOver | undefined {
    const byEpoch = new Map<number, Map<number, HandOver>>();
    const unreadable = new Set<number>();
    for (const { epoch, path } of this.#files()) {
      const rows = byEpoch.get(epoch) ?? new Map<number, HandOver>();
      try {
        if (this.#parse(Deno.readTextFileSync(path), epoch, rows)) byEpoch.set(epoch, rows);
      } catch (error) {
        // Another user's, as after a run by hand; or damaged. What the others of its epoch do not say, this one might.
        if (!(error instanceof Error)) throw error;
        unreadable.add(epoch);
      }
    }
    for (const epoch of unreadable) byEpoch.delete(epoch);
    return (row, epoch) => {
      const rows = byEpoch.get(epoch);
      return rows === undefined ? undefined : rows.get(row) ?? { state: "not_handed_over" };
    };
  }

  /** Deletes all files but those that {@link begin} opened: the database knows everything that is in them. */
  forgetOthers(): void {
    const ours = new Set(this.#segments.map((segment) => segment.path));
    for (const { path } of this.#files()) if (!ours.has(path)) removeIfPossible(path);
  }

  /** Closes the files and leaves them. */
  close(): void {
    for (const segment of this.#segments) segment.file.close();
    this.#segments = [];
    this.#segmentOf.clear();
  }

  #forget(row: number): void {
    try {
      this.#write(this.#current(), `Q ${row}\n`);
    } catch (error) {
      // Without this line the row counts as handed over the next time it is marked: careful, not wrong.
      if (!(error instanceof Error)) throw error;
    }
  }

  /** The file to write to. */
  #current(): Segment {
    const last = this.#segments.at(-1)!;
    return this.#torn || last.bytes > SEGMENT_BYTES ? this.#openSegment() : last;
  }

  #openSegment(): Segment {
    const path = `${this.folder}/${this.#prefix}${this.#epoch}-${this.#nextSegment++}`;
    const file = Deno.openSync(path, { createNew: true, append: true, mode: 0o600 });
    const segment: Segment = { path, file, open: new Set(), bytes: 0 };
    this.#torn = false;
    try {
      this.#write(segment, `${HEADER} ${this.account} ${this.#epoch} ${this.bootedAtMs ?? 0}\n`);
    } catch (error) {
      file.close();
      // It says nothing; a full disk is tried again and again, and each try would leave one.
      removeIfPossible(path);
      throw error;
    }
    this.#segments.push(segment);
    return segment;
  }

  #write(segment: Segment, line: string): void {
    const bytes = this.#encoder.encode(line);
    let written = 0;
    try {
      while (written < bytes.length) written += segment.file.writeSync(bytes.subarray(written));
    } catch (error) {
      this.#torn = true;
      throw error;
    }
    segment.bytes += bytes.length;
  }

  /** Files of this account, in the order in which they were written. */
  #files(): { epoch: number; segment: number; path: string }[] {
    const found = [];
    for (const { name } of Deno.readDirSync(this.folder)) {
      if (!name.startsWith(this.#prefix)) continue;
      const [epoch, segment] = name.slice(this.#prefix.length).split("-").map(Number);
      if (!Number.isInteger(epoch) || !Number.isInteger(segment)) continue;
      found.push({ epoch: epoch!, segment: segment!, path: `${this.folder}/${name}` });
    }
    return found.sort((a, b) => a.epoch - b.epoch || a.segment - b.segment);
  }

  /** @returns false when the file is not to be believed */
  #parse(text: string, epoch: number, rows: Map<number, HandOver>): boolean {
    // What follows the last line break was torn by the kill: the line was being written, so its request was not.
    const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
    const header = lines.shift()!.split(" ");
    const bootedAtMs = Number(header.pop());
    if (header.join(" ") !== `${HEADER} ${this.account} ${epoch}`) return false;
    if (this.bootedAtMs === undefined || Math.abs(bootedAtMs - this.bootedAtMs) > SAME_BOOT_TOLERANCE_MS) return false;
    for (const line of lines) {
      const space = line.indexOf(" ", 2);
      const row = Number(space < 0 ? line.slice(2) : line.slice(2, space));
      const rest = space < 0 ? "" : line.slice(space + 1);
      const before = rows.get(row);
      if (line[0] === "H") {
        const [attempts, atMs] = rest.split(" ").map(Number);
        rows.set(row, { state: "handed_over", attempts: attempts!, atMs: atMs! });
      } else if (line[0] === "A" && before?.state === "handed_over") {
        rows.set(row, { ...before, state: "answered", outcome: JSON.parse(rest) as SendOutcome });
      } else if (line[0] === "Q") {
        rows.delete(row);
      }
    }
    return true;
  }
}

/** A file that cannot be removed stays, and says nothing that is not true: its rows are settled, or of an epoch that is over. */
function removeIfPossible(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}
