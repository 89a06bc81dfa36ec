/**
 * A world in memory: for the demo, and for tests that run the program in their own process. A second run against the
 * same world is a restart: what the real disk would keep is kept.
 *
 * @module
 */
import { FaultBook, type FaultRule } from "./faults.ts";
import { REAL_TIME, type WorldTime } from "./time.ts";
import { parseWorld, type WorldState } from "./state.ts";
import {
  type AccountMemory,
  applyChange,
  emptyMemory,
  type Inbound,
  type Mailbox,
  type MemoryChange,
  type QueueItem,
  type SentRecord,
  type World,
} from "./world.ts";

export class MemoryWorld implements World {
  readonly faults: FaultBook;
  /** Everything that the service accepted, oldest first. */
  readonly sent: SentRecord[] = [];
  /** Lines of input, when `recordRequests` is set. */
  readonly requests: string[] = [];
  /** Names that `whileFile` of a rule looks for. */
  readonly files: Set<string> = new Set();
  /** Paths that can be attached. */
  readonly attachments: Set<string> = new Set();
  readonly #sentListeners = new Set<(record: SentRecord) => void>();
  readonly #changeListeners = new Set<() => void>();
  readonly #locks = new Map<string, Promise<void>>();
  readonly #mailboxes = new Map<string, MemoryMailbox>();
  readonly #memories = new Map<string, AccountMemory>();
  #description: Record<string, unknown>;
  #state: WorldState;
  #lastTimestamp = 0;

  /** @param description what `world.json` would hold. @throws {TypeError} when it has not the promised form */
  constructor(description: Readonly<Record<string, unknown>>, readonly time: WorldTime = REAL_TIME) {
    this.#description = { ...description };
    this.#state = parseWorld(description);
    this.faults = new FaultBook({ nowMs: time.nowMs, fileExists: (name) => this.files.has(name), onFired: () => {} });
  }

  get state(): WorldState {
    return this.#state;
  }

  /** Changes top-level fields of the description. @throws {TypeError} */
  update(changes: Readonly<Record<string, unknown>>): void {
    this.#description = { ...this.#description, ...changes };
    this.#state = parseWorld(this.#description);
    for (const listener of [...this.#changeListeners]) listener();
  }

  /** Replaces the fault rules. */
  script(rules: readonly FaultRule[]): void {
    this.faults.replace(rules);
  }

  /** Calls back for each message that the service accepts. @returns a function that ends the calls */
  onSent(listener: (record: SentRecord) => void): () => void {
    this.#sentListeners.add(listener);
    return () => this.#sentListeners.delete(listener);
  }

  push(account: string, item: Inbound): void {
    this.mailbox(account).push(item);
  }

  mailbox(account: string): MemoryMailbox {
    let mailbox = this.#mailboxes.get(account);
    if (!mailbox) this.#mailboxes.set(account, mailbox = new MemoryMailbox());
    return mailbox;
  }

  memory(account: string): AccountMemory {
    let memory = this.#memories.get(account);
    if (!memory) this.#memories.set(account, memory = emptyMemory());
    return memory;
  }

  remember(account: string, change: MemoryChange): void {
    applyChange(this.memory(account), change);
  }

  async lock(account: string, onBusy: () => void): Promise<() => void> {
    if (this.#locks.has(account)) onBusy();
    while (this.#locks.has(account)) await this.#locks.get(account);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#locks.set(account, promise);
    return () => {
      this.#locks.delete(account);
      resolve();
    };
  }

  nextTimestamp(): number {
    return this.#lastTimestamp = Math.max(this.time.nowMs(), this.#lastTimestamp + 1);
  }

  record(sent: Omit<SentRecord, "seq" | "pid" | "at_ms">): void {
    const record = { seq: this.sent.length + 1, pid: 0, at_ms: this.time.nowMs(), ...sent };
    this.sent.push(record);
    for (const listener of [...this.#sentListeners]) listener(record);
  }

  recordRequest(line: string): void {
    if (this.#state.recordRequests) this.requests.push(line);
  }

  onChange(listener: () => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  attachmentReadable(path: string): boolean {
    return this.attachments.has(path);
  }

  /** Nothing to look at: changes come by {@link update}. */
  refresh(): void {}
  flush(): void {}
}

class MemoryMailbox implements Mailbox {
  readonly #cached = new Map<number, QueueItem & { decrypted: boolean }>();
  readonly #decrypted = new Set<number>();
  readonly #listeners = new Set<() => void>();
  readonly #queue: QueueItem[] = [];
  #seq = 0;

  push(item: Inbound): void {
    this.#queue.push({ seq: this.#seq++, item });
    for (const listener of [...this.#listeners]) listener();
  }

  next(): QueueItem | undefined {
    return this.#queue[0];
  }

  cache(item: QueueItem): void {
    this.#cached.set(item.seq, { ...item, decrypted: false });
  }

  ack(item: QueueItem): void {
    if (this.#queue[0]?.seq === item.seq) this.#queue.shift();
  }

  markDecrypted(item: QueueItem): void {
    this.#decrypted.add(item.seq);
    this.#cached.set(item.seq, { ...item, decrypted: true });
  }

  dropCached(item: QueueItem): void {
    this.#cached.delete(item.seq);
  }

  cached(): readonly (QueueItem & { readonly decrypted: boolean })[] {
    return [...this.#cached.values()].sort((a, b) => a.seq - b.seq);
  }

  wasDecrypted(seq: number): boolean {
    return this.#decrypted.has(seq);
  }

  onArrival(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
