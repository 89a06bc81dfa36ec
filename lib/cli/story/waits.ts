/** What can keep a message waiting, one thing each: facts in, sentences out. @module */
import type { OutboxListing } from "../../store/port.ts";
import { stateText } from "./names.ts";
import { reasonText } from "./reasons.ts";
import type { Wait } from "./story.ts";
import { isExempt, isServed, type Pause, signalTrouble, type Surroundings } from "./surroundings.ts";

/** What holds every message of the account, and what a person can do about it. */
export function accountWaits(
  message: Pick<OutboxListing, "account" | "state">,
  pause: Pause | undefined,
  around: Surroundings,
): { readonly waits: Wait[]; readonly actions: string[] } {
  const waits: Wait[] = [];
  const actions: string[] = [];
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
  if (pause === undefined) return { waits, actions };
  const text = reasonText(pause.reason);
  const reason = pause.reason === undefined ? {} : { reason: pause.reason };
  if (pause.untilMs > around.clock.nowMs()) {
    const open = pause.faultsInARow >= around.config.delivery.circuitBreakerThreshold
      ? ` The circuit breaker is open, since that was ${pause.faultsInARow} times in a row; afterwards one message goes ` +
        "first to see whether it works again."
      : "";
    const sentence = `The whole account pauses. ${text.what}${open}`;
    waits.push({ code: "pause", text: sentence, untilAtMs: pause.untilMs, ...reason });
    actions.push(text.advice);
  } else if (message.state === "queued" && pause.faultsInARow > 0) {
    const first = "The account paused, and one message goes first to see whether it works again; it may be this one.";
    waits.push({ code: "pause", text: `${first} ${text.what}`, ...reason });
  }
  return { waits, actions };
}

/** @param count of messages that come first, where it was asked for */
export function laneWait(head: OutboxListing, count: number | undefined, nowMs: number): Wait {
  const dated = head.state === "queued" && head.dueAtMs > nowMs;
  const what = dated ? "waits for the date of its next try" : stateText(head.state, head.reason);
  const many = count === undefined
    ? `The first unfinished message to the same recipient, ${head.id}, ${what}.`
    : count === 1
    ? `Message ${head.id} to the same recipient comes first; it ${what}.`
    : `${count.toLocaleString("en")} messages to the same recipient come first; the first, ${head.id}, ${what}.`;
  const reason = dated && head.reason !== undefined ? ` ${reasonText(head.reason).what}` : "";
  return { code: "lane", text: many + reason, behind: head.id, ...(dated && { untilAtMs: head.dueAtMs }) };
}

export function dueWait({ dueAtMs, reason }: OutboxListing, nowMs: number): Wait | undefined {
  if (dueAtMs <= nowMs) return undefined;
  const text = reason === undefined
    ? "Its date has not come yet."
    : `The try before failed, and the next one has its date. ${reasonText(reason).what}`;
  return { code: "due", text, untilAtMs: dueAtMs, ...(reason !== undefined && { reason }) };
}

/** Whether it makes a difference just now who was written to before: only then is it worth to ask. */
export function matterNewPeople({ pacing }: Surroundings): boolean {
  return pacing !== undefined && pacing.limitsNewContacts && pacing.newContactAllowance() < 1;
}

/** @param isNew nobody ever wrote to the recipient; asked only where {@link matterNewPeople} */
export function pacingWait(
  { lane, recipient }: OutboxListing,
  isNew: boolean,
  around: Surroundings,
  nowMs: number,
): readonly Wait[] {
  const { pacing, config: { delivery } } = around;
  if (pacing === undefined || isExempt(around, recipient)) return [];
  const waitMs = pacing.waitMs(lane);
  if (waitMs > 0) {
    const text = `The recipient got as many messages as RATE_LIMIT allows: ${delivery.rateLimit} in ` +
      `${delivery.rateLimitPeriodMs / 1000} s.`;
    return [{ code: "pacing", text, untilAtMs: nowMs + waitMs }];
  }
  if (!isNew || !matterNewPeople(around)) return [];
  const limit = delivery.newContactRateLimit;
  const text =
    `The recipient is new, and NEW_CONTACT_RATE_LIMIT allows ${limit} new ${limit === 1 ? "person" : "people"} ` +
    "an hour. New people wait for one another; this is when the first of them may be written to.";
  return [{ code: "new_contact", text, untilAtMs: nowMs + pacing.newContactWaitMs() }];
}
