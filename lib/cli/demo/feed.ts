/**
 * What people received, from the simulator's own record: the demo believes this and not itself.
 *
 * @module
 */
import { within } from "../../runtime/clock.ts";
import type { SentRecord } from "../../simulator/world.ts";
import { GROUP, PEOPLE, type Person } from "./cast.ts";

/** A message that was accepted for somebody. */
export interface Delivery {
  /** The person, or undefined for the group. */
  readonly person: Person | undefined;
  readonly text: string;
  readonly atMs: number;
  /** Everybody whose phone showed it. */
  readonly readers: readonly Person[];
}

/** Source of records: `MemoryWorld`. */
export interface SentSource {
  readonly sent: readonly SentRecord[];
  onSent(listener: (record: SentRecord) => void): () => void;
}

export class Feed {
  readonly #deliveries: Delivery[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #unlisten: () => void;
  /** How many of the deliveries the story has told. */
  readonly #taken = new Set<Delivery>();

  constructor(source: SentSource) {
    this.#unlisten = source.onSent((record) => {
      const delivery = deliveryOf(record);
      if (delivery === undefined) return;
      this.#deliveries.push(delivery);
      for (const listener of [...this.#listeners]) listener();
    });
  }

  /** Everything so far, oldest first. */
  get all(): readonly Delivery[] {
    return this.#deliveries;
  }

  /**
   * The oldest delivery not yet taken that fits, now or later.
   * @throws {DeadlineExceeded} after `timeoutMs`; the abort reason when `signal` aborts
   */
  async take(
    wanted: (delivery: Delivery) => boolean,
    what: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Delivery> {
    const { promise, resolve } = Promise.withResolvers<Delivery>();
    const look = () => {
      const found = this.#deliveries.find((delivery) => !this.#taken.has(delivery) && wanted(delivery));
      if (found !== undefined) resolve(found);
    };
    this.#listeners.add(look);
    look();
    try {
      const delivery = await within(promise, timeoutMs, what, signal);
      this.#taken.add(delivery);
      return delivery;
    } finally {
      this.#listeners.delete(look);
    }
  }

  /** Calls back for each delivery from now on. @returns a function that ends the calls */
  onDelivery(listener: (delivery: Delivery) => void): () => void {
    const look = () => listener(this.#deliveries.at(-1)!);
    this.#listeners.add(look);
    return () => this.#listeners.delete(look);
  }

  close(): void {
    this.#unlisten();
    this.#listeners.clear();
  }
}

function deliveryOf(record: SentRecord): Delivery | undefined {
  if (record.kind !== "message") return undefined;
  const readers = PEOPLE.filter(({ uuid }) =>
    record.results.some(({ type, recipientAddress }) => type === "SUCCESS" && recipientAddress.uuid === uuid)
  );
  if (readers.length === 0) return undefined;
  const { to } = record;
  const person = "uuid" in to ? PEOPLE.find(({ uuid }) => uuid === to.uuid) : undefined;
  if (person === undefined && !("group" in to && to.group === GROUP.id)) return undefined;
  return { person, text: record.body, atMs: record.at_ms, readers };
}
