/**
 * What every measure runs on: a fresh database, the simulated Signal and the service, each a process of its own, with the
 * service's default settings but for pacing.
 *
 * @module
 */
import { dirname } from "node:path";
import type { TestDatabase } from "../support/databases.ts";
import { ServiceProcess, type Status } from "../support/service_process.ts";
import { type Sent, SimulatedSignal } from "../support/simulated_signal.ts";
import type { Engine } from "./engines.ts";
import { Shop } from "./shop.ts";

/** The owner's group, as Signal names groups. */
export const GROUP = "AAAAAAAAAAAAAAAAAAAAAA==";
const ADMIN = "+15550100002";
/** Bearer of `POST /v1/wake`. */
export const ADMIN_TOKEN = "bench-".padEnd(40, "0");
const OWNER = "+15550100003";
/** A start that takes longer has failed, milliseconds. */
const START_TIMEOUT_MS = 30_000;
/** Counting lines of the simulator's record this often costs next to nothing, milliseconds. */
const LOOK_MS = 100;
/** Nothing was sent for so long: the notices of the start are through, milliseconds. */
const QUIET_MS = 1_500;

export interface RigOptions {
  /** Numbers of people beside admin and owner. Default: {@link people} 1,000. */
  readonly people?: readonly string[];
  readonly settings?: Readonly<Record<string, string>>;
}

/** Invented numbers of the North American plan. */
export function people(count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `+1555${String(2_000_000 + i)}`);
}

export class Rig implements AsyncDisposable {
  readonly service: ServiceProcess;
  private constructor(
    readonly db: TestDatabase,
    readonly signal: SimulatedSignal,
    readonly shop: Shop,
    readonly people: readonly string[],
    /** Where the service listens for HTTP. */
    readonly httpPort: number,
    private readonly folder: string,
    settings: Readonly<Record<string, string>>,
  ) {
    this.service = new ServiceProcess({
      folder,
      settings: {
        ...db.settings,
        SIGNAL_NUMBER: signal.account,
        SIGNAL_GROUP_ID: GROUP,
        SIGNAL_CLI_DATA_DIR: signal.dataDir,
        ADMIN_PHONE_NUMBER: ADMIN,
        AFFILIATE_LINK: "https://shop.example/",
        RATE_LIMIT: "0",
        HTTP_PORT: String(httpPort),
        ADMIN_TOKEN,
        ...settings,
      },
      signalCliFolder: `${signal.dataDir}/bin`,
    });
  }

  /** The service is not started yet. */
  static async create(engine: Engine, options: RigOptions = {}): Promise<Rig> {
    const numbers = options.people ?? people(1_000);
    const db = await engine.open();
    const signal = await SimulatedSignal.create({
      people: [ADMIN, OWNER, ...numbers].map((number) => ({ number })),
      groups: [{ id: GROUP, name: "Orders", members: [OWNER] }],
    });
    // The compiled program may write below its working folder alone, so it works where the database file lies.
    const file = db.settings["SQLITE_PATH"];
    const folder = file === undefined ? await Deno.makeTempDir({ prefix: "bench-" }) : dirname(file);
    return new Rig(db, signal, await Shop.open(db), numbers, freePort(), folder, options.settings ?? {});
  }

  /** Starts the service. @returns milliseconds until it said that the database is live */
  async start(): Promise<number> {
    const startedAtMs = performance.now();
    this.service.start();
    await this.#status((status) => status.parts["database"]?.state === "live");
    return performance.now() - startedAtMs;
  }

  /** Starts it and waits until Signal is live too and the notices of the start are through. */
  async startIdle(): Promise<void> {
    await this.start();
    await this.#status((status) => status.parts["signal"]?.state === "live");
    for (let before = -1; before !== this.signal.sent().length;) {
      before = this.signal.sent().length;
      await sleep(QUIET_MS);
    }
  }

  /**
   * Waits until so many messages that `wanted` picks are in the simulator's record.
   * @throws when nothing new came for `stallMs`
   */
  async sent(count: number, wanted: (sent: Sent) => boolean = () => true, stallMs = 30_000): Promise<readonly Sent[]> {
    let looked = 0;
    const found: Sent[] = [];
    for (let lastAtMs = performance.now();;) {
      const all = this.signal.sent();
      const before = found.length;
      for (; looked < all.length; looked++) if (wanted(all[looked]!)) found.push(all[looked]!);
      if (found.length >= count) return found;
      if (found.length > before) lastAtMs = performance.now();
      if (performance.now() - lastAtMs > stallMs) {
        throw new Error(
          `${found.length} of ${count} messages came, then none for ${stallMs} ms; the log ends\n${
            this.service.log().slice(-2_000)
          }`,
        );
      }
      await sleep(LOOK_MS);
    }
  }

  async #status(wanted: (status: Status) => boolean): Promise<void> {
    const path = `${this.folder}/run/status.json`;
    const look = () => {
      try {
        return wanted((JSON.parse(Deno.readTextFileSync(path)) as { readonly status: Status }).status);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return false;
        throw error;
      }
    };
    const watcher = Deno.watchFs(`${this.folder}/run`);
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      watcher.close();
    }, START_TIMEOUT_MS);
    try {
      if (look()) return;
      for await (const _ of watcher) if (look()) return;
    } finally {
      clearTimeout(deadline);
    }
    if (late) throw new Error(`the service was not ready in time; its log ends\n${this.service.log().slice(-2_000)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.stop();
    await this.shop[Symbol.asyncDispose]();
    await this.db[Symbol.asyncDispose]();
    await this.signal[Symbol.asyncDispose]();
    if (this.db.name !== "sqlite") await Deno.remove(this.folder, { recursive: true });
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
