/**
 * The inbox: what reached us and is not done yet, or was done lately. A part of the port: see `../port.ts`.
 *
 * @module
 */
import type { AccountId } from "../../domain/address.ts";
import type { DeadFilter } from "./outbox.ts";

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
  /** Dead events for people, in the order of their ids or against it. */
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
