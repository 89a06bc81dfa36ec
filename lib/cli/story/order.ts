/** The story of one order: what is owed for it, and whether its flag is set and why. @module */
import { ORDERS_LEASE } from "../../automations/orders/fence.ts";
import type { OrderStanding } from "../../store/port.ts";
import { messageStory } from "./message.ts";
import type { MessageStory, OrderStory, Outlook, Wait } from "./story.ts";
import type { Surroundings } from "./surroundings.ts";

/** Messages of one order that are told; an order that was sent again many times has more. */
const MOST_MESSAGES = 20;

/** @returns undefined when there is no such order */
export async function orderStory(id: number, around: Surroundings): Promise<OrderStory | undefined> {
  const { store, clock } = around;
  const standing = await store.orders.standing(id);
  if (standing === undefined) return undefined;
  const { notified, delivery } = standing;
  const ids = await store.outbox.ofOrigin({ kind: "order", key: String(id) }, {
    sinceMs: delivery?.createdAtMs ?? 0,
    untilMs: Math.max(delivery?.changedAtMs ?? 0, clock.nowMs()),
  });
  const messages: MessageStory[] = [];
  for (const each of ids.slice(-MOST_MESSAGES)) {
    const story = await messageStory(each, around);
    if (story !== undefined) messages.push(story);
  }
  const { remaining = 0, accepted = 0, dropped = 0, dead = 0 } = delivery ?? {};
  return {
    type: "order",
    id,
    notified,
    state: delivery?.state ?? "none",
    generation: delivery?.generation ?? 0,
    owed: { remaining, accepted, dropped, dead },
    openedAtMs: delivery?.createdAtMs,
    changedAtMs: delivery?.changedAtMs,
    messages,
    olderMessages: Math.max(0, ids.length - MOST_MESSAGES),
    ...outlook(standing, messages, around),
  };
}

function outlook(
  { notified, delivery }: OrderStanding,
  messages: readonly MessageStory[],
  around: Surroundings,
): Outlook & { readonly flag: string } {
  const served = around.held.has(ORDERS_LEASE);
  const idle: readonly Wait[] = served
    ? []
    : [{ code: "no_service", text: "No running service looks at orders just now." }];
  const health = served ? [] : ["signal-automation health"];
  const soon = served ? `within about ${around.config.shop.pollIntervalMs / 1000} s` : "when the service runs again";
  const finished = { waits: [], next: "Nothing: the order is finished.", actions: [] };

  if (notified === undefined) {
    return {
      flag: "The flag is NULL. Such an order is never due; FALSE would make it due.",
      ...finished,
      next: "Nothing, while the flag is NULL.",
    };
  }
  if (delivery === undefined) {
    if (notified) {
      return { flag: "The flag is set, but not by this service: it never owed messages for it.", ...finished };
    }
    return {
      flag: "The flag is not set: the order has not been looked at yet.",
      waits: idle,
      next: `Its messages are written and sent ${soon}.`,
      actions: health,
    };
  }
  const { state, generation } = delivery;
  if (notified && state !== "done") {
    return {
      flag: "The flag was set by hand while messages were still owed.",
      waits: idle,
      next: `What is still queued for it is taken back ${soon}.`,
      actions: health,
    };
  }
  switch (state) {
    case "done":
      if (notified) return { flag: doneFlag(delivery, messages), ...finished };
      return {
        flag: `The flag was turned back to FALSE after notification ${generation}, which means: send it again.`,
        waits: idle,
        next: `Notification ${generation + 1} is written and sent ${soon}.`,
        actions: health,
      };
    case "held":
      return {
        flag:
          "The flag is not set: the order is held. It was there, unnotified, before the service's very first start.",
        waits: [{ code: "held", text: "Somebody has to decide with ORDERS_SINCE whether such old orders are sent." }],
        next: "Nothing by itself.",
        actions: [
          "To send it, set ORDERS_SINCE to all, or to a date before the order's, and restart the service.",
          "To leave it for good, set its flag to TRUE in the table.",
        ],
      };
    case "dead":
      return deadOutlook(delivery, messages);
    case "open": {
      const open = openOutlook(messages);
      return {
        flag: `The flag is not set yet: ${accounting(delivery)}. It turns TRUE together with the last one.`,
        waits: [{ code: "messages", text: "Not every message that the order owes was accepted." }, ...open.waits],
        next: open.next || "Its messages decide.",
        actions: open.actions,
      };
    }
  }
}

