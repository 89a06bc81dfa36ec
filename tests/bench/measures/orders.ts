/**
 * Orders: how soon one is handed over, and how fast many leave.
 *
 * @module
 */
import { percentile, type Sample } from "../figure.ts";
import type { Measure } from "../measure.ts";
import { ADMIN_TOKEN, GROUP, Rig, sleep } from "../rig.ts";
import { rate } from "./drain.ts";

/** The default poll, milliseconds: orders come at any moment of it. */
const POLL_MS = 1_000;
/** After `wake` nothing hangs on the moment: only the service must be idle again. */
const PAUSE_MS = 50;
const ORDERS = 10_000;
/** One order that is not handed over by then is lost, milliseconds. */
const PATIENCE_MS = 10_000;
const TOKEN = "bench-token";

/** Inserts single orders, each while the service is idle. @returns milliseconds from INSERT sent to handed over */
async function single(rig: Rig, count: number, pauseMs: () => number, after: () => Promise<void>): Promise<number[]> {
  const delays: number[] = [];
  for (let i = 0; i < count; i++) {
    await sleep(pauseMs());
    const client = `single-${i}-`;
    const sentAtMs = await rig.shop.order(client, null);
    await after();
    const sent = await rig.signal.waitFor(
      (all) => all.some(({ body }) => body.includes(client)),
      `order ${i}`,
      { timeoutMs: PATIENCE_MS },
    );
    delays.push(sent.find(({ body }) => body.includes(client))!.at_ms - sentAtMs);
  }
  return delays;
}

const percentiles = (delays: readonly number[]): Sample => ({
  p50: percentile(delays, 0.5),
  p99: percentile(delays, 0.99),
});

export const orderByPolling: Measure = {
  name: "order",
  method: "60 single orders at random moments, 1 s poll, idle service; INSERT sent to the simulator's record",
  figures: [
    { key: "p50", label: "order by polling, p50", unit: "ms", target: { atMost: 600 } },
    { key: "p99", label: "order by polling, p99", unit: "ms", target: { atMost: 1_200 } },
  ],
  async run(engine, { quick }) {
    await using rig = await Rig.create(engine);
    await rig.startIdle();
    return percentiles(await single(rig, quick ? 5 : 60, () => Math.random() * POLL_MS, () => Promise.resolve()));
  },
};

export const orderByWake: Measure = {
  name: "order-wake",
  method: "100 single orders, each followed by POST /v1/wake; INSERT sent to the simulator's record",
  figures: [
    { key: "p50", label: "order by wake, p50", unit: "ms", target: { atMost: 25 } },
    { key: "p99", label: "order by wake, p99", unit: "ms", target: { atMost: 25 } },
  ],
  async run(engine, { quick, note }): Promise<Sample> {
    await using rig = await Rig.create(engine);
    await rig.startIdle();
    const wake = async () => {
      const answer = await fetch(`http://127.0.0.1:${rig.httpPort}/v1/wake`, {
        method: "POST",
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`POST /v1/wake answered ${answer.status}`);
    };
    try {
      await wake();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      note("skipped: this version does not listen for HTTP yet");
      return {};
    }
    return percentiles(await single(rig, quick ? 5 : 100, () => PAUSE_MS, wake));
  },
};

export const ordersDrain: Measure = {
  name: "orders",
  method: `${ORDERS} orders in one COMMIT, owner's group and one of 1,000 affiliates each; COMMIT to last hand-over`,
  figures: [
    { key: "rate", label: "10,000 orders, 20,000 messages", unit: "msg/s", target: { atLeast: 2_500 } },
    { key: "seconds", label: "the same, time", unit: "s" },
  ],
  async run(engine, { quick }) {
    const count = quick ? ORDERS / 10 : ORDERS;
    await using rig = await Rig.create(engine);
    const affiliates = rig.people.map((number, i) => ({ number, token: `${TOKEN}${i}`.slice(-12).padStart(12, "t") }));
    await rig.shop.affiliates(affiliates);
    await rig.startIdle();
    const before = rig.signal.sent().length;
    const committedAtMs = await rig.shop.insert(
      "orders",
      ["client", "total", "affiliate_token"],
      Array.from({ length: count }, (_, i) => [`Client ${i}`, "12.50", affiliates[i % affiliates.length]!.token]),
    );
    const all = await rig.sent(before + 2 * count);
    const sent = all.slice(before);
    const toGroup = sent.filter(({ to }) => to.group === GROUP).length;
    if (toGroup !== count) throw new Error(`${toGroup} of ${count} messages went to the group`);
    const lastAtMs = Math.max(...sent.map((line) => line.at_ms));
    const seconds = (lastAtMs - committedAtMs) / 1000;
    return { rate: sent.length / seconds, seconds, first_to_last: rate(sent) };
  },
};
