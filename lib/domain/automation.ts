/**
 * The interface of an automation: something that reacts to what reached us.
 *
 * @module
 */
import type { InboundEvent } from "./events.ts";

/** Where the event is stored. */
export interface InboundContext {
  /** The event's own id in the inbox: the same however often it is tried; `origin.key` of what it causes. */
  readonly inboxId: number;
}

/**
 * Reacts to inbound events, inside the transaction that also marks the event as done: every effect is written
 * through `tx`, nothing else is touched, so that the event's effects happen once or not at all.
 * `Tx` is the store's transaction; this room does not know it.
 */
export interface Automation<Tx> {
  /** Lower case, shown in logs, metrics and `explain`. */
  readonly name: string;
  /** Cheap and pure: whether {@link handle} wants this event. */
  wants(event: InboundEvent): boolean;
  /**
   * May run more than once for one event (the transaction is retried whole), so it keeps no state of its own.
   * A throw leaves the event in the inbox to be tried again, and in the end visibly dead.
   */
  handle(event: InboundEvent, tx: Tx, context: InboundContext): Promise<void>;
}
