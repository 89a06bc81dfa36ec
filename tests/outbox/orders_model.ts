/**
 * The shop's orders in a story of the outbox: the scan that turns them into messages, flags turned by hand, and what the
 * flags have to be.
 *
 * @module
 */
import assert from "node:assert/strict";
import { cancelFlagged } from "../../lib/automations/orders/flags.ts";
import { ORDERS_LEASE } from "../../lib/automations/orders/fence.ts";
import type { HeldLease, Lease } from "../../lib/store/port.ts";
import { ACCOUNT, person } from "./cast.ts";
import type { Rig } from "./rig.ts";

/** Orders per scan: all that a story has. */
const SCAN_LIMIT = 100;
const LEASE_MS = 3_600_000;

/** A message that was enqueued, wherever it came from. */
export interface Message {
  readonly body: string;
  /** To which person. */
  readonly lane: number;
  /** Changes when it is replayed. */
  id: number;
  replayed?: boolean;
  /** Somebody had a reason to drop it. */
  mayBeDropped?: boolean;
  /** How often it had left when it was found dropped by a flag. */
  sentBeforeDrop?: number;
}

interface Order {
  readonly id: number;
  /** 0 until its messages are enqueued. */
  generation: number;
  /** Of this generation. */
  messages: readonly Message[];
  /** Somebody set the flag TRUE, and nobody FALSE since. */
  byHand: boolean;
}

export class OrdersModel {
  readonly #orders: Order[] = [];
  #lease: Lease | undefined;

  constructor(private readonly rig: Rig, private readonly messages: Message[]) {}

  async begin(): Promise<void> {
    const taken = await this.rig.db.store.leases.acquire(ORDERS_LEASE, "scan", LEASE_MS);
    if (taken.result === "acquired") this.#lease = taken.lease;
  }

  async insert(): Promise<void> {
    await this.rig.change("INSERT INTO orders (client, total, notified) VALUES ('Ada', 12.50, FALSE)");
    const [row] = await this.rig.db.adminQuery("SELECT MAX(id) AS id FROM orders");
    this.#orders.push({ id: Number(row!.id), generation: 0, messages: [], byHand: false });
  }

  /** The shop turns the flag of one of its orders. */
  async flag(nth: number, to: boolean): Promise<void> {
    const order = this.#orders[nth % this.#orders.length];
    if (order === undefined) return;
    await this.rig.change(`UPDATE orders SET notified = ${to ? "TRUE" : "FALSE"} WHERE id = ${order.id}`);
    order.byHand = to;
  }

  /** What the orders service does at each look: cancels what was flagged by hand, then enqueues what is due. */
  async scan(): Promise<void> {
    const { store } = this.rig.db;
    const { log, counters, clock } = this.rig;
    const lease = this.#lease!;
    for (const { byHand, messages } of this.#orders) {
      if (byHand) {
        for (const one of messages) one.mayBeDropped = true;
      }
    }
    await cancelFlagged(
      { store, lease: heldForEver(lease), leaseMs: LEASE_MS, clock, log, counters },
      lease,
      new AbortController().signal,
    );
    for (const one of this.#orders.flatMap((order) => order.byHand ? order.messages : [])) {
      if (one.sentBeforeDrop !== undefined || await this.rig.state(one.id) !== "dropped") continue;
      one.sentBeforeDrop = this.rig.signal.bodies().filter((body) => body === one.body).length;
    }
    for (const due of await store.orders.due(SCAN_LIMIT)) await this.#open(due.id, due.generation);
  }

  async #open(id: number, generation: number): Promise<void> {
    const order = this.#orders.find((one) => one.id === id)!;
    const bodies = [0, 1].map((lane) => `order ${id}/${generation}.${lane}`);
    const ids = await this.rig.db.store.transaction("test_order", async (tx) => {
      if (await tx.orders.open(id, generation, bodies.length, "open") === "conflict") return [];
      return await tx.outbox.enqueue(bodies.map((body, lane) => ({
        account: ACCOUNT,
        recipient: person(lane),
        body,
        kind: "order_owner",
        origin: { kind: "order", key: String(id), generation },
      })));
    });
    if (ids.length === 0) return;
    assert.equal(generation, order.generation + 1, `order ${id} came to generation ${generation}`);
    order.generation = generation;
    order.messages = ids.map((id, lane) => ({ id, lane, body: bodies[lane]! }));
    this.messages.push(...order.messages);
  }

  /** Flags that are TRUE now, and nobody's hand did it, while a message of the order is still owed. */
  async wrongFlags(): Promise<readonly string[]> {
    const wrong: string[] = [];
    for (const { id, generation, messages, byHand } of this.#orders) {
      if (byHand || !await this.rig.notified(id)) continue;
      const states = await this.#states(messages);
      if (generation > 0 && states.every((state) => state === "accepted" || state === "dropped")) continue;
      wrong.push(`order ${id} is flagged, its messages are ${states}`);
    }
    return wrong;
  }

  /** At the end, when everything reached its end. */
  async judge(): Promise<void> {
    for (const { id, generation, messages, byHand } of this.#orders) {
      const states = await this.#states(messages);
      const flag = byHand || !states.includes("dead");
      const { notified, delivery } = (await this.rig.db.store.orders.standing(id))!;
      const found = { notified, state: delivery?.state, generation: delivery?.generation };
      assert.deepEqual(found, { notified: flag, state: flag ? "done" : "dead", generation }, `order ${id}: ${states}`);
    }
  }

  #states(messages: readonly Message[]): Promise<string[]> {
    return Promise.all(messages.map(({ id }) => this.rig.state(id)));
  }
}

function heldForEver(lease: Lease): HeldLease {
  const ours = () => lease;
  return {
    name: lease.name,
    lease: ours,
    lastKnown: ours,
    confirmed: () => {},
    lost: () => {},
    onChange: () => () => {},
  };
}
