import type { Inbound, Mailbox, QueueItem } from "./world.ts";

/** Bytes of the cursor line: three numbers and blanks. One write of fixed length, so that a kill cannot halve it. */
const CURSOR_BYTES = 64;
const READ_BYTES = 65_536;
const LINE_FEED = 10;

/**
 * One account's queue on the server (`inbound.jsonl`, and in `cursor-<account>` how far it is acknowledged) and
 * signal-cli's cache (`msg-cache/<account>/<seq>.waiting` or `.decrypted`).
 */
export class FolderMailbox implements Mailbox {
  /** Set by the world: somebody wants to be told of arrivals. */
  onWatched: () => void = () => {};
  readonly #account: string;
  readonly #isDefault: () => boolean;
  readonly #cache: string;
  readonly #inbound: Deno.FsFile;
  readonly #cursor: Deno.FsFile;
  readonly #listeners = new Set<() => void>();
  readonly #ends = new Map<number, number>();
  readonly #decoder = new TextDecoder();
  readonly #queue: QueueItem[] = [];
  #rest = new Uint8Array(0);
  #readAt: number;
  #seq: number;
  /** Acknowledged: everything before this line number, which starts at this byte. */
  #acked: { seq: number; offset: number };
  /** Decrypted: everything before this line number that is not in the cache. */
  #decrypted: number;

  /** @param isDefault whether lines that name no account are for this one */
  constructor(folder: string, account: string, isDefault: () => boolean) {
    this.#account = account;
    this.#isDefault = isDefault;
    this.#cache = `${folder}/msg-cache/${account}`;
    Deno.mkdirSync(this.#cache, { recursive: true });
    this.#inbound = Deno.openSync(`${folder}/inbound.jsonl`);
    this.#cursor = Deno.openSync(`${folder}/cursor-${account}`, { create: true, read: true, write: true });
    const bytes = new Uint8Array(CURSOR_BYTES);
    const [seq = 0, offset = 0, decrypted = 0] = this.#decoder.decode(
      bytes.subarray(0, this.#cursor.readSync(bytes) ?? 0),
    )
      .split(" ").filter((part) => part.trim() !== "").map(Number);
    this.#acked = { seq, offset };
    [this.#seq, this.#readAt, this.#decrypted] = [seq, offset, decrypted];
  }

  next(): QueueItem | undefined {
    if (this.#queue.length === 0) this.#read();
    return this.#queue[0];
  }

  cache(item: QueueItem): void {
    Deno.writeTextFileSync(`${this.#cache}/${item.seq}.waiting`, JSON.stringify(item));
  }

  ack(item: QueueItem): void {
    if (this.#queue[0]?.seq === item.seq) this.#queue.shift();
    this.#acked = { seq: item.seq + 1, offset: this.#ends.get(item.seq)! };
    this.#ends.delete(item.seq);
    this.#save();
  }

  markDecrypted(item: QueueItem): void {
    Deno.renameSync(`${this.#cache}/${item.seq}.waiting`, `${this.#cache}/${item.seq}.decrypted`);
    this.#decrypted = Math.max(this.#decrypted, item.seq + 1);
    this.#save();
  }

  dropCached(item: QueueItem): void {
    for (const state of ["decrypted", "waiting"]) {
      try {
        return Deno.removeSync(`${this.#cache}/${item.seq}.${state}`);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }

  cached(): readonly (QueueItem & { readonly decrypted: boolean })[] {
    const names = [...Deno.readDirSync(this.#cache)].map(({ name }) => name);
    return names.sort((a, b) => parseInt(a) - parseInt(b)).flatMap((name) => {
      const text = Deno.readTextFileSync(`${this.#cache}/${name}`);
      // Cut by a kill in the middle of step (1): as if it had not been written.
      if (!text.endsWith("}")) return [];
      return [{ ...JSON.parse(text) as QueueItem, decrypted: name.endsWith(".decrypted") }];
    });
  }

  wasDecrypted(seq: number): boolean {
    return seq < this.#decrypted;
  }

  onArrival(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.onWatched();
    return () => this.#listeners.delete(listener);
  }

  /** Tells the listeners when there is something new. */
  look(): void {
    if (this.#listeners.size === 0 || this.#queue.length > 0) return;
    this.#read();
    if (this.#queue.length > 0) { for (const listener of [...this.#listeners]) listener(); }
  }

  close(): void {
    this.#inbound.close();
    this.#cursor.close();
  }

  #save(): void {
    const line = `${this.#acked.seq} ${this.#acked.offset} ${this.#decrypted}`.padEnd(CURSOR_BYTES);
    this.#cursor.seekSync(0, Deno.SeekMode.Start);
    this.#cursor.writeSync(new TextEncoder().encode(line));
  }

  #read(): void {
    this.#inbound.seekSync(this.#readAt, Deno.SeekMode.Start);
    const chunk = new Uint8Array(READ_BYTES);
    for (let count: number | null; (count = this.#inbound.readSync(chunk)) !== null && count > 0;) {
      const start = this.#readAt - this.#rest.length;
      this.#readAt += count;
      const bytes = new Uint8Array(this.#rest.length + count);
      bytes.set(this.#rest);
      bytes.set(chunk.subarray(0, count), this.#rest.length);
      let from = 0;
      for (let end: number; (end = bytes.indexOf(LINE_FEED, from)) !== -1; from = end + 1) {
        this.#take(this.#decoder.decode(bytes.subarray(from, end)), start + end + 1);
      }
      this.#rest = bytes.slice(from);
    }
  }

  #take(line: string, end: number): void {
    const seq = this.#seq++;
    let item: Inbound;
    try {
      item = JSON.parse(line) as Inbound;
    } catch {
      // A mistake of the test: loud, as an exception line nobody can have asked for.
      item = {
        exception: { type: "SimulatorBadInboundLine", message: `line ${seq + 1} of inbound.jsonl is not JSON` },
      };
    }
    if (item.account === undefined ? !this.#isDefault() : item.account !== this.#account) return;
    this.#ends.set(seq, end);
    this.#queue.push({ seq, item });
  }
}
