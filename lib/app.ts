/**
 * Builds and connects everything: the one place that knows all rooms. It decides nothing about the business.
 *
 * @module
 */
import { type AccountId, makeGroup, makeSignalAccount, makeTel } from "./domain/address.ts";
import { ConfigError } from "./domain/errors.ts";
import type { Config } from "./config/config.ts";
import { Alerts } from "./alerts/alerts.ts";
import type { AlertMessage } from "./alerts/port.ts";
import { Webhook } from "./alerts/webhook.ts";
import { AffiliateRegistration } from "./automations/affiliates/registration.ts";
import { ORDERS_LEASE } from "./automations/orders/fence.ts";
import { OrdersService } from "./automations/orders/service.ts";
import { reopenOrders } from "./automations/orders/owed_again.ts";
import { settleOrders } from "./automations/orders/settled.ts";
import { SignalChannel } from "./channels/signal/channel.ts";
import { denoSpawn, type SpawnSignalCli } from "./channels/signal/process.ts";
import { Intake } from "./inbox/intake.ts";
import { InboxWorker } from "./inbox/worker.ts";
import { Health } from "./observe/health.ts";
import { Metrics } from "./observe/metrics.ts";
import { Dispatcher } from "./outbox/dispatcher.ts";
import { DeadLetters } from "./outbox/dead_letters.ts";
import { Journal } from "./outbox/journal.ts";
import { Pacing } from "./outbox/pacing.ts";
import { Receipts } from "./outbox/receipts.ts";
import { type Clock, systemClock } from "./runtime/clock.ts";
import { LiveFile } from "./runtime/live_file.ts";
import type { Log } from "./runtime/log.ts";
import { type Random, systemRandom } from "./runtime/random.ts";
import { LifecycleController, type Service } from "./runtime/service.ts";
import { Spool } from "./runtime/spool.ts";
import { readStatusFile, StatusFile } from "./runtime/status_file.ts";
import { Wake } from "./runtime/wake.ts";
import { LeaseKeeper } from "./store/lease_keeper.ts";
import { openStore, type StoreDeps } from "./store/open.ts";
import { PulseService } from "./store/pulse.ts";
import type { SettledRow, Store, StoreTx } from "./store/port.ts";
import { compileTemplates } from "./templates/compile.ts";
import { TemplateSet } from "./templates/template_set.ts";

/** How long a stop waits for requests in flight, milliseconds: with the rest of the stop within 10 s. */
const SOFT_STOP_MS = 5_000;
/** `status.json` is written at least this often, milliseconds. */
const STATUS_INTERVAL_MS = 3_000;

export interface AppOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Log;
  /** Default: the real program, `SIGNAL_CLI_PATH`. The demo passes its simulator. */
  readonly spawn?: SpawnSignalCli;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly metrics?: Metrics;
}

export interface App {
  /** Everything runs, whether or not the database and Signal are there. @throws {ConfigError} for a folder that cannot be used */
  start(): Promise<void>;
  /** Takes in nothing new, finishes what is under way, within about 10 s. */
  stop(): Promise<void>;
  /** Ends the grace of a stop under way: a second signal. */
  force(): void;
  /** Resolves with the error when something happened that no waiting mends: the schema does not fit. */
  readonly fatal: Promise<unknown>;
  /** What `status.json` and `health` say. */
  snapshot(): object;
  /** Reads the files again. */
  reload(): Promise<void>;
  /** Looks for due orders and messages now. */
  wake(): void;
  readonly store: Store;
}

