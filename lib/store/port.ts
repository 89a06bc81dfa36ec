/**
 * The port of the store: everything the service asks of its database, in words of the service. Behind it stand
 * MySQL-compatible servers and SQLite with the same behaviour; one suite (`tests/store/conformance.ts`) proves it.
 *
 * Three results (style, habit 5): a read that finds nothing gives `undefined` or an empty list; a write that can
 * collide gives a union; a database that cannot be used throws {@link StoreUnavailable}.
 *
 * Instants are milliseconds since 1970 UTC. `…Ms` columns of our own tables hold just that; the columns of the shop's
 * tables keep their SQL types. The clock of leases and due dates is the database's.
 *
 * @module
 */
import type { AccountId, Address } from "../domain/address.ts";
import type { FaultReason, MessageKind, MessageState, Origin, OutgoingMessage } from "../domain/message.ts";

/** A lease that we hold. Every move of a row that it guards names its epoch. */
export interface Lease {
  readonly name: string;
  /** Random, per process start. */
  readonly holder: string;
  /** Grows by one with each change of holder: the fencing token. */
  readonly epoch: number;
}

/** A lease as its user sees it. */
export interface HeldLease {
  readonly name: string;
  /** The lease while it is safe to act under it, else undefined. */
  lease(): Lease | undefined;
  /** A renewal inside somebody's own transaction was committed; `sentAtMonotonicMs` is from before it was sent. */
  confirmed(lease: Lease, sentAtMonotonicMs: number): void;
  /** A move matched no row, or a renewal found another epoch: it is not ours any more. */
  lost(lease: Lease): void;
  /** Called when the lease was taken (with it) or lost (without). @returns a function that ends the calls */
  onChange(listener: (lease: Lease | undefined) => void): () => void;
}

export interface LeaseStore {
  /**
   * Takes the lease if it is free or has run out; also when `holder` has it already.
   * @param deadHolder a holder whose death is proven: what it still holds counts as free. Nobody else's does
   * @returns the lease and the database's clock, or who has it and for how long
   */
  acquire(name: string, holder: string, ttlMs: number, deadHolder?: string): Promise<
    | { readonly result: "acquired"; readonly lease: Lease; readonly nowMs: number }
    | { readonly result: "held"; readonly holder: string; readonly expiresInMs: number; readonly nowMs: number }
  >;
  /**
   * Prolongs the lease. Inside a transaction it is the fence: the row stays locked until the end, so nobody can take
   * the lease over in between. @returns the database's clock, or undefined when the lease is lost
   */
  renew(lease: Lease, ttlMs: number): Promise<number | undefined>;
  /** Gives it back, so that another instance need not wait. Does nothing when it is lost already. */
  release(lease: Lease): Promise<void>;
  list(): Promise<readonly { name: string; holder: string; epoch: number; expiresInMs: number }[]>;
}

