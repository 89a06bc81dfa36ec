/**
 * A whole shop for a test: a real database with the original's tables, people on a simulated Signal, and the service as a
 * process of its own between them. What happened is judged from outside, by `judge.ts`.
 *
 *     await using shop = await Shop.open({ engine: "mariadb" });
 *     await shop.start();
 *     await shop.insertOrders(10);
 *     await shop.waitForNotified(10);
 *     const verdict = await shop.judge();
 *
 * @module
 */
import { DeadlineExceeded } from "../../lib/runtime/clock.ts";
import type { TestServer } from "./database_server.ts";
import { type DatabaseName, openTestStore, type TestDatabase } from "./databases.ts";
import { clientOf, type Debt, judge, type Tables, type Verdict } from "./judge.ts";
import { PATIENCE_MS } from "./recorder.ts";
import { ServiceProcess } from "./service_process.ts";
import { ACCOUNT, commandLine, type Sent, SimulatedSignal, type WorldDescription } from "./simulated_signal.ts";

export const OWNER_GROUP = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
export const ADMIN = "+15550100099";
export const LINK = "https://shop.example/affiliate";
/** Members of the owner's group. */
const OWNERS = ["+15550100002", "+15550100003"] as const;
/** A token that nobody has. */
const UNKNOWN_TOKEN = "NOBODYHAS000";
const DEFAULT_AFFILIATES = 5;
/** Looks at a table, which sends no notice. */
const POLL_MS = 100;
const ROWS_PER_INSERT = 500;

export interface ShopOptions {
  readonly engine: DatabaseName;
  /** A server of the test's own, to be killed; default: the shared one. */
  readonly server?: TestServer;
  /** Changes to the world of Signal. */
  readonly world?: WorldDescription;
  /** Changes to the service's settings. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How many affiliates there are from the start, the last of them deactivated. Default 5. */
  readonly affiliates?: number;
  /** How many people there are who have not written yet. Default 10. */
  readonly strangers?: number;
  /** False: the database is empty, as before `migrate`. */
  readonly migrated?: boolean;
}

export interface ShopAffiliate {
  readonly number: string;
  readonly token: string;
  readonly active: boolean;
}

export interface Person {
  readonly number: string;
  readonly uuid: string;
  readonly name: string;
}

export class Shop implements AsyncDisposable {
  readonly debts: Debt[] = [];
  /** The devices of the account: the service's own, and those of further instances. */
  readonly signals: SimulatedSignal[];
  readonly services: ServiceProcess[];
  #orders = 0;
  #saidAtMs = 0;

  private constructor(
    readonly db: TestDatabase,
    readonly signal: SimulatedSignal,
    readonly service: ServiceProcess,
    readonly affiliates: readonly ShopAffiliate[],
    readonly strangers: readonly Person[],
    private readonly world: WorldDescription,
    private readonly folders: string[],
  ) {
    this.signals = [signal];
    this.services = [service];
  }

  /** Everything is there, nothing runs. */
  static async open(options: ShopOptions): Promise<Shop> {
    const { engine, server, migrated } = options;
    const db = await openTestStore(engine, {
      ...(server === undefined ? {} : { server }),
      ...(migrated === undefined ? {} : { migrated }),
    });
    const affiliates = people(options.affiliates ?? DEFAULT_AFFILIATES, 2_000).map(({ number }, index, all) => ({
      number,
      token: `TKN${String(index).padStart(9, "0")}`,
      active: index < all.length - 1,
    }));
    const strangers = people(options.strangers ?? 10, 3_000);
    const world: WorldDescription = {
      people: [
        ...OWNERS.map((number) => ({ number, name: "Owner" })),
        { number: ADMIN, name: "Admin" },
        ...affiliates.map(({ number }) => ({ number, name: "Affiliate" })),
        ...strangers,
      ],
      groups: [{ id: OWNER_GROUP, name: "Shop", members: [...OWNERS] }],
      ...options.world,
    };
    const signal = await SimulatedSignal.create(world);
    // The compiled program may touch its working folder: an SQLite database has to lie in it.
    const folder = engine === "sqlite" ? folderOf(db) : await Deno.makeTempDir({ prefix: "shop-" });
    const service = makeService(folder, signal, db, {
      ...(migrated === false ? administrator(db) : {}),
      ...options.settings,
    });
    const shop = new Shop(db, signal, service, affiliates, strangers, world, engine === "sqlite" ? [] : [folder]);
    if (migrated !== false) await shop.#hire();
    return shop;
  }

  /** The service starts, and is ready for work. */
  async start(timeoutMs = 2 * PATIENCE_MS): Promise<void> {
    this.service.start();
    await this.service.waitForStatus(
      "ready",
      ({ parts }) => parts.database?.state === "live" && parts.signal?.state === "live",
      timeoutMs,
    );
  }

  /** A further instance: another folder, another linked device of the same account, the same database. */
  async addInstance(settings: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const signal = await SimulatedSignal.create(this.world);
    const folder = await Deno.makeTempDir({ prefix: "shop-" });
    this.folders.push(folder);
    const service = makeService(folder, signal, this.db, settings);
    this.signals.push(signal);
    this.services.push(service);
    return service;
  }

