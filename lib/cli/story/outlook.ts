/** Why a message waits, what comes next, and what a person can do. @module */
import type { OutboxListing, OutboxStory } from "../../store/port.ts";
import { formatSpan } from "../screen/when.ts";
import { stateText } from "./names.ts";
import { reasonText } from "./reasons.ts";
import type { Outlook, Wait } from "./story.ts";
import { isExempt, isServed, pauseOf, signalTrouble, type Surroundings } from "./surroundings.ts";

export async function messageOutlook(message: OutboxStory, around: Surroundings): Promise<Outlook> {
  switch (message.state) {
    case "queued":
      return await queuedOutlook(message, around);
    case "sending":
    case "unknown":
      return await underWayOutlook(message, around);
    case "dead":
      return deadOutlook(message, around);
    case "dropped":
      return { waits: [], next: "Nothing: it is finished.", actions: ownerActions(message) };
    case "read":
      return { waits: [], next: "Nothing: it is finished.", actions: ownerActions(message) };
    default:
      return {
        waits: [],
        next: "It is finished. Receipts are still noted when they come.",
        actions: ownerActions(message),
      };
  }
}

async function queuedOutlook(message: OutboxStory, around: Surroundings): Promise<Outlook> {
  const { clock, config } = around;
  const nowMs = clock.nowMs();
  const actions: string[] = [];
  const waits = await accountWaits(message, around, actions);
  const ahead = await around.store.outbox.ahead(message.id);
  if (ahead !== undefined) {
    waits.push(laneWait(ahead.count, ahead.head, nowMs));
    actions.push(`signal-automation explain ${ahead.head.id}`);
  }
  if (message.dueAtMs > nowMs) {
    waits.push({
      code: "due",
      text: message.reason === undefined
        ? "Its date has not come yet."
        : `The try before failed, and the next one has its date. ${reasonText(message.reason).what}`,
      untilAtMs: message.dueAtMs,
    });
    if (message.reason !== undefined) actions.push(reasonText(message.reason).advice);
  }
  waits.push(...await pacingWaits(message, around, nowMs));
  const knownMs = Math.max(0, ...waits.map(({ untilAtMs = 0 }) => untilAtMs));
  if (message.expiresAtMs !== undefined && message.expiresAtMs <= Math.max(nowMs, knownMs)) {
    return {
      waits,
      next: "It is given up before that: it expires.",
      actions: [...actions, ...ownerActions(message)],
    };
  }
  const begin = waits.length === 0
    ? "Nothing holds it: it is handed over within about a second."
    : waits.some((wait) => wait.code === "no_service")
    ? "It is handed over when the service runs again and nothing else holds it."
    : "It is handed over as soon as none of this holds it any more.";
  return {
    waits,
    next: `${begin} ${nextTry(message, config.delivery.maxRetries + 1)}`,
    actions: [...actions, ...ownerActions(message)],
  };
}

/** Counted as the tries before it are: also those that cost none. */
function nextTry({ timeline, attempts }: OutboxStory, allowed: number): string {
  const number = timeline.length + 1;
  const last = attempts + 1 >= allowed;
  if (timeline.length === attempts) {
    return `That will be try ${number} of ${Math.max(number, allowed)}${last ? ", the last one" : ""}.`;
  }
  const spent = attempts === 0 ? "none is" : `${attempts} ${attempts === 1 ? "is" : "are"}`;
  return `That will be try ${number}; of the ${allowed} that may fail, ${spent} used up${
    last ? ": the last one" : ""
  }.`;
}

async function underWayOutlook(message: OutboxStory, around: Surroundings): Promise<Outlook> {
  const { config } = around;
  const { delivery } = config;
  const actions: string[] = [];
  const waits = await accountWaits(message, around, actions);
  if (message.state === "sending") {
    const since = message.markedAtMs === undefined
      ? ""
      : ` It was taken in hand ${formatSpan(around.clock.nowMs() - message.markedAtMs)} ago.`;
    waits.push({ code: "sending", text: `It is on its way to signal-cli, and the answer has not come yet.${since}` });
    return {
      waits,
      next: waits.some((wait) => wait.code === "no_service")
        ? "The next start of the service finds out from its journal whether it was handed over, and decides then."
        : `The answer decides. Without one within ${
          config.signal.timeoutMs / 1000
        } s (SIGNAL_TIMEOUT) it becomes unknown: ` +
          "then a receipt is waited for that would prove that it arrived.",
      actions: [...actions, ...ownerActions(message)],
    };
  }
  const last = message.timeline.at(-1);
  const untilAtMs = last === undefined ? undefined : last.endedAtMs + delivery.unknownWaitMs;
  waits.push({
    code: "unknown",
    text:
      "A receipt from the recipient is waited for, or word of it from another device of the account: that would prove that it was sent.",
    ...(untilAtMs !== undefined && { untilAtMs }),
  });
  const silent = last === undefined || last.outcome === "unknown";
  const next = silent && delivery.unknownPolicy[message.kind] === "hold"
    ? `Without a receipt it becomes a dead letter: UNKNOWN_POLICY for ${message.kind} is hold, so it is not risked twice.`
    : silent
    ? `Without a receipt it is sent again and may then arrive twice: UNKNOWN_POLICY for ${message.kind} is resend.`
    : "Without a receipt it is sent again, since the answer said that it had not gone out.";
  return { waits, next, actions: [...actions, ...ownerActions(message)] };
}

