/**
 * The port between the program and everything around it: the Signal service, the disk, other processes.
 *
 * @module
 */
import type { FaultBook, ResultType } from "./faults.ts";
import type { WorldState } from "./state.ts";
import type { WorldTime } from "./time.ts";

/** One recipient's fate, as it stands in an answer (facts: signal.md §4.5). */
export interface SendResult {
  readonly recipientAddress: {
    readonly uuid: string | null;
    readonly number: string | null;
    readonly username: string | null;
  };
  readonly groupId?: string;
  readonly type: ResultType;
  readonly token?: string;
  readonly retryAfterSeconds?: number;
}

/** What the service accepted: one line of `sent.jsonl`. */
export interface SentRecord {
  /** Counts up from 1 over all processes of this world. */
  seq: number;
  pid: number;
  at_ms: number;
  timestamp: number;
  account: string;
  /** `message`, `edit`, `reaction`, `receipt`, `typing`, `delete`. */
  kind: string;
  to: { uuid: string; number: string | null } | { group: string };
  body: string;
  results: readonly SendResult[];
}

/** Something that waits on the server for an account: one line of `inbound.jsonl`. See README for the forms. */
export type Inbound = Readonly<Record<string, unknown>>;

export interface QueueItem {
  /** Place in the server's queue, growing. */
  readonly seq: number;
  readonly item: Inbound;
}

/** The server's queue of one account, and signal-cli's `msg-cache` for it. What is done here survives a kill. */
export interface Mailbox {
  /** The oldest message that is not acknowledged. */
  next(): QueueItem | undefined;
  /** Step (1): the encrypted envelope goes to disk. */
  cache(item: QueueItem): void;
  /** Step (2): the server forgets it. */
  ack(item: QueueItem): void;
  /** Step (3): decrypted; it can never be decrypted again. */
  markDecrypted(item: QueueItem): void;
  /** Step (6). */
  dropCached(item: QueueItem): void;
  /** What is in the cache, oldest first, with what happened to it. */
  cached(): readonly (QueueItem & { readonly decrypted: boolean })[];
  /** True when this message was decrypted before. */
  wasDecrypted(seq: number): boolean;
  /** Calls back when something may have arrived. @returns a function that ends the calls */
  onArrival(listener: () => void): () => void;
}

/** What signal-cli remembers of an account on its own disk. Kept by the {@link World.flush} after each {@link World.remember}. */
export interface AccountMemory {
  /** The service refused the login once: not registered from now on. */
  deregistered: boolean;
  /** `link` made it a device of this account, although `world.json` knows none here. */
  linked?: boolean;
  /** Key by service id, of everybody met. */
  readonly keys: Record<string, string>;
  /** Numbers learnt from the directory, by service id. */
  readonly numbers: Record<string, string>;
  /** Tokens of challenges that were solved. */
  readonly solved: string[];
}

/** Something new to remember. */
export type MemoryChange = Partial<AccountMemory>;

export function emptyMemory(): AccountMemory {
  return { deregistered: false, keys: {}, numbers: {}, solved: [] };
}

export function applyChange(memory: AccountMemory, { keys, numbers, solved, ...rest }: MemoryChange): void {
  Object.assign(memory, rest);
  Object.assign(memory.keys, keys);
  Object.assign(memory.numbers, numbers);
  memory.solved.push(...solved ?? []);
}

/** Whether signal-cli has the account on its disk. */
export function isRegistered(
  world: World,
  account: { readonly number: string; readonly registered: boolean },
): boolean {
  const { deregistered, linked } = world.memory(account.number);
  return (account.registered || linked === true) && !deregistered;
}

export interface World {
  readonly time: WorldTime;
  readonly state: WorldState;
  readonly faults: FaultBook;
  /** Looks whether somebody changed the world. Cheap: it is called before each batch of input. */
  refresh(): void;
  /** Takes the account's lock; calls `onBusy` once when another process holds it. @returns the release */
  lock(account: string, onBusy: () => void): Promise<() => void>;
  mailbox(account: string): Mailbox;
  memory(account: string): AccountMemory;
  remember(account: string, change: MemoryChange): void;
  /** Milliseconds, never the same twice. */
  nextTimestamp(): number;
  /** The service accepted it. Safe against a kill after {@link flush}, which comes before any answer leaves. */
  record(sent: Omit<SentRecord, "seq" | "pid" | "at_ms">): void;
  /** A line of input, when the world wants to keep them. */
  recordRequest(line: string): void;
  /** Puts something into an account's queue on the server. */
  push(account: string, item: Inbound): void;
  flush(): void;
  /** Calls back after a change of {@link state}. @returns a function that ends the calls */
  onChange(listener: () => void): () => void;
  /** Whether a file exists and is readable for an attachment. */
  attachmentReadable(path: string): boolean;
}
