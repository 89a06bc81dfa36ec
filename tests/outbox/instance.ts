/**
 * The sending half of one running service, put together as `lib/app.ts` does it, so that it can be killed in between.
 *
 * @module
 */
import { SignalChannel } from "../../lib/channels/signal/channel.ts";
import type { SupervisorTimes } from "../../lib/channels/signal/supervisor.ts";
import type { Address } from "../../lib/domain/address.ts";
import { settleOrders } from "../../lib/automations/orders/settled.ts";
import type { MessageKind, SendOutcome } from "../../lib/domain/message.ts";
import { Dispatcher } from "../../lib/outbox/dispatcher.ts";
import { Journal } from "../../lib/outbox/journal.ts";
import { Pacing, type PacingOptions } from "../../lib/outbox/pacing.ts";
import type { BreakerOptions } from "../../lib/outbox/pause.ts";
import { Receipts } from "../../lib/outbox/receipts.ts";
import { type Clock, systemClock } from "../../lib/runtime/clock.ts";
import type { Counters } from "../../lib/runtime/counters.ts";
import { LifecycleController } from "../../lib/runtime/service.ts";
import { LeaseKeeper } from "../../lib/store/lease_keeper.ts";
import type { Device } from "../support/in_process_signal.ts";
import { MortalStore } from "../support/mortal_store.ts";
import { until } from "../support/until.ts";
import { ACCOUNT, NUMBER } from "./cast.ts";
import { Freezer } from "./freezer.ts";
import type { Rig } from "./rig.ts";
import type { Store } from "../../lib/store/port.ts";

export interface InstanceOptions {
  readonly device?: Device;
  /** Default: the rig's own folder; another host has another one. */
  readonly runtimeDir?: string;
  /** When its machine booted; default: when the rig's own did. */
  readonly bootedAtMs?: number;
  /** Default: another session on the rig's database. */
  readonly store?: Store;
  readonly concurrency?: number;
  readonly sendWindow?: number;
  readonly laneWindow?: number;
  readonly maxRetries?: number;
  readonly unknownWaitMs?: number;
  readonly unknownPolicy?: (kind: MessageKind) => "resend" | "hold";
  readonly sendTimeoutMs?: number;
  readonly leaseMs?: number;
  readonly softStopMs?: number;
  readonly breaker?: BreakerOptions;
  readonly pacing?: Partial<Omit<PacingOptions, "clock">>;
  readonly exempt?: (recipient: Address) => boolean;
  /** Called before it starts. */
  readonly prepare?: (instance: Instance) => void;
  /** Without waiting for lease and channel. */
  readonly impatient?: boolean;
}

/** Short enough for tests in real time. */
const TIMES: Partial<SupervisorTimes> = { restartFirstMs: 20, restartCapMs: 50, endTimeoutMs: 500, killTimeoutMs: 500 };
const LEASE = `account:${ACCOUNT}`;

export class Instance {
  readonly mortal: MortalStore;
  readonly journal: MortalJournal;
  readonly channel: SignalChannel;
  readonly leases: LeaseKeeper;
  readonly dispatcher: Dispatcher;
  readonly receipts: Receipts;
  readonly pacing: Pacing;
  readonly lifecycle = new LifecycleController();
  readonly device: Device;
  /** How the leases' table names it. */
  readonly holder = crypto.randomUUID();
  readonly #freezer = new Freezer();
  #ended: Promise<void> | undefined;
  #dead = false;