function deadOutlook(message: OutboxStory, { config }: Surroundings): Outlook {
  const { id, replays, reason } = message;
  const limit = config.delivery.dlqMaxRetries;
  return {
    waits: [],
    next: "Nothing by itself: it stays here until somebody replays it or drops it.",
    actions: [
      reasonText(reason).advice,
      replays < limit
        ? `signal-automation dlq replay ${id}`
        : `It cannot be replayed again: it was ${
          limit === 1 ? "once" : `${replays} times`
        } already, and DLQ_MAX_RETRIES is ${limit}.`,
      `signal-automation dlq drop ${id}`,
      ...ownerActions(message),
    ],
  };
}

/** What holds every message of the account. */
async function accountWaits(message: OutboxStory, around: Surroundings, actions: string[]): Promise<Wait[]> {
  const waits: Wait[] = [];
  if (!isServed(around, message.account)) {
    waits.push({ code: "no_service", text: "No running service sends for this account just now." });
    actions.push("signal-automation health");
  }
  const trouble = signalTrouble(around, message.account);
  if (trouble !== undefined) {
    waits.push({
      code: "signal",
      text: `Signal cannot be used just now (${trouble}); the service tries it again by itself.`,
    });
    actions.push("signal-automation doctor");
  }
  const pause = await pauseOf(around, message.account);
  if (pause === undefined) return waits;
  const text = reasonText(pause.reason);
  if (pause.untilMs > around.clock.nowMs()) {
    const open = pause.faultsInARow >= around.config.delivery.circuitBreakerThreshold
      ? ` The circuit breaker is open, since that was ${pause.faultsInARow} times in a row; afterwards one message goes ` +
        "first to see whether it works again."
      : "";
    waits.push({ code: "pause", text: `The whole account pauses. ${text.what}${open}`, untilAtMs: pause.untilMs });
    actions.push(text.advice);
  } else if (message.state === "queued" && pause.faultsInARow > 0) {
    const first = "The account paused, and one message goes first to see whether it works again; it may be this one.";
    waits.push({ code: "pause", text: `${first} ${text.what}` });
  }
  return waits;
}

function laneWait(count: number, head: OutboxListing, nowMs: number): Wait {
  const dated = head.state === "queued" && head.dueAtMs > nowMs;
  const what = dated ? "waits for the date of its next try" : stateText(head.state, head.reason);
  const many = count === 1
    ? `Message ${head.id} to the same recipient comes first; it ${what}.`
    : `${count.toLocaleString("en")} messages to the same recipient come first; the first, ${head.id}, ${what}.`;
  const reason = dated && head.reason !== undefined ? ` ${reasonText(head.reason).what}` : "";
  return { code: "lane", text: many + reason, ...(dated && { untilAtMs: head.dueAtMs }) };
}

async function pacingWaits(message: OutboxStory, around: Surroundings, nowMs: number): Promise<Wait[]> {
  const { pacing, store, config: { delivery } } = around;
  if (pacing === undefined || isExempt(around, message.recipient)) return [];
  const waitMs = pacing.waitMs(message.lane);
  if (waitMs > 0) {
    const text = `The recipient got as many messages as RATE_LIMIT allows: ${delivery.rateLimit} in ` +
      `${delivery.rateLimitPeriodMs / 1000} s.`;
    return [{ code: "pacing", text, untilAtMs: nowMs + waitMs }];
  }
  if (!pacing.limitsNewContacts || pacing.newContactAllowance() >= 1) return [];
  const known = await store.outbox.knownLanes(message.account, [message.lane]);
  if (known.has(message.lane)) return [];
  const limit = delivery.newContactRateLimit;
  const text =
    `The recipient is new, and NEW_CONTACT_RATE_LIMIT allows ${limit} new ${limit === 1 ? "person" : "people"} ` +
    "an hour. New people wait for one another; this is when the first of them may be written to.";
  return [{ code: "new_contact", text, untilAtMs: nowMs + pacing.newContactWaitMs() }];
}

/** Where the whole is told that the message is a part of. */
function ownerActions({ origin }: OutboxStory): readonly string[] {
  if (origin.kind === "order") return [`signal-automation explain order:${origin.key}`];
  return origin.kind === "inbound" ? [`signal-automation explain inbox:${origin.key}`] : [];
}
