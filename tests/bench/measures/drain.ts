/**
 * Messages that wait when the service starts: how fast they leave.
 *
 * @module
 */
import { makeSignalAccount, makeTel } from "../../../lib/domain/address.ts";
import type { TestDatabase } from "../../support/databases.ts";
import { ACCOUNT, type Sent } from "../../support/simulated_signal.ts";
import type { Engine } from "../engines.ts";
import type { Sample } from "../figure.ts";
import { cpuSeconds } from "../process.ts";
import { addHistory, HISTORY_ROWS, HistoryReads } from "../history.ts";
import type { Measure } from "../measure.ts";
import { Rig } from "../rig.ts";

const MESSAGES = 10_000;
const ENQUEUE_BATCH = 1_000;
/** As long as an order's notice. */
const BODY = "New order\nTime: 12:34\nDate: 21/11/2026\nClient: A. N. Other\nTotal: 12,50 €\nIP: 192.0.2.1\n";

/** Through the product's own store, before the service runs. */
export async function enqueue(db: TestDatabase, numbers: readonly string[], count: number): Promise<void> {
  const account = makeSignalAccount(ACCOUNT);
  const session = db.openSession();
  for (let at = 0; at < count; at += ENQUEUE_BATCH) {
    await session.outbox.enqueue(
      Array.from({ length: Math.min(ENQUEUE_BATCH, count - at) }, (_, i) => ({
        account,
        recipient: makeTel(numbers[(at + i) % numbers.length]!),
        body: `${BODY}${at + i}`,
        kind: "api" as const,
        origin: { kind: "api" as const, key: String(at + i), generation: 1 },
      })),
    );
  }
}

/** Messages a second, from the first to the last line of the simulator's record. */
export function rate(sent: readonly Sent[]): number {
  const times = sent.map((line) => line.at_ms);
  return (sent.length - 1) / Math.max(1, Math.max(...times) - Math.min(...times)) * 1000;
}

/** Processor time is taken from the first of these looks that sees a message, so that the start does not count. */
const FIRST_LOOK_SHARE = 0.05;

/** Waits for all of them. @returns the rate, and what a message cost in processor time, microseconds */
async function drained(rig: Rig, engine: Engine, count: number): Promise<Sample> {
  const pids = () => ({ service: rig.service.pid, simulator: rig.signal.pid()!, database: engine.pid });
  const used = () =>
    Object.entries(pids()).flatMap(([name, pid]) => pid === undefined ? [] : [[name, cpuSeconds(pid)] as const]);
  const early = (await rig.sent(Math.ceil(count * FIRST_LOOK_SHARE), ours)).length;
  const before = new Map(used());
  const sent = await rig.sent(count, ours);
  const costs = used().map(([name, seconds]) =>
    [`${name}Cpu`, (seconds - before.get(name)!) * 1e6 / (count - early)] as const
  );
  return { rate: rate(sent), ...Object.fromEntries(costs) };
}

const ours = (sent: Sent) => sent.body.startsWith("New order");

export const drain: Measure = {
  name: "drain",
  method: `${MESSAGES} messages to 1,000 recipients wait in the outbox; first to last hand-over`,
  figures: [
    { key: "rate", label: "10,000 queued, 1,000 recipients", unit: "msg/s", target: { atLeast: 5_000 } },
    { key: "serviceCpu", label: "  processor time: service", unit: "µs/msg" },
    { key: "databaseCpu", label: "  processor time: database", unit: "µs/msg" },
    { key: "simulatorCpu", label: "  processor time: simulator", unit: "µs/msg" },
  ],
  async run(engine, { quick }) {
    const count = quick ? MESSAGES / 10 : MESSAGES;
    await using rig = await Rig.create(engine);
    await enqueue(rig.db, rig.people, count);
    await rig.start();
    return await drained(rig, engine, count);
  },
};

export const drainWithHistory: Measure = {
  name: "history",
  method: `the same with ${HISTORY_ROWS} finished rows in each of outbox_archive, outbox_attempts, inbox and orders`,
  figures: [
    { key: "rate", label: "same, 50,000 finished rows", unit: "msg/s", target: { atLeast: 4_000 } },
    { key: "historyReads", label: "rows of history read meanwhile", unit: "rows", target: { atMost: 0 } },
  ],
  async run(engine, { quick }): Promise<Sample> {
    const count = quick ? MESSAGES / 10 : MESSAGES;
    await using rig = await Rig.create(engine);
    await addHistory(rig.shop, quick ? HISTORY_ROWS / 10 : HISTORY_ROWS);
    await enqueue(rig.db, rig.people, count);
    const reads = await HistoryReads.begin(rig.shop, rig.db);
    await rig.start();
    const sent = await rig.sent(count, ours);
    const historyReads = await reads.end();
    return { rate: rate(sent), ...(historyReads === undefined ? {} : { historyReads }) };
  },
};

export const oneRecipient: Measure = {
  name: "one-recipient",
  method: "5,000 messages to one person wait in the outbox; first to last hand-over, order checked",
  figures: [{ key: "rate", label: "one recipient, in order", unit: "msg/s", target: { atLeast: 1_000 } }],
  async run(engine, { quick }) {
    const count = quick ? 500 : 5_000;
    await using rig = await Rig.create(engine);
    await enqueue(rig.db, rig.people.slice(0, 1), count);
    await rig.start();
    const sent = await rig.sent(count, ours);
    for (const [i, { body }] of sent.entries()) {
      if (body !== `${BODY}${i}`) throw new Error(`message ${i} was out of order`);
    }
    return { rate: rate(sent) };
  },
};
