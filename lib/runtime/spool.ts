/**
 * The spool: where inbound events wait on the local disk while the database is away (design, P1 and §5).
 *
 * A folder of numbered segments that are only appended to, a cursor, and a lock. What `append` has confirmed is handed to
 * `drain`'s handler at least once and in order, whatever is killed and whenever; the receiver recognises repetitions.
 *
 * @module
 */
import { join } from "node:path";
import { ConfigError } from "../domain/errors.ts";
import { removeIfThere, syncFolder, writeAll, writeFileAtomically } from "./atomic_file.ts";
import type { Counters } from "./counters.ts";
import { describeError, type Log } from "./log.ts";
import { type Cursor, cursorPath, findSegments, readCursor, segmentPath } from "./spool_folder.ts";
import { decodeSegment, encodeRecords, SPOOL_HEADER, SPOOL_VERSION } from "./spool_format.ts";

/** A segment is closed at this size: small enough to be read whole, large enough to be few. */
const SEGMENT_BYTES = 1024 * 1024;
/** Records per call of a drain handler. */
const BATCH_RECORDS = 256;

export interface SpoolOptions {
  /** `SPOOL_DIR`; made when it is missing. One process at a time. */
  readonly folder: string;
  /** `SPOOL_MAX_MB` in bytes. */
  readonly maxBytes: number;
  readonly log: Log;
  readonly counters: Counters;
  /** Default 1 MiB. */
  readonly segmentBytes?: number;
  /** Default 256. */
  readonly batchRecords?: number;
}

/** No room: the operator raises SPOOL_MAX_MB, or brings the database back. Nothing of the call was stored. */
export class SpoolFull extends Error {
  override readonly name = "SpoolFull";
  constructor(readonly maxBytes: number) {
    super(`spool: full at SPOOL_MAX_MB (${Math.floor(maxBytes / 1024 / 1024)}); nothing was stored`);
  }
}

/** The disk refused. After `append`: not confirmed, though a part may be handed to a handler later. */
export class SpoolFailed extends Error {
  override readonly name = "SpoolFailed";
}

export class Spool {
  readonly #options: SpoolOptions;
  readonly #lock: Deno.FsFile;
  /** Size by number, in ascending order: the segments that are not wholly handled. */
  readonly #segments: Map<number, number>;
  /** What was found damaged and is told already, by segment: while the database is away, one is read again and again. */
  readonly #damage = new Map<number, string>();
  #cursor: Cursor | undefined;
  #active: { readonly number: number; readonly file: Deno.FsFile } | undefined;
  #nextNumber: number;
  #turn: Promise<unknown> = Promise.resolve();
  #draining = false;
  /** Calls of `append` that have not ended. */
  #appending = 0;
  #closed = false;

  private constructor(options: SpoolOptions, lock: Deno.FsFile, segments: Map<number, number>, cursor?: Cursor) {
    this.#options = options;
    this.#lock = lock;
    this.#segments = segments;
    this.#cursor = cursor;
    // Above the cursor's too: a new segment of its number would be taken for handled.
    this.#nextNumber = Math.max(0, cursor?.segment ?? 0, ...segments.keys()) + 1;
  }

  /**
   * Takes the folder, with what an earlier process left in it.
   * @throws {ConfigError} when another process has it, or a newer version wrote it
   * @throws {SpoolFailed} when the disk refuses
   */
  static async open(options: SpoolOptions): Promise<Spool> {
    const { folder } = options;
    let lock: Deno.FsFile | undefined;
    try {
      await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
      lock = await Deno.open(join(folder, "lock"), { create: true, write: true, mode: 0o600 });
      if (!await lock.tryLock(true)) {
        throw new ConfigError("SPOOL_DIR", "is in use by another process", "a folder of its own for each instance");
      }
      return new Spool(options, lock, await findSegments(folder), await readCursor(folder));
    } catch (error) {
      lock?.close();
      if (error instanceof ConfigError) throw error;
      throw new SpoolFailed("spool: the folder in SPOOL_DIR cannot be used", { cause: error });
    }
  }

