/**
 * What the tests of this room stand on: a real database, the real Signal channel with the simulator behind it, and
 * instances of the service's sending half that can be killed.
 *
 * Time stands still unless the test moves it ({@link Rig.clock}), or runs as it does (`realTime`).
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { Address } from "../../lib/domain/address.ts";
import type { MessageKind, Origin } from "../../lib/domain/message.ts";
import { reopenOrders } from "../../lib/automations/orders/owed_again.ts";
import { settleOrders } from "../../lib/automations/orders/settled.ts";
import { DeadLetters } from "../../lib/outbox/dead_letters.ts";
import type { WorldTime } from "../../lib/simulator/time.ts";
import type { SettledRow } from "../../lib/store/port.ts";
import { type DatabaseName, databases, databaseTest, type TestDatabase } from "../support/databases.ts";
import { type Device, InProcessSignal, timeOf } from "../support/in_process_signal.ts";
import { ManualClock, RecordingAlarm, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { until } from "../support/until.ts";
import { ACCOUNT, GROUP_ID, NUMBER, number, uuid } from "./cast.ts";
import { Instance, type InstanceOptions } from "./instance.ts";

/** Ahead of the database's clock, so that what was just stored is due although time stands still. */
export const AHEAD_MS = 600_000;
/** Time that passes from look to look while a test waits: what gathers for a moment goes on. */
const LOOK_STEP_MS = 25;
/** Enough for any deadline of a stop. */
const ENDING_MS = 20_000;

export interface RigOptions {
  /** How many people there are; they are members of the group too. Default 5. */
  readonly people?: number;
  readonly world?: Readonly<Record<string, unknown>>;
  readonly realTime?: boolean;
  /** Signal's own timestamps and delays go by the rig's clock too: how long a machine takes for anything changes nothing. */
  readonly oneClock?: boolean;
  /** Whatever Signal delays, by whatever time, waits for {@link Rig.letGo}. */
  readonly held?: boolean;
}

/** Registers a test on the named engines; default: SQLite, where it is quick. */
export function rigTest(
  name: string,
  run: (rig: Rig) => Promise<void>,
  options: RigOptions & { readonly engines?: readonly DatabaseName[] } = {},
): void {
  for (const engine of databases()) {
    if (!(options.engines ?? ["sqlite"]).includes(engine.name)) continue;
    databaseTest(engine, name, async (db) => {
      await using rig = new Rig(db, options);
      await run(rig);
    });
  }
}

