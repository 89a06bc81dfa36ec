import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../lib/domain/errors.ts";
import { Spool, SpoolFailed, SpoolFull } from "../../lib/runtime/spool.ts";
import { RecordingCounters, RecordingLog } from "../support/recording.ts";

const never = new AbortController().signal;

function spoolTest(
  name: string,
  body: (
    t: { folder: string; log: RecordingLog; counters: RecordingCounters; open: (o?: object) => Promise<Spool> },
  ) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir();
    const [log, counters] = [new RecordingLog(), new RecordingCounters()];
    const opened: Spool[] = [];
    const open = async (options: object = {}) => {
      const spool = await Spool.open({ folder, maxBytes: 1e6, log, counters, ...options });
      opened.push(spool);
      return spool;
    };
    try {
      await body({ folder, log, counters, open });
    } finally {
      for (const spool of opened) await spool.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

async function drainAll(spool: Spool): Promise<string[]> {
  const all: string[] = [];
  await spool.drain((batch) => Promise.resolve(void all.push(...batch)), never);
  return all;
}

function segments(folder: string, ending = ".spool"): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((name) => name.endsWith(ending)).sort();
}

spoolTest("records come back as they were, in order, across segments and a restart", async ({ open }) => {
  const records = ["a", "", "line\nbreak", "é🙂", '"\\', "\ud800", "x".repeat(5000)];
  const first = await open({ segmentBytes: 50 });
  await first.append(records);
  await first.append(["later"]);
  await first.close();
  const second = await open();
  assert.equal(second.isEmpty, false);
  assert.deepEqual(await drainAll(second), [...records, "later"]);
  assert.equal(second.isEmpty, true);
});

spoolTest("a full spool refuses the whole call and names the setting", async ({ open }) => {
  const spool = await open({ maxBytes: 200 });
  await spool.append(["a".repeat(80)]);
  await assert.rejects(
    spool.append(["b", "c".repeat(150)]),
    (error) => error instanceof SpoolFull && /SPOOL_MAX_MB/.test(error.message),
  );
  await spool.append(["d"]);
  assert.deepEqual(await drainAll(spool), ["a".repeat(80), "d"]);
  await spool.append(["e".repeat(80)]);
});

spoolTest("a batch whose handler failed comes again, those before it do not", async ({ open }) => {
  const spool = await open({ batchRecords: 2 });
  await spool.append(["1", "2", "3", "4", "5"]);
  const seen: string[] = [];
  const failing = spool.drain((batch) => {
    seen.push(...batch);
    return seen.length > 2 ? Promise.reject(new Error("away")) : Promise.resolve();
  }, never);
  await assert.rejects(failing, /away/);
  assert.deepEqual(seen, ["1", "2", "3", "4"]);
  await spool.close();
  assert.deepEqual(await drainAll(await open()), ["3", "4", "5"]);
});

spoolTest("a disk that is too full to remember how far it was drained is drained all the same", async (t) => {
  const spool = await t.open({ batchRecords: 2 });
  await spool.append(["1", "2", "3", "4", "5"]);
  // A folder of that name refuses the file, as a disk without a free block does.
  await Deno.mkdir(join(t.folder, "cursor"));
  assert.deepEqual(await drainAll(spool), ["1", "2", "3", "4", "5"]);
  assert.equal(spool.isEmpty, true);
  await spool.append(["6", "7", "8", "9"]);
  const seen: string[] = [];
  const failing = spool.drain((batch) => {
    seen.push(...batch);
    return seen.length > 2 ? Promise.reject(new Error("away")) : Promise.resolve();
  }, never);
  await assert.rejects(failing, /away/);
  assert.deepEqual(await drainAll(spool), ["8", "9"]);
  await Deno.remove(join(t.folder, "cursor"));
});

spoolTest("drain takes what is appended while it runs, and stops between batches at the signal", async ({ open }) => {
  const spool = await open({ batchRecords: 1 });
  await spool.append(["1", "2"]);
  const stop = new AbortController();
  const seen: string[] = [];
  const handled = await spool.drain(async (batch) => {
    seen.push(...batch);
    if (seen.length === 1) await spool.append(["3", "4"]);
    if (seen.length === 3) stop.abort();
  }, stop.signal);
  assert.equal(handled, 3);
  assert.deepEqual(await drainAll(spool), ["4"]);
  assert.deepEqual(seen, ["1", "2", "3"]);
});

spoolTest(
  "a torn last record is left out and counted; what was confirmed stays",
  async ({ open, folder, counters }) => {
    const spool = await open();
    await spool.append(["kept"]);
    await spool.close();
    const path = join(folder, segments(folder)[0]!);
    await Deno.writeFile(path, new TextEncoder().encode('0badc0de "to'), { append: true });
    assert.deepEqual(await drainAll(await open()), ["kept"]);
    assert.equal(counters.total("spool_torn_total"), 1);
  },
);

spoolTest("a damaged record in the middle is set aside, counted and logged, the others arrive", async (t) => {
  const spool = await t.open();
  await spool.append(["first", "second", "third"]);
  await spool.close();
  const name = segments(t.folder)[0]!;
  const text = await Deno.readTextFile(join(t.folder, name));
  await Deno.writeTextFile(join(t.folder, name), text.replace("second", "sXcond"));
  assert.deepEqual(await drainAll(await t.open()), ["first", "third"]);
  assert.equal(t.counters.total("spool_corrupt_total"), 1);
  assert.match(await Deno.readTextFile(join(t.folder, `${name}.bad`)), /^[0-9a-f]{8} "sXcond"\n$/);
  assert.equal(t.log.at("error").length, 1);
  assert.doesNotMatch(t.log.text(), /cond/);
});

spoolTest("a damaged and torn segment is told and counted once, however often the database refuses it", async (t) => {
  const spool = await t.open();
  await spool.append(["first", "second"]);
  await spool.close();
  const path = join(t.folder, segments(t.folder)[0]!);
  await Deno.writeTextFile(path, `${(await Deno.readTextFile(path)).replace("first", "fXrst")}0badc0de "to`);
  const again = await t.open();
  const away = () => Promise.reject(new Error("the database is away"));
  for (let i = 0; i < 3; i++) await assert.rejects(again.drain(away, never), /the database is away/);
  assert.deepEqual(await drainAll(again), ["second"]);
  assert.deepEqual([t.counters.total("spool_corrupt_total"), t.counters.total("spool_torn_total")], [1, 1]);
});

spoolTest("a segment of another version is refused by name and kept", async ({ open, folder }) => {
  await Deno.writeTextFile(join(folder, "000000000007.spool"), "signal-automation-spool 2\nsomething\n");
  const spool = await open();
  await assert.rejects(spool.drain(() => Promise.resolve(), never), ConfigError);
  assert.deepEqual(segments(folder), ["000000000007.spool"]);
});

spoolTest("a folder belongs to one process at a time", async ({ open }) => {
  const first = await open();
  await assert.rejects(open(), (error) => error instanceof ConfigError && error.where === "SPOOL_DIR");
  await first.close();
  await open();
});

spoolTest("numbers never go back below the cursor, so nothing new is taken for handled", async ({ open, folder }) => {
  await Deno.writeTextFile(join(folder, "cursor"), JSON.stringify({ segment: 9, offset: 1_000_000 }));
  const spool = await open();
  await spool.append(["new"]);
  assert.deepEqual(segments(folder), ["000000000010.spool"]);
  assert.deepEqual(await drainAll(spool), ["new"]);
});

spoolTest("a closed spool refuses, and a folder that cannot be made is said so", async ({ open, folder }) => {
  const spool = await open();
  await spool.close();
  await assert.rejects(spool.append(["x"]), SpoolFailed);
  await Deno.writeTextFile(join(folder, "file"), "");
  await assert.rejects(open({ folder: join(folder, "file") }), SpoolFailed);
});
