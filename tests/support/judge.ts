/**
 * The verdict from outside: what the shop's orders owed, what Signal's record says that people received, and what the
 * tables say. Nothing here asks the service.
 *
 * @module
 */
import type { Sent } from "./simulated_signal.ts";

/** What an order owes: one message to each of these people or groups. */
export interface Debt {
  readonly order: number;
  /** Numbers and group ids. */
  readonly recipients: readonly string[];
}

/** Rows of the tables that the verdict needs. */
export interface Tables {
  readonly notified: ReadonlySet<number>;
  /** `order recipient` of messages that stand in the outbox as dead. */
  readonly dead: ReadonlySet<string>;
  /** `order recipient` of messages that are not finished. */
  readonly unfinished: ReadonlySet<string>;
  /** `order recipient` and how many of its attempts ended without an answer. */
  readonly unanswered: ReadonlyMap<string, number>;
}

export interface Verdict {
  /** Messages that the orders owed. */
  readonly messages: number;
  /** Of these, the ones that arrived at least once. */
  readonly delivered: number;
  /** `order recipient` of what neither arrived nor is visibly dead. */
  readonly lost: readonly string[];
  /** `order recipient` of what is visibly dead and did not arrive. */
  readonly dead: readonly string[];
  /** Copies beyond the first. */
  readonly doubled: number;
  /** `order recipient` of what arrived more often than requests without an answer explain. */
  readonly unexplained: readonly string[];
  /** Requests that were handed over and never answered, as the attempts' table has them. */
  readonly unanswered: number;
  /** Neighbours in one recipient's record that stand in the wrong order: `recipient earlier later`. */
  readonly outOfOrder: readonly string[];
  /** Orders whose flag does not say what happened. */
  readonly wrongFlag: readonly number[];
}

/** How the client of an order is called: tells the order in every message about it. */
export function clientOf(order: number): string {
  return `Zoé {Quill} ❄ No ${order}`;
}

/** The order that a message is about; undefined for every other message. */
export function orderOf(body: string): number | undefined {
  const found = /Zoé \{Quill\} ❄ No (\d+)/.exec(body);
  return found === null ? undefined : Number(found[1]);
}

/** @param sent of all devices of the account, in any order */
export function judge(debts: readonly Debt[], sent: readonly Sent[], tables: Tables): Verdict {
  const copies = new Map<string, number>();
  const last = new Map<string, number>();
  const outOfOrder: string[] = [];
  for (const { to, body } of sent.toSorted((a, b) => a.at_ms - b.at_ms || a.timestamp - b.timestamp)) {
    const order = orderOf(body);
    if (order === undefined) continue;
    const recipient = to.group ?? to.number ?? to.uuid!;
    const key = `${order} ${recipient}`;
    copies.set(key, (copies.get(key) ?? 0) + 1);
    const before = last.get(recipient) ?? 0;
    if (order < before) outOfOrder.push(`${recipient} ${before} ${order}`);
    last.set(recipient, Math.max(order, before));
  }
  const [lost, dead, unexplained]: string[][] = [[], [], []];
  const wrongFlag: number[] = [];
  let [messages, delivered, doubled] = [0, 0, 0];
  const owed = new Set<string>();
  for (const { order, recipients } of debts) {
    let all = true;
    let open = false;
    for (const recipient of recipients) {
      const key = `${order} ${recipient}`;
      owed.add(key);
      messages++;
      const count = copies.get(key) ?? 0;
      if (count > 0) delivered++;
      else if (tables.dead.has(key)) dead!.push(key);
      else lost!.push(key);
      if (count > 1) doubled += count - 1;
      if (count > 1 + (tables.unanswered.get(key) ?? 0)) unexplained!.push(key);
      all &&= count > 0;
      // It arrived and the answer was lost: it is not known to be accepted, and the flag must wait.
      open ||= tables.unfinished.has(key) || tables.dead.has(key);
    }
    const flag = tables.notified.has(order);
    if (flag ? !all : all && !open) wrongFlag.push(order);
  }
  for (const [key, count] of copies) {
    if (owed.has(key)) continue;
    doubled += count;
    unexplained!.push(key);
  }
  return {
    messages,
    delivered,
    lost: lost!,
    dead: dead!,
    doubled,
    unexplained: unexplained!,
    unanswered: [...tables.unanswered.values()].reduce((sum, one) => sum + one, 0),
    outOfOrder,
    wrongFlag,
  };
}
