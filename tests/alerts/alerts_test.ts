import assert from "node:assert/strict";
import type { SendOutcome } from "../../lib/domain/message.ts";
import { Alerts } from "../../lib/alerts/alerts.ts";
import type { AlertMessage, WebhookNotice, WebhookResult } from "../../lib/alerts/port.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";

const MINUTE = 60_000;

/** The outside of alerting: what it stored, sent and posted, and what is broken just now. */
class World implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly log = new RecordingLog();
  readonly counters = new RecordingCounters();
  readonly stored: AlertMessage[] = [];
  readonly direct: string[] = [];
  readonly posted: WebhookNotice[] = [];
  database = true;
  signalLive = true;
  directOutcome: SendOutcome | { outcome: "not_holder" } = { outcome: "not_holder" };
  webhookResult: WebhookResult = { result: "delivered" };
  running: Alerts[] = [];
  constructor(readonly stateDir = Deno.makeTempDirSync()) {}

  make(options: { webhook?: boolean } = {}): Alerts {
    let seed = this.running.length * 1000;
    const alerts = new Alerts({
      stateDir: this.stateDir,
      templates: { current: { render: (key, { message }) => `${key}: ${message}` } },
      signal: {
        enqueue: (message) => {
          if (!this.database) return Promise.reject(new Error("no database"));
          this.stored.push(message);
          return Promise.resolve();
        },
        sendDirect: (text) => {
          if (this.directOutcome.outcome === "accepted") this.direct.push(text);
          return Promise.resolve(this.directOutcome);
        },
        troubled: () => !this.signalLive,
      },
      ...(options.webhook === false ? {} : {
        webhook: {
          deliver: (notice: WebhookNotice) => {
            if (this.webhookResult.result === "delivered") this.posted.push(notice);
            return Promise.resolve(this.webhookResult);
          },
        },
      }),
      clock: this.clock,
      random: { fraction: () => 0.5, bytes: (into) => void new DataView(into.buffer).setUint32(0, ++seed) },
      log: this.log,
      counters: this.counters,
    });
    this.running.push(alerts);
    return alerts;
  }
  get bodies(): string[] {
    return this.stored.map((one) => one.body);
  }
  /** What is due now has been told. */
  async settle(alerts: Alerts): Promise<void> {
    await this.clock.advance(0);
    await alerts.flush(1_000);
  }
  async pass(alerts: Alerts, ms: number): Promise<void> {
    await alerts.flush(1_000);
    await this.clock.untilSleeping();
    await this.clock.advance(ms);
    await alerts.flush(1_000);
  }
  async [Symbol.asyncDispose]() {
    for (const alerts of this.running) await alerts.stop();
    await Deno.remove(this.stateDir, { recursive: true });
  }
}

testServiceContract("alerts", () => {
  const world = new World();
  return Promise.resolve({ service: world.make(), cleanUp: () => world[Symbol.asyncDispose]() });
});

Deno.test("a cause raised a hundred times is told once, then once with the count after five minutes", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  for (let i = 0; i < 100; i++) alerts.raise("order_dead", "error", "an order could not be delivered");
  await world.settle(alerts);
  alerts.raise("order_dead", "error", "an order could not be delivered");
  alerts.raise("order_dead", "error", "an order could not be delivered");
  await world.pass(alerts, 4 * MINUTE);
  assert.equal(world.stored.length, 1);
  assert.match(world.bodies[0]!, /^system_alert: an order could not be delivered/);
  world.stored.forEach((one) => alerts.onAlertSettled(one.alertId, "accepted"));
  await world.pass(alerts, MINUTE);
  assert.equal(world.stored.length, 2);
  assert.match(world.bodies[1]!, /\(seen 2 times since 12:00 UTC\)$/);
});

Deno.test("fifty starts in a crash loop are one notice, and one with the count later", async () => {
  await using world = new World();
  for (let start = 0; start < 50; start++) {
    const alerts = world.make();
    await alerts.start();
    alerts.announceStart();
    await alerts.flush(1_000);
    await alerts.stop();
    await world.clock.advance(1_000);
  }
  assert.deepEqual(world.bodies, ["system_alert: Signal Automation System started successfully"]);
  const last = world.make();
  await last.start();
  await world.pass(last, 5 * MINUTE);
  assert.equal(world.stored.length, 2);
  assert.match(world.bodies[1]!, /\(49 starts since 12:00 UTC\)$/);
});

