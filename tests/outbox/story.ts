/**
 * One story of the outbox: hosts with an instance each, what happens to them, and the verdict at the end.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { FaultRule } from "../../lib/simulator/faults.ts";
import type { Device } from "../support/in_process_signal.ts";
import { until } from "../support/until.ts";
import { ACCOUNT, number, person } from "./cast.ts";
import type { Instance, InstanceOptions } from "./instance.ts";
import { LeaseTable } from "./lease_table.ts";
import { type Message, OrdersModel } from "./orders_model.ts";
import type { Rig } from "./rig.ts";
import { type HostStep, PEOPLE, type Plot, type Step } from "./steps.ts";

const MAX_RETRIES = 1;
const OPTIONS: InstanceOptions = {
  sendTimeoutMs: 300,
  unknownWaitMs: 300,
  maxRetries: MAX_RETRIES,
  breaker: { threshold: 3, cooldownMs: 2_000 },
  impatient: true,
};
/** Time passes in steps of this length, shorter than the margin of a lease: leases end when they should. */
const TURN_MS = 1_000;

const SCAN_EVERY_MS = 1_000;

/** A machine: its device of the account, its RUNTIME_DIR, and the instance that runs on it. */
interface Host {
  readonly device: Device;
  readonly folder: string;
  readonly rules: FaultRule[];
  bootedAtMs: number;
  one: Instance;
}

export class Story implements AsyncDisposable {
  readonly #messages: Message[] = [];
  readonly #orders: OrdersModel;
  #kills = 0;
  readonly #hosts: Host[] = [];
  readonly #leases: LeaseTable;
  readonly #wrongs: string[] = [];
  #freezeAtHandOver: Instance | undefined;
  /** Epochs whose lease was taken from under a holder that could not know. */
  readonly #stolen = new Set<number>();

  private constructor(private readonly rig: Rig, private readonly lagTurns: number) {
    this.#leases = new LeaseTable(rig.db, rig.clock, `account:${ACCOUNT}`);
    this.#orders = new OrdersModel(rig, this.#messages);
  }

  /** @param lagTurns how long the database takes for each statement, in turns of the event loop */
  static async begin(rig: Rig, { hosts, lagTurns }: Pick<Plot, "hosts" | "lagTurns">): Promise<Story> {
    const story = new Story(rig, lagTurns);
    await story.#orders.begin();
    for (let n = 0; n < hosts; n++) {
      const folder = `${rig.folder}/host${n}`;
      await Deno.mkdir(folder);
      const at = { device: n === 0 ? rig.device : rig.signal.addDevice(), folder, bootedAtMs: rig.bootedAtMs };
      story.#hosts.push({ ...at, rules: [], one: await story.#start(at) });
    }
    return story;
  }

  async #start(at: Pick<Host, "device" | "folder" | "bootedAtMs">): Promise<Instance> {
    const one = await this.rig.start({
      ...OPTIONS,
      device: at.device,
      runtimeDir: at.folder,
      bootedAtMs: at.bootedAtMs,
      prepare: (one) => {
        one.mortal.lagTurns = this.lagTurns;
        one.journal.onHandOver = () => {
          this.#mustHold(one);
          if (this.#freezeAtHandOver === one) one.freeze();
        };
      },
    });
    await until(async () => {
      await this.rig.clock.advance(1);
      return one.channel.condition().state === "live";
    }, "the channel");
    one.dispatcher.look();
    return one;
  }

  /** Never two holders that send: whoever hands over has the lease, and it is not over. */
  #mustHold(one: Instance): void {
    const { lease, holder } = one;
    const row = this.#leases.read();
    if (lease !== undefined && this.#stolen.has(lease.epoch)) return;
    if (lease !== undefined && row?.holder === holder && row.epoch === lease.epoch && !row.isOver) return;
    this.#wrongs.push(`handed over without the lease: ${JSON.stringify({ lease, holder, row })}`);
  }

  async take(what: Step): Promise<void> {
    const host = this.#hosts["host" in what ? what.host ?? 0 : 0] ?? this.#hosts[0]!;
    switch (what.do) {
      case "enqueue":
        await this.#enqueue(what.n, what.count + 1);
        break;
      case "pass":
        await this.#pass(what.ms);
        // As the pulse would have it: flags turned shortly before are seen together, those of long ago one by one.
        if (what.ms > SCAN_EVERY_MS) await this.#orders.scan();
        break;
      case "fault":
        host.rules.push({ id: `r${host.rules.length}`, times: 1, effect: what.effect });
        host.device.script(...host.rules);
        break;
      case "commit":
        host.one.mortal.nextCommit = what.fate;
        break;
      case "order":
        await this.#orders.insert();
        await this.#orders.scan();
        this.#look();
        break;
      case "scan":
        await this.#orders.scan();
        this.#look();
        break;
      case "flag":
        await this.#orders.flag(what.order, what.to);
        break;
      case "steal": {
        // Another one has the lease while this one still runs; then that one dies.
        const row = this.#leases.read();
        if (row !== undefined) this.#stolen.add(row.epoch);
        await this.#leases.steal();
        await this.#pass(30);
        break;
      }
      case "replay":
      case "drop":
        await this.#lookAtDead(what.do);
        this.#look();
        break;
      case "nap":
        this.#freezeAtHandOver = host.one;
        await this.#enqueue(0, 3);
        await this.#enqueue(1, 3);
        await this.#pass(what.ms);
        this.#freezeAtHandOver = undefined;
        host.one.thaw();
        await this.#pass(30);
        break;
      default:
        await this.#happensTo(host, what.do);
    }
    await this.#leases.sync();
    this.#wrongs.push(...await this.#orders.wrongFlags());
  }

