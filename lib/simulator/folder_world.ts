/**
 * A world in a folder, `<data-dir>/simulator/`, for the executable: tests and people write its files while it runs,
 * and what it did stands in files that survive a kill. README has the table of files.
 *
 * @module
 */
import { FaultBook, type FaultRule } from "./faults.ts";
import { Appender, readIfThere, replaceFile, stamp } from "./files.ts";
import { FolderMailbox } from "./folder_mailbox.ts";
import { parseWorld, type WorldState } from "./state.ts";
import { REAL_TIME, type WorldTime } from "./time.ts";
import {
  type AccountMemory,
  applyChange,
  emptyMemory,
  type Inbound,
  type MemoryChange,
  type SentRecord,
  type World,
} from "./world.ts";

/** Two changes of a folder that come closer together can bear the same time; the kernel's grain is 10 ms at most. */
const MTIME_GRAIN_MS = 50;

export class FolderWorld implements World {
  readonly time: WorldTime = REAL_TIME;
  readonly faults: FaultBook;
  readonly folder: string;
  readonly #sent: Appender;
  readonly #fired: Appender;
  readonly #requests: Appender;
  readonly #inbound: Appender;
  readonly #mailboxes = new Map<string, FolderMailbox>();
  readonly #memories = new Map<string, AccountMemory>();
  readonly #changes = new Map<string, Appender>();
  readonly #listeners = new Set<() => void>();
  readonly #stamps = new Map<string, string>();
  readonly #locks = new Set<Deno.FsFile>();
  #state: WorldState = parseWorld({});
  #lastTimestamp = 0;
  #seq = 0;
  /** When something last came into the folder or went, as its file system says. */
  #folderAtMs = 0;
  #poll: ReturnType<typeof setInterval> | undefined;
  #watcher: Deno.FsWatcher | undefined;

  /** @param folder made when it is missing */
  constructor(folder: string) {
    this.folder = folder;
    Deno.mkdirSync(folder, { recursive: true });
    this.#sent = new Appender(`${folder}/sent.jsonl`);
    this.#fired = new Appender(`${folder}/faults-fired.jsonl`);
    this.#requests = new Appender(`${folder}/requests.jsonl`);
    this.#inbound = new Appender(`${folder}/inbound.jsonl`);
    this.#inbound.touch();
    this.faults = new FaultBook({
      nowMs: Date.now,
      fileExists: (name) => stamp(`${folder}/${name}`) !== "",
      onFired: (id) => this.#fired.line(JSON.stringify({ id, pid: Deno.pid, at_ms: Date.now() })),
    });
    for (const line of (readIfThere(`${folder}/faults-fired.jsonl`) ?? "").split("\n")) {
      if (line !== "") this.faults.restore((JSON.parse(line) as { id: string }).id);
    }
    for (const record of this.#sent.tail()) {
      const { seq, timestamp } = JSON.parse(record) as SentRecord;
      this.#seq = Math.max(this.#seq, seq);
      this.#lastTimestamp = Math.max(this.#lastTimestamp, timestamp);
    }
    this.#load();
  }

  get state(): WorldState {
    return this.#state;
  }

  /** A file that is half written or wrong leaves everything as it was, and is read again the next time. */
  refresh(): void {
    try {
      this.#load();
    } catch (error) {
      this.#stamps.clear();
      replaceFile(`${this.folder}/error.txt`, `${error}\n`);
    }
  }

