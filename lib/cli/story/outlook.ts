/** Why a message waits, what comes next, and what a person can do. @module */
import type { OutboxStory } from "../../store/port.ts";
import { formatSpan } from "../screen/when.ts";
import { reasonText } from "./reasons.ts";
import type { Outlook } from "./story.ts";
import { pauseOf, type Surroundings } from "./surroundings.ts";
import { accountWaits, dueWait, laneWait, matterNewPeople, pacingWait } from "./waits.ts";

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
  const { clock, config, store } = around;
  const nowMs = clock.nowMs();
  const { waits, actions } = accountWaits(message, await pauseOf(around, message.account), around);
  const ahead = await store.outbox.ahead(message.id);
  if (ahead !== undefined) {
    waits.push(laneWait(ahead.head, ahead.count, nowMs));
    actions.push(`signal-automation explain ${ahead.head.id}`);
  }
  const due = dueWait(message, nowMs);
  if (due !== undefined) {
    waits.push(due);
    if (message.reason !== undefined) actions.push(reasonText(message.reason).advice);
  }
  const isNew = matterNewPeople(around) &&
    !(await store.outbox.knownLanes(message.account, [message.lane])).has(message.lane);
  waits.push(...pacingWait(message, isNew, around, nowMs));
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
  const { waits, actions } = accountWaits(message, await pauseOf(around, message.account), around);
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

/** Where the whole is told that the message is a part of. */
function ownerActions({ origin }: OutboxStory): readonly string[] {
  if (origin.kind === "order") return [`signal-automation explain order:${origin.key}`];
  return origin.kind === "inbound" ? [`signal-automation explain inbox:${origin.key}`] : [];
}
