/**
 * One run: a shop that sells and people who write while everything goes wrong, then peace, then the verdict.
 *
 * @module
 */
import { seeded } from "../../lib/simulator/faults.ts";
import { DatabaseSync } from "node:sqlite";
import { startServer, type TestServer } from "../support/database_server.ts";
import type { DatabaseName } from "../support/databases.ts";
import type { ServiceProcess } from "../support/service_process.ts";
import { LINK, OWNER_GROUP, Shop } from "../support/shop.ts";
import { LEASE_MS, type Mishap, type Plan, schedule } from "./schedule.ts";
import { PAUSING_TROUBLES, SINGLE_TROUBLES, troubleRules, WITHOUT_ANSWER } from "./troubles.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly engine: DatabaseName;
  readonly instances: 1 | 2;
  /** Instead of the schedule: a kill -9 every `everyMs`, of each in turn, until about so many messages were sent. */
  readonly drill?: { readonly messages: number; readonly everyMs: number };
  /** Told of each mishap and once a second of how far it is. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly elapsedMs: number;
  readonly phase: "chaos" | "peace" | "verdict";
  readonly sent: number;
  readonly kills: number;
  readonly mishap?: Mishap;
}

/** The last line of the program, and what a test of a seed looks at. */
export interface Outcome {
  /** Messages that orders and people were owed. */
  readonly messages: number;
  /** kill -9 of anything, scripted crashes of signal-cli among them. */
  readonly kills: number;
  /** Owed, and neither delivered nor visibly dead. */
  readonly lost: number;
  /** Inbound messages that signal-cli acknowledged and never handed to us (facts: signal.md §4.6). */
  readonly lost_by_signal_cli: number;
  /** When they were written, seconds after the start of the run. */
  readonly lost_by_signal_cli_at_s: readonly number[];
  readonly out_of_order: number;
  /** Copies beyond the first. */
  readonly doubled: number;
  /** Requests that were handed over and never answered, as counted in `outbox_attempts`. */
  readonly in_flight_at_kills: number;
  /** Orders whose flag was set too early at some moment, or says something else than what happened at the end. */
  readonly wrong_flag: number;
  /** Visibly dead, and so not lost. */
  readonly dead: number;
  readonly seed: number;
  readonly db: DatabaseName;
  readonly instances: number;
  readonly seconds: number;
  /** Which promises were broken, in words; empty when all held. */
  readonly broken: readonly string[];
  /** Where the run's files are, when a promise was broken. */
  readonly kept?: string;
}

/** SIGNAL_CONCURRENCY, and rows that another instance finds without a journal to believe (SEND_WINDOW). */
const CONCURRENCY = 4, WINDOW = 64;
/** Orders per second, and people who write per second. */
const ORDERS_PER_S = 25, GOES_PER_S = 2, MAX_STRANGERS = 5_000;
/** A drill that takes longer is ended; what is left is sent in peace. */
const DRILL_MS = 900_000;
/** The phone is device 1. */
const FIRST_DEVICE = 2;
/** How soon one linked device hears of what another one sent. */
const RELAY_MS = 100;
/** Between two looks at flags. */
const SAMPLE_MS = 1_500;
/** After the last mishap: a pause of up to a minute, tries up to 2.5 minutes apart, a message that was unlucky twice. */
const PEACE_MS = 300_000;
/** A statement of the judge that takes longer is given up: the database is frozen just now. */
const PATIENCE_MS = 3_000;

/** Runs it to its end. Leaves nothing behind but the log of a run that broke a promise. */
export async function chaos(options: ChaosOptions): Promise<Outcome> {
  const { engine, seconds, instances } = options;
  await using server = engine === "sqlite" ? undefined : await startServer(engine, { fast: false });
  const disk = await SmallDisk.mount();
  await using _disk = disk;
  await using shop = await Shop.open({
    engine,
    ...(server === undefined ? {} : { server }),
    strangers: Math.min(MAX_STRANGERS, Math.ceil(seconds * GOES_PER_S)),
    world: { sendDelayMs: options.drill === undefined ? [5, 40] : [1, 8], receipts: true },
    settings: settings(disk),
  });
  if (instances === 2) await shop.addInstance({ ...settings(undefined), ...instanceDatabase(shop) });
  const run = new Run(shop, server, disk, options);
  return await run.go();
}