  constructor(private readonly rig: Rig, private readonly options: InstanceOptions) {
    const clock: Clock = rig.options.realTime ? systemClock : this.#freezer.clock(rig.clock);
    const random = { fraction: () => 0, bytes: (into: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(into) };
    const { log, alarm } = rig;
    const counters = this.#living(rig.counters);
    this.device = options.device ?? rig.device;
    this.mortal = new MortalStore(
      options.store ?? rig.db.openSession(),
      rig.options.realTime ? undefined : () => rig.clock.nowMs(),
    );
    this.mortal.untilThawed = () => this.#freezer.thawed();
    const { store } = this.mortal;
    const leaseMs = options.leaseMs ?? 15_000;
    this.channel = new SignalChannel({
      account: ACCOUNT,
      number: NUMBER,
      spawn: (args) => {
        if (this.#dead) throw new Error("a dead process starts nothing");
        return this.#freezer.child(this.device.spawn(args));
      },
      clock,
      random,
      log,
      counters,
      sendTimeoutMs: options.sendTimeoutMs ?? 60_000,
      times: TIMES,
      onReceipts: (some) => this.receipts.add(some),
      onTranscripts: (some) => this.dispatcher.transcripts(some),
    });
    this.leases = new LeaseKeeper({
      store,
      names: [LEASE],
      holder: this.holder,
      leaseMs,
      clock,
      log,
      counters,
    });
    this.journal = new MortalJournal(
      options.runtimeDir ?? rig.folder,
      ACCOUNT,
      options.bootedAtMs ?? rig.bootedAtMs,
    );
    this.pacing = new Pacing({ limit: 0, periodMs: 20_000, newContactsPerHour: 0, ...options.pacing, clock });
    this.dispatcher = new Dispatcher({
      channel: this.channel,
      store,
      held: this.leases.held(LEASE),
      journal: this.journal,
      pacing: this.pacing,
      breaker: options.breaker ?? { threshold: 5, cooldownMs: 30_000 },
      exempt: options.exempt ?? (() => false),
      clock,
      random,
      log,
      counters,
      alarm,
      leaseMs,
      sendWindow: options.sendWindow ?? 64,
      laneWindow: options.laneWindow ?? 16,
      concurrency: options.concurrency ?? 4,
      softStopMs: options.softStopMs ?? 5_000,
      work: this.lifecycle.work,
      maxRetries: options.maxRetries ?? 3,
      unknownWaitMs: options.unknownWaitMs ?? 10_000,
      isMember: () => undefined,
      listening: () => this.channel.listening(),
      unknownPolicy: options.unknownPolicy ?? (() => "resend"),
      onSettled: async (tx, rows) => {
        await settleOrders(tx, rows);
        return () => void rig.settled.push(...rows);
      },
    });
    this.receipts = new Receipts({
      store,
      account: ACCOUNT,
      clock,
      log,
      counters,
      onEvidence: (evidence) => this.dispatcher.evidence(evidence),
      graceMs: 0,
    });
  }

  get lease() {
    return this.leases.held(LEASE).lease();
  }

  async start(): Promise<void> {
    await this.receipts.start();
    await this.dispatcher.start();
    await this.channel.start();
    this.leases.held(LEASE).onChange((lease) => {
      void (lease === undefined ? this.channel.unsubscribe() : this.channel.subscribe(async () => {}));
    });
    await this.leases.start();
    if (this.options.impatient) return;
    await until(async () => {
      await this.rig.clock.advance(1);
      return this.channel.condition().state === "live" && this.lease !== undefined;
    }, "channel and lease");
    this.dispatcher.look();
  }

  /** In order, as at SIGTERM. */
  async stop(): Promise<void> {
    await this.dispatcher.stop();
    await this.end();
  }

  /** As SIGSTOP: time passes, its child goes on, and it sees and does nothing until {@link thaw}. */
  freeze(): void {
    this.#freezer.freeze();
  }

  thaw(): void {
    this.#freezer.thaw();
  }

  get frozen(): boolean {
    return this.#freezer.frozen;
  }

  /** As kill -9 of the service together with its child: nothing is finished, nothing is written any more. */
  async kill(): Promise<void> {
    this.mortal.dead = true;
    this.#dead = true;
    this.journal.die();
    this.thaw();
    await this.device.kill();
    // Nobody is left who would start the child again.
    await this.channel.stop();
  }

  /** A dead process counts nothing. */
  #living(counters: Counters): Counters {
    const ifAlive = <A extends unknown[]>(count: (...args: A) => void) => (...args: A) => {
      if (!this.#dead) count(...args);
    };
    return {
      add: ifAlive((name, by, labels) => counters.add(name, by, labels)),
      set: ifAlive((name, value, labels) => counters.set(name, value, labels)),
      observeMs: ifAlive((name, ms, labels) => counters.observeMs(name, ms, labels)),
    };
  }

  /** Frees what a dead or stopped process would have freed. */
  end(): Promise<void> {
    return this.#ended ??= this.#end();
  }

  async #end(): Promise<void> {
    this.thaw();
    if (!this.#dead) await this.dispatcher.stop();
    await this.channel.stop();
    if (this.#dead) return;
    await this.receipts.stop();
    await this.leases.stop();
  }
}

/** A journal to which a dead process writes nothing. */
class MortalJournal extends Journal {
  #dead = false;
  /** Called before each line of a hand-over; may throw as a disk would. */
  onHandOver: () => void = () => {};
  /** The same, before the file of a lease is opened. */
  onBegin: () => void = () => {};
  handOvers = 0;
  readonly answers: { readonly row: number; readonly outcome: SendOutcome }[] = [];
  die(): void {
    super.close();
    this.#dead = true;
  }
  override begin(epoch: number): void {
    this.onBegin();
    super.begin(epoch);
  }
  override handedOver(row: number, attempts: number, atMs: number): void {
    if (this.#dead) throw new Error("dead");
    this.onHandOver();
    super.handedOver(row, attempts, atMs);
    this.handOvers++;
  }
  override answered(row: number, outcome: SendOutcome): void {
    if (this.#dead) return;
    this.answers.push({ row, outcome });
    super.answered(row, outcome);
  }
  override close(): void {
    if (!this.#dead) super.close();
  }
}
