/**
 * The end of the demo: whether what was told is true, from the simulator's record and the tables.
 *
 * @module
 */
import type { OutboxStory, Store } from "../../store/port.ts";
import type { SentRecord } from "../../simulator/world.ts";
import { GROUP, PEOPLE } from "./cast.ts";
import type { Delivery } from "./feed.ts";
import type { Shop } from "./shop.ts";
import type { Stage } from "./stage.ts";

export interface Check {
  readonly ok: boolean;
  readonly text: string;
}

/** Looks at everything; to be called when nothing is under way, with the store still open. */
export async function judge(
  { sent, store, shop }: { readonly sent: readonly SentRecord[]; readonly store: Store; readonly shop: Shop },
): Promise<readonly Check[]> {
  const messages = await allMessages(store);
  const accepted = messages.filter(({ state }) => state === "accepted" || state === "delivered" || state === "read");
  const handed = sent.filter(({ kind }) => kind === "message");
  // The service remembers the timestamp under which Signal took each message: two records of one would be a double.
  const known = new Set(accepted.map(({ remoteId }) => remoteId));
  const once = handed.length === accepted.length && handed.every(({ timestamp }) => known.has(String(timestamp)));
  const orders = shop.flags();
  const notified = orders.filter((order) => order.notified).length;
  const backlog = await store.outbox.backlog(0);
  const left = backlog.queued + backlog.sending + backlog.unknown;
  const retried = accepted.filter(({ timeline }) => timeline.some(({ outcome }) => outcome === "retry")).length;
  return [
    {
      ok: once && accepted.length === messages.length,
      text: once
        ? `${accepted.length} of ${messages.length} messages delivered, each exactly once`
        : `${messages.length} messages, ${handed.length} hand-overs: not each exactly once`,
    },
    { ok: notified === orders.length, text: `${notified} of ${orders.length} orders marked as notified` },
    { ok: retried > 0, text: `${retried} refused at first, delivered by a later try` },
    { ok: left + backlog.dead === 0, text: `${left} waiting, ${backlog.dead} given up` },
  ];
}

/** How many messages each person's phone showed. */
export function showReaders(stage: Stage, deliveries: readonly Delivery[]): void {
  stage.heading("What each person received");
  for (const { name, icon, role, uuid } of PEOPLE) {
    const own = deliveries.filter(({ readers }) => readers.some((reader) => reader.uuid === uuid));
    const inGroup = own.filter(({ person }) => person === undefined).length;
    const direct = own.length - inGroup;
    const parts = [
      inGroup === 0 ? "" : `${inGroup} in the ${GROUP.name.toLowerCase()}`,
      direct === 0 ? "" : `${direct} directly`,
    ].filter((part) => part !== "");
    stage.tell(`${icon} ${name} (${role}): ${parts.join(", ") || "nothing"}`);
  }
}

async function allMessages(store: Store): Promise<OutboxStory[]> {
  const messages: OutboxStory[] = [];
  for (let id = 1;; id++) {
    const message = await store.outbox.find(id);
    if (message === undefined) return messages;
    messages.push(message);
  }
}