class Run {
  #kills = 0;
  readonly #early = new Set<number>();
  readonly #busy = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  /** Who wrote, and when. */
  readonly #said = new Map<string, number>();
  readonly #wanted: Set<ServiceProcess>;
  /** Stops of instances, each of which may leave requests in flight. */
  #ends = 0;
  readonly #startedMs = performance.now();

  constructor(
    private readonly shop: Shop,
    private readonly server: TestServer | undefined,
    private readonly disk: SmallDisk | undefined,
    private readonly options: ChaosOptions,
  ) {
    this.#wanted = new Set(shop.services);
  }

  async go(): Promise<Outcome> {
    const { seed, seconds, instances } = this.options;
    const plan: Plan = {
      seed,
      seconds,
      instances,
      server: this.server !== undefined,
      disk: this.disk !== undefined,
      troubles: SINGLE_TROUBLES,
      pausing: PAUSING_TROUBLES,
    };
    for (const signal of this.shop.signals) signal.script(troubleRules(seed));
    for (const service of this.shop.services) service.start();
    const end = new AbortController();
    const work = [this.#sell(end.signal), this.#write(end.signal), this.#sample(end.signal), this.#tell(end.signal)];
    const signals = new AbortController();
    const relay = this.#relay(signals.signal);
    if (this.options.drill !== undefined) {
      await this.#drill(this.options.drill);
    } else {
      for (const mishap of schedule(plan)) {
        await sleep(mishap.atMs - this.#elapsedMs());
        this.#begin(mishap);
      }
      await sleep(seconds * 1_000 - this.#elapsedMs());
    }
    end.abort();
    await Promise.all([...work, ...this.#underWay]);
    this.#report("peace");
    await this.#heal();
    const settled = await this.shop.waitUntilSettled(PEACE_MS);
    signals.abort();
    await relay;
    this.#report("verdict");
    return await this.#judge(settled);
  }

  /** The service, signal-cli and the database in turn, until all is sent or it takes too long. */
  async #drill({ messages, everyMs }: NonNullable<ChaosOptions["drill"]>): Promise<void> {
    const { instances } = this.options;
    const deadlineMs = this.#elapsedMs() + DRILL_MS;
    for (let kill = 0; this.shop.sent().length < messages && this.#elapsedMs() < deadlineMs; kill++) {
      await sleep(everyMs);
      const instance = Math.floor(kill / 3) % instances;
      const atMs = this.#elapsedMs();
      const victims: readonly Mishap[] = [
        { kind: "kill_service", instance, atMs, forMs: 0 },
        { kind: "kill_signal", instance, atMs, forMs: 0 },
        ...(this.server === undefined ? [] : [{ kind: "kill_database" as const, atMs, forMs: 0 }]),
      ];
      this.#begin(victims[kill % victims.length]!);
    }
  }

  /** What happens to one target happens one after another; a mishap whose target is in trouble already is left out. */
  #begin(mishap: Mishap): void {
    const target = "instance" in mishap
      ? `${mishap.kind === "kill_signal" ? "signal" : "service"} ${mishap.instance}`
      : mishap.kind === "signal_trouble"
      ? mishap.trouble
      : mishap.kind === "full_disk"
      ? "disk"
      : "database";
    if (this.#busy.has(target)) return;
    this.#busy.add(target);
    this.#report("chaos", mishap);
    const done = this.#happen(mishap).finally(() => {
      this.#busy.delete(target);
      this.#underWay.delete(done);
    });
    this.#underWay.add(done);
  }

  async #happen(mishap: Mishap): Promise<void> {
    switch (mishap.kind) {
      case "kill_service": {
        const service = this.shop.services[mishap.instance]!;
        this.#kills++;
        this.#ends++;
        await service.kill();
        await sleep(mishap.forMs);
        service.start();
        // Killed again before it could send, it would show nothing; now and then it is.
        if (mishap.forMs % 4 > 0) await this.#progress();
        return;
      }
      case "kill_signal":
        if (this.shop.signals[mishap.instance]!.kill()) {
          this.#kills++;
          this.#ends++;
        }
        return;
      case "kill_database":
        this.#kills++;
        await this.server!.kill();
        await sleep(mishap.forMs);
        await this.server!.restart();
        return;
      case "freeze_database":
        if (this.server === undefined) return await lockFile(this.shop.db.settings.SQLITE_PATH!, mishap.forMs);
        this.server.freeze();
        await sleep(mishap.forMs);
        this.server.thaw();
        return;
      case "freeze_service": {
        const service = this.shop.services[mishap.instance]!;
        this.#ends++;
        service.freeze();
        await sleep(mishap.forMs);
        service.thaw();
        return;
      }
      case "full_disk":
        this.disk!.fill();
        await sleep(mishap.forMs);
        this.disk!.empty();
        return;
      case "signal_trouble":
        for (const signal of this.shop.signals) signal.mark(mishap.trouble, true);
        await sleep(mishap.forMs);
        for (const signal of this.shop.signals) signal.mark(mishap.trouble, false);
    }
  }

  /** Waits until something new was sent, or until a lease has surely been taken over. */
  async #progress(): Promise<void> {
    const before = this.shop.sent().length;
    const deadlineMs = this.#elapsedMs() + LEASE_MS + 4_000;
    while (this.shop.sent().length === before && this.#elapsedMs() < deadlineMs) await sleep(200);
  }

  /** Whoever ended by itself is started again, as systemd would. */
  async #heal(): Promise<void> {
    for (const service of this.#wanted) if (!service.started) service.start();
    await Promise.resolve();
  }

  async #sell(end: AbortSignal): Promise<void> {
    const random = seeded(this.options.seed + 1);
    const { drill } = this.options;
    let owed = 0;
    while (!end.aborted) {
      await sleep(200, end);
      owed += drill === undefined ? ORDERS_PER_S / 5 : drill.messages / 100;
      if (drill !== undefined && this.shop.owedMessages() >= drill.messages) return;
      const count = Math.floor(owed * random() * 2);
      // A locked file would stop this whole process.
      if (count === 0 || (this.server === undefined && this.#busy.has("database"))) continue;
      try {
        await this.shop.insertOrders(count);
        owed = Math.max(0, owed - count);
      } catch {
        // The shop's own database connection died with the database: it tries again with the same orders.
      }
    }
  }

  async #write(end: AbortSignal): Promise<void> {
    const random = seeded(this.options.seed + 2);
    for (const { number } of this.shop.strangers) {
      await sleep(random() * 2_000 / GOES_PER_S, end);
      if (end.aborted) return;
      this.shop.says(number, "Go");
      this.#said.set(number, Math.round(this.#elapsedMs() / 100) / 10);
    }
  }

  /** What one linked device sends, the others hear of: a transcript of the message, and its receipts. */
  async #relay(end: AbortSignal): Promise<void> {
    const { signals } = this.shop;
    const told = signals.map(() => 0);
    while (signals.length > 1 && !end.aborted) {
      await sleep(RELAY_MS, end);
      for (const [at, signal] of signals.entries()) {
        const fresh = signal.sent().slice(told[at]);
        told[at]! += fresh.length;
        const items = fresh.flatMap(({ to, body, timestamp, results }) => [
          {
            sync: { ...(to.group === undefined ? { to: to.number ?? to.uuid } : { group: to.group }), text: body },
            device: FIRST_DEVICE + at,
            timestamp,
          },
          ...results.filter(({ type }) => type === "SUCCESS").map(({ recipientAddress }) => ({
            from: recipientAddress.uuid,
            receipt: { type: "delivery", timestamps: [timestamp] },
          })),
        ]);
        if (items.length > 0) { for (const other of signals) if (other !== signal) other.push(...items); }
      }
    }
  }

