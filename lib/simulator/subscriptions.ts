import type { ReceivedLine } from "./envelope.ts";
import { RpcFailure, USER_ERROR } from "./failure.ts";
import type { Manager } from "./manager.ts";
import type { Output } from "./output.ts";

interface Subscription {
  readonly managers: readonly Manager[];
  readonly removals: readonly (() => void)[];
}

/** Who is told of received messages, and in which of the two shapes (facts: signal.md §4.4). */
export class Subscriptions {
  readonly #output: Output;
  readonly #open = new Map<number, Subscription>();
  #next = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** @param internal the one of on-start mode, whose notifications are not wrapped. @returns the id, from 0 */
  add(managers: readonly Manager[], internal: boolean): number {
    const id = this.#next++;
    const handler = (line: ReceivedLine) => {
      const params = internal ? line : { subscription: id, result: line };
      return this.#output.line(JSON.stringify({ jsonrpc: "2.0", method: "receive", params }));
    };
    this.#open.set(id, { managers, removals: managers.map(({ receiver }) => receiver.add(handler)) });
    return id;
  }

  /** Without an id: one that belongs to `manager` alone, if there is any. @throws {RpcFailure} -1 for an unknown or missing id */
  remove(id: number | undefined, manager: Manager | undefined): void {
    if (id === undefined && manager === undefined) {
      throw new RpcFailure(USER_ERROR, "Missing subscription parameter with subscription id");
    }
    const found = id ??
      [...this.#open].find(([, each]) => each.managers.length === 1 && each.managers[0] === manager)?.[0];
    const subscription = found === undefined ? undefined : this.#open.get(found);
    if (found === undefined || subscription === undefined) {
      if (id === undefined) return;
      throw new RpcFailure(USER_ERROR, "Unknown subscription id");
    }
    this.#open.delete(found);
    for (const remove of subscription.removals) remove();
  }

  /** Ends all of them. */
  close(): void {
    for (const { removals } of this.#open.values()) for (const remove of removals) remove();
    this.#open.clear();
  }
}