/** A row of the outbox that may be handed over. */
export interface OutboxRow {
  readonly id: number;
  readonly account: AccountId;
  /** Hash of account and recipient: rows of one lane leave one after another. */
  readonly lane: string;
  readonly recipient: Address;
  readonly body: string;
  readonly kind: MessageKind;
  readonly origin: Origin;
  /** Tries that cost something, so far. */
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

/** One try, for the timeline (`outbox_attempts`). */
export interface Attempt {
  readonly handedOverAtMs: number;
  readonly endedAtMs: number;
  /** `accepted`, `retry`, `refused`, `paused`, `unknown`. */
  readonly outcome: string;
  readonly reason?: FaultReason | string;
  readonly remoteId?: string;
  /** JSON, no message text: failed members of a group, the wait that was asked for. */
  readonly detail?: string;
}

/** A settled row, as its owner needs it: given to `onSettled` in the same transaction. */
export interface SettledRow {
  readonly id: number;
  readonly kind: MessageKind;
  readonly origin: Origin;
  readonly state: "accepted" | "dead" | "dropped";
  readonly reason?: FaultReason;
}

/**
 * Moves of outbox rows. Each names the state it starts from and matches id, state and epoch; a row that no longer
 * matches is left alone and is missing from the returned ids: the lease was lost (count it, stop).
 */
export interface OutboxStore {
  /**
   * Stores messages as `queued`, in the given order (ids grow with it).
   * A message whose idempotency key exists already is not stored again.
   * @returns an id per message, of the older row for a known key
   */
  enqueue(messages: readonly OutgoingMessage[]): Promise<readonly number[]>;
  /**
   * Queued rows of the account that are due, oldest first within a lane, at most `perLane` of each, at most `limit`
   * in all. Lanes come in turn, starting behind `afterLane`, so that a long lane never hides another.
   * A lane appears only when its oldest unfinished row (queued, sending or unknown) is due and queued, or, for a lane
   * in `running`, behind the rows that are in flight there. Lanes in `skip` are left out.
   * @returns the rows and the lane to continue behind (`undefined`: all lanes were seen)
   */
  candidates(account: AccountId, options: {
    readonly afterLane: string | undefined;
    readonly limit: number;
    readonly perLane: number;
    readonly nowMs: number;
    /** Lanes with rows in flight here, with the number of rows they may still take. */
    readonly running: ReadonlyMap<string, number>;
    readonly skip: ReadonlySet<string>;
    /** Lanes that wait for no turn: they come first, and take half of `limit` together at most. */
    readonly first?: ReadonlySet<string>;
    /**
     * Lanes with a row in `sending` or `unknown` that are not in `running`, when the caller knows them: after it has taken
     * stock only the holder of the lease can make one. Left out: the database is asked.
     */
    readonly blocked?: ReadonlySet<string>;
  }): Promise<{ readonly rows: readonly OutboxRow[]; readonly nextLane: string | undefined }>;
  /** queued → sending. */
  markSending(ids: readonly number[], lease: Lease, nowMs: number): Promise<readonly number[]>;
  /** sending|unknown → accepted: the row moves to the archive, with a line in its timeline. */
  settleAccepted(
    rows: readonly { readonly id: number; readonly attempt: Attempt; readonly attempts: number }[],
    lease: Lease,
  ): Promise<readonly number[]>;
  /** sending|unknown → queued, due at `dueAtMs`, with a line in its timeline; `attempts` is the new count. */
  requeue(
    rows: readonly {
      readonly id: number;
      readonly attempt: Attempt;
      readonly attempts: number;
      readonly dueAtMs: number;
    }[],
    lease: Lease,
  ): Promise<readonly number[]>;
  /** sending → queued for rows that were never handed over: no line, no cost, due as before. */
  giveBack(ids: readonly number[], lease: Lease): Promise<readonly number[]>;
  /** sending → unknown, with a line in its timeline. */
  markUnknown(
    rows: readonly { readonly id: number; readonly attempt: Attempt; readonly attempts: number }[],
    lease: Lease,
  ): Promise<readonly number[]>;
  /** unknown → queued, due at once, at its old place in the lane: the policy `resend`. */
  resend(ids: readonly number[], lease: Lease): Promise<readonly number[]>;
  /** queued|sending|unknown → dead, with the reason; `attempt` when a try led to it. */
  markDead(
    rows: readonly {
      readonly id: number;
      readonly reason: FaultReason;
      readonly attempt?: Attempt;
      readonly attempts: number;
    }[],
    lease: Lease,
    nowMs: number,
  ): Promise<readonly number[]>;
  /**
   * Rows of the account that an earlier holder left in `sending` or `unknown`, whatever their epoch, and takes them over
   * into the given lease's epoch in the same step.
   */
  takeOver(lease: Lease, account: AccountId): Promise<
    readonly {
      readonly id: number;
      readonly lane: string;
      readonly recipient: Address;
      readonly state: "sending" | "unknown";
      /** Epoch under which it was marked. */
      readonly epoch: number;
      readonly attempts: number;
      readonly markedAtMs: number;
      readonly kind: MessageKind;
      readonly origin: Origin;
    }[]
  >;
  /** Which of the lanes ever had a message accepted, as far as {@link rememberLanes} was told. */
  knownLanes(account: AccountId, lanes: readonly string[]): Promise<ReadonlySet<string>>;
  /** These lanes had a message accepted. Known ones stay as they are. */
  rememberLanes(account: AccountId, lanes: readonly string[], nowMs: number): Promise<void>;
  /** Lanes whose oldest unfinished row waits for a date, with that date: what a dispatcher must skip. */
  waitingLanes(
    account: AccountId,
    nowMs: number,
  ): Promise<readonly { readonly lane: string; readonly dueAtMs: number }[]>;
  /** Queued rows past `expires_at_ms`, oldest first. */
  expired(account: AccountId, nowMs: number, limit: number): Promise<readonly OutboxRow[]>;
  /** queued → dropped (into the archive) for all rows of an owner that are still queued. @returns what was dropped */
  dropQueued(origin: Pick<Origin, "kind" | "key">, reason: string, nowMs: number): Promise<readonly SettledRow[]>;
  /** Counts by state of unfinished rows, and the age of the oldest queued one. */
  backlog(nowMs: number): Promise<{
    readonly queued: number;
    readonly sending: number;
    readonly unknown: number;
    readonly dead: number;
    readonly oldestQueuedAgeMs: number | undefined;
  }>;
  /**
   * Receipts for messages of the account, by what {@link Attempt.remoteId} of the accepted try was. A message in the
   * archive becomes `delivered` or `read`, and each member's receipt is kept once.
   * @returns remote ids that belong to no archived message
   */
  recordReceipts(
    account: AccountId,
    receipts: readonly {
      readonly remoteId: string;
      readonly from: Address | undefined;
      readonly kind: "delivered" | "read";
      readonly atMs: number;
    }[],
  ): Promise<ReadonlySet<string>>;
  /** Which of these remote ids belong to a finished message of the account. */
  recordedRemoteIds(account: AccountId, remoteIds: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * dead → queued, behind everything in their lanes, in their old order, with a fresh age; only rows replayed fewer than
   * `maxReplays` times. Ids change: the story of the old one goes on under the new one.
   * @returns old and new ids, and owners that are owed these messages again
   */
  replay(ids: readonly number[], maxReplays: number, nowMs: number): Promise<
    readonly { readonly oldId: number; readonly newId: number; readonly origin: Origin }[]
  >;
  /**
   * Every replay of a message, oldest first, whichever of its ids is given. Signs of a replay are kept as long as finished
   * messages; empty for a message that was never replayed, and for one that is not known.
   */
  replaysOf(id: number): Promise<readonly { readonly oldId: number; readonly newId: number; readonly atMs: number }[]>;
  /** dead → dropped, into the archive. @returns what was dropped, for its owners */
  drop(ids: readonly number[], reason: string, nowMs: number): Promise<readonly SettledRow[]>;
  /** One message with its timeline, from hot table or archive. Bodies are left out unless asked for. */
  find(id: number): Promise<OutboxStory | undefined>;
  /** The message's text: never together with the rest, so that it is shown only to who asks for it. */
  body(id: number): Promise<string | undefined>;
  /** Unfinished messages of the same lane that were enqueued before this unfinished one; undefined: it is the first. */
  ahead(id: number): Promise<{ readonly count: number; readonly head: OutboxListing } | undefined>;
  /**
   * Messages of one owner, finished or not, in the order of their ids.
   * @param enqueued finished ones are looked for among those enqueued between these instants: history has no index by owner
   */
  ofOrigin(
    origin: Pick<Origin, "kind" | "key">,
    enqueued: { readonly sinceMs: number; readonly untilMs: number },
  ): Promise<readonly number[]>;
  /** Dead messages for people, in the order of their ids. */
  deadLetters(filter: DeadFilter): Promise<readonly DeadMessage[]>;
  /** Unfinished rows for people, oldest first. */
  list(
    filter: { readonly states: readonly MessageState[]; readonly afterId?: number; readonly limit: number },
  ): Promise<
    readonly OutboxListing[]
  >;
}

export interface OutboxListing {
  readonly id: number;
  readonly account: AccountId;
  readonly recipient: Address;
  readonly kind: MessageKind;
  readonly origin: Origin;
  readonly state: MessageState;
  readonly reason: string | undefined;
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly dueAtMs: number;
}

/** Which dead letters: every condition that is given has to hold. */
export interface DeadFilter {
  readonly reason?: string;
  /** The first part of an account: `signal`. */
  readonly channel?: string;
  /** Dead since this instant or longer. */
  readonly diedUntilMs?: number;
  readonly afterId?: number;
  readonly limit: number;
}

export interface DeadMessage extends OutboxListing {
  readonly diedAtMs: number;
  /** How often it was replayed before. */
  readonly replays: number;
}

export interface OutboxStory extends OutboxListing {
  readonly lane: string;
  /** Unfinished ones: when it is given up. */
  readonly expiresAtMs: number | undefined;
  /** Marked for sending last; undefined when it never was, or is finished. */
  readonly markedAtMs: number | undefined;
  readonly remoteId: string | undefined;
  readonly finishedAtMs: number | undefined;
  readonly replays: number;
  readonly receipts: readonly {
    readonly member: Address | undefined;
    readonly kind: "delivered" | "read";
    readonly atMs: number;
  }[];
  readonly timeline: readonly (Attempt & { readonly attempts: number })[];
}

/** A stored event that waits for its automations. */
export interface InboxRow {
  readonly id: number;
  readonly account: AccountId;
  readonly lane: string;
  readonly body: string;
  readonly receivedAtMs: number;
  readonly attempts: number;
}

export interface InboxStore {
  /** Stores events, each once by (account, external id). @returns how many were new */
  accept(
    events: readonly { account: AccountId; externalId: string; lane: string; body: string; receivedAtMs: number }[],
  ): Promise<{ readonly stored: number; readonly duplicates: number }>;
  /** Events that are due, oldest first, without those whose lane has an older unfinished one that is not due or is in `busyLanes`. */
  due(options: { readonly limit: number; readonly nowMs: number; readonly busyLanes: ReadonlySet<string> }): Promise<
    readonly InboxRow[]
  >;
  /** new → done: the body is cleared, the key stays (60 days at least) to recognise a repetition. @returns false when it was not `new` */
  finish(id: number, nowMs: number): Promise<boolean>;
  /** new → new, later. */
  defer(id: number, attempts: number, dueAtMs: number, reason: string): Promise<void>;
  /** new → dead: the body stays for a replay. */
  bury(id: number, attempts: number, reason: string, nowMs: number): Promise<void>;
  backlog(): Promise<{ readonly waiting: number; readonly dead: number }>;
  /** One event, whatever its state. */
  find(id: number): Promise<InboxListing | undefined>;
  /** The stored body; undefined once the event is finished. */
  body(id: number): Promise<string | undefined>;
  /** Events of the same sender that came earlier and are not finished. */
  ahead(id: number): Promise<{ readonly count: number; readonly head: InboxListing } | undefined>;
  /** Dead events for people, in the order of their ids. */
  deadLetters(filter: DeadFilter): Promise<readonly InboxListing[]>;
  /** dead → new, due now, with all its tries, at its old place. @returns ids that were dead */
  replay(ids: readonly number[], nowMs: number): Promise<readonly number[]>;
  /** dead → done without any effect: the body is cleared, the reason kept, the key recognised. @returns ids that were dead */
  drop(ids: readonly number[], reason: string, nowMs: number): Promise<readonly number[]>;
}

/** An event for people: everything but its body. */
export interface InboxListing {
  readonly id: number;
  readonly account: AccountId;
  readonly state: "new" | "done" | "dead";
  readonly reason: string | undefined;
  readonly attempts: number;
  readonly receivedAtMs: number;
  readonly dueAtMs: number;
  readonly finishedAtMs: number | undefined;
}

/** What is known of an order's notification. */
export interface OrderStanding {
  readonly orderId: number;
  /** `orders.notified`; undefined for NULL, which is never due. */
  readonly notified: boolean | undefined;
  /** Undefined while nothing was opened for it, or after its row was cleared. */
  readonly delivery: {
    readonly generation: number;
    readonly state: "open" | "held" | "done" | "dead";
    readonly remaining: number;
    readonly accepted: number;
    readonly dropped: number;
    readonly dead: number;
    readonly createdAtMs: number;
    readonly changedAtMs: number;
  } | undefined;
}

/** An order that owes messages. Values as they are in the row, decoded one by one: a bad one is named, not thrown. */
export interface DueOrder {
  readonly id: number;
  readonly client: string | undefined;
  /** As DECIMAL text (`"12.50"`), or `undefined` for NULL. */
  readonly total: string | undefined;
  readonly ipAddress: string | undefined;
  readonly affiliateToken: string | undefined;
  /** `undefined` for NULL. DATETIME columns are read in `ORDERS_TIMEZONE`, TIMESTAMP ones are instants. */
  readonly createdAtMs: number | undefined;
  /** The generation that this notification will be: 1, or one more after a re-arming. */
  readonly generation: number;
  /** Columns that could not be read, with what was wrong: `total: not a number`. Their value above is `undefined`. */
  readonly problems: readonly string[];
}

export interface OrdersStore {
  /**
   * Unnotified orders without an own row in `order_deliveries`, and re-armed ones, oldest first by id; never `id > last`
   * (design §4), so dead or held ones hide no new one.
   */
  due(limit: number): Promise<readonly DueOrder[]>;
  /** One order, whatever its flag: for previews. */
  find(orderId: number): Promise<DueOrder | undefined>;
  /** Its flag and its delivery; undefined when there is no such order. */
  standing(orderId: number): Promise<OrderStanding | undefined>;
  /** The order's row, in the transaction that enqueues its messages. `conflict`: another session was first. */
  open(orderId: number, generation: number, remaining: number, state: "open" | "held"): Promise<"opened" | "conflict">;
  /**
   * {@link open} for a batch, with a number of statements that does not grow with it. Order ids are distinct.
   * @returns ids of the orders that were opened; the missing ones are conflicts
   */
  openMany(
    orders: readonly {
      readonly orderId: number;
      readonly generation: number;
      readonly remaining: number;
      readonly state: "open" | "held";
    }[],
  ): Promise<ReadonlySet<number>>;
  /**
   * Counts settled messages down and, where none remains, sets `orders.notified` (all accepted) or marks the order dead.
   * Dropped messages are no longer owed. Locks each order's row first, so two sessions that settle its two messages at
   * once cannot both miss the end.
   * @returns orders that reached their end
   */
  settle(
    changes: readonly {
      readonly orderId: number;
      readonly generation: number;
      readonly accepted: number;
      readonly dropped: number;
      readonly dead: number;
    }[],
  ): Promise<readonly { readonly orderId: number; readonly end: "done" | "dead" }[]>;
  /** Dead messages of these orders were replayed: they are owed again, and the order is open. */
  reopen(
    changes: readonly { readonly orderId: number; readonly generation: number; readonly messages: number }[],
  ): Promise<void>;
  /** Orders whose flag somebody set TRUE while their messages were still owed. */
  flaggedByHand(limit: number): Promise<readonly { readonly orderId: number; readonly generation: number }[]>;
  /** Their messages were dropped: the row is done. */
  closeByHand(orderId: number, generation: number): Promise<void>;
  /** For the very first start: unnotified orders, and how many are older than `beforeMs`. */
  history(
    beforeMs: number,
  ): Promise<{ readonly unnotified: number; readonly older: number; readonly newestId: number | undefined }>;
  /**
   * Holds unnotified orders older than `beforeMs` (all when undefined) that have no row yet, at most `limit` per call.
   * @param upToId leaves out orders with a greater id: those that came while the history was being held
   * @returns how many
   */
  hold(beforeMs: number | undefined, limit: number, upToId?: number): Promise<number>;
  /**
   * Turns held orders created at `sinceMs` or later (all when undefined) into due ones, at most `limit` per call.
   * @returns how many
   */
  releaseHeld(sinceMs: number | undefined, limit: number): Promise<number>;
  counts(): Promise<{ readonly open: number; readonly held: number; readonly dead: number }>;
  /** What is unusual about the shop's table: column order, types, missing index, for `doctor` and the start-up log. */
  inspect(): Promise<readonly string[]>;
}

export interface Affiliate {
  readonly id: number;
  readonly phoneNumber: string | undefined;
  readonly token: string;
  readonly createdAtMs: number;
  readonly isActive: boolean;
  /** The service identity, once known: `signal:aci:…`. */
  readonly identity: Address | undefined;
}

export interface AffiliatesStore {
  /** By service identity, following merges. */
  byIdentity(identity: Address): Promise<Affiliate | undefined>;
  byPhoneNumber(phoneNumber: string): Promise<Affiliate | undefined>;
  /** By binary value (`abc` is not `ABC`), following merges. */
  byToken(token: string): Promise<Affiliate | undefined>;
  /** {@link byToken} for a batch in one statement; tokens that nobody has are missing from the map. */
  byTokens(tokens: readonly string[]): Promise<ReadonlyMap<string, Affiliate>>;
  byId(id: number): Promise<Affiliate | undefined>;
  /** One person, one row: unique on identity, number and token. */
  insert(
    affiliate: {
      readonly identity: Address | undefined;
      readonly phoneNumber: string | undefined;
      readonly token: string;
    },
  ): Promise<
    | { readonly result: "created"; readonly affiliate: Affiliate }
    | { readonly result: "identity_taken" }
    | { readonly result: "number_taken" }
    | { readonly result: "token_taken" }
  >;
  /** Binds a service identity to a row that was known by number only. `taken`: it belongs to another row. */
  bindIdentity(affiliateId: number, identity: Address): Promise<"bound" | "taken">;
  /** Sets or changes the number. `taken`: it belongs to another row. */
  setPhoneNumber(affiliateId: number, phoneNumber: string): Promise<"set" | "taken">;
  /** `from` becomes an alias of `into`: its identity and its token lead there from now on. */
  merge(fromId: number, intoId: number): Promise<void>;
  setActive(affiliateId: number, active: boolean): Promise<"changed" | "unchanged" | "absent">;
  list(
    filter: { readonly afterId?: number; readonly limit: number; readonly active?: boolean },
  ): Promise<readonly Affiliate[]>;
  /** Characters that both token columns hold (`affiliates.token`, `orders.affiliate_token`): the upper bound of TOKEN_LENGTH. */
  tokenWidth(): Promise<number>;
}

/** Small facts of the service that must survive: the first start, a channel's pause. Values are JSON. */
export interface StateStore {
  get(key: string): Promise<string | undefined>;
  put(key: string, value: string): Promise<void>;
  /** @returns false when the key exists: its value stays */
  putIfAbsent(key: string, value: string): Promise<boolean>;
  remove(key: string): Promise<void>;
}

/** Tables from which old finished rows go, in the order in which they are walked. */
export const RETENTION_TABLES = ["outbox_archive", "inbox", "idempotency_keys", "order_deliveries"] as const;
export type RetentionTable = typeof RETENTION_TABLES[number];
/** A primary key of one of them. */
export type RetentionKey = number | string;

/**
 * Old finished rows. Never asked of `orders`, `affiliates`, identities, merges, leases or `service_state`; never touches a
 * row that is unfinished or dead.
 */
export interface RetentionStore {
  /**
   * Reads one page behind the key `after` (undefined: from the start), without locks.
   * @returns keys of rows that finished before `beforeMs`, and where to go on; `next` is undefined at the end
   */
  look(
    table: RetentionTable,
    page: { readonly after: RetentionKey | undefined; readonly limit: number; readonly beforeMs: number },
  ): Promise<{ readonly keys: readonly RetentionKey[]; readonly next: RetentionKey | undefined }>;
  /** Removes those of the rows that are still old, with what belongs to them. @returns how many rows of the table itself */
  remove(table: RetentionTable, keys: readonly RetentionKey[], beforeMs: number): Promise<number>;
}

/** What one statement a second learns (design §10, idle): is there anything to do? */
export interface Pulse {
  /** The database's clock. */
  readonly nowMs: number;
  /** Accounts with a queued row that is due. */
  readonly outboxDue: boolean;
  readonly inboxDue: boolean;
  readonly ordersDue: boolean;
  /** An order's flag was set by hand while messages were owed. */
  readonly ordersFlagged: boolean;
}

/** The parts of the store; the same inside and outside a transaction. */
export interface StoreSession {
  readonly leases: LeaseStore;
  readonly outbox: OutboxStore;
  readonly inbox: InboxStore;
  readonly orders: OrdersStore;
  readonly affiliates: AffiliatesStore;
  readonly state: StateStore;
  readonly retention: RetentionStore;
}

/** A transaction under way. */
export type StoreTx = StoreSession & { readonly inTransaction: true };

export interface Store extends StoreSession {
  readonly engine: "mysql" | "sqlite";
  /**
   * Runs `work` in one READ COMMITTED transaction. Deadlocks (1213) and lock waits (1205), also at COMMIT, run the
   * whole of it again, so it must keep no state outside. A throw rolls back and passes on.
   * @throws {StoreUnavailable} with `maybeCommitted` when the connection died during COMMIT
   */
  transaction<T>(name: string, work: (tx: StoreTx) => Promise<T>): Promise<T>;
  pulse(): Promise<Pulse>;
  /** One cheap statement within `timeoutMs`. @throws {StoreUnavailable} */
  ping(timeoutMs: number): Promise<void>;
  /** Whether the schema fits this program. @throws {StoreUnavailable} `schema`, with the command to run */
  checkSchema(): Promise<void>;
  /** Ends connections; never hangs, whatever the server does. */
  close(): Promise<void>;
}
