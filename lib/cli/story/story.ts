/**
 * What `explain` knows of a message, an order or an event: facts and sentences as one value, which is shown as a page or
 * as JSON. Instants are milliseconds UTC in fields that end in `AtMs`.
 *
 * @module
 */
import type { MessageKind, MessageState, Origin } from "../../domain/message.ts";

/** Why something does not go on just now: a closed set. */
export type WaitCode =
  /** No instance holds the lease that is needed: the service does not run, or has no database. */
  | "no_service"
  /** The channel cannot be used: signal-cli is not there, or refused. */
  | "signal"
  /** The account pauses after a channel fault, or one message goes first after such a pause. */
  | "pause"
  /** Something earlier to the same recipient, or from the same sender, is not finished. */
  | "lane"
  /** The date of the next try has not come. */
  | "due"
  /** The recipient got as many messages as pacing allows. */
  | "pacing"
  /** As many new people were written to as pacing allows. */
  | "new_contact"
  /** It is being handed over. */
  | "sending"
  /** Handed over without an answer: evidence is waited for. */
  | "unknown"
  /** The order was there before the first start, and nobody decided about it. */
  | "held"
  /** Its owner waits for messages. */
  | "messages";

export interface Wait {
  readonly code: WaitCode;
  /** A full sentence. */
  readonly text: string;
  /** When it ends, as far as that is known. */
  readonly untilAtMs?: number;
  /** The message that comes first. */
  readonly behind?: number;
  /** The code of what went wrong. */
  readonly reason?: string;
}

/** What comes, and what a person can do. */
export interface Outlook {
  readonly waits: readonly Wait[];
  /** Full sentences. */
  readonly next: string;
  /** Sentences, and commands as they are typed; most useful first. */
  readonly actions: readonly string[];
}

export interface Try {
  /** Counts hand-overs from 1. */
  readonly number: number;
  /** It belongs to the time before the last replay. */
  readonly beforeReplay: boolean;
  readonly handedOverAtMs: number;
  readonly tookMs: number;
  readonly outcome: string;
  readonly reason: string | undefined;
  /** Whether it used up one of the message's tries. */
  readonly counted: boolean;
  readonly text: string;
}

export interface MessageStory extends Outlook {
  readonly type: "message";
  readonly id: number;
  readonly state: MessageState;
  /** What it is: a phrase. */
  readonly what: string;
  /** For whom, hidden in part unless asked for. */
  readonly to: string;
  readonly kind: MessageKind;
  readonly origin: Origin;
  readonly reason: string | undefined;
  /** The state in one sentence. */
  readonly verdict: string;
  /** Since when it stands in the queue; for a replayed one, since the replay. */
  readonly enqueuedAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  readonly tries: { readonly used: number; readonly allowed: number };
  /** How often it was replayed. */
  readonly replays: number;
  /** Ids that it had before, oldest first, each with the instant of the replay that changed it; as long as they are kept. */
  readonly earlier: readonly { readonly id: number; readonly replayedAtMs: number }[];
  readonly attempts: readonly Try[];
  readonly receipts: readonly { readonly from: string; readonly kind: "delivered" | "read"; readonly atMs: number }[];
  /** Members that a group send did not reach. */
  readonly notReached: readonly { readonly who: string; readonly reason: string; readonly text: string }[];
  readonly text: string | undefined;
}

export interface OrderStory extends Outlook {
  readonly type: "order";
  readonly id: number;
  /** `orders.notified`; undefined for NULL. */
  readonly notified: boolean | undefined;
  readonly state: "none" | "open" | "held" | "done" | "dead";
  readonly generation: number;
  /** Whether the flag is set and why, in full sentences. */
  readonly flag: string;
  readonly owed: {
    readonly remaining: number;
    readonly accepted: number;
    readonly dropped: number;
    readonly dead: number;
  };
  readonly openedAtMs: number | undefined;
  readonly changedAtMs: number | undefined;
  readonly messages: readonly MessageStory[];
  /** Older messages of the order that are left out here. */
  readonly olderMessages: number;
}

export interface InboundStory extends Outlook {
  readonly type: "inbox";
  readonly id: number;
  readonly state: "new" | "done" | "dead";
  readonly what: string;
  readonly from: string | undefined;
  readonly reason: string | undefined;
  readonly verdict: string;
  readonly receivedAtMs: number;
  readonly finishedAtMs: number | undefined;
  readonly tries: { readonly used: number; readonly allowed: number };
  /** Messages that it caused. */
  readonly messages: readonly MessageStory[];
  readonly text: string | undefined;
}

export type Story = MessageStory | OrderStory | InboundStory;
