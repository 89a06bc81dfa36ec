/**
 * Builds and connects everything: the one place that knows all rooms. It decides nothing about the business.
 *
 * @module
 */
import { ChannelUnavailable, StoreUnavailable } from "./domain/errors.ts";
import { type Address, makeSignalAccount, makeTel } from "./domain/address.ts";
import type { Config } from "./config/config.ts";
import { Alerts } from "./alerts/alerts.ts";
import { arrive, openDatabase } from "./app/database.ts";
import { openHttp, openSystemd, registerHealth } from "./app/face.ts";
import { bootedAtMs, daemonOf, makeFolder, randomName, realSignalCli, savedPacing } from "./app/machine.ts";
import { writeGroups } from "./app/groups_file.ts";
import { ownerGroup } from "./app/owner_group.ts";
import { alertMessage, tellOwners, webhookOf } from "./app/owners.ts";
import { countingCriticals, Vitals } from "./app/vitals.ts";
import { AffiliateRegistration } from "./automations/affiliates/registration.ts";
import { ORDERS_LEASE } from "./automations/orders/fence.ts";
import { OrdersService } from "./automations/orders/service.ts";
import { SignalChannel } from "./channels/signal/channel.ts";
import type { SpawnSignalCli } from "./channels/signal/process.ts";
import { Intake } from "./inbox/intake.ts";
import { SilenceWatch } from "./inbox/silence.ts";
import { InboxWorker } from "./inbox/worker.ts";
import { lookedUpGauges } from "./observe/gauges.ts";
import { Metrics } from "./observe/metrics.ts";
import { Dispatcher } from "./outbox/dispatcher.ts";
import { Journal } from "./outbox/journal.ts";
import { Pacing } from "./outbox/pacing.ts";
import { pauseNotice } from "./outbox/pause_notice.ts";
import { ProofDesk } from "./outbox/proof.ts";
import { Receipts } from "./outbox/receipts.ts";
import { type Clock, systemClock } from "./runtime/clock.ts";
import { LiveFile } from "./runtime/live_file.ts";
import { describeError, type Log } from "./runtime/log.ts";
import { type Random, systemRandom } from "./runtime/random.ts";
import { LifecycleController, type Service } from "./runtime/service.ts";
import { Spool } from "./runtime/spool.ts";
import { StatusFile } from "./runtime/status_file.ts";
import { Wake } from "./runtime/wake.ts";
import { LeaseHolder } from "./store/lease_holder.ts";
import { LeaseKeeper } from "./store/lease_keeper.ts";
import { PulseService } from "./store/pulse.ts";
import type { Store } from "./store/port.ts";
import { RetentionService } from "./store/retention.ts";
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
  /** Names of settings that changed since the start and need a restart, for health. */
  readonly changedSettings?: () => readonly string[];
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
  const { config, clock = systemClock, random = systemRandom } = options;
  const log = countingCriticals(options.log, () => vitals.critical());
  const metrics = options.metrics ?? new Metrics();
  const store = openDatabase(config, { clock, random, counters: metrics });
  const account = makeSignalAccount(config.signal.number);
  const admin = makeTel(config.signal.adminPhoneNumber);
  const ownersGroup = ownerGroup(config);
  const lifecycle = new LifecycleController();
  const fatal = Promise.withResolvers<unknown>();
  let failure: unknown;
  fatal.promise.then((error) => failure = error);
  const holder = randomName(random);

  const channel = new SignalChannel({
    account,
    number: config.signal.number,
    ...(config.signal.cliDataDir === undefined ? {} : { dataDir: config.signal.cliDataDir }),
    spawn: options.spawn ?? realSignalCli(config, { apart: true }),
    ...(options.spawn === undefined && daemonOf(config, clock, metrics)),
    clock,
    random,
    log: log.child("signal"),
    counters: metrics,
    sendTimeoutMs: config.signal.timeoutMs,
    onReceipts: (some) => receipts.add(some),
    onTranscripts: (some) => dispatcher.transcripts(some),
    onHeard: (canary) => {
      silence.heard(canary);
      vitals.heard();
    },
    onUntrusted: () => alerts.raise("untrusted_sender", "warning", UNTRUSTED_SENDER),
    maxQueuedEvents: config.delivery.queueSize,
  });

  const accountLease = `account:${account}`;
  const leases = new LeaseKeeper({
    store,
    names: [accountLease, "inbox", ORDERS_LEASE],
    holder,
    proof: new LeaseHolder(config.files.runtimeDir, holder, bootedAtMs(clock)),
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
        // Without the database no lease can be prolonged, so it has run out by the time that the admin is to be told. Whoever
        // may have taken it over works for the outbox; this alert has no row, so nobody else sends it.
        if (sending.lastKnown() === undefined) return { outcome: "not_holder" };
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
    // `explain` reads the file: what it says of a message that has just begun to wait should be true.
    onExhausted: () => pacingFile.touch(),
  });
  const pacingFile = new StatusFile({
    path: `${config.files.runtimeDir}/pacing.json`,
    snapshot: () => pacing.snapshot(),
    shortestGapMs: 1_000,
    clock,
    log: log.child("pacing"),
    counters: metrics,
  });
  /** Members of groups by their address, as signal-cli listed them last. */
  const members = new Map<string, ReadonlySet<Address>>();
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
    exempt: (recipient) => recipient === ownersGroup || recipient === admin,
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
    isMember: (group, addresses) => {
      const known = members.get(group);
      return known === undefined ? undefined : addresses.some((address) => known.has(address));
    },
    listening: () => channel.listening(),
    softStopMs: SOFT_STOP_MS,
    work: lifecycle.work,
    onSettled: async (tx, rows) => {
      const told = await tellOwners(tx, rows, alerts);
      return () => {
        vitals.settled(rows);
        told();
      };
    },
  });
  // Who met it may have been killed before it told anybody.
  dispatcher.pause.onResumed(({ reason, sinceMs, untilMs }) => {
    const notice = pauseNotice(reason, untilMs);
    if (notice !== undefined) alerts.recall(reason, notice.severity, notice.text, sinceMs);
  });

  const proof = new ProofDesk({
    store,
    account,
    held: sending,
    proof: channel.proof,
    pause: dispatcher.pause,
    clock,
    log: log.child("captcha"),
    counters: metrics,
    onAccepted: () => {
      alerts.clear("proof_required", "Signal accepted the captcha and takes messages again");
      dispatcher.look();
    },
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
        ownerGroup: ownersGroup,
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

  const silence = new SilenceWatch({
    factor: config.signal.silenceFactor,
    canaryAfterMs: config.signal.canaryAfterMs,
    sendCanary: (signal) => channel.sendCanary(signal),
    isReceiving: () => sending.lease() !== undefined && channel.condition().state !== "down",
    clock,
    log: log.child("silence"),
    counters: metrics,
    alarm: alerts,
  });
  const ordersBell = new Wake(clock);
  const orders = new OrdersService({
    store,
    lease: leases.held(ORDERS_LEASE),
    leaseMs: config.delivery.leaseMs,
    settings: {
      account,
      ownerGroup: ownersGroup,
      zone: config.shop.timeZone,
      currency: config.shop.currency,
    },
    since: typeof config.shop.ordersSince === "object" ? config.shop.ordersSince.sinceMs : config.shop.ordersSince,
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
      vitals.databaseClock(found.nowMs);
      if (found.outboxDue) dispatcher.look();
      proof.look();
      if (found.inboxDue) inbox.look();
      if (found.ordersDue || found.ordersFlagged) ordersBell.ring();
    },
    onSilence: () => status.touch(),
    onCondition: (condition) => {
      status.touch();
      if (condition.state !== "live") {
        log.error("The database is away; it is asked again until it is there", { cause: condition.reason });
        alerts.raise("database_down", "error", `Database error: ${condition.reason}`);
        return;
      }
      log.info("The database is there", { engine: store.engine });
      alerts.clear("database_down", "The database is back");
      alerts.announceRecovery();
      leases.retryNow();
      intake.databaseIsBack();
      dispatcher.look();
      inbox.look();
      ordersBell.ring();
      vitals.look();
    },
  });
  const vitals = new Vitals({
    clock,
    log: log.child("vitals"),
    counters: metrics,
    backlog: (nowMs) => store.outbox.backlog(nowMs),
    reachable: () => pulse.condition().state === "live",
  });

  const retention = new RetentionService({
    store,
    holder,
    retentionDays: config.privacy.retentionDays,
    clock,
    log: log.child("retention"),
    counters: metrics,
  });
  const holds = (name: string) => leases.held(name).lease() !== undefined;
  metrics.onRender(lookedUpGauges(metrics, {
    version: options.version,
    clock,
    backlog: () => vitals.backlog(),
    oldestQueuedMs: () => vitals.backlog()?.oldestQueuedAgeMs,
    breaker: () => dispatcher.status().breaker,
    pausedMs: () => dispatcher.pause.remainingMs(),
    spoolBytes: () => intake.spooledBytes,
    database: () => ({ up: pulse.condition().state !== "down", silentMs: pulse.silentMs() }),
    leases: () => ({ account: holds(accountLease), inbox: holds("inbox"), orders: holds(ORDERS_LEASE) }),
  }));

  const status = new StatusFile({
    path: `${config.files.runtimeDir}/status.json`,
    snapshot: () => ({ pid: Deno.pid, ...health.snapshot() }),
    intervalMs: STATUS_INTERVAL_MS,
    clock,
    log: log.child("status"),
    counters: metrics,
  });
  const health = registerHealth({
    clock,
    version: options.version,
    pulse,
    channel,
    dispatcher,
    orders,
    templates,
    intake,
    alerts,
    silence,
    vitals,
    http: () => http.condition(),
  });
  health.register("settings", () => {
    const changed = options.changedSettings?.() ?? [];
    return { state: "live", ...(changed.length > 0 && { details: { restart_needed_for: changed.join(",") } }) };
  }, { optional: true });
  const http = openHttp({
    config,
    clock,
    log,
    metrics,
    health,
    wake: () => {
      pulse.lookNow();
      ordersBell.ring();
      dispatcher.look();
    },
    progress: [pulse, dispatcher],
    database: () => pulse.condition(),
  });
  const systemd = openSystemd({ clock, log, health, progress: [pulse, dispatcher] });

  const listGroups = () =>
    writeGroups(config.files.runtimeDir, async () => {
      const groups = await channel.listGroups();
      for (const { id, memberAddresses } of groups ?? []) members.set(`signal:group:${id}`, new Set(memberAddresses));
      return groups;
    }, { clock, log });
  channel.onCondition((condition) => {
    status.touch();
    if (condition.state === "live") listGroups();
    if (condition.state === "down") {
      if (lifecycle.intake.aborted || condition.reason === "starting") return;
      // What this process may run was decided when it started: a new one may run what has appeared since.
      if (condition.reason === "restart_needed") fatal.resolve(channel.trouble());
      alerts.raise("signal_down", "error", `Signal error: ${channel.trouble()?.message ?? condition.reason}`);
    } else {
      alerts.clear("signal_down", "Signal works again");
      if (condition.state === "live") alerts.clear("signal_degraded", "Signal works as it should again");
      else if (condition.reason === "receive_exceptions") {
        alerts.raise("signal_degraded", "warning", RECEIVE_EXCEPTIONS);
      }
    }
  });
  // Only the holder of the account's lease takes messages in, so only one instance acknowledges them.
  sending.onChange((lease) => {
    if (lease === undefined) pacing.forgetContacts();
    (lease === undefined ? channel.unsubscribe() : channel.subscribe(intake.accept)).catch(fatal.resolve);
  });

  const running: readonly Service[] = [
    alerts,
    templates,
    intake,
    receipts,
    silence,
    pacingFile,
    dispatcher,
    proof,
    inbox,
    orders,
    channel,
    leases,
    pulse,
    vitals,
    retention,
    http,
    status,
    // Last: it says that everything runs.
    systemd,
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
      await systemd.stop();
      await http.stop();
      await pulse.stop();
      await vitals.stop();
      await retention.stop();
      await orders.stop();
      await silence.stop();
      await channel.unsubscribe();
      await inbox.stop();
      const reason = lastWords(failure);
      if (reason === undefined) await alerts.announceStop(STOP_NOTICE_MS);
      else await alerts.announceFailure(reason, STOP_NOTICE_MS);
      if (!lifecycle.work.aborted) await dispatcher.whenQuiet(STOP_NOTICE_MS);
      await alerts.stop();
      await proof.stop();
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
      await Promise.all([templates.reload(), listGroups()]);
    },
    wake: () => pulse.lookNow(),
  };
}

const UNTRUSTED_SENDER =
  "Signal error: a message of somebody whose safety number has changed, as after a new phone, was not handed " +
  "out; signal-cli keeps it for 14 days. Next step: stop the service, find the person with signal-cli listIdentities (UNTRUSTED), make " +
  "sure that it is the right one, run signal-cli trust, and start the service: the message then comes.";
const RECEIVE_EXCEPTIONS = "Signal error: received messages cannot be decrypted, several in a row. " +
  "Next step: update signal-cli; if one sender is concerned, check that person's safety number with signal-cli trust.";

/** How long the stop notice may take to be stored or sent, milliseconds. */
const STOP_NOTICE_MS = 1_500;

/** What the admin is told of an error that ended the service; trouble with Signal was told by its own alert. */
function lastWords(failure: unknown): string | undefined {
  if (failure === undefined || failure instanceof ChannelUnavailable) return undefined;
  return failure instanceof StoreUnavailable ? failure.message : describeError(failure);
}
