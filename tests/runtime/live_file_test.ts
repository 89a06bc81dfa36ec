import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type Clock, systemClock } from "../../lib/runtime/clock.ts";
import type { Compiled } from "../../lib/runtime/file_problem.ts";
import { fileIdentity } from "../../lib/runtime/file_reading.ts";
import { LiveFile, type LiveFileStatus } from "../../lib/runtime/live_file.ts";
import { Recorder } from "../support/recorder.ts";
import { RecordingAlarm, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { testServiceContract } from "../support/service_contract.ts";

/** Design, P5, in the time that the file itself lets pass; what the disk takes comes on top. */
const PROMISED_MS = 1_000;

/** The language of these tests: anything but text with "bad" in it is fine. */
function compile(text: string): Compiled<string> {
  if (text.includes("bad")) return { ok: false, problems: [{ line: 1, column: 2, key: "k", reason: "it is bad" }] };
  return { ok: true, value: text, warnings: text.includes("odd") ? [{ reason: "it is odd" }] : [] };
}

class Bench {
  readonly log = new RecordingLog();
  readonly counters = new RecordingCounters();
  readonly alarm = new RecordingAlarm();
  readonly changes = new Recorder<LiveFileStatus & { readonly value: string }>();
  readonly compiled = new Recorder<string>();
  /** Called at the next reading, when the content was read and is not in use yet. */
  onceRead: () => void = () => {};
  constructor(readonly root: string, readonly path = join(root, "live", "file.txt")) {}

  file(clock: Clock = systemClock): LiveFile<string> {
    const file: LiveFile<string> = new LiveFile<string>({
      name: "test",
      path: this.path,
      builtIn: "built in",
      compile: (text) => {
        this.compiled.push(text);
        const onceRead = this.onceRead;
        this.onceRead = () => {};
        onceRead();
        return compile(text);
      },
      stateFolder: join(this.root, "state"),
      alarmCause: "test_refused",
      clock,
      log: this.log,
      counters: this.counters,
      alarm: this.alarm,
      onChange: (status) => this.changes.push({ ...status, value: file.current }),
    });
    return file;
  }
  async write(text: string): Promise<void> {
    await Deno.mkdir(dirname(this.path), { recursive: true });
    await Deno.writeTextFile(this.path, text);
  }
  live(value: string): Promise<unknown> {
    return this.changes.waitFor((one) => one.value === value && one.file === "good", `"${value}"`);
  }
  refused(): Promise<unknown> {
    return this.changes.waitFor((one) => one.file === "refused", "a refusal");
  }
}

function liveTest(name: string, body: (bench: Bench, start: () => Promise<LiveFile<string>>) => Promise<void>): void {
  Deno.test(name, async () => {
    const bench = new Bench(await Deno.makeTempDir());
    const started: LiveFile<string>[] = [];
    try {
      await body(bench, async () => {
        const file = bench.file();
        started.push(file);
        await file.start();
        return file;
      });
    } finally {
      for (const file of started) await file.stop();
      await Deno.remove(bench.root, { recursive: true });
    }
  });
}

testServiceContract("LiveFile", async () => {
  const bench = new Bench(await Deno.makeTempDir());
  await bench.write("one");
  return { service: bench.file(), cleanUp: () => Deno.remove(bench.root, { recursive: true }) };
});

liveTest("a file is in use when start resolves", async (bench, start) => {
  await bench.write("one odd");
  const file = await start();
  assert.equal(file.current, "one odd");
  assert.equal(file.status().source, "file");
  assert.deepEqual(file.status().warnings, [`${bench.path}: it is odd`]);
  assert.equal(bench.alarm.raised().length, 0);
});

liveTest(
  "without a file the built-in value is used, with one warning, and the file is taken when it appears",
  async (bench, start) => {
    const file = await start();
    assert.deepEqual([file.current, file.status().source, file.status().file], ["built in", "builtin", "missing"]);
    assert.equal(bench.log.at("warn").length, 1);
    assert.equal(bench.alarm.raised().length, 0);
    await bench.write("appeared");
    await bench.live("appeared");
  },
);

Deno.test("an edit is live within a second, whenever it comes", async () => {
  const bench = new Bench(await Deno.makeTempDir());
  // Nobody waits here, and each wait counts with its length.
  let waitedMs = 0;
  const clock: Clock = {
    nowMs: () => Date.now() + waitedMs,
    monotonicMs: () => performance.now() + waitedMs,
    sleepMs: async (ms) => {
      await new Promise((resolve) => setTimeout(resolve, 0));
      waitedMs += ms;
    },
  };
  // Each text has another length: by this clock no file is young, so its times alone would not tell two quick edits apart.
  const text = (edit: number) => "x".repeat(edit + 1);
  await bench.write(text(0));
  const file = bench.file(clock);
  await file.start();
  try {
    for (let edit = 1; edit <= 20; edit++) {
      // Any moment of the look at it.
      for (let turn = 0; turn < edit; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
      const beforeMs = waitedMs;
      let liveMs = 0;
      bench.onceRead = () => liveMs = waitedMs;
      Deno.writeTextFileSync(bench.path, text(edit));
      await bench.live(text(edit));
      assert.ok(liveMs - beforeMs <= PROMISED_MS, `edit ${edit} took ${liveMs - beforeMs} ms`);
    }
  } finally {
    await file.stop();
    await Deno.remove(bench.root, { recursive: true });
  }
});

liveTest("an edit in place is live", async (bench, start) => {
  await bench.write("one");
  await start();
  await bench.write("two");
  await bench.live("two");
});

Deno.test("what the log calls loaded is in use already, however slow the disk is that keeps a copy", async () => {
  const root = await Deno.makeTempDir();
  const path = join(root, "file.txt");
  await Deno.writeTextFile(path, "one");
  const happened: string[] = [];
  const log = Object.assign(new RecordingLog(), { info: (message: string) => void happened.push(message) });
  const file: LiveFile<string> = new LiveFile<string>({
    name: "test",
    path,
    builtIn: "built in",
    compile,
    stateFolder: join(root, "state"),
    alarmCause: "test_refused",
    clock: systemClock,
    log,
    counters: new RecordingCounters(),
    alarm: new RecordingAlarm(),
    onChange: () => happened.push(`in use: ${file.current}`),
  });
  try {
    await file.start();
    assert.deepEqual(happened, ["in use: one", "The file was loaded"]);
  } finally {
    await file.stop();
    await Deno.remove(root, { recursive: true });
  }
});

liveTest(
  "a refused file that is removed is no trouble any more, also when that happened while nobody ran",
  async (bench, start) => {
    await bench.write("bad");
    const file = await start();
    assert.equal(bench.alarm.raised("test_refused").length, 1);
    await Deno.remove(bench.path);
    await bench.changes.waitFor((one) => one.file === "missing", "the loss");
    assert.deepEqual(bench.alarm.cleared().map(({ message }) => message), [
      `${bench.path} is gone; the built-in one is used.`,
    ]);
    await file.stop();
    await start();
    assert.equal(bench.alarm.cleared("test_refused").length, 2);
  },
);

liveTest(
  "an edit that leaves size and times as they were, right after the file was read, is live",
  async (bench, start) => {
    // Two writes within one tick of the file system's clock: nearly sure where a tick is 4 ms, chance on newer kernels.
    for (let pair = 0; pair < 4; pair++) {
      const [before, after] = [`${pair} one`, `${pair} two`];
      await bench.write(before);
      bench.onceRead = () => Deno.writeTextFileSync(bench.path, after);
      const file = await start();
      await bench.live(after);
      await file.stop();
    }
  },
);

Deno.test("a file that was read young is looked at as another one when it is older", async () => {
  const path = await Deno.makeTempFile();
  try {
    const { mtime } = await Deno.stat(path);
    const at = (ageMs: number) => fileIdentity(path, mtime!.getTime() + ageMs);
    assert.equal(await at(0), await at(99));
    assert.notEqual(await at(99), await at(101));
    assert.notEqual(await at(101), await at(2_501));
    assert.equal(await at(2_501), await at(1_000_000));
  } finally {
    await Deno.remove(path);
  }
});

liveTest("a rename over the file is live, more than once", async (bench, start) => {
  await bench.write("one");
  await start();
  for (const text of ["two", "three"]) {
    await Deno.writeTextFile(`${bench.path}.new`, text);
    await Deno.rename(`${bench.path}.new`, bench.path);
    await bench.live(text);
  }
});

liveTest("a file deleted and made anew is live, and nothing is lost in between", async (bench, start) => {
  await bench.write("one");
  const file = await start();
  await Deno.remove(bench.path);
  await bench.changes.waitFor((one) => one.file === "missing", "the loss");
  assert.equal(file.current, "one");
  await bench.write("two");
  await bench.live("two");
});

liveTest("a folder that is removed and made anew is followed", async (bench, start) => {
  await bench.write("one");
  await start();
  await Deno.remove(dirname(bench.path), { recursive: true });
  await bench.changes.waitFor((one) => one.file === "missing", "the loss");
  for (const text of ["two", "three"]) {
    await bench.write(text);
    await bench.live(text);
  }
});

liveTest("a symlink that is swapped is live, and so is an edit behind it", async (bench, start) => {
  const folder = dirname(bench.path);
  for (const name of ["a", "b"]) {
    await Deno.mkdir(join(folder, name), { recursive: true });
    await Deno.writeTextFile(join(folder, name, "file.txt"), name);
  }
  // As Kubernetes mounts: file.txt -> ..data/file.txt, ..data -> a
  await Deno.symlink("a", join(folder, "..data"));
  await Deno.symlink("..data/file.txt", bench.path);
  const file = await start();
  assert.equal(file.current, "a");
  await Deno.symlink("b", join(folder, "..new"));
  await Deno.rename(join(folder, "..new"), join(folder, "..data"));
  await bench.live("b");
  await Deno.writeTextFile(join(folder, "b", "file.txt"), "edited");
  await bench.live("edited");
});

liveTest("a bad file never replaces a good one, is told once, and recovery is told too", async (bench, start) => {
  await bench.write("one");
  const file = await start();
  await bench.write("bad");
  await bench.refused();
  assert.equal(file.current, "one");
  assert.deepEqual(file.status().problems, [`${bench.path}:1:2: k: it is bad`]);
  assert.equal(await file.reload(), "refused");
  assert.equal(bench.alarm.raised("test_refused").length, 1);
  assert.match(bench.alarm.raised()[0]!.message, /last good one stays.*it is bad/);
  assert.equal(bench.counters.gauge("live_file_good"), 0);
  await bench.write("two");
  await bench.live("two");
  assert.equal(bench.alarm.calls.items.at(-1)!.what, "clear");
  assert.equal(bench.counters.gauge("live_file_good"), 1);
});

liveTest("the last good one stays across a restart with a bad file", async (bench, start) => {
  await bench.write("one");
  await (await start()).stop();
  await bench.write("bad");
  const file = await start();
  assert.deepEqual([file.current, file.status().source], ["one", "last_good"]);
  assert.equal(bench.alarm.raised("test_refused").length, 1);
});

liveTest("a bad file without an earlier good one: the built-in value and an alarm", async (bench, start) => {
  await bench.write("bad");
  const file = await start();
  assert.deepEqual([file.current, file.status().source, file.status().file], ["built in", "builtin", "refused"]);
  assert.match(bench.alarm.raised("test_refused")[0]!.message, /built-in/);
});

liveTest("a damaged copy in the state folder is not used", async (bench, start) => {
  await bench.write("one");
  await (await start()).stop();
  const copy = join(bench.root, "state", "test.last-good.json");
  await Deno.writeTextFile(copy, (await Deno.readTextFile(copy)).replace('"one"', '"0ne"'));
  await bench.write("bad");
  assert.equal((await start()).current, "built in");
});

liveTest("a state folder that cannot be written is told, and the file is used all the same", async (bench, start) => {
  await Deno.writeTextFile(join(bench.root, "state"), "a file where a folder should be");
  await bench.write("one");
  assert.equal((await start()).current, "one");
  assert.equal(bench.counters.total("live_file_store_failures_total"), 1);
});

liveTest("a file that is no UTF-8 or no file is refused like a bad one", async (bench, start) => {
  await bench.write("one");
  const file = await start();
  await Deno.writeFile(bench.path, new Uint8Array([0x61, 0x0a, 0xef, 0xbf, 0xbd, 0xe9, 0x0a]));
  await bench.refused();
  assert.deepEqual(file.status().problems, [`${bench.path}:2:2: is not UTF-8 text; save it as UTF-8`]);
  await Deno.remove(bench.path);
  await Deno.mkdir(bench.path);
  assert.equal(await file.reload(), "refused");
  assert.deepEqual(file.status().problems, [`${bench.path}: is not a file`]);
  assert.equal(file.current, "one");
});

liveTest("a file written in two steps is not reported as bad in between", async (bench, start) => {
  await bench.write("one");
  await start();
  bench.onceRead = () => Deno.writeTextFileSync(bench.path, "whole");
  Deno.writeTextFileSync(bench.path, "bad");
  await bench.live("whole");
  assert.deepEqual(bench.compiled.items, ["one", "bad", "whole"]);
  assert.equal(bench.alarm.raised().length, 0);
});

liveTest("reload says what it found", async (bench, start) => {
  await bench.write("one");
  const file = await start();
  assert.equal(await file.reload(), "unchanged");
  await bench.write("two");
  assert.equal(await file.reload(), "loaded");
  await Deno.remove(bench.path);
  assert.equal(await file.reload(), "missing");
  assert.equal(file.current, "two");
});