  /**
   * The shop sells. May be called again after it failed: what was inserted already is left alone. Of ten orders six carry an affiliate's token, one that of the deactivated one, one a token that nobody
   * has; unless `tokens` is false. @returns their ids
   */
  async insertOrders(count: number, options: { readonly tokens?: boolean } = {}): Promise<readonly number[]> {
    const active = this.affiliates.filter((affiliate) => affiliate.active);
    const gone = this.affiliates.find((affiliate) => !affiliate.active);
    const debts: Debt[] = [];
    const rows: (string | number | null)[][] = [];
    for (let i = 0; i < count; i++) {
      const order = this.#orders + i + 1;
      const place = options.tokens === false ? 9 : order % 10;
      const affiliate = place < 6 && active.length > 0 ? active[order % active.length] : undefined;
      const token = affiliate?.token ?? (place === 6 ? gone?.token : place === 7 ? UNKNOWN_TOKEN : undefined) ?? null;
      rows.push([order, clientOf(order), (order % 977) + 0.5, `198.51.100.${order % 250}`, token]);
      debts.push({ order, recipients: affiliate === undefined ? [OWNER_GROUP] : [OWNER_GROUP, affiliate.number] });
    }
    for (let at = 0; at < rows.length; at += ROWS_PER_INSERT) {
      const some = rows.slice(at, at + ROWS_PER_INSERT);
      await this.db.adminQuery(
        `INSERT ${
          this.db.name === "sqlite" ? "OR " : ""
        }IGNORE INTO orders (id, client, total, ip_address, affiliate_token) VALUES ${
          some.map(() => "(?, ?, ?, ?, ?)").join(", ")
        }`,
        some.flat(),
      );
    }
    this.#orders += count;
    this.debts.push(...debts);
    return debts.map(({ order }) => order);
  }

  /** How many messages the orders so far owe. */
  owedMessages(): number {
    return this.debts.reduce((sum, { recipients }) => sum + recipients.length, 0);
  }

  /** Somebody writes; every device of the account gets it. @returns the message's time, which no other has */
  says(from: string, text: string, more: Readonly<Record<string, unknown>> = {}): number {
    const timestamp = this.#saidAtMs = Math.max(Date.now(), this.#saidAtMs + 1);
    for (const signal of this.signals) signal.says(from, text, { timestamp, ...more });
    return timestamp;
  }

  /** Everything that Signal accepted from the account, from whichever device. */
  sent(): readonly Sent[] {
    return this.signals.flatMap((signal) => signal.sent());
  }

  /** Orders whose flag is TRUE. */
  async notified(): Promise<ReadonlySet<number>> {
    const rows = await this.db.adminQuery("SELECT id FROM orders WHERE notified = TRUE");
    return new Set(rows.map((row) => Number(row.id)));
  }

  /** Waits until so many orders are flagged. */
  async waitForNotified(count: number, timeoutMs = 4 * PATIENCE_MS): Promise<void> {
    await until(
      `${count} orders notified`,
      async () => {
        const [row] = await this.db.adminQuery("SELECT COUNT(*) AS n FROM orders WHERE notified = TRUE");
        return Number(row!.n) >= count;
      },
      timeoutMs,
      () => this.service.log(),
    );
  }

  /** Waits until no message is queued or under way and every order is taken up: each is finished or visibly dead. */
  async waitUntilSettled(timeoutMs: number): Promise<boolean> {
    try {
      await until("everything settled", async () => {
        const [row] = await this.db.adminQuery(`SELECT
          (SELECT COUNT(*) FROM outbox WHERE state <> 'dead') + (SELECT COUNT(*) FROM inbox WHERE state = 'new') +
          (SELECT COUNT(*) FROM orders WHERE notified = FALSE AND NOT EXISTS (
            SELECT 1 FROM order_deliveries d WHERE d.order_id = orders.id AND d.state IN ('dead', 'held'))) AS n`);
        return Number(row!.n) === 0;
      }, timeoutMs);
      return true;
    } catch (error) {
      if (error instanceof DeadlineExceeded) return false;
      throw error;
    }
  }

  async judge(): Promise<Verdict> {
    // Flags before the record: one that is set too early shows as one whose message is missing.
    const tables = await this.#tables();
    return judge(this.debts, this.sent(), tables);
  }

  /** Flags that are TRUE although a message is still owed, at this moment. */
  async flagsTooEarly(): Promise<readonly number[]> {
    const notified = await this.notified();
    const none = { notified, dead: new Set<string>(), unfinished: new Set<string>(), unanswered: new Map() };
    const { wrongFlag } = judge(this.debts, this.sent(), none);
    return wrongFlag.filter((order) => notified.has(order));
  }