  /** Bytes on disk that wait, including parts that were handled and not yet removed. */
  get sizeBytes(): number {
    let sum = 0;
    for (const size of this.#segments.values()) sum += size;
    return sum;
  }

  get maxBytes(): number {
    return this.#options.maxBytes;
  }

  /** True when nothing waits, and nothing is just being appended. */
  get isEmpty(): boolean {
    return this.#segments.size === 0 && this.#appending === 0;
  }

  /**
   * Stores the records, in order, with one sync: when it resolves, they survive a power cut.
   * @throws {SpoolFull} when they do not fit: none was stored
   * @throws {SpoolFailed} when the disk refuses: do not acknowledge them
   */
  append(records: readonly string[]): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    this.#appending++;
    return this.#inTurn(() => this.#append(records)).finally(() => this.#appending--);
  }

  /**
   * Hands everything that waits to `handler`, oldest first, also what is appended meanwhile, until nothing is left or
   * `signal` aborts (looked at between batches). A batch counts as handled when the handler resolves; after a crash in
   * between it comes again. One drain at a time.
   * @returns how many records were handled
   * @throws whatever the handler throws; the batch stays
   * @throws {SpoolFailed} when the disk refuses
   */
  async drain(handler: (batch: string[]) => Promise<void>, signal: AbortSignal): Promise<number> {
    if (this.#draining) throw new Error("spool: is being drained already");
    this.#draining = true;
    try {
      let handled = 0;
      while (!signal.aborted) {
        const segment = await this.#inTurn(() => this.#oldestSealed());
        if (segment === undefined) break;
        handled += await this.#drainSegment(segment, handler, signal);
      }
      return handled;
    } finally {
      this.#draining = false;
    }
  }

  /** Frees the folder. Appends that were begun are finished first. Twice is allowed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    await this.#inTurn(async () => {
      if (this.#closed) return;
      this.#closed = true;
      this.#seal();
      this.#lock.close();
    });
  }

  async #append(records: readonly string[]): Promise<void> {
    const { maxBytes, segmentBytes = SEGMENT_BYTES, counters } = this.#options;
    const bytes = encodeRecords(records);
    const headerBytes = this.#active === undefined ? SPOOL_HEADER.length : 0;
    if (this.sizeBytes + headerBytes + bytes.length > maxBytes) throw new SpoolFull(maxBytes);
    try {
      this.#active ??= await this.#begin();
      const { file, number } = this.#active;
      await writeAll(file, bytes);
      await file.syncData();
      const size = this.#segments.get(number)! + bytes.length;
      this.#segments.set(number, size);
      if (size >= segmentBytes) this.#seal();
    } catch (error) {
      await this.#abandon();
      throw new SpoolFailed("spool: the disk refused to store inbound events", { cause: error });
    }
    counters.add("spool_appended_total", records.length);
    counters.set("spool_bytes", this.sizeBytes);
  }

  /** A new segment after each opening, so that a torn tail stays at the end of its own. */
  async #begin(): Promise<{ number: number; file: Deno.FsFile }> {
    const { folder } = this.#options;
    const number = this.#nextNumber++;
    const file = await Deno.open(this.#path(number), { createNew: true, write: true, mode: 0o600 });
    this.#segments.set(number, 0);
    this.#active = { number, file };
    await writeAll(file, SPOOL_HEADER);
    this.#segments.set(number, SPOOL_HEADER.length);
    await syncFolder(folder);
    return this.#active;
  }

  /** After a failed write: back to what is known to be whole, if the disk allows; never appended to again. */
  async #abandon(): Promise<void> {
    if (this.#active === undefined) return;
    const { number, file } = this.#active;
    try {
      await file.truncate(this.#segments.get(number)!);
    } catch (error) {
      this.#options.log.warn("A spool segment keeps an unconfirmed tail", { error: describeError(error) });
    }
    this.#seal();
  }

  #seal(): void {
    this.#active?.file.close();
    this.#active = undefined;
  }

  #oldestSealed(): Promise<number | undefined> {
    const [oldest] = this.#segments.keys();
    if (oldest !== undefined && oldest === this.#active?.number) this.#seal();
    return Promise.resolve(oldest);
  }

  async #drainSegment(
    number: number,
    handler: (batch: string[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<number> {
    const { batchRecords = BATCH_RECORDS, counters } = this.#options;
    const decoded = await disk("read", async () => decodeSegment(await Deno.readFile(this.#path(number))));
    if (decoded.otherVersion !== undefined) {
      throw new ConfigError("SPOOL_DIR", `a segment has format ${decoded.otherVersion}`, `format ${SPOOL_VERSION}`);
    }
    const damage = `${decoded.corrupt.length} ${decoded.torn}`;
    const isNews = this.#damage.get(number) !== damage;
    if (decoded.corrupt.length > 0 && isNews) await this.#setAside(number, decoded.corrupt);
    this.#damage.set(number, damage);
    if (decoded.torn && isNews) {
      counters.add("spool_torn_total");
      this.#options.log.info("A spool segment ended in an unconfirmed record, which was left out", { segment: number });
    }
    const done = this.#cursor?.segment === number ? this.#cursor.offset : 0;
    const waiting = decoded.records.filter((record) => record.end > done);
    for (let from = 0; from < waiting.length; from += batchRecords) {
      if (signal.aborted) return from;
      const batch = waiting.slice(from, from + batchRecords);
      await handler(batch.map((record) => record.text));
      counters.add("spool_drained_total", batch.length);
      // The last batch needs no cursor: the segment goes.
      if (from + batchRecords < waiting.length) await this.#moveCursor({ segment: number, offset: batch.at(-1)!.end });
    }
    await disk("remove", () => removeIfThere(this.#path(number)));
    this.#segments.delete(number);
    this.#damage.delete(number);
    counters.set("spool_bytes", this.sizeBytes);
    return waiting.length;
  }

  /**
   * Remembered here even when the disk refuses: a full one has room again only when what waits on it was handled and removed. A
   * process that ends before that hands it over again.
   */
  async #moveCursor(cursor: Cursor): Promise<void> {
    this.#cursor = cursor;
    try {
      await writeFileAtomically(cursorPath(this.#options.folder), JSON.stringify(cursor));
    } catch (error) {
      this.#options.log.debug("The spool goes on without storing how far it is", { error: describeError(error) });
    }
  }

  /** Damaged lines go into a file of their own, whole, so that a repetition writes the same. */
  async #setAside(number: number, corrupt: readonly Uint8Array[]): Promise<void> {
    const { counters, log } = this.#options;
    const bytes = new Uint8Array(corrupt.reduce((sum, line) => sum + line.length, 0));
    let at = 0;
    for (const line of corrupt) {
      bytes.set(line, at);
      at += line.length;
    }
    await disk("set aside damaged records of", () => writeFileAtomically(`${this.#path(number)}.bad`, bytes));
    counters.add("spool_corrupt_total", corrupt.length);
    log.error("Damaged spool records were set aside in a .bad file", { segment: number, records: corrupt.length });
  }

  #path(number: number): string {
    return segmentPath(this.#options.folder, number);
  }

  #inTurn<R>(work: () => Promise<R>): Promise<R> {
    const turn = this.#turn.then(() => {
      if (this.#closed) throw new SpoolFailed("spool: is closed");
      return work();
    });
    this.#turn = turn.catch(() => {/* Its caller sees it; the next turn is not concerned. */});
    return turn;
  }
}

async function disk<R>(action: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw new SpoolFailed(`spool: cannot ${action} a segment`, { cause: error });
  }
}
