/**
 * The whole path on a wire to the database that breaks all the time: orders become messages, messages leave, what comes in is
 * stored; on real servers, with connections that end before, behind and inside any statement, COMMITs above all.
 *
 * Nobody is killed and Signal answers everything, so nothing may be doubled at all.
 */
import assert from "node:assert/strict";
import { ORDERS_LEASE } from "../../lib/automations/orders/fence.ts";
import { OrdersService } from "../../lib/automations/orders/service.ts";
import { Intake } from "../../lib/inbox/intake.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { systemRandom } from "../../lib/runtime/random.ts";
import { Spool } from "../../lib/runtime/spool.ts";
import { Wake } from "../../lib/runtime/wake.ts";
import { LeaseKeeper } from "../../lib/store/lease_keeper.ts";
import { BUILT_IN_TEMPLATES } from "../../lib/templates/template_set.ts";
import type { Trouble } from "../support/mysql_proxy.ts";
import { testDeps } from "../support/databases.ts";
import { IMPATIENT, Proxied, STATEMENT_TIMEOUT_MS } from "../support/proxied.ts";
import { until } from "../support/until.ts";
import { ACCOUNT, GROUP, GROUP_ID, number, person } from "./cast.ts";
import { type Rig, rigTest } from "./rig.ts";

const PEOPLE = 12;
const MESSAGES_EACH = 25;
const ORDERS = 60;
const EVENTS = 120;
const LEASE_MS = 15_000;
/** Connections lost until the wire is whole again. */
const TROUBLES = Number(Deno.env.get("TROUBLES") ?? 40);
/** Fewer would prove nothing. */
const ENOUGH = 15;
/** So many of them last as long as a statement may take: few, for their length. */
const FREEZES = Math.ceil(TROUBLES / 16);
/** A COMMIT is hit this often, and another statement. */
const CHANCE = { commit: 0.25, other: 0.03 };
const DEADLINE_MS = 120_000;

/** Numbers from 0 to 1 that the seed decides (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

const QUICK: readonly Trouble[] = [
  { type: "cut_before" },
  { type: "cut_after" },
  { type: "cut_in_request" },
  { type: "cut_in_answer" },
];
const SLOW: readonly Trouble[] = [
  { type: "freeze_before", ms: STATEMENT_TIMEOUT_MS + 300 },
  { type: "freeze_after", ms: STATEMENT_TIMEOUT_MS + 300 },
  { type: "late", ms: STATEMENT_TIMEOUT_MS + 300 },
];

function breakAllTheTime({ proxy }: Proxied, draw: () => number): { readonly left: () => number } {
  let [left, freezes] = [TROUBLES, FREEZES];
  const pick = <T>(of: readonly T[]) => of[Math.floor(draw() * of.length)]!;
  proxy.decide = (sql) => {
    const isCommit = sql.startsWith("COMMIT");
    if (left === 0 || draw() > (isCommit ? CHANCE.commit : CHANCE.other)) return undefined;
    left--;
    if (isCommit && draw() < 0.15) return { type: "refuse" };
    return freezes > 0 && draw() < 0.1 && freezes-- > 0 ? pick(SLOW) : pick(QUICK);
  };
  return { left: () => left };
}

/** The scan of orders and what takes messages in, as `lib/app.ts` builds them, on that wire. */
async function shop(rig: Rig, { store }: Proxied) {
  const { log, counters, alarm } = rig;
  const ground = { log, counters, clock: systemClock };
  const leases = new LeaseKeeper({ ...ground, store, names: [ORDERS_LEASE], holder: "scan", leaseMs: LEASE_MS });
  const wake = new Wake(systemClock);
  const orders = new OrdersService({
    ...ground,
    alarm,
    store,
    lease: leases.held(ORDERS_LEASE),
    leaseMs: LEASE_MS,
    settings: { account: ACCOUNT, ownerGroup: GROUP, zone: "UTC", currency: "EUR" },
    templates: { current: BUILT_IN_TEMPLATES },
    since: undefined,
    random: systemRandom,
    wake,
    onEnqueued: () => {},
    batchSize: 7,
  });
  const intake = new Intake({
    ...ground,
    alarm,
    store,
    openSpool: () => Spool.open({ folder: `${rig.folder}/spool`, maxBytes: 1e6, log, counters }),
    onStored: () => {},
  });
  for (const service of [leases, orders, intake]) await service.start();
  return {
    intake,
    look: () => {
      wake.ring();
      leases.retryNow();
      intake.databaseIsBack();
    },
    async stop() {
      for (const service of [intake, orders, leases]) await service.stop();
    },
  };
}

