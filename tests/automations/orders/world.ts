/**
 * A database, a store on it, and the orders service around it: what the tests of this room stand on.
 *
 * @module
 */
import type { OrderSettings } from "../../../lib/automations/orders/decide.ts";
import { ORDERS_LEASE } from "../../../lib/automations/orders/fence.ts";
import type { OrdersSince } from "../../../lib/automations/orders/first_start.ts";
import { OrdersService } from "../../../lib/automations/orders/service.ts";
import { makeGroup, makeSignalAccount } from "../../../lib/domain/address.ts";
import type { MessageKind } from "../../../lib/domain/message.ts";
import { systemClock } from "../../../lib/runtime/clock.ts";
import { systemRandom } from "../../../lib/runtime/random.ts";
import { Wake } from "../../../lib/runtime/wake.ts";
import { LeaseKeeper } from "../../../lib/store/lease_keeper.ts";
import type { HeldLease, Store } from "../../../lib/store/port.ts";
import { BUILT_IN_TEMPLATES } from "../../../lib/templates/template_set.ts";
import { type DatabaseName, databases, databaseTest, type TestDatabase } from "../../support/databases.ts";
import { MortalStore } from "../../support/mortal_store.ts";
import { Recorder } from "../../support/recorder.ts";
import { ManualClock, RecordingAlarm, RecordingCounters, RecordingLog } from "../../support/recording.ts";