  /** @throws when a file has not the promised form */
  #load(): void {
    if (this.#changed("world.json")) {
      this.#state = parseWorld(JSON.parse(readIfThere(`${this.folder}/world.json`) ?? "{}"));
      for (const listener of [...this.#listeners]) listener();
    }
    // Looked at for every piece of input, so an absent file must be cheap: nothing new can be in a folder that stands still.
    const { mtime } = Deno.statSync(this.folder);
    const stands = mtime !== null && mtime.getTime() === this.#folderAtMs &&
      Date.now() - this.#folderAtMs > MTIME_GRAIN_MS;
    this.#folderAtMs = mtime?.getTime() ?? 0;
    const json = this.#changed("faults.json", stands);
    const lines = this.#changed("faults.jsonl", stands);
    if (json || lines) this.faults.replace(this.#rules());
  }

  async lock(account: string, onBusy: () => void): Promise<() => void> {
    const file = await Deno.open(`${this.folder}/lock-${account}`, { create: true, write: true });
    if (!await file.tryLock(true)) {
      onBusy();
      await file.lock(true);
    }
    this.#locks.add(file);
    // Whom a test kills: the process that holds the account, not one that asks for the version or waits.
    replaceFile(`${this.folder}/pid`, `${Deno.pid}\n`);
    return () => {
      this.#locks.delete(file);
      file.close();
    };
  }

  mailbox(account: string): FolderMailbox {
    let mailbox = this.#mailboxes.get(account);
    if (!mailbox) {
      mailbox = new FolderMailbox(this.folder, account, () => this.#state.accounts[0]?.number === account);
      this.#mailboxes.set(account, mailbox);
      mailbox.onWatched = () => this.#watch();
    }
    return mailbox;
  }

  memory(account: string): AccountMemory {
    let memory = this.#memories.get(account);
    if (!memory) {
      memory = emptyMemory();
      for (const line of (readIfThere(`${this.folder}/memory-${account}.jsonl`) ?? "").split("\n")) {
        const change = line === "" ? undefined : parsed(line);
        if (change !== undefined) applyChange(memory, change);
      }
      this.#memories.set(account, memory);
    }
    return memory;
  }

  remember(account: string, change: MemoryChange): void {
    applyChange(this.memory(account), change);
    let appender = this.#changes.get(account);
    if (!appender) {
      appender = new Appender(`${this.folder}/memory-${account}.jsonl`);
      // Ends a line that a kill cut.
      appender.line("");
      this.#changes.set(account, appender);
    }
    appender.line(JSON.stringify(change));
  }

  nextTimestamp(): number {
    return this.#lastTimestamp = Math.max(Date.now(), this.#lastTimestamp + 1);
  }

  record(sent: Omit<SentRecord, "seq" | "pid" | "at_ms">): void {
    this.#sent.line(JSON.stringify({ seq: ++this.#seq, pid: Deno.pid, at_ms: Date.now(), ...sent }));
  }

  recordRequest(line: string): void {
    if (this.#state.recordRequests) this.#requests.line(line);
  }

  push(account: string, item: Inbound): void {
    this.#inbound.line(JSON.stringify({ ...item, account }));
  }

  flush(): void {
    this.#sent.flush();
    this.#fired.flush();
    this.#requests.flush();
    for (const appender of this.#changes.values()) appender.flush();
    if (this.#inbound.flush()) this.#look();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#watch();
    return () => this.#listeners.delete(listener);
  }

  attachmentReadable(path: string): boolean {
    try {
      // Facts, §6: files of signal-cli's own data are refused.
      const own = Deno.realPathSync(`${this.folder}/..`) + "/data/";
      return Deno.statSync(path).isFile && !Deno.realPathSync(path).startsWith(own);
    } catch {
      return false;
    }
  }

  /** Ends watching and closes all files; the world cannot be used any more. */
  close(): void {
    clearInterval(this.#poll);
    this.#watcher?.close();
    this.#watcher = undefined;
    for (const appender of [this.#sent, this.#fired, this.#requests, this.#inbound, ...this.#changes.values()]) {
      appender.close();
    }
    for (const mailbox of this.#mailboxes.values()) mailbox.close();
    for (const file of this.#locks) file.close();
  }

  /** @param stands no file came or went since it was last looked for */
  #changed(name: string, stands = false): boolean {
    if (stands && !this.#stamps.has(name)) return false;
    const now = stamp(`${this.folder}/${name}`);
    if (now === (this.#stamps.get(name) ?? "")) return false;
    if (now === "") this.#stamps.delete(name);
    else this.#stamps.set(name, now);
    return true;
  }

  #rules(): FaultRule[] {
    const list = JSON.parse(readIfThere(`${this.folder}/faults.json`) ?? "[]") as FaultRule[];
    const lines = (readIfThere(`${this.folder}/faults.jsonl`) ?? "").split("\n").filter((line) => line.trim() !== "");
    return [...list, ...lines.map((line) => JSON.parse(line) as FaultRule)];
  }

  #look(): void {
    for (const mailbox of this.#mailboxes.values()) mailbox.look();
  }

  /** Notices come from the operating system; the poll is for file systems that send none. */
  #watch(): void {
    if (this.#poll !== undefined) return;
    this.#poll = setInterval(() => {
      this.refresh();
      this.#look();
    }, this.#state.lookEveryMs);
    const watcher = Deno.watchFs([`${this.folder}/inbound.jsonl`]);
    this.#watcher = watcher;
    (async () => {
      for await (const _ of watcher) this.#look();
    })();
  }
}

/** A line of memory; undefined for one that a kill cut. */
function parsed(line: string): MemoryChange | undefined {
  try {
    return JSON.parse(line) as MemoryChange;
  } catch {
    return undefined;
  }
}