/** What its messages wait for that are neither accepted nor given up. */
function openOutlook(messages: readonly MessageStory[]): Outlook {
  const open = messages.filter(isOpen);
  return {
    waits: waitsOf(open),
    next: open.map(({ id, next }) => `Message ${id}: ${next}`).join("\n"),
    actions: open.map(({ id }) => `signal-automation explain ${id}`),
  };
}

function deadOutlook(
  delivery: NonNullable<OrderStanding["delivery"]>,
  messages: readonly MessageStory[],
): Outlook & { readonly flag: string } {
  const dead = messages.filter((message) => message.state === "dead");
  const ids = dead.map(({ id }) => id).join(" ");
  const reasons = new Set(dead.flatMap(({ actions }) => actions.slice(0, 1)));
  const open = openOutlook(messages);
  const rest = open.next === "" ? "Nothing by itself." : `${open.next}\nWhat was given up stays so by itself.`;
  return {
    flag: `The flag is not set: ${accounting(delivery)}. What was given up is still owed.`,
    waits: open.waits,
    next: `${rest} Replayed messages count again, and the flag turns TRUE when they are accepted; ` +
      "dropped ones are not owed any more.",
    actions: [
      ...(ids === ""
        ? ["signal-automation dlq list"]
        : [...reasons, `signal-automation dlq replay ${ids}`, `signal-automation dlq drop ${ids}`]),
      ...open.actions,
    ],
  };
}

function doneFlag(delivery: NonNullable<OrderStanding["delivery"]>, messages: readonly MessageStory[]): string {
  const { accepted, dropped, generation } = delivery;
  const current = messages.filter((message) => message.origin.generation === generation);
  if (current.some(({ state, reason }) => state === "dropped" && reason === "flagged_by_hand")) {
    return "The flag was set by hand while messages were still owed; what was still queued was taken back.";
  }
  if (accepted === 0 && dropped === 0) return "The flag was set by hand before anything was sent.";
  if (dropped > 0) {
    return `The flag is set: ${counted(accepted)} accepted, ${dropped} dropped by hand and so not owed any more.`;
  }
  return accepted === 1
    ? "The flag is set: its one message was accepted."
    : `The flag is set: all ${accepted} messages were accepted.`;
}

function accounting({ accepted, remaining, dead, dropped }: NonNullable<OrderStanding["delivery"]>): string {
  const all = accepted + remaining + dead + dropped;
  const parts = [
    `${accepted} of ${counted(all)} accepted`,
    remaining === 0 ? "" : `${remaining} under way`,
    dead === 0 ? "" : `${dead} given up`,
    dropped === 0 ? "" : `${dropped} dropped`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function counted(messages: number): string {
  return `${messages} ${messages === 1 ? "message" : "messages"}`;
}

/** What several messages wait for alike is said once. */
function waitsOf(messages: readonly MessageStory[]): readonly Wait[] {
  const all = messages.flatMap(({ id, waits }) => waits.map((wait) => ({ id, wait })));
  return [...Map.groupBy(all, ({ wait }) => `${wait.code} ${wait.text}`).values()].map((same) => {
    const ids = same.map(({ id }) => id);
    const { wait } = same[0]!;
    return { ...wait, text: `${ids.length === 1 ? "Message" : "Messages"} ${ids.join(", ")}: ${wait.text}` };
  });
}

function isOpen({ state }: MessageStory): boolean {
  return state === "queued" || state === "sending" || state === "unknown";
}
