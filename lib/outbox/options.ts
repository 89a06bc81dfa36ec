/**
 * What a dispatcher needs.
 *
 * @module
 */
import type { Address } from "../domain/address.ts";
import type { Channel } from "../channels/channel.ts";
import type { Alarm } from "../runtime/alarm.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import type { Log } from "../runtime/log.ts";
import type { Random } from "../runtime/random.ts";
import type { HeldLease, SettledRow, Store, StoreTx } from "../store/port.ts";
import type { Journal } from "./journal.ts";
import type { Pacing } from "./pacing.ts";
import type { BreakerOptions } from "./pause.ts";
import type { UnknownsOptions } from "./unknowns.ts";

export interface DispatcherOptions extends UnknownsOptions {
  readonly channel: Channel;
  readonly store: Store;
  readonly held: HeldLease;
  readonly journal: Journal;
  readonly pacing: Pacing;
  readonly breaker: BreakerOptions;
  /** Recipients that are never paced: the owner's group and the admin. */
  readonly exempt: (recipient: Address) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  readonly alarm: Alarm;
  /** LEASE_SECONDS, milliseconds. */
  readonly leaseMs: number;
  readonly sendWindow: number;
  readonly laneWindow: number;
  /** Requests in flight at the channel (`SIGNAL_CONCURRENCY`). */
  readonly concurrency: number;
  /** How long a stop waits for requests in flight before it gives them up, milliseconds. */
  readonly softStopMs: number;
  /** Aborted when even that is too long (a second signal). */
  readonly work: AbortSignal;
  /**
   * Tells the owners of messages that reached an end, in the same transaction. May run more than once; what it returns
   * runs once, after the commit.
   */
  readonly onSettled: (tx: StoreTx, rows: readonly SettledRow[]) => Promise<() => void>;
}