/** `a0`, `a1`, … */
export function texts(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}`);
}

export class Rig implements AsyncDisposable {
  readonly signal: InProcessSignal;
  readonly device: Device;
  readonly clock: ManualClock;
  readonly log = new RecordingLog();
  readonly counters = new RecordingCounters();
  readonly alarm = new RecordingAlarm();
  /** Everything that `onSettled` was told and that was committed. */
  readonly settled: SettledRow[] = [];
  readonly instances: Instance[] = [];
  readonly folder: string;
  bootedAtMs = 1_784_000_000_000;
  readonly #held = Promise.withResolvers<void>();

  constructor(readonly db: TestDatabase, readonly options: RigOptions = {}) {
    this.clock = new ManualClock(Date.now() + AHEAD_MS);
    const people = Array.from({ length: options.people ?? 5 }, (_, n) => ({ number: number(n), uuid: uuid(n) }));
    this.signal = new InProcessSignal({
      accounts: [NUMBER],
      people,
      groups: [{ id: GROUP_ID, name: "Shop", members: people.map((one) => one.uuid) }],
      ...options.world,
    }, this.#signalTime());
    this.device = this.signal.addDevice();
    this.folder = Deno.makeTempDirSync({ prefix: "outbox-" });
  }

  #signalTime(): WorldTime | undefined {
    const { oneClock, held } = this.options;
    if (oneClock) return timeOf(this.clock);
    return held ? timeOf({ nowMs: () => Date.now(), sleepMs: () => this.#held.promise }) : undefined;
  }

  /** What Signal delayed goes on, and nothing is delayed any more. */
  letGo(): void {
    this.#held.resolve();
  }

  /** An instance that is running and holds the lease, if it can be had. */
  async start(options: InstanceOptions = {}): Promise<Instance> {
    const instance = new Instance(this, options);
    this.instances.push(instance);
    options.prepare?.(instance);
    await instance.start();
    return instance;
  }

  /** Kills the instance and lets its lease run out, as LEASE_SECONDS would. */
  async kill(instance: Instance): Promise<void> {
    await instance.kill();
    await this.expireLeases();
  }

  async expireLeases(): Promise<void> {
    await this.change("UPDATE leases SET expires_at_ms = 0");
  }

  /** One statement. SQLite's own wait would stop the very transaction that it waits for: it is in this process. */
  async change(sql: string): Promise<void> {
    const { options } = this.db;
    if (options.engine !== "sqlite") return void await this.db.adminQuery(sql);
    const file = new DatabaseSync(options.path, { timeout: 0 });
    try {
      await until(() => {
        try {
          file.exec(sql);
          return true;
        } catch (error) {
          if (error instanceof Error && error.message === "database is locked") return false;
          throw error;
        }
      }, "the database to be free");
    } finally {
      file.close();
    }
  }

  /** The machine starts again: RUNTIME_DIR is empty. */
  reboot(): void {
    for (const { name } of Deno.readDirSync(this.folder)) Deno.removeSync(`${this.folder}/${name}`);
    this.bootedAtMs += 3_600_000;
  }

  enqueue(
    recipient: Address,
    bodies: readonly string[],
    more: { kind?: MessageKind; origin?: Origin; maxAgeMs?: number } = {},
  ): Promise<readonly number[]> {
    return this.db.store.outbox.enqueue(bodies.map((body) => ({
      account: ACCOUNT,
      recipient,
      body,
      kind: more.kind ?? "api",
      origin: more.origin ?? { kind: "api", key: body, generation: 1 },
      ...(more.maxAgeMs === undefined ? {} : { maxAgeMs: more.maxAgeMs }),
    })));
  }

  /** An unnotified order of the shop that owes these messages. */
  async order(recipients: readonly Address[]): Promise<{ readonly order: number; readonly ids: readonly number[] }> {
    await this.change("INSERT INTO orders (client, total, notified) VALUES ('Ada', 12.50, FALSE)");
    const order = Number((await this.db.adminQuery("SELECT MAX(id) AS id FROM orders"))[0]!.id);
    return await this.db.store.transaction("test_order", async (tx) => {
      await tx.orders.open(order, 1, recipients.length, "open");
      const ids = await tx.outbox.enqueue(recipients.map((recipient, n) => ({
        account: ACCOUNT,
        recipient,
        body: `order ${order}.${n}`,
        kind: "order_owner",
        origin: { kind: "order", key: String(order), generation: 1 },
      })));
      return { order, ids };
    });
  }

  async notified(order: number): Promise<boolean> {
    return Number((await this.db.adminQuery("SELECT notified FROM orders WHERE id = ?", [order]))[0]!.notified) === 1;
  }

  deadLetters(maxReplays = 3, store = this.db.store): DeadLetters {
    return new DeadLetters({
      store,
      maxReplays,
      nowMs: () => this.options.realTime ? Date.now() : this.clock.nowMs(),
      onOwedAgain: reopenOrders,
      onSettled: async (tx, rows) => {
        await settleOrders(tx, rows);
        return () => {};
      },
    });
  }

  async state(id: number): Promise<string> {
    return (await this.db.store.outbox.find(id))?.state ?? "absent";
  }

  /** Waits until each of the messages is in one of the states. */
  async reach(ids: readonly number[], ...states: readonly string[]): Promise<void> {
    let seen: string[] = [];
    await until(async () => {
      await this.clock.advance(LOOK_STEP_MS);
      seen = await Promise.all(ids.map((id) => this.state(id)));
      return seen.every((state) => states.includes(state));
    }, `messages to become ${states.join(" or ")}`).catch((error) => {
      throw new Error(`${(error as Error).message}; they are ${seen.join(", ")}`);
    });
  }

  /** How often the message went out, as far as the timeline says. */
  async outcomes(id: number): Promise<readonly string[]> {
    return (await this.db.store.outbox.find(id))?.timeline.map(({ outcome, reason }) => reason ?? outcome) ?? [];
  }

  /** Moves time on, and has running instances look. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    for (const instance of this.instances) if (!instance.frozen) instance.dispatcher.look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let ended = false;
    const end = Promise.all(this.instances.map((instance) => instance.end())).finally(() => ended = true);
    // What ends may wait for time to pass.
    for (let passed = 0; !ended && passed < ENDING_MS; passed += LOOK_STEP_MS) await this.clock.advance(LOOK_STEP_MS);
    await end;
    await Deno.remove(this.folder, { recursive: true });
  }
}