/** Builds and connects; nothing runs yet. @throws {ConfigError} */
export function buildApp(options: AppOptions): App {
  const { config, log, clock = systemClock, random = systemRandom } = options;
  const metrics = options.metrics ?? new Metrics();
  const store = openDatabase(config, { clock, random, counters: metrics });
  const account = makeSignalAccount(config.signal.number);
  const admin = makeTel(config.signal.adminPhoneNumber);
  const ownerGroup = makeGroup(config.signal.groupId);
  const lifecycle = new LifecycleController();
  const fatal = Promise.withResolvers<unknown>();
  const holder = randomName(random);

  const channel = new SignalChannel({
    account,
    number: config.signal.number,
    ...(config.signal.cliDataDir === undefined ? {} : { dataDir: config.signal.cliDataDir }),
    spawn: options.spawn ?? realSignalCli(config),
    clock,
    random,
    log: log.child("signal"),
    counters: metrics,
    sendTimeoutMs: config.signal.timeoutMs,
    onReceipts: (some) => receipts.add(some),
  });

  const accountLease = `account:${account}`;
  const leases = new LeaseKeeper({
    store,
    names: [accountLease, "inbox", ORDERS_LEASE],
    holder,
    leaseMs: config.delivery.leaseMs,
    clock,
    log: log.child("leases"),
    counters: metrics,
  });
  const sending = leases.held(accountLease);

  // Alerts and templates need each other: a refused template is an alert, and an alert goes through a template.
  const inUse: { current: TemplateSet } = { current: new TemplateSet() };
  const alerts = new Alerts({
    stateDir: config.files.stateDir,
    templates: inUse,
    signal: {
      enqueue: async (message) => {
        await store.outbox.enqueue([alertMessage(account, admin, message)]);
        dispatcher.look();
      },
      sendDirect: async (body, signal) => {
        if (sending.lease() === undefined) return { outcome: "not_holder" };
        return await channel.send({ id: 0, recipient: admin, body }, signal, () => {});
      },
      troubled: () => channel.condition().state === "down",
    },
    ...webhookOf(config, clock, random, log),
    clock,
    random,
    log: log.child("alerts"),
    counters: metrics,
  });
  const templates = new LiveFile<TemplateSet>({
    name: "templates",
    path: config.files.templatesFile,
    builtIn: inUse.current,
    compile: compileTemplates,
    stateFolder: config.files.stateDir,
    alarmCause: "template_refused",
    clock,
    log: log.child("templates"),
    counters: metrics,
    alarm: alerts,
    onChange: () => {
      inUse.current = templates.current;
      status.touch();
    },
  });

  const pacing = new Pacing({
    limit: config.delivery.rateLimit,
    periodMs: config.delivery.rateLimitPeriodMs,
    newContactsPerHour: config.delivery.newContactRateLimit,
    clock,
  });
  const pacingFile = new StatusFile({
    path: `${config.files.runtimeDir}/pacing.json`,
    snapshot: () => pacing.snapshot(),
    clock,
    log: log.child("pacing"),
    counters: metrics,
  });
  const dispatcher = new Dispatcher({
    channel,
    store,
    held: sending,
    journal: new Journal(config.files.runtimeDir, account, bootedAtMs(clock)),
    pacing,
    breaker: {
      threshold: config.delivery.circuitBreakerThreshold,
      cooldownMs: config.delivery.circuitBreakerCooldownMs,
    },
    exempt: (recipient) => recipient === ownerGroup || recipient === admin,
    clock,
    random,
    log: log.child("outbox"),
    counters: metrics,
    alarm: alerts,
    leaseMs: config.delivery.leaseMs,
    sendWindow: config.delivery.sendWindow,
    laneWindow: config.delivery.laneWindow,
    concurrency: config.signal.concurrency,
    maxRetries: config.delivery.maxRetries,
    unknownWaitMs: config.delivery.unknownWaitMs,
    unknownPolicy: (kind) => config.delivery.unknownPolicy[kind],
    softStopMs: SOFT_STOP_MS,
    work: lifecycle.work,
    onSettled: (tx, rows) => tellOwners(tx, rows, alerts),
  });

  const receipts = new Receipts({
    store,
    account,
    clock,
    log: log.child("receipts"),
    counters: metrics,
    onEvidence: (evidence) => dispatcher.evidence(evidence),
  });

  const intake = new Intake({
    store,
    openSpool: () =>
      Spool.open({
        folder: config.files.spoolDir,
        maxBytes: config.delivery.spoolMaxBytes,
        log: log.child("spool"),
        counters: metrics,
      }),
    clock,
    log: log.child("intake"),
    counters: metrics,
    alarm: alerts,
    onStored: () => inbox.look(),
  });
  const inbox = new InboxWorker({
    store,
    held: leases.held("inbox"),
    automations: [
      new AffiliateRegistration({
        ownerGroup,
        link: config.shop.affiliateLink,
        tokenLength: config.shop.tokenLength,
        zone: config.shop.timeZone,
        templates: inUse,
        random,
        counters: metrics,
      }),
    ],
    decode: (body, of) => channel.decode(body, of),
    clock,
    log: log.child("inbox"),
    counters: metrics,
    alarm: alerts,
    workers: config.delivery.workerPoolSize,
    onEffects: () => dispatcher.look(),
  });

  const ordersBell = new Wake(clock);
  const orders = new OrdersService({
    store,
    lease: leases.held(ORDERS_LEASE),
    leaseMs: config.delivery.leaseMs,
    settings: {
      account,
      ownerGroup,
      zone: config.shop.timeZone,
      currency: config.shop.currency,
    },
    since: sinceOf(config),
    templates: inUse,
    clock,
    random,
    log: log.child("orders"),
    counters: metrics,
    alarm: alerts,
    wake: ordersBell,
    onEnqueued: () => dispatcher.look(),
  });

  const pulse = new PulseService({
    store,
    intervalMs: config.shop.pollIntervalMs,
    clock,
    log: log.child("database"),
    onArrival: () => arrive(store, config, log),
    onFatal: fatal.resolve,
    onPulse: (found) => {
      if (found.outboxDue) dispatcher.look();
      if (found.inboxDue) inbox.look();
      if (found.ordersDue || found.ordersFlagged) ordersBell.ring();
    },
    onCondition: (condition) => {
      status.touch();
      if (condition.state !== "live") {
        alerts.raise("database_down", "error", `Database error: ${condition.reason}`);
        return;
      }
      log.info("The database is there", { engine: store.engine });
      alerts.clear("database_down", "The database is back");
      leases.retryNow();
      intake.databaseIsBack();
      dispatcher.look();
      inbox.look();
      ordersBell.ring();
    },
  });

  const health = new Health({ clock, version: options.version });
  const status = new StatusFile({
    path: `${config.files.runtimeDir}/status.json`,
    snapshot: () => ({ pid: Deno.pid, ...health.snapshot() }),
    intervalMs: STATUS_INTERVAL_MS,
    clock,
    log: log.child("status"),
    counters: metrics,
  });
  health.register("database", () => pulse.condition());
  health.register("signal", () => channel.condition());
  health.register("outbox", () => ({ ...outboxCondition(dispatcher), details: dispatcher.status() }));
  health.register("orders", () => orders.condition());
  health.register("templates", () => {
    const { file, source } = templates.status();
    return file === "refused"
      ? { state: "degraded", reason: "refused", details: { source } }
      : { state: "live", details: { source } };
  });
  health.register("spool", () => ({
    ...(intake.spooling ? { state: "degraded", reason: "spooling" } as const : { state: "live" } as const),
    details: { bytes: intake.spooledBytes },
  }));
  health.register("alerts", () => alerts.condition(), { optional: true });

  channel.onCondition((condition) => {
    status.touch();
    if (condition.state === "down") {
      if (lifecycle.intake.aborted || condition.reason === "starting") return;
      alerts.raise("signal_down", "error", `Signal error: ${channel.trouble()?.message ?? condition.reason}`);
    } else if (condition.state === "live") {
      alerts.clear("signal_down", "Signal works again");
    }
  });
  // Only the holder of the account's lease takes messages in, so only one instance acknowledges them.
  sending.onChange((lease) => {
    (lease === undefined ? channel.unsubscribe() : channel.subscribe(intake.accept)).catch(fatal.resolve);
  });

  const running: readonly Service[] = [
    alerts,
    templates,
    intake,
    receipts,
    pacingFile,
    dispatcher,
    inbox,
    orders,
    channel,
    leases,
    pulse,
    status,
  ];
  return {
    store,
    fatal: fatal.promise,
    async start() {
      for (const folder of [config.files.stateDir, config.files.runtimeDir]) makeFolder(folder);
      pacing.load(await savedPacing(`${config.files.runtimeDir}/pacing.json`));
      for (const service of running) await service.start();
      alerts.announceStart();
    },
    async stop() {
      lifecycle.stopIntake("signal");
      await pulse.stop();
      await orders.stop();
      await channel.unsubscribe();
      await inbox.stop();
      await alerts.announceStop(STOP_NOTICE_MS);
      if (!lifecycle.work.aborted) await dispatcher.whenQuiet(STOP_NOTICE_MS);
      await alerts.stop();
      await dispatcher.stop();
      await channel.stop();
      await receipts.stop();
      await pacingFile.stop();
      await intake.stop();
      await leases.stop();
      await templates.stop();
      await status.stop();
      await store.close();
    },
    force: () => lifecycle.stopWork("forced"),
    snapshot: () => health.snapshot(),
    reload: async () => {
      await templates.reload();
    },
    wake: () => pulse.lookNow(),
  };
}