  async #enqueue(lane: number, count: number): Promise<void> {
    const first = this.#messages.length;
    const bodies = Array.from({ length: count }, (_, n) => `m${first + n}`);
    const ids = await this.rig.enqueue(person(lane), bodies);
    bodies.forEach((body, n) => this.#messages.push({ body, lane, id: ids[n]! }));
    this.#look();
  }

  async #happensTo(host: Host, what: HostStep): Promise<void> {
    const { rig } = this;
    switch (what) {
      case "away":
      case "back":
        host.one.mortal.away = what === "away";
        return;
      case "freeze":
        return host.one.freeze();
      case "thaw":
        host.one.thaw();
        return await this.#pass(1);
      case "kill_in_commit":
        host.one.mortal.beforeCommit = () => host.one.mortal.dead = true;
        await this.#pass(50);
        return await this.#restart(host);
      case "reboot":
        await host.one.kill();
        for (const { name } of Deno.readDirSync(host.folder)) Deno.removeSync(`${host.folder}/${name}`);
        host.bootedAtMs += 3_600_000;
        return await this.#restart(host);
      case "stop": {
        host.one.thaw();
        host.one.mortal.away = false;
        await until(async () => {
          await this.#pass(50);
          return host.one.channel.condition().state === "live";
        }, "the channel");
        let done = false;
        void host.one.stop().finally(() => done = true);
        await until(async () => (await rig.clock.advance(50), done), "the stop");
        host.one = await this.#start(host);
        return;
      }
      default:
        return await this.#restart(host);
    }
  }

  /** Killed and begun again, after LEASE_SECONDS. */
  async #restart(host: Host): Promise<void> {
    this.#kills++;
    await host.one.kill();
    await this.#leases.expire(host.one.holder);
    host.one = await this.#start(host);
  }

  async #lookAtDead(what: "replay" | "drop"): Promise<void> {
    const dead = (await this.rig.db.store.outbox.list({ states: ["dead"], limit: 100 })).map(({ id }) => id);
    const message = (id: number) => this.#messages.find((one) => one.id === id)!;
    if (what === "drop") {
      for (const id of dead.slice(0, 1)) message(id).mayBeDropped = true;
      await this.rig.deadLetters().drop(dead.slice(0, 1), "test");
      return;
    }
    for (const { oldId, newId } of await this.rig.deadLetters().replay(dead)) {
      const replayed = message(oldId);
      replayed.id = newId;
      replayed.replayed = true;
    }
  }

  async #pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= TURN_MS) {
      await this.rig.pass(Math.min(left, TURN_MS));
      await this.#leases.sync();
    }
  }

  #look(): void {
    for (const { one } of this.#hosts) if (!one.frozen) one.dispatcher.look();
  }

  /** The trouble is over: everything comes to an end. */
  async finish(): Promise<void> {
    for (const { one, device } of this.#hosts) {
      device.script();
      one.mortal.away = false;
      one.thaw();
    }
    let states: string[] = [];
    await until(async () => {
      await this.#pass(1_000);
      await this.#orders.scan();
      await new Promise((resolve) => setTimeout(resolve, 1));
      states = await Promise.all(this.#messages.map(({ id }) => this.rig.state(id)));
      return states.every((state) => ["accepted", "dead", "dropped"].includes(state));
    }, "every message to reach an end").catch((error) => {
      const status = JSON.stringify(this.#hosts.map(({ one }) => one.dispatcher.status()));
      throw new Error(`${(error as Error).message}: ${states.join(" ")} ${status}`);
    });
  }

  async judge(): Promise<void> {
    const { rig } = this;
    assert.deepEqual(this.#wrongs, []);
    for (let lane = 0; lane < PEOPLE; lane++) {
      // What was unknown goes again, after a reboot a whole window of it; nothing may overtake what was never sent.
      const enqueued = this.#messages.filter((one) => one.lane === lane && !one.replayed).map(({ body }) => body);
      const sent = [...new Set(rig.signal.bodies(number(lane)))];
      const places = sent.map((body) => enqueued.indexOf(body)).filter((place) => place >= 0);
      assert.deepEqual(places, [...places].sort((a, b) => a - b), `lane ${lane} went back: ${sent}`);
    }
    const sent = rig.signal.bodies();
    const doubled = sent.length - new Set(sent).size;
    // What a process was about to count goes with it; while none is killed, the metric leaves none out.
    const [row] = await rig.db.adminQuery("SELECT COUNT(*) AS n FROM outbox_attempts WHERE outcome = 'unknown'");
    const unknown = Number(row!["n"]);
    if (this.#kills === 0) assert.ok(rig.counters.total("messages_unknown_total") >= unknown, rig.log.text());
    assert.ok(doubled <= unknown, `${doubled} doubled, ${unknown} unknown: ${sent}\n${rig.log.text()}`);
    for (const { id, body, mayBeDropped, sentBeforeDrop } of this.#messages) {
      const { state, attempts } = (await rig.db.store.outbox.find(id))!;
      assert.ok(attempts <= MAX_RETRIES + 1, `${attempts} attempts`);
      if (state === "accepted") assert.ok(sent.includes(body), `${body} was accepted, and never sent`);
      if (state !== "dropped") continue;
      assert.ok(mayBeDropped, `${body} was dropped by nobody`);
      if (sentBeforeDrop === undefined) continue;
      assert.equal(sent.filter((one) => one === body).length, sentBeforeDrop, `${body} was sent after it was dropped`);
    }
    await this.#orders.judge();
    assert.equal(rig.counters.total("bugs_total"), 0, rig.log.text());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leases[Symbol.dispose]();
    await Promise.resolve();
  }
}