export const GROUP = makeGroup("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
const SETTINGS: OrderSettings = {
  account: makeSignalAccount("+33123456789"),
  ownerGroup: GROUP,
  zone: "Europe/Paris",
  currency: "EUR",
};
const LEASE_MS = 15_000;

/** Registers a test per engine; of the three, or of those named. */
export function eachDatabase(
  name: string,
  test: (database: TestDatabase) => Promise<void>,
  only: { readonly engines?: readonly DatabaseName[] } = {},
): void {
  for (const engine of databases()) {
    if (only.engines?.includes(engine.name) ?? true) databaseTest(engine, name, test);
  }
}

/** A message as it is stored. `order` is the owner's key. */
export interface StoredMessage {
  readonly id: number;
  readonly kind: MessageKind;
  readonly order: string;
  readonly generation: number;
  readonly recipient: string;
  readonly body: string;
}

/** A store on a database, with looks behind it. */
export function storeWorld(database: TestDatabase) {
  return {
    store: database.store,
    anotherSession: (): Store => database.openSession(),
    execute: async (sql: string, parameters: readonly (string | number | null)[] = []): Promise<void> => {
      await database.adminQuery(sql, parameters);
    },
    async messages(): Promise<readonly StoredMessage[]> {
      const rows = await database.adminQuery(
        "SELECT id, kind, origin_key, origin_generation, recipient, body FROM outbox ORDER BY id",
      );
      return rows.map((row) => ({
        id: Number(row.id),
        kind: row.kind as MessageKind,
        order: String(row.origin_key),
        generation: Number(row.origin_generation),
        recipient: String(row.recipient),
        body: String(row.body),
      }));
    },
  };
}

export interface InsertedOrder {
  readonly client?: string;
  readonly total?: string;
  readonly token?: string;
  /** The column as text; default: the present time of the database. */
  readonly createdAt?: string;
  /** Instead of `createdAt`: so long ago. */
  readonly ageMs?: number;
}

/** One life of the orders service. The service's clock stands still, so that it rests until it is rung. */
export function ordersWorld(database: TestDatabase, options: { readonly batchSize?: number } = {}) {
  const base = storeWorld(database);
  const mortal = new MortalStore(base.store);
  const clock = new ManualClock();
  const log = new RecordingLog();
  const alarm = new RecordingAlarm();
  const counters = new RecordingCounters();
  const wake = new Wake(clock);
  const leases = new LeaseKeeper({
    store: base.store,
    names: [ORDERS_LEASE],
    holder: crypto.randomUUID(),
    leaseMs: LEASE_MS,
    clock: systemClock,
    log,
    counters,
  });
  const kept = leases.held(ORDERS_LEASE);
  let ranOut = false;
  const lease: HeldLease = {
    name: kept.name,
    lease: () => ranOut ? undefined : kept.lease(),
    lastKnown: () => kept.lastKnown(),
    confirmed: (of, sentAt) => kept.confirmed(of, sentAt),
    lost: (of) => kept.lost(of),
    onChange: (listener) => kept.onChange(listener),
  };
  let enqueued = 0;
  const makeService = (since: OrdersSince) =>
    new OrdersService({
      store: mortal.store,
      lease,
      leaseMs: LEASE_MS,
      settings: SETTINGS,
      templates: { current: BUILT_IN_TEMPLATES },
      since,
      clock,
      random: systemRandom,
      log,
      counters,
      alarm,
      wake,
      onEnqueued: () => void enqueued++,
      ...(options.batchSize === undefined ? {} : { batchSize: options.batchSize }),
    });
  let service = makeService(undefined);

  return {
    ...base,
    clock,
    log,
    alarm,
    lease,
    get service() {
      return service;
    },
    /** How often the dispatcher was woken. */
    get enqueued() {
      return enqueued;
    },
    /** Starts under the lease, and waits until everything that is due was dealt with. */
    async start({ since }: { readonly since?: OrdersSince } = {}): Promise<void> {
      service = makeService(since);
      if (lease.lease() === undefined) {
        const taken = nextLease(lease);
        await leases.start();
        await taken;
      }
      await service.start();
      await clock.untilSleeping();
    },
    async stop(): Promise<void> {
      await service.stop();
    },
    /** The database does not answer the service any more; `ranOut`: for so long that its lease is over. */
    setAway(away: boolean, leaseRanOut: boolean): void {
      mortal.away = away;
      ranOut = leaseRanOut;
    },
    /** Rings, and waits until everything that is due was dealt with. */
    async look(): Promise<void> {
      wake.ring();
      await clock.untilSleeping();
    },
    /** Lets the keeper look for the lease, and waits as {@link look}. */
    async retakeLease(): Promise<void> {
      const taken = nextLease(lease);
      leases.retryNow();
      await taken;
      await clock.untilSleeping();
    },
    async insertOrder({ client, total, token, createdAt, ageMs }: InsertedOrder): Promise<number> {
      const written = createdAt ?? new Date(Date.now() - (ageMs ?? 0)).toISOString().slice(0, 19).replace("T", " ");
      await database.adminQuery(
        "INSERT INTO orders (client, total, ip_address, affiliate_token, created_at) VALUES (?, ?, '203.0.113.7', ?, ?)",
        [client ?? "Ada", total ?? "10.00", token ?? null, written],
      );
      const [row] = await database.adminQuery("SELECT MAX(id) AS id FROM orders");
      return Number(row!.id);
    },
    async insertOrders(count: number): Promise<void> {
      const values = new Array<string>(count).fill("('Ada', '10.00')").join(", ");
      await database.adminQuery(`INSERT INTO orders (client, total) VALUES ${values}`);
    },
    async notified(id: number): Promise<boolean> {
      const [row] = await database.adminQuery("SELECT notified FROM orders WHERE id = ?", [id]);
      return Number(row!.notified) !== 0;
    },
    async deliveries() {
      const rows = await database.adminQuery(
        "SELECT order_id, generation, state, remaining FROM order_deliveries ORDER BY order_id",
      );
      return rows.map((row) => ({
        order: Number(row.order_id),
        generation: Number(row.generation),
        state: String(row.state),
        remaining: Number(row.remaining),
      }));
    },
    async emptyOutbox(): Promise<void> {
      await database.adminQuery("DELETE FROM outbox");
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await service.stop();
      await leases.stop();
    },
  };
}
export type OrdersWorld = ReturnType<typeof ordersWorld>;

async function nextLease(lease: HeldLease): Promise<void> {
  const changes = new Recorder<boolean>();
  const unlisten = lease.onChange((now) => changes.push(now !== undefined));
  try {
    await changes.waitFor((held) => held, "the lease");
  } finally {
    unlisten();
  }
}