/** How long the stop notice may take to be stored or sent, milliseconds. */
const STOP_NOTICE_MS = 1_500;

/** The first look at a database: does it fit, and is there anything unusual that the operator should know? */
async function arrive(store: Store, config: Config, log: Log): Promise<void> {
  await store.checkSchema();
  const width = await store.affiliates.tokenWidth();
  if (config.shop.tokenLength > width) {
    throw new ConfigError(
      "TOKEN_LENGTH",
      `is ${config.shop.tokenLength}`,
      `at most ${width}, the width of the token columns`,
    );
  }
  for (const oddity of await store.orders.inspect()) log.warn("The orders table is unusual", { what: oddity });
}

/** Dead letters of this store, with orders kept in step; for the commands, beside or without a running service. */
export function openDeadLetters(store: Store, config: Config, clock: Clock): DeadLetters {
  return new DeadLetters({
    store,
    maxReplays: config.delivery.dlqMaxRetries,
    nowMs: () => clock.nowMs(),
    onOwedAgain: reopenOrders,
    onSettled: async (tx, rows) => {
      await settleOrders(tx, rows);
      return () => {};
    },
  });
}

/** Owners of messages that reached an end. @returns what to do after the commit */
async function tellOwners(tx: StoreTx, rows: readonly SettledRow[], alerts: Alerts): Promise<() => void> {
  const died = await settleOrders(tx, rows);
  const ofAlerts = rows.filter((row) => row.origin.kind === "alert");
  return () => {
    for (const row of ofAlerts) alerts.onAlertSettled(row.origin.key, row.state);
    if (died.length === 0) return;
    const which = died.length === 1 ? `order ${died[0]}` : `${died.length} orders, the first is ${died[0]}`;
    alerts.raise(
      "order_dead",
      "error",
      `Critical error: a message could not be delivered (${which}); see: signal-automation dlq list`,
    );
  };
}

