/** The story of one message. @module */
import type { Address } from "../../domain/address.ts";
import type { OutboxStory } from "../../store/port.ts";
import { showAddress } from "../screen/mask.ts";
import { nameOf, recipientOf, stateText } from "./names.ts";
import { messageOutlook } from "./outlook.ts";
import { DROP_TEXTS, reasonText, SILENCE_TEXTS } from "./reasons.ts";
import type { MessageStory, Try } from "./story.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * @param asked any id that the message has or had: a replay gives it a new one
 * @returns undefined when there is no such message
 */
export async function messageStory(asked: number, around: Surroundings): Promise<MessageStory | undefined> {
  const { store, config, showNumbers, showText } = around;
  const current = await store.outbox.find(asked);
  const replays = current?.replays === 0 ? [] : await store.outbox.replaysOf(asked);
  const id = current === undefined ? replays.at(-1)?.newId : asked;
  const found = current ?? (id === undefined ? undefined : await store.outbox.find(id));
  if (id === undefined || found === undefined) return undefined;
  const { state, kind, origin, reason } = found;
  const attempts = triesOf(found);
  return {
    type: "message",
    id,
    state,
    what: nameOf(kind, origin),
    to: recipientOf(found.recipient, config, showNumbers),
    kind,
    origin,
    reason,
    verdict: verdictOf(found),
    enqueuedAtMs: found.createdAtMs,
    expiresAtMs: state === "dead" ? undefined : found.expiresAtMs,
    finishedAtMs: found.finishedAtMs,
    tries: { used: found.attempts, allowed: config.delivery.maxRetries + 1 },
    replays: found.replays,
    earlier: replays.map(({ oldId, atMs }) => ({ id: oldId, replayedAtMs: atMs })),
    attempts,
    receipts: found.receipts.map(({ member, kind, atMs }) => ({
      from: member === undefined ? "somebody unnamed" : showAddress(member, showNumbers),
      kind,
      atMs,
    })),
    notReached: notReached(found, showNumbers),
    text: showText ? await store.outbox.body(id) : undefined,
    ...await messageOutlook(found, around),
  };
}

/** Why a message counts as accepted whose answer did not come in time. */
const PROOFS: ReadonlyMap<string, { readonly verdict: string; readonly outcome: string }> = new Map([
  ["receipt", { verdict: "a receipt proved that it had arrived", outcome: "accepted, as a receipt proved" }],
  ["transcript", {
    verdict: "another device of the account told that it was sent",
    outcome: "accepted, as another device of the account told",
  }],
  ["late_answer", { verdict: "its answer came late", outcome: "accepted; the answer came late" }],
]);

function verdictOf({ state, reason, timeline }: OutboxStory): string {
  const is = `It ${stateText(state, reason)}`;
  if (state === "dead") return `${is}. ${reasonText(reason).what}`;
  if (state === "dropped") {
    if (reason !== undefined && Object.hasOwn(DROP_TEXTS, reason)) {
      return `${is}. ${DROP_TEXTS[reason as keyof typeof DROP_TEXTS]}`;
    }
    return reason === undefined ? `${is}.` : `${is}: ${reason}.`;
  }
  const last = timeline.at(-1);
  const proof = last === undefined || state !== "accepted" ? undefined : PROOFS.get(last.reason ?? "");
  return proof === undefined ? `${is}.` : `${is}: ${proof.verdict}.`;
}

function triesOf(message: OutboxStory): readonly Try[] {
  const before = triesBeforeReplay(message);
  return message.timeline.map((line, at) => {
    const last = at === before ? 0 : message.timeline[at - 1]?.attempts ?? 0;
    return {
      number: at + 1,
      beforeReplay: at < before,
      handedOverAtMs: line.handedOverAtMs,
      tookMs: Math.max(0, line.endedAtMs - line.handedOverAtMs),
      outcome: line.outcome,
      reason: line.reason,
      counted: line.attempts > last,
      text: outcomeText(line),
    };
  });
}

/**
 * A message's age begins anew with each replay: lines from before are of an earlier life.
 * @returns how many lines are older than the last replay
 */
function triesBeforeReplay({ replays, timeline, createdAtMs }: OutboxStory): number {
  return replays === 0 ? 0 : timeline.filter(({ endedAtMs }) => endedAtMs < createdAtMs).length;
}

function outcomeText({ outcome, reason, remoteId }: OutboxStory["timeline"][number]): string {
  switch (outcome) {
    case "accepted":
      return PROOFS.get(reason ?? "")?.outcome ?? "accepted by Signal";
    case "retry":
      return `not accepted. ${reasonText(reason).what}`;
    case "refused":
      return `refused for good. ${reasonText(reason).what}`;
    case "paused":
      return remoteId === undefined
        ? `not sent. ${reasonText(reason).what}`
        : `answered with an error, but may have arrived all the same. ${reasonText(reason).what}`;
    default:
      return reason !== undefined && Object.hasOwn(SILENCE_TEXTS, reason)
        ? SILENCE_TEXTS[reason as keyof typeof SILENCE_TEXTS]
        : "handed over, but how it ended is not known";
  }
}

/** Members that the accepted try left out. */
function notReached({ timeline }: OutboxStory, showNumbers: boolean): MessageStory["notReached"] {
  return timeline.flatMap(({ outcome, detail }) => {
    if (outcome !== "accepted" || detail === undefined) return [];
    const { notReached = {} } = JSON.parse(detail) as {
      notReached?: Readonly<Record<string, readonly (Address | null)[]>>;
    };
    return Object.entries(notReached).flatMap(([reason, members]) =>
      members.map((address) => ({
        who: address === null ? "a member without a known address" : showAddress(address, showNumbers),
        reason,
        text: reasonText(reason).what,
      }))
    );
  });
}
