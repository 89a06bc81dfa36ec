/**
 * What the service costs without work, how soon it is ready, and what it keeps in memory after much work.
 *
 * @module
 */
import type { Measure } from "../measure.ts";
import { anonymousMb, cpuSeconds, residentMb } from "../process.ts";
import { Rig, sleep } from "../rig.ts";
import { enqueue } from "./drain.ts";

const IDLE_SECONDS = 40;
const MEMORY_MESSAGES = 100_000;
const MEMORY_BATCH = 10_000;
const SOAK_MINUTES = 30;
/** The collector has given back by then what it gives back without work. */
const RESTED_SECONDS = 60;

export const idle: Measure = {
  name: "idle",
  method: `${IDLE_SECONDS} s without work, after a start and one minute's notices; the service's process alone`,
  figures: [
    { key: "cpu", label: "idle: share of a core", unit: "%", target: { atMost: 1 } },
    { key: "memory", label: "idle: resident memory", unit: "MB", target: { atMost: 100 } },
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
      memory: residentMb(pid),
      ...(counted ? { statements: asked / elapsedSeconds * 60 } : {}),
    };
  },
};

export const soak: Measure = {
  name: "soak",
  method: `${SOAK_MINUTES} minutes without work, looked at once a minute; the service's process alone`,
  long: true,
  figures: [
    { key: "cpu", label: "30 idle minutes: share of a core", unit: "%", target: { atMost: 1 } },
    { key: "end", label: "30 idle minutes: resident at the end", unit: "MB", target: { atMost: 100 } },
    { key: "most", label: "30 idle minutes: most resident", unit: "MB", target: { atMost: 100 } },
  ],
  async run(engine, { quick, note }) {
    await using rig = await Rig.create(engine);
    await rig.startIdle();
    const { pid } = rig.service;
    const cpu = cpuSeconds(pid);
    const startedAtMs = performance.now();
    const course: number[] = [];
    const anonymous: number[] = [];
    for (let minute = 0; minute < SOAK_MINUTES; minute++) {
      await sleep(quick ? 200 : 60_000);
      course.push(residentMb(pid));
      anonymous.push(anonymousMb(pid));
      console.error(
        `${engine.name} ${minute + 1} min: ${course.at(-1)!.toFixed(1)} MB (${anonymous.at(-1)!.toFixed(1)})`,
      );
    }
    const elapsedSeconds = (performance.now() - startedAtMs) / 1_000;
    const shown = (values: readonly number[]) => values.map((value) => value.toFixed(0)).join(" ");
    note(`MB after each minute: ${shown(course)}; of them not pages of files: ${shown(anonymous)}`);
    return {
      cpu: (cpuSeconds(pid) - cpu) / elapsedSeconds * 100,
      end: course.at(-1)!,
      most: Math.max(...course),
    };
  },
};

export const startToReady: Measure = {
  name: "start",
  method: "spawn to status.json saying that the database is live: store open, templates compiled, intake running; " +
    "files in the page cache",
  figures: [
    { key: "embedded", label: "start to ready", unit: "ms", target: { atMost: 500 } },
    { key: "server", label: "start to ready", unit: "ms", target: { atMost: 700 } },
  ],
  async run(engine) {
    await using rig = await Rig.create(engine, { people: [] });
    return { [engine.name === "sqlite" ? "embedded" : "server"]: await rig.start() };
  },
};

export const memory: Measure = {
  name: "memory",
  method:
    `${MEMORY_MESSAGES} messages, ${MEMORY_BATCH} at a time; resident memory twice a second over the second half, ` +
    `while they are sent; then ${RESTED_SECONDS} s of rest`,
  long: true,
  figures: [
    { key: "end", label: "after 100,000 messages", unit: "MB", target: { atMost: 200 } },
    { key: "apart", label: "second half: farthest from mean", unit: "%", target: { atMost: 5 } },
    { key: "growth", label: "second half: last fifth to first", unit: "%", target: { atMost: 5 } },
    { key: "rested", label: `after ${RESTED_SECONDS} s of rest`, unit: "MB" },
  ],
  async run(engine, { quick, note }) {
    const total = quick ? 4_000 : MEMORY_MESSAGES;
    const batch = quick ? 1_000 : MEMORY_BATCH;
    await using rig = await Rig.create(engine);
    await rig.startIdle();
    const { pid } = rig.service;
    const before = rig.signal.sent().length;
    const course = [residentMb(pid)];
    const samples: number[] = [];
    for (let done = 0; done < total; done += batch) {
      await enqueue(rig.db, rig.people, batch);
      const sampling = setInterval(() => {
        if (done >= total / 2) samples.push(residentMb(pid));
      }, 500);
      try {
        await rig.sent(before + done + batch);
      } finally {
        clearInterval(sampling);
      }
      course.push(residentMb(pid));
      if (done >= total / 2) samples.push(course.at(-1)!);
    }
    const fifth = Math.ceil(samples.length / 5);
    const middle = mean(samples);
    await sleep((quick ? 5 : RESTED_SECONDS) * 1_000);
    note(`MB at the start and after each ${batch}: ${course.map((value) => value.toFixed(0)).join(" ")}`);
    return {
      end: course.at(-1)!,
      apart: Math.max(...samples.map((value) => Math.abs(value / middle - 1))) * 100,
      growth: (mean(samples.slice(-fifth)) / mean(samples.slice(0, fifth)) - 1) * 100,
      rested: residentMb(pid),
    };
  },
};

function mean(some: readonly number[]): number {
  return some.reduce((sum, value) => sum + value, 0) / some.length;
}