  /** Text that nobody may find in a log or a process list: numbers, service ids, tokens, names, bodies. */
  secrets(): readonly string[] {
    const { DB_PASSWORD } = this.db.settings;
    return [
      ...OWNERS,
      ADMIN,
      ...this.affiliates.flatMap(({ number, token }) => [number, token]),
      ...this.strangers.flatMap(({ number, uuid }) => [number, uuid]),
      "Zoé",
      "Quill",
      "198.51.100.",
      UNKNOWN_TOKEN,
      "New order alert",
      "Nouvelle commande",
      "Inscription",
      "affiliate?",
      ...(DB_PASSWORD === undefined ? [] : [DB_PASSWORD]),
    ];
  }

  /** Everything that the run wrote for operators: the logs of all instances. */
  written(): string {
    return this.services.map((service) => service.log()).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const service of this.services) await service[Symbol.asyncDispose]();
    for (const signal of this.signals) {
      await signalEnded(signal);
      await signal[Symbol.asyncDispose]();
    }
    await this.db[Symbol.asyncDispose]();
    for (const folder of this.folders) await Deno.remove(folder, { recursive: true });
  }

  async #hire(): Promise<void> {
    for (const { number, token, active } of this.affiliates) {
      await this.db.adminQuery("INSERT INTO affiliates (phone_number, token, is_active) VALUES (?, ?, ?)", [
        number,
        token,
        active ? 1 : 0,
      ]);
    }
  }

  async #tables(): Promise<Tables> {
    const notified = await this.notified();
    const rows = await this.db.adminQuery(
      "SELECT id, state, origin_key, recipient FROM outbox WHERE origin_kind = 'order' UNION ALL " +
        "SELECT id, state, origin_key, recipient FROM outbox_archive WHERE origin_kind = 'order'",
    );
    const keys = new Map(rows.map((row) => [Number(row.id), `${row.origin_key} ${plain(String(row.recipient))}`]));
    const inState = (...states: string[]) =>
      new Set(rows.filter((row) => states.includes(String(row.state))).map((row) => keys.get(Number(row.id))!));
    const unanswered = new Map<string, number>();
    for (const row of await this.db.adminQuery("SELECT outbox_id FROM outbox_attempts WHERE outcome = 'unknown'")) {
      const key = keys.get(Number(row.outbox_id));
      if (key !== undefined) unanswered.set(key, (unanswered.get(key) ?? 0) + 1);
    }
    return { notified, dead: inState("dead"), unfinished: inState("queued", "sending", "unknown"), unanswered };
  }
}

/** Looks until it is true. For what sends no notice, such as a table. @throws {DeadlineExceeded} */
export async function until(
  what: string,
  look: () => boolean | Promise<boolean>,
  timeoutMs = PATIENCE_MS,
  explain: () => string = () => "",
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!await look()) {
    if (performance.now() > deadlineMs) {
      throw new DeadlineExceeded(`waiting for ${what}\n${explain().slice(-3000)}`, timeoutMs);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The setting values of a shop's service; pacing is off. */
function makeService(
  folder: string,
  signal: SimulatedSignal,
  db: TestDatabase,
  settings: Readonly<Record<string, string>>,
): ServiceProcess {
  const database = db.settings.SQLITE_PATH === undefined ? db.settings : {
    ...db.settings,
    // The compiled program may touch what lies in its working folder, and only by that name.
    SQLITE_PATH: folder === folderOf(db) ? `./${db.settings.SQLITE_PATH.split("/").at(-1)}` : db.settings.SQLITE_PATH,
  };
  return new ServiceProcess({
    folder,
    signalCliFolder: `${signal.dataDir}/bin`,
    settings: {
      SIGNAL_NUMBER: ACCOUNT,
      SIGNAL_GROUP_ID: OWNER_GROUP,
      ADMIN_PHONE_NUMBER: ADMIN,
      AFFILIATE_LINK: LINK,
      SIGNAL_CLI_DATA_DIR: signal.dataDir,
      RATE_LIMIT: "0",
      HTTP_PORT: "0",
      ...database,
      ...settings,
    },
  });
}

/** Without tables there is no user for the service either: it comes as the administrator. */
function administrator({ adminOptions }: TestDatabase): Record<string, string> {
  return adminOptions.engine === "sqlite" ? {} : { DB_USER: adminOptions.user, DB_PASSWORD: adminOptions.password };
}

function folderOf(db: TestDatabase): string {
  return db.settings.SQLITE_PATH!.replace(/\/[^/]*$/, "");
}

/** Numbers from +1555020`from` on. */
function people(count: number, from: number): Person[] {
  return Array.from({ length: count }, (_, index) => ({
    number: `+1555020${from + index}`,
    uuid: `5b1f6c80-3c55-4d0e-8f7a-${String(from + index).padStart(12, "0")}`,
    name: `Person ${from + index}`,
  }));
}

/** The number, service id or group id of an address: `signal:tel:+1…` is `+1…`. */
function plain(address: string): string {
  return address.split(":").slice(2).join(":");
}

/** The simulator ends with its input, that is with the service. */
async function signalEnded(signal: SimulatedSignal): Promise<void> {
  const pid = signal.pid();
  // Its own folder in its arguments: the pid may be somebody else's by now.
  if (pid !== undefined) await until("the simulator to end", () => !commandLine(pid).includes(signal.dataDir));
}