function alertMessage(account: AccountId, admin: ReturnType<typeof makeTel>, message: AlertMessage) {
  return {
    account,
    recipient: admin,
    body: message.body,
    kind: "alert",
    origin: { kind: "alert", key: message.alertId, generation: 1 },
    maxAgeMs: message.maxAgeMs,
    idempotencyKey: message.alertId,
  } as const;
}

function webhookOf(config: Config, clock: Clock, random: Random, log: Log) {
  const { enabled, url, format, timeoutMs, retries, signingSecret } = config.webhook;
  if (!enabled || url === undefined) return {};
  return {
    webhook: new Webhook({
      url,
      format,
      timeoutMs,
      tries: retries,
      ...(signingSecret === undefined ? {} : { signingSecret }),
      clock,
      random,
      log: log.child("webhook"),
    }),
  };
}

function sinceOf({ shop: { ordersSince } }: Config): "all" | "now" | number | undefined {
  return typeof ordersSince === "object" ? ordersSince.sinceMs : ordersSince;
}

function outboxCondition(dispatcher: Dispatcher) {
  return dispatcher.pause.remainingMs() > 0
    ? { state: "degraded", reason: dispatcher.pause.reason ?? "paused" } as const
    : { state: "live" } as const;
}

function makeFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new ConfigError(folder, "this folder cannot be made or used", "a folder that the service may write", {
      cause,
    });
  }
}

/** The store that the settings name. Connects on first use. @throws {ConfigError} when DB_TLS_CA cannot be read */
export function openDatabase(config: Config, deps: StoreDeps): Store {
  const { database } = config;
  const common = { ordersTimezone: config.shop.ordersTimeZone, defaultMaxAgeMs: config.delivery.maxAgeMs };
  if (database.driver === "sqlite") return openStore({ engine: "sqlite", path: database.path, ...common }, deps);
  const caPem = readPem(database.tlsCaPath);
  return openStore({
    engine: "mysql",
    host: database.host,
    port: database.port,
    ...(database.socketPath === undefined ? {} : { socketPath: database.socketPath }),
    database: database.database,
    user: database.user,
    password: database.password,
    poolSize: database.poolSize,
    maxOverflow: database.poolMaxOverflow,
    acquireTimeoutMs: database.poolTimeoutMs,
    recycleMs: database.poolRecycleMs,
    tls: database.tls,
    ...(caPem === undefined ? {} : { caPem }),
    ...common,
  }, deps);
}

function readPem(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new ConfigError("DB_TLS_CA", "the file cannot be read", "a readable PEM file", { cause });
  }
}

/** The real signal-cli, with the environment that it may have (design §9). */
function realSignalCli(config: Config): SpawnSignalCli {
  const names = ["PATH", "HOME", "LANG", "JAVA_HOME", "XDG_DATA_HOME"] as const;
  const environment = Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
  return denoSpawn({ program: config.signal.cliPath, environment });
}

/** What an earlier process left of the pacing; a file that cannot be read counts as none: it costs one burst. */
async function savedPacing(path: string): Promise<unknown> {
  try {
    return (await readStatusFile(path))?.status;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** When this machine booted, milliseconds UTC; undefined when the program may not know, and then journals prove nothing. */
function bootedAtMs(clock: Clock): number | undefined {
  try {
    return clock.nowMs() - Deno.osUptime() * 1000;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

function randomName(random: Random): string {
  const bytes = new Uint8Array(12);
  random.bytes(bytes);
  return bytes.toHex();
}
