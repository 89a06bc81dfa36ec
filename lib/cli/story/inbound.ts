/** The story of something that was received. @module */
import { decodeSignal } from "../../channels/signal/decode.ts";
import { DecodeError } from "../../domain/errors.ts";
import type { InboundEvent } from "../../domain/events.ts";
import { EVENT_RETRY_DELAYS_MS } from "../../inbox/worker.ts";
import type { InboxListing } from "../../store/port.ts";
import { maskNumber, showAddress } from "../screen/mask.ts";
import { messageStory } from "./message.ts";
import { reasonText } from "./reasons.ts";
import type { InboundStory, MessageStory, Outlook, Wait } from "./story.ts";
import type { Surroundings } from "./surroundings.ts";

/** How long after an event the messages may be enqueued that it causes: it may lie dead for a while first. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** @returns undefined when there is no such event */
export async function inboundStory(id: number, around: Surroundings): Promise<InboundStory | undefined> {
  const { store, showText, showNumbers } = around;
  const found = await store.inbox.find(id);
  if (found === undefined) return undefined;
  const body = await store.inbox.body(id);
  const event = body === undefined ? undefined : decode(body, found);
  const ids = await store.outbox.ofOrigin({ kind: "inbound", key: String(id) }, {
    sinceMs: found.receivedAtMs,
    untilMs: found.finishedAtMs ?? NO_LIMIT,
  });
  const messages: MessageStory[] = [];
  for (const each of ids) {
    const story = await messageStory(each, around);
    if (story !== undefined) messages.push(story);
  }
  return {
    type: "inbox",
    id,
    state: found.state,
    what: whatOf(event, body !== undefined),
    from: event === undefined ? undefined : senderOf(event, showNumbers),
    reason: found.reason,
    verdict: verdictOf(found),
    receivedAtMs: found.receivedAtMs,
    finishedAtMs: found.finishedAtMs,
    tries: { used: found.attempts, allowed: EVENT_RETRY_DELAYS_MS.length + 1 },
    messages,
    text: showText && event !== undefined && "body" in event ? event.body : undefined,
    ...await outlook(found, messages, around),
  };
}

function decode(body: string, { account }: InboxListing): InboundEvent | undefined {
  try {
    return decodeSignal(body, account);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function whatOf(event: InboundEvent | undefined, hasBody: boolean): string {
  if (event === undefined) {
    return hasBody ? "something that cannot be read" : "a message; its content is not kept once it is finished";
  }
  switch (event.type) {
    case "text":
      return event.group === undefined ? "a message from a person" : "a message written in a group";
    case "own_text":
      return "a message that we wrote on another device";
    case "other":
      return `no text, but: ${event.what.replaceAll("_", " ")}`;
  }
}

function senderOf(event: InboundEvent, showNumbers: boolean): string | undefined {
  const sender = "sender" in event ? event.sender : undefined;
  if (sender === undefined) return undefined;
  const shown = showAddress(sender.address, showNumbers);
  if (sender.phoneNumber === undefined || shown.startsWith("+")) return shown;
  return `${shown} (${showNumbers ? sender.phoneNumber : maskNumber(sender.phoneNumber)})`;
}

function verdictOf({ state, reason }: InboxListing): string {
  switch (state) {
    case "new":
      return reason === undefined
        ? "It is stored and waits for its turn."
        : `It is stored and is tried again. ${reasonText(reason).what}`;
    case "dead":
      return `It was given up. ${reasonText(reason).what}`;
    case "done":
      return reason === undefined ? "It was handled." : `It was dropped: ${reason}.`;
  }
}

async function outlook(
  event: InboxListing,
  messages: readonly MessageStory[],
  around: Surroundings,
): Promise<Outlook> {
  const { store, clock, held } = around;
  const { id, state, reason, dueAtMs } = event;
  if (state === "dead") {
    return {
      waits: [],
      next: "Nothing by itself: it stays here until somebody replays it or drops it.",
      actions: [
        reasonText(reason).advice,
        `signal-automation dlq replay inbox:${id}`,
        `signal-automation dlq drop inbox:${id}`,
      ],
    };
  }
  const open = messages.filter((message) => ["queued", "sending", "unknown", "dead"].includes(message.state));
  if (state === "done") {
    return {
      waits: [],
      next: open.length === 0 ? "Nothing: it is finished." : "What it caused is still under way.",
      actions: open.map((message) => `signal-automation explain ${message.id}`),
    };
  }
  const nowMs = clock.nowMs();
  const waits: Wait[] = [];
  const actions: string[] = [];
  if (!held.has("inbox")) {
    waits.push({ code: "no_service", text: "No running service works on received messages just now." });
    actions.push("signal-automation health");
  }
  const ahead = await store.inbox.ahead(id);
  if (ahead !== undefined) {
    const many = ahead.count === 1 ? "An earlier message" : `${ahead.count.toLocaleString("en")} earlier messages`;
    waits.push({
      code: "lane",
      text: `${many} from the same sender ${ahead.count === 1 ? "comes" : "come"} first (inbox ${ahead.head.id}).`,
      ...(ahead.head.dueAtMs > nowMs && { untilAtMs: ahead.head.dueAtMs }),
    });
    actions.push(`signal-automation explain inbox:${ahead.head.id}`);
  }
  if (dueAtMs > nowMs) {
    waits.push({ code: "due", text: "The try before failed, and the next one has its date.", untilAtMs: dueAtMs });
    if (reason !== undefined) actions.push(reasonText(reason).advice);
  }
  return {
    waits,
    next: waits.length === 0
      ? "Nothing holds it: it is handled within about a second."
      : "It is handled as soon as none of this holds it any more.",
    actions,
  };
}