  async #sample(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      await sleep(SAMPLE_MS, end);
      if (this.#busy.has("database")) continue;
      try {
        const early = await Promise.race([this.shop.flagsTooEarly(), sleep(PATIENCE_MS).then(() => [])]);
        for (const order of early) this.#early.add(order);
      } catch {
        // The database went away meanwhile: the next look sees the same flags.
      }
    }
  }

  async #tell(end: AbortSignal): Promise<void> {
    while (!end.aborted) {
      await sleep(1_000, end);
      this.#report("chaos");
    }
  }

  #report(phase: Progress["phase"], mishap?: Mishap): void {
    this.options.onProgress?.({
      elapsedMs: this.#elapsedMs(),
      phase,
      sent: this.shop.sent().length,
      kills: this.#kills,
      ...(mishap === undefined ? {} : { mishap }),
    });
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }

  async #judge(settled: boolean): Promise<Outcome> {
    const { shop, options: { seed, seconds, engine, instances } } = this;
    const verdict = await shop.judge();
    const people = await this.#judgePeople();
    const [row] = await shop.db.adminQuery("SELECT COUNT(*) AS n FROM outbox_attempts WHERE outcome = 'unknown'");
    const inFlight = Number(row!.n);
    const fired = this.#fired();
    const crashes = fired.filter((id) => id.startsWith("crash_")).length;
    // A request without an answer is one of these: under way when an end came, or one that Signal was told not to answer;
    // the end of a hanging child takes its neighbours along.
    const perEnd = instances === 2 ? WINDOW : CONCURRENCY;
    const bound = perEnd * this.#ends +
      CONCURRENCY * fired.filter((id) => WITHOUT_ANSWER.some((it) => it === id)).length;
    const wrong = new Set([...verdict.wrongFlag, ...this.#early]);
    const lost = [...verdict.lost, ...people.lost];
    const doubled = verdict.doubled + people.doubled;
    const broken: string[] = [];
    if (!settled) broken.push(`not settled within ${PEACE_MS / 1_000} s of peace`);
    if (lost.length > 0) broken.push(`lost: ${lost.slice(0, 5).join(", ")}`);
    if (verdict.outOfOrder.length > 0) broken.push(`out of order: ${verdict.outOfOrder.slice(0, 5).join(", ")}`);
    if (doubled > inFlight) broken.push(`${doubled} doubled, ${inFlight} without an answer`);
    if (verdict.unexplained.length > 0) {
      broken.push(`doubled without a request in flight: ${verdict.unexplained.slice(0, 5).join(", ")}`);
    }
    if (inFlight > bound) broken.push(`${inFlight} without an answer, at most ${bound} can have been under way`);
    if (wrong.size > 0) broken.push(`wrong flags: ${[...wrong].slice(0, 5).join(", ")}`);
    if (people.unheard.length > 0 && this.#ends + crashes === 0 && this.disk === undefined) {
      broken.push(`inbound lost without a kill: ${people.unheard.length}`);
    }
    const kept = broken.length > 0 ? await this.#keep() : undefined;
    return {
      messages: verdict.messages + this.#said.size * 2,
      kills: this.#kills + crashes,
      lost: lost.length,
      lost_by_signal_cli: people.unheard.length,
      lost_by_signal_cli_at_s: people.unheard.map((number) => this.#said.get(number)!),
      out_of_order: verdict.outOfOrder.length,
      doubled,
      in_flight_at_kills: inFlight,
      wrong_flag: wrong.size,
      dead: verdict.dead.length,
      seed,
      db: engine,
      instances,
      seconds,
      broken,
      ...(kept === undefined ? {} : { kept }),
    };
  }

  /** Everybody who wrote has an answer, and the owner a notice; or the message never reached us. */
  async #judgePeople(): Promise<{ lost: string[]; unheard: string[]; doubled: number }> {
    const db = this.shop.db;
    const registered = new Set(
      (await db.adminQuery("SELECT phone_number FROM affiliates")).map((row) => row.phone_number),
    );
    const [senders] = await db.adminQuery("SELECT COUNT(DISTINCT lane) AS n FROM inbox");
    const dead = await db.adminQuery(
      "SELECT recipient FROM outbox WHERE state = 'dead' AND origin_kind <> 'order'",
    );
    const gaveUp = dead.map((row) => String(row.recipient)).join("\n");
    const sent = this.shop.sent();
    const lost: string[] = [];
    const unheard: string[] = [];
    let doubled = 0;
    for (const number of this.#said.keys()) {
      const answers = sent.filter(({ to, body }) => to.number === number && body.includes(`${LINK}?`)).length;
      const notices = sent.filter(({ to, body }) => to.group === OWNER_GROUP && body.includes(number)).length;
      if (!registered.has(number)) unheard.push(number);
      else if (answers === 0 && !gaveUp.includes(number)) lost.push(`answer to ${number}`);
      else if (notices === 0 && !gaveUp.includes(OWNER_GROUP)) lost.push(`notice of ${number}`);
      doubled += Math.max(0, answers - 1) + Math.max(0, notices - 1);
    }
    // A sender without an affiliate was heard and forgotten. Transcripts of another device have a sender too: us.
    const forgotten = Number(senders!.n) - (this.#said.size - unheard.length) - (this.options.instances - 1);
    if (forgotten > 0) lost.push(`messages of ${forgotten} people, stored without an effect`);
    return { lost, unheard, doubled };
  }

  /** Names of the faults that fired, once per time. */
  #fired(): readonly string[] {
    return this.shop.signals.flatMap(({ folder }) => {
      try {
        const lines = Deno.readTextFileSync(`${folder}/faults-fired.jsonl`).split("\n");
        return lines.filter((line) => line !== "").map((line) => (JSON.parse(line) as { id: string }).id);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    });
  }

  /** Copies logs and records to a folder that stays. */
  async #keep(): Promise<string> {
    const folder = await Deno.makeTempDir({ prefix: `chaos-${this.options.seed}-` });
    for (const [at, service] of this.shop.services.entries()) {
      await Deno.writeTextFile(`${folder}/service-${at}.log`, service.log());
      await Deno.copyFile(`${this.shop.signals[at]!.folder}/sent.jsonl`, `${folder}/sent-${at}.jsonl`);
    }
    for (
      const table of ["orders", "order_deliveries", "outbox", "outbox_archive", "outbox_attempts", "inbox", "leases"]
    ) {
      const rows = await this.shop.db.adminQuery(`SELECT * FROM ${table}`);
      await Deno.writeTextFile(`${folder}/${table}.jsonl`, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    }
    return folder;
  }
}

/** A disk of a few kilobytes, for the spool. Only root can have one. */
class SmallDisk implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async mount(): Promise<SmallDisk | undefined> {
    if (Deno.uid() !== 0) return undefined;
    const folder = await Deno.makeTempDir({ prefix: "chaos-disk-" });
    const { success } = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=1m,mode=0700", "chaos", folder],
      stdout: "null",
      stderr: "null",
    }).output();
    if (success) return new SmallDisk(folder);
    await Deno.remove(folder);
    return undefined;
  }

  /** Not a byte is left. */
  fill(): void {
    using file = Deno.openSync(`${this.folder}/filler`, { create: true, append: true });
    for (const size of [65_536, 4_096, 1]) {
      try {
        while (true) file.writeSync(new Uint8Array(size));
      } catch {
        // Full for pieces of this size: that is what was wanted.
      }
    }
  }

  empty(): void {
    Deno.removeSync(`${this.folder}/filler`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Deno.Command("umount", { args: ["-l", this.folder] }).output();
    await Deno.remove(this.folder);
  }
}

/** Times short enough that a minute holds many recoveries. */
function settings(disk: SmallDisk | undefined): Record<string, string> {
  return {
    LEASE_SECONDS: String(LEASE_MS / 1_000),
    UNKNOWN_WAIT_SECONDS: "1",
    SIGNAL_TIMEOUT: "5",
    DB_POOL_TIMEOUT: "3",
    ...(disk === undefined ? {} : { SPOOL_DIR: `${disk.folder}/spool` }),
  };
}

/** The second instance works in a folder of its own on the same database. */
function instanceDatabase(shop: Shop): Record<string, string> {
  const { SQLITE_PATH } = shop.db.settings;
  return SQLITE_PATH === undefined ? {} : { SQLITE_PATH };
}

/** A file cannot be frozen; another program that holds its lock looks the same. */
async function lockFile(path: string, ms: number): Promise<void> {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    db.exec("BEGIN IMMEDIATE");
    await sleep(ms);
    db.exec("ROLLBACK");
  } finally {
    db.close();
  }
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted || ms <= 0) return resolve();
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}
