/**
 * Messages from people.
 *
 * @module
 */
import { percentile } from "../figure.ts";
import type { Measure } from "../measure.ts";
import { people, Rig, sleep } from "../rig.ts";

const WRITERS = 200;
/** Between two writers, so that the service is idle again, milliseconds. */
const PAUSE_MS = 20;
const PATIENCE_MS = 10_000;

export const inbound: Measure = {
  name: "inbound",
  method:
    `${WRITERS} people write "Go" one after the other and are registered; before the message is at the server to the ` +
    "simulator's record of the reply",
  figures: [
    { key: "p50", label: '"Go" to reply, p50', unit: "ms", target: { atMost: 20 } },
    { key: "p99", label: '"Go" to reply, p99', unit: "ms", target: { atMost: 60 } },
  ],
  async run(engine, { quick }) {
    const writers = people(quick ? 20 : WRITERS);
    await using rig = await Rig.create(engine, { people: writers });
    await rig.startIdle();
    const delays: number[] = [];
    for (const writer of writers) {
      await sleep(PAUSE_MS);
      const writtenAtMs = Date.now();
      rig.signal.says(writer, "Go");
      const isReply = ({ to }: { to: { number?: string | null } }) => to.number === writer;
      const sent = await rig.signal.waitFor((all) => all.some(isReply), "the reply", { timeoutMs: PATIENCE_MS });
      delays.push(sent.find(isReply)!.at_ms - writtenAtMs);
    }
    return { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99) };
  },
};