Deno.test("the stop notice goes out before stopping ends", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  await alerts.announceStop(1_000);
  assert.deepEqual(world.bodies, ["system_alert: Signal Automation System shutting down"]);
});

Deno.test("a blip of the database is silent; one that lasts is told by webhook, and its end once", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  world.database = false;
  alerts.raise("database_down", "error", "no connection");
  await world.pass(alerts, 5_000);
  alerts.clear("database_down", "The database is back");
  await world.pass(alerts, MINUTE);
  assert.deepEqual([world.posted, world.stored], [[], []]);

  alerts.raise("database_down", "error", "no connection");
  await world.pass(alerts, 7_000);
  assert.match(world.posted[0]!.text, /^webhook_alert: Database error: no connection/);
  await world.pass(alerts, 60 * MINUTE);
  assert.equal(world.posted.length, 2, "one reminder in an hour");
  assert.match(world.posted[1]!.text, /still so/);
  world.database = true;
  alerts.clear("database_down", "The database is back");
  alerts.clear("database_down", "The database is back");
  await world.settle(alerts);
  assert.deepEqual(world.bodies, ["system_alert: The database is back"]);
});

Deno.test("with the database down and the lease held it goes directly, not by webhook", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  world.database = false;
  world.directOutcome = { outcome: "accepted", remoteId: "1" };
  alerts.raise("disk_full", "critical", "the disk is full");
  await world.settle(alerts);
  assert.deepEqual(world.direct, ["system_alert: Critical error: the disk is full"]);
  assert.deepEqual(world.posted, []);
});

Deno.test("trouble of Signal goes by webhook, and into the outbox when there is none", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  alerts.raise("signal_down", "error", "signal-cli has gone");
  await world.pass(alerts, 7_000);
  assert.equal(world.posted[0]?.text, "webhook_alert: Signal error: signal-cli has gone");
  assert.deepEqual(world.stored, []);

  await using lone = new World();
  const without = lone.make({ webhook: false });
  await without.start();
  without.raise("signal_down", "error", "signal-cli has gone");
  await lone.pass(without, 7_000);
  assert.deepEqual(lone.bodies, ["system_alert: Signal error: signal-cli has gone"]);
});

Deno.test("what stops the very account that would tell of it goes by webhook at once", async () => {
  for (const cause of ["rate_limited", "proof_required", "account_refused"]) {
    await using world = new World();
    const alerts = world.make();
    await alerts.start();
    alerts.raise(cause, "error", "Signal wants a captcha solved");
    await world.pass(alerts, 100);
    assert.equal(world.posted.length, 1);
    assert.deepEqual(world.stored, []);
  }
});

Deno.test("with the database and the webhook gone an alert about Signal goes directly, as a stop of receiving does", async () => {
  await using world = new World();
  world.database = false;
  world.signalLive = false;
  world.directOutcome = { outcome: "accepted", remoteId: "1" };
  const alerts = world.make({ webhook: false });
  await alerts.start();
  alerts.raise("spool_full", "critical", "receiving stops");
  await world.pass(alerts, 100);
  assert.deepEqual(world.direct, ["system_alert: Critical error: receiving stops"]);
});

Deno.test("a stored alert that is not accepted in time goes by webhook too; an accepted one does not", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  alerts.raise("a", "error", "first");
  alerts.raise("b", "error", "second");
  await world.settle(alerts);
  alerts.onAlertSettled(world.stored[0]!.alertId, "accepted");
  await world.pass(alerts, 31_000);
  assert.deepEqual(world.posted.map((one) => one.cause), ["b"]);
});

Deno.test("a stored alert that died goes by webhook at once", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  alerts.raise("a", "error", "first");
  await world.settle(alerts);
  alerts.onAlertSettled(world.stored[0]!.alertId, "dead");
  await world.settle(alerts);
  assert.equal(world.posted.length, 1);
});

Deno.test("with every way gone it says so, remembers across a restart, and tells when one is back", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  world.database = false;
  world.webhookResult = { result: "failed", reason: "http_500" };
  alerts.raise("disk_full", "error", "the disk is full");
  await world.settle(alerts);
  assert.deepEqual(alerts.condition(), { state: "down", reason: "unsent" });
  assert.equal(world.log.at("critical").length, 1);
  await alerts.stop();

  const next = world.make();
  await next.start();
  assert.deepEqual(next.condition(), { state: "down", reason: "unsent" });
  world.webhookResult = { result: "delivered" };
  await world.pass(next, MINUTE);
  assert.deepEqual(world.posted.map((one) => one.text), [
    "webhook_alert: the disk is full (2026-01-15 12:00 UTC)",
  ]);
  assert.deepEqual(next.condition(), { state: "live" });
});

