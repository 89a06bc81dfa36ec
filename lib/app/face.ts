/**
 * How the service shows itself: its health, part by part, HTTP, and what systemd is told.
 *
 * @module
 */
import type { Alerts } from "../alerts/alerts.ts";
import type { OrdersService } from "../automations/orders/service.ts";
import type { SignalChannel } from "../channels/signal/channel.ts";
import type { Config } from "../config/config.ts";
import { makeRouter } from "../http/router.ts";
import { HttpServer } from "../http/server.ts";
import type { Intake } from "../inbox/intake.ts";
import type { SilenceWatch } from "../inbox/silence.ts";
import { Health, type HealthSnapshot } from "../observe/health.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Dispatcher } from "../outbox/dispatcher.ts";
import type { Clock } from "../runtime/clock.ts";
import type { LiveFile } from "../runtime/live_file.ts";
import type { Log } from "../runtime/log.ts";
import { type Condition, LIVE } from "../runtime/service.ts";
import { systemdNotice, SystemdNotify, watchdogMs } from "../runtime/systemd.ts";
import type { PulseService } from "../store/pulse.ts";
import type { TemplateSet } from "../templates/template_set.ts";
import type { Vitals } from "./vitals.ts";

export interface Parts {
  readonly clock: Clock;
  readonly version: string;
  readonly pulse: PulseService;
  readonly channel: SignalChannel;
  readonly dispatcher: Dispatcher;
  readonly orders: OrdersService;
  readonly templates: LiveFile<TemplateSet>;
  readonly intake: Intake;
  readonly alerts: Alerts;
  readonly silence: SilenceWatch;
  readonly vitals: Vitals;
  readonly http: () => Condition;
}

/** Every part says its own condition. */
export function registerHealth(parts: Parts): Health {
  const { pulse, channel, dispatcher, orders, templates, intake, alerts, vitals } = parts;
  const health = new Health({ clock: parts.clock, version: parts.version });
  health.register("database", () => ({ ...pulse.condition(), details: vitals.database() }));
  health.register("signal", () => ({
    ...channel.condition(),
    details: { signal_cli: channel.signalCliVersion ?? "unknown", ...vitals.signal() },
  }));
  health.register("outbox", () => ({
    ...outboxCondition(dispatcher),
    details: { ...dispatcher.status(), ...vitals.outbox() },
  }));
  health.register("orders", () => orders.condition());
  health.register("templates", () => {
    const { file, source } = templates.status();
    const refused: Condition = { state: "degraded", reason: "refused" };
    return { ...(file === "refused" ? refused : LIVE), details: { source } };
  });
  health.register("spool", () => {
    const spooling: Condition = { state: "degraded", reason: "spooling" };
    return { ...(intake.spooling ? spooling : LIVE), details: { bytes: intake.spooledBytes } };
  });
  health.register("log", () => ({ ...LIVE, details: vitals.criticals() }), { optional: true });
  health.register("receiving", () => parts.silence.condition());
  health.register("alerts", () => alerts.condition(), { optional: true });
  health.register("http", parts.http, { optional: true });
  return health;
}

function outboxCondition({ pause }: Dispatcher): Condition {
  return pause.remainingMs() > 0 ? { state: "degraded", reason: pause.reason ?? "paused" } : LIVE;
}

export interface FaceOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly wake: () => void;
  /** Loops that must move for the service to be alive. */
  readonly progress: readonly { readonly lastTurnAtMs: number }[];
  /** How the database is: nothing can be done without it. */
  readonly database: () => Condition;
}

/**
 * A loop that did not turn for so long, milliseconds, is stuck: longer than any of their waits and than the deadline of a
 * statement.
 */
const STUCK_AFTER_MS = 90_000;

/** Health, metrics and wake over HTTP. @throws {ConfigError} for an ADMIN_TOKEN that is too short */
export function openHttp({ config, clock, log, metrics, health, wake, progress, database }: FaceOptions): HttpServer {
  const { host, port, adminToken } = config.http;
  const handler = makeRouter({
    health: () => health.snapshot(),
    alive: () => everyLoopTurns(progress, clock),
    ready: () => readiness(database()),
    metrics: () => metrics.render(),
    wake,
  }, {
    host,
    adminToken,
    clock,
    log: log.child("http"),
    counters: metrics,
  });
  return new HttpServer({ host, port, handler, clock, log: log.child("http"), counters: metrics });
}

function readiness({ state }: Condition): { readonly ready: boolean; readonly reasons: readonly string[] } {
  if (state === "live") return { ready: true, reasons: [] };
  return { ready: false, reasons: [state === "down" ? "database_down" : "database_silent"] };
}

function everyLoopTurns(progress: FaceOptions["progress"], clock: Clock): boolean {
  return progress.every(({ lastTurnAtMs }) => clock.monotonicMs() - lastTurnAtMs < STUCK_AFTER_MS);
}

/** Readiness, status text and watchdog; without systemd it does nothing. */
export function openSystemd(
  { clock, log, health, progress }: Pick<FaceOptions, "clock" | "log" | "health" | "progress">,
): SystemdNotify {
  const getEnv = (name: string) => Deno.env.get(name);
  return new SystemdNotify({
    send: systemdNotice(getEnv),
    watchdogMs: watchdogMs(getEnv),
    alive: () => everyLoopTurns(progress, clock),
    status: () => statusText(health.snapshot()),
    clock,
    log: log.child("systemd"),
  });
}

/** `healthy`, or what is not: `degraded: database down (unreachable)`. */
function statusText({ status, parts }: HealthSnapshot): string {
  const troubled = Object.entries(parts).filter(([, { state }]) => state !== "live").map(([name, { state, reason }]) =>
    `${name} ${state}${reason === undefined ? "" : ` (${reason})`}`
  );
  return troubled.length === 0 ? status : `${status}: ${troubled.join(", ")}`;
}
