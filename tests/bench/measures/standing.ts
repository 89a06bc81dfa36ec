/**
 * What the service costs without work, how soon it is ready, and what it keeps in memory after much work.
 *
 * @module
 */
import type { Measure } from "../measure.ts";
import { cpuSeconds, residentMib } from "../process.ts";
import { Rig, sleep } from "../rig.ts";
import { enqueue } from "./drain.ts";

const IDLE_SECONDS = 40;
const MEMORY_MESSAGES = 100_000;
const MEMORY_BATCH = 10_000;

export const idle: Measure = {
  name: "idle",
  method: `${IDLE_SECONDS} s without work, after a start and one minute's notices; the service's process alone`,
  figures: [
    { key: "cpu", label: "idle: share of a core", unit: "%", target: { atMost: 1 } },
    { key: "memory", label: "idle: resident memory", unit: "MiB", target: { atMost: 100 } },
    { key: "statements", label: "idle: statements", unit: "/min", target: { atMost: 120 } },
  ],
  async run(engine, { quick }) {
    const seconds = quick ? 5 : IDLE_SECONDS;
    await using rig = await Rig.create(engine);
    await rig.startIdle();
    const { pid } = rig.service;
    const counted = engine.server !== undefined;
    const questions = counted ? await rig.shop.questions() : 0;
    const ownStatements = rig.shop.statements;
    const cpu = cpuSeconds(pid);
    const startedAtMs = performance.now();
    await sleep(seconds * 1_000);
    const elapsedSeconds = (performance.now() - startedAtMs) / 1_000;
    const used = cpuSeconds(pid) - cpu;
    const asked = counted ? await rig.shop.questions() - questions - (rig.shop.statements - ownStatements) : 0;
    return {
      cpu: used / elapsedSeconds * 100,
      memory: residentMib(pid),
      ...(counted ? { statements: asked / elapsedSeconds * 60 } : {}),
    };
  },
};

export const startToReady: Measure = {
  name: "start",
  method: "spawn to status.json saying that the database is live: store open, templates compiled, intake running; " +
    "files in the page cache",
  figures: [{ key: "ms", label: "start to ready", unit: "ms", target: { atMost: 700 } }],
  async run(engine) {
    await using rig = await Rig.create(engine, { people: [] });
    return { ms: await rig.start() };
  },
};

export const memory: Measure = {
  name: "memory",
  method: `${MEMORY_MESSAGES} messages, ${MEMORY_BATCH} at a time; resident memory twice a second over the second half`,
  long: true,
  figures: [
    { key: "end", label: "after 100,000 messages", unit: "MiB", target: { atMost: 200 } },
    { key: "spread", label: "second half: most over mean", unit: "%", target: { atMost: 5 } },
    { key: "growth", label: "second half: last fifth to first", unit: "%", target: { atMost: 5 } },
  ],
  async run(engine, { quick }) {
    const total = quick ? 4_000 : MEMORY_MESSAGES;
    const batch = quick ? 1_000 : MEMORY_BATCH;
    await using rig = await Rig.create(engine);
    await rig.startIdle();
    const before = rig.signal.sent().length;
    const samples: number[] = [];
    for (let done = 0; done < total; done += batch) {
      await enqueue(rig.db, rig.people, batch);
      const sampling = setInterval(() => {
        if (done >= total / 2) samples.push(residentMib(rig.service.pid));
      }, 500);
      try {
        await rig.sent(before + done + batch);
      } finally {
        clearInterval(sampling);
      }
      if (done >= total / 2) samples.push(residentMib(rig.service.pid));
    }
    const mean = (some: readonly number[]) => some.reduce((sum, value) => sum + value, 0) / some.length;
    const fifth = Math.ceil(samples.length / 5);
    const middle = mean(samples);
    return {
      end: residentMib(rig.service.pid),
      spread: (Math.max(...samples) / middle - 1) * 100,
      growth: (mean(samples.slice(-fifth)) / mean(samples.slice(0, fifth)) - 1) * 100,
    };
  },
};
