/** Why each of many messages waits: what `explain` says of one, with a handful of statements for a whole page. @module */
import type { AccountId } from "../../domain/address.ts";
import type { OutboxListing } from "../../store/port.ts";
import type { Wait } from "./story.ts";
import { type Pause, pauseOf, type Surroundings } from "./surroundings.ts";
import { accountWaits, dueWait, laneWait, matterNewPeople, pacingWait } from "./waits.ts";

/** What holds each of the messages, the weightiest first; by id. Nothing is said of one that nothing holds, or that is dead. */
export async function waitsOf(
  messages: readonly OutboxListing[],
  around: Surroundings,
): Promise<ReadonlyMap<number, readonly Wait[]>> {
  const { store, clock } = around;
  const pauses = new Map<AccountId, Pause | undefined>();
  const heads = new Map<string, OutboxListing>();
  const strangers = new Set<string>();
  for (const [account, some] of Map.groupBy(messages, ({ account }) => account)) {
    pauses.set(account, await pauseOf(around, account));
    const lanes = [...new Set(some.filter(({ state }) => state === "queued").map(({ lane }) => lane))];
    for (const [lane, head] of await store.outbox.heads(account, lanes)) heads.set(lane, head);
    if (!matterNewPeople(around)) continue;
    const known = await store.outbox.knownLanes(account, lanes);
    for (const lane of lanes) if (!known.has(lane)) strangers.add(lane);
  }
  const nowMs = clock.nowMs();
  return new Map(messages.map((message) => {
    if (message.state === "dead") return [message.id, []];
    const { waits } = accountWaits(message, pauses.get(message.account), around);
    if (message.state === "queued") {
      const head = heads.get(message.lane);
      if (head !== undefined && head.id < message.id) waits.push(laneWait(head, undefined, nowMs));
      const due = dueWait(message, nowMs);
      if (due !== undefined) waits.push(due);
      waits.push(...pacingWait(message, strangers.has(message.lane), around, nowMs));
    }
    return [message.id, waits];
  }));
}