Deno.test("a reminder of the next day says the day on which the trouble began", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  alerts.raise("spool_full", "critical", "Critical error: receiving stops");
  for (let hour = 0; hour < 13; hour++) {
    await world.pass(alerts, 60 * MINUTE);
    world.stored.forEach((one) => alerts.onAlertSettled(one.alertId, "accepted"));
  }
  assert.match(world.bodies[1]!, /\(still so, since 12:00 UTC\)$/);
  assert.match(world.bodies.at(-1)!, /\(still so, since 2026-01-15 12:00 UTC\)$/);
});

Deno.test("what could not be told goes out before its end, however long it had to wait for its next try", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  world.database = false;
  world.webhookResult = { result: "failed", reason: "unreachable" };
  alerts.raise("database_down", "error", "Database error: unreachable");
  for (let minute = 0; minute < 20; minute++) await world.pass(alerts, MINUTE);
  assert.equal(alerts.condition().state, "down");
  alerts.clear("database_down", "The database is back");
  await world.pass(alerts, 1_000);
  assert.equal(alerts.condition().state, "down");
  world.database = true;
  world.webhookResult = { result: "delivered" };
  for (let minute = 0; minute < 15; minute++) await world.pass(alerts, MINUTE);
  assert.deepEqual(world.bodies, [
    "system_alert: Database error: unreachable (2026-01-15 12:00 UTC)",
    "system_alert: The database is back",
  ]);
});

Deno.test("a trouble that is over before it could be told is told at once with its end, in that order", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  world.database = false;
  world.webhookResult = { result: "failed", reason: "unreachable" };
  alerts.raise("database_down", "error", "Database error: unreachable");
  for (let minute = 0; minute < 20; minute++) await world.pass(alerts, MINUTE);
  world.database = true;
  alerts.clear("database_down", "The database is back");
  await world.settle(alerts);
  assert.deepEqual(world.bodies, [
    "system_alert: Database error: unreachable (2026-01-15 12:00 UTC)",
    "system_alert: The database is back",
  ]);
});

Deno.test("a wall clock that is set back does not keep an untold notice until it has caught up", async () => {
  await using world = new World();
  const alerts = world.make();
  await alerts.start();
  world.database = false;
  world.webhookResult = { result: "failed", reason: "unreachable" };
  alerts.raise("order_dead", "error", "an order could not be delivered");
  await world.pass(alerts, MINUTE);
  world.clock.jumpWall(-24 * 60 * MINUTE);
  world.database = true;
  for (let minute = 0; minute < 65; minute++) await world.pass(alerts, MINUTE);
  assert.equal(world.stored.length, 1);
});

Deno.test("a damaged state file costs a line in the log at most, and the file is private", async () => {
  await using world = new World();
  await Deno.writeTextFile(`${world.stateDir}/alerts.json`, "{ nonsense");
  const alerts = world.make();
  await alerts.start();
  alerts.raise("a", "error", "first");
  await world.settle(alerts);
  await alerts.stop();
  assert.equal(world.stored.length, 1);
  assert.equal((await Deno.stat(`${world.stateDir}/alerts.json`)).mode! & 0o077, 0o000);
});

Deno.test("what a killed process met and told is not told again by the next one, days later either; what it did not tell is", async () => {
  await using world = new World();
  const metAtMs = world.clock.nowMs();
  const first = world.make();
  await first.start();
  first.raise("rate_limited", "warning", "Signal asked us to slow down.");
  await world.settle(first);
  assert.equal(world.posted.length, 1);
  await world.pass(first, 90 * MINUTE);
  await first.stop();

  await world.clock.advance(2 * 24 * 60 * MINUTE);
  const next = world.make();
  await next.start();
  next.recall("rate_limited", "warning", "Signal asked us to slow down.", metAtMs);
  await world.pass(next, 10 * MINUTE);
  assert.equal(world.posted.length, 1);

  next.recall("rate_limited", "warning", "Signal asked us to slow down.", world.clock.nowMs());
  next.recall("proof_required", "error", "Signal wants a captcha.", metAtMs);
  next.recall("proof_required", "error", "Signal wants a captcha.", metAtMs);
  await world.settle(next);
  assert.deepEqual(world.posted.slice(1).map(({ cause }) => cause), ["rate_limited", "proof_required"]);
  await world.pass(next, 10 * MINUTE);
  assert.equal(world.posted.length, 3);
});