const seedGiven = Deno.env.get("PROPERTY_SEED");

rigTest(
  "a wire that breaks all the time: nothing lost, nothing doubled, in order, flags true",
  async (rig) => {
    const seed = Number(seedGiven ?? crypto.getRandomValues(new Uint32Array(1))[0]);
    const draw = numbers(seed);
    await using proxied = Proxied.open(rig.db, testDeps, IMPATIENT);
    const texts = (lane: number) => Array.from({ length: MESSAGES_EACH }, (_, n) => `p${lane}.${n}`);
    for (let n = 0; n < PEOPLE; n++) await rig.enqueue(person(n), texts(n));
    const one = await rig.start({ store: proxied.store, sendTimeoutMs: 30_000, unknownWaitMs: 200 });
    const around = await shop(rig, proxied);
    const troubles = breakAllTheTime(proxied, draw);
    try {
      let [orders, events] = [0, 0];
      await until(
        async () => {
          one.dispatcher.look();
          one.leases.retryNow();
          around.look();
          if (orders < ORDERS) {
            await rig.change(
              `INSERT INTO orders (client, total) VALUES ('client ${String(orders++).padStart(3, "0")}', 1)`,
            );
          }
          if (events < EVENTS) {
            await around.intake.accept([0, 1, 2].map(() => ({
              account: ACCOUNT,
              externalId: `e${events}`,
              lane: `l${events % 4}`,
              body: `b${events}`,
              receivedAtMs: events++,
            })));
          }
          const [{ n }] = await rig.db.adminQuery(
            "SELECT COUNT(*) AS n FROM outbox",
          ) as [{ n: number }];
          const [{ owed }] = await rig.db.adminQuery(
            "SELECT COUNT(*) AS owed FROM orders WHERE notified = FALSE",
          ) as [{ owed: number }];
          return orders === ORDERS && events >= EVENTS && Number(n) + Number(owed) === 0 && !around.intake.spooling;
        },
        "everything to arrive",
        DEADLINE_MS,
      );
      const told = `seed ${seed}, ${TROUBLES - troubles.left()} troubles ${
        JSON.stringify([...proxied.proxy.happened])
      }`;
      for (let n = 0; n < PEOPLE; n++) assert.deepEqual(rig.signal.bodies(number(n)), texts(n), told);
      const clients = rig.signal.bodies(GROUP_ID).map((body) => /client [0-9]+/.exec(body)![0]);
      assert.deepEqual(clients, Array.from({ length: ORDERS }, (_, n) => `client ${String(n).padStart(3, "0")}`), told);
      const inbox = await rig.db.adminQuery("SELECT body FROM inbox ORDER BY id");
      assert.deepEqual(inbox.map(({ body }) => body), Array.from({ length: events }, (_, n) => `b${n}`), told);
      assert.equal(rig.counters.total("messages_unknown_total"), 0, told);
      assert.equal(rig.counters.total("bugs_total"), 0, `${told}\n${rig.log.text()}`);
      assert.ok(TROUBLES - troubles.left() >= ENOUGH, `too few of them: ${told}`);
    } finally {
      proxied.proxy.decide = () => undefined;
      await around.stop();
      await one.stop();
    }
  },
  { engines: ["mariadb", "mysql"], people: PEOPLE, realTime: true },
);
