/**
 * Whatever is sent, refused, lost, killed, rebooted and taken over, in whatever order: the promises P1 to P4 hold.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { FaultRule } from "../../lib/simulator/faults.ts";
import { openTestStore, type TestDatabase } from "../support/databases.ts";
import { until } from "../support/until.ts";
import { number, person } from "./cast.ts";
import type { Instance } from "./instance.ts";
import { Rig } from "./rig.ts";

const PEOPLE = 3;
const MAX_RETRIES = 1;
const OPTIONS = {
  sendTimeoutMs: 300,
  unknownWaitMs: 300,
  maxRetries: MAX_RETRIES,
  breaker: { threshold: 3, cooldownMs: 2_000 },
};
const TABLES = [
  "outbox",
  "outbox_archive",
  "outbox_attempts",
  "outbox_receipts",
  "outbox_contacts",
  "orders",
  "order_deliveries",
  "leases",
  "service_state",
];
const EFFECTS: readonly FaultRule["effect"][] = [
  { type: "result", result: "NETWORK_FAILURE" },
  { type: "result", result: "UNREGISTERED_FAILURE" },
  { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 2 },
  { type: "error", code: -1 },
  { type: "error", code: -3 },
  { type: "error", code: -5 },
  { type: "hang" },
  { type: "lose_answer" },
  { type: "crash_before" },
  { type: "crash_after" },
  { type: "delay_answer", ms: 3 },
];

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("enqueue" as const), n: fc.nat(PEOPLE - 1), count: fc.nat(4) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(1, 30, 400, 6_000) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("fault" as const), effect: fc.constantFrom(...EFFECTS) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("commit" as const), fate: fc.constantFrom("lost_done", "lost_undone") }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "order",
        "kill",
        "kill_in_commit",
        "reboot",
        "steal",
        "stop",
        "away",
        "back",
        "replay",
        "drop",
      ),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Story {
  readonly lanes: string[][] = Array.from({ length: PEOPLE }, () => []);
  readonly orders: { order: number; ids: number[] }[] = [];
  readonly ids = new Map<number, number>();
  readonly replayed = new Set<string>();
  readonly rules: FaultRule[] = [];
  one: Instance | undefined;
  next = 0;

  constructor(readonly rig: Rig) {}

  async start(): Promise<void> {
    this.one = await this.rig.start(OPTIONS);
  }

  async take(what: Step): Promise<void> {
    const { rig, one } = this;
    if (what.do === "enqueue") {
      const bodies = Array.from({ length: what.count + 1 }, () => `m${this.next++}`);
      for (const id of await rig.enqueue(person(what.n), bodies)) this.ids.set(id, id);
      this.lanes[what.n]!.push(...bodies);
      one?.dispatcher.look();
    } else if (what.do === "order") {
      const made = await rig.order([person(0), person(1)]);
      for (const id of made.ids) this.ids.set(id, id);
      this.orders.push({ order: made.order, ids: [...made.ids] });
      this.lanes[0]!.push(`order ${made.order}.0`);
      this.lanes[1]!.push(`order ${made.order}.1`);
      one?.dispatcher.look();
    } else if (what.do === "pass") {
      await rig.pass(what.ms);
    } else if (what.do === "fault") {
      this.rules.push({ id: `r${this.rules.length}`, times: 1, effect: what.effect });
      rig.device.script(...this.rules);
    } else if (what.do === "commit") {
      one!.mortal.nextCommit = what.fate as "lost_done";
    } else if (what.do === "away" || what.do === "back") {
      one!.mortal.away = what.do === "away";
    } else if (what.do === "kill" || what.do === "reboot") {
      await rig.kill(one!);
      if (what.do === "reboot") rig.reboot();
      await this.start();
    } else if (what.do === "kill_in_commit") {
      one!.mortal.beforeCommit = () => one!.mortal.dead = true;
      await rig.pass(50);
      await rig.kill(one!);
      await this.start();
    } else if (what.do === "stop") {
      one!.mortal.away = false;
      await until(async () => {
        await rig.pass(50);
        return one!.channel.condition().state === "live";
      }, "the channel");
      const stopped = one!.stop();
      let done = false;
      void stopped.finally(() => done = true);
      await until(async () => (await rig.clock.advance(50), done), "the stop");
      await this.start();
    } else if (what.do === "steal") {
      // Another one has the lease while this one still runs; then that one dies.
      await rig.change("UPDATE leases SET holder = 'thief', epoch = epoch + 1, expires_at_ms = 0");
      await rig.pass(30);
    } else {
      await this.#lookAtDead(what.do === "replay");
    }
  }

  async #lookAtDead(again: boolean): Promise<void> {
    const dead = await this.rig.db.store.outbox.list({ states: ["dead"], limit: 100 });
    if (!again) {
      await this.rig.deadLetters().drop(dead.slice(0, 1).map(({ id }) => id), "test");
      return;
    }
    for (const { oldId, newId } of await this.rig.deadLetters().replay(dead.map(({ id }) => id))) {
      for (const [id, now] of this.ids) if (now === oldId) this.ids.set(id, newId);
    }
    for (const { id } of dead) this.replayed.add(await bodyOf(this.rig, this.current(id)));
  }

  current(id: number): number {
    return this.ids.get([...this.ids].find(([first, now]) => first === id || now === id)?.[0] ?? id) ?? id;
  }

  /** The trouble is over: everything comes to an end. */
  async finish(): Promise<void> {
    const { rig } = this;
    rig.device.script();
    this.one!.mortal.away = false;
    let states: string[] = [];
    await until(async () => {
      await rig.pass(1_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
      states = await Promise.all([...this.ids.values()].map((id) => rig.state(id)));
      return states.every((state) => ["accepted", "dead", "dropped"].includes(state));
    }, "every message to reach an end").catch((error) => {
      throw new Error(
        `${(error as Error).message}: ${states.join(" ")} ${JSON.stringify(this.one!.dispatcher.status())}`,
      );
    });
  }

  async judge(): Promise<void> {
    const { rig } = this;
    for (const [lane, bodies] of this.lanes.entries()) {
      // What was unknown goes again, after a reboot a whole window of it; nothing may overtake what was never sent.
      const sent = [...new Set(rig.signal.bodies(number(lane)))];
      const places = sent.filter((body) => !this.replayed.has(body)).map((body) => bodies.indexOf(body));
      assert.deepEqual(places, [...places].sort((a, b) => a - b), `lane ${lane} went back: ${sent}`);
    }
    const sent = rig.signal.bodies();
    const doubled = sent.length - new Set(sent).size;
    assert.ok(
      doubled <= rig.counters.total("messages_unknown_total"),
      `${doubled} doubled, ${rig.counters.total("messages_unknown_total")} unknown: ${sent}\n${rig.log.text()}`,
    );
    for (const id of this.ids.values()) {
      const story = await rig.db.store.outbox.find(id);
      assert.ok(story!.attempts <= MAX_RETRIES + 1, `${story!.attempts} attempts`);
      if (story!.state === "accepted") assert.ok(sent.includes(await bodyOf(rig, id)), "accepted, and never sent");
    }
    for (const { order, ids } of this.orders) {
      const states = await Promise.all(ids.map((id) => rig.state(this.ids.get(id)!)));
      assert.equal(await rig.notified(order), !states.includes("dead"), `order ${order}: ${states}`);
    }
    assert.equal(rig.counters.total("bugs_total"), 0, rig.log.text());
  }
}

