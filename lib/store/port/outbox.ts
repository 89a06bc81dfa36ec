/**
 * The outbox: its moves, and what is told of it. A part of the port: see `../port.ts`.
 *
 * @module
 */
import type { AccountId, Address } from "../../domain/address.ts";
import type { FaultReason, MessageKind, MessageState, Origin, OutgoingMessage } from "../../domain/message.ts";
import type { Lease } from "./leases.ts";

/** As many first contacts as `metSince` names at most: more than any limit on them allows. */
export const MOST_MET = 20_000;

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
  /** When lanes of the account had their first message accepted, of those since `sinceMs`: the latest {@link MOST_MET}, in no order. */
  metSince(account: AccountId, sinceMs: number): Promise<readonly number[]>;
  /** These lanes had a message accepted. Known ones stay as they are. */
  rememberLanes(account: AccountId, lanes: readonly string[], nowMs: number): Promise<void>;
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
  /** The oldest unfinished message of each lane that has one, by lane: what all others of the lane wait for. */
  heads(account: AccountId, lanes: readonly string[]): Promise<ReadonlyMap<string, OutboxListing>>;
  /**
   * Messages of one owner, finished or not, in the order of their ids.
   * @param enqueued finished ones are looked for among those enqueued between these instants: history has no index by owner
   */
  ofOrigin(
    origin: Pick<Origin, "kind" | "key">,
    enqueued: { readonly sinceMs: number; readonly untilMs: number },
  ): Promise<readonly number[]>;
  /** Dead messages for people, in the order of their ids or against it. */
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
  readonly lane: string;
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
  readonly beforeId?: number;
  /** Greatest id first. Default: least first. */
  readonly newestFirst?: boolean;
  readonly limit: number;
}

export interface DeadMessage extends OutboxListing {
  readonly diedAtMs: number;
  /** How often it was replayed before. */
  readonly replays: number;
}

export interface OutboxStory extends OutboxListing {
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