/** The gate sets `PROPERTY_SEED`, so that it is not red by chance; by hand every run draws anew and may find something. */
function fixedSeed(): { seed?: number } {
  const seed = Deno.env.get("PROPERTY_SEED");
  return seed === undefined ? {} : { seed: Number(seed) };
}

async function bodyOf(rig: Rig, id: number): Promise<string> {
  const [row] = await rig.db.adminQuery(
    "SELECT body FROM outbox WHERE id = ? UNION ALL SELECT body FROM outbox_archive WHERE id = ?",
    [id, id],
  );
  return String(row!.body);
}

async function play(db: TestDatabase, steps: readonly Step[]): Promise<void> {
  for (const table of TABLES) await db.adminQuery(`DELETE FROM ${table}`);
  await using rig = new Rig(db, { people: PEOPLE });
  const story = new Story(rig);
  await story.start();
  for (const what of steps) await story.take(what);
  await story.finish();
  await story.judge();
}

Deno.test("whatever is sent, lost, killed, rebooted and taken over: nothing lost, in order, doubles counted, flags true", async () => {
  await using db = await openTestStore("sqlite");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 30 }), (steps) => play(db, steps)),
    { numRuns: Number(Deno.env.get("RUNS") ?? 150), endOnFailure: true, ...fixedSeed() },
  );
});

Deno.test("seed 1430615588: an outcome that stops a lane while more of it is being marked lets nothing overtake", async () => {
  await using db = await openTestStore("sqlite");
  await play(db, [
    { do: "enqueue", n: 0, count: 1 },
    { do: "enqueue", n: 0, count: 3 },
    { do: "fault", effect: { type: "result", result: "UNREGISTERED_FAILURE" } },
    { do: "enqueue", n: 0, count: 1 },
    { do: "reboot" },
    { do: "enqueue", n: 0, count: 3 },
  ]);
});

Deno.test("seed -1556647717: an answer that comes while a COMMIT of unknown fate is looked into is not forgotten", async () => {
  await using db = await openTestStore("sqlite");
  await play(db, [
    { do: "enqueue", n: 1, count: 2 },
    { do: "fault", effect: { type: "delay_answer", ms: 3 } },
    { do: "enqueue", n: 0, count: 1 },
    { do: "commit", fate: "lost_done" },
    { do: "order" },
    { do: "commit", fate: "lost_undone" },
    { do: "replay" },
    { do: "drop" },
  ]);
});

Deno.test("seed 1003061278: what a recovery of unknown fate made unknown is counted", async () => {
  await using db = await openTestStore("sqlite");
  await play(db, [
    { do: "stop" },
    { do: "enqueue", n: 1, count: 3 },
    { do: "pass", ms: 1 },
    { do: "fault", effect: { type: "lose_answer" } },
    { do: "order" },
    { do: "enqueue", n: 0, count: 0 },
    { do: "enqueue", n: 1, count: 1 },
    { do: "pass", ms: 6000 },
    { do: "fault", effect: { type: "lose_answer" } },
    { do: "drop" },
    { do: "enqueue", n: 0, count: 3 },
    { do: "enqueue", n: 1, count: 3 },
    { do: "steal" },
    { do: "commit", fate: "lost_done" },
  ]);
});
