import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { noCounters } from "../../lib/runtime/counters.ts";
import { silentLog } from "../../lib/runtime/log.ts";
import { Spool } from "../../lib/runtime/spool.ts";
import { encodeRecords } from "../../lib/runtime/spool_format.ts";

type Step =
  | { readonly do: "append"; readonly texts: readonly string[] }
  /** Killed in the middle of an append: a part of its bytes is in the newest segment. */
  | { readonly do: "crash"; readonly tornBytes: number }
  | { readonly do: "reopen" }
  /** The handler fails at the n-th batch, after having stored it or before. */
  | { readonly do: "drain"; readonly failAt: number; readonly stored: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("append" as const), texts: fc.array(fc.string(), { maxLength: 6 }) }),
  },
  fc.record({ do: fc.constant("crash" as const), tornBytes: fc.nat(60) }),
  fc.record({ do: fc.constant("reopen" as const) }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drain" as const), failAt: fc.nat(4), stored: fc.boolean() }) },
);

Deno.test("whatever is killed and whenever, what append confirmed is drained, in order, nothing skipped", async () => {
  const root = await Deno.makeTempDir();
  let folders = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        let folder = join(root, String(folders++));
        const open = () =>
          Spool.open({
            folder,
            maxBytes: 1e6,
            segmentBytes: 120,
            batchRecords: 3,
            log: silentLog,
            counters: noCounters,
          });
        let spool = await open();
        let count = 0;
        const confirmed: string[] = [];
        const seen: string[] = [];
        const receive = (batch: string[]) => batch.forEach((one) => seen.includes(one) || seen.push(one));
        for (const one of steps) {
          if (one.do === "append") {
            const records = one.texts.map((text) => `${count++}:${text}`);
            await spool.append(records);
            confirmed.push(...records);
          } else if (one.do === "crash") {
            const copy = join(root, String(folders++));
            await copyFolder(folder, copy);
            await tear(copy, one.tornBytes);
            await spool.close();
            folder = copy;
            spool = await open();
          } else if (one.do === "reopen") {
            await spool.close();
            spool = await open();
          } else {
            let batches = 0;
            const drained = spool.drain((batch) => {
              const fails = batches++ === one.failAt;
              if (!fails || one.stored) receive(batch);
              return fails ? Promise.reject(new Error("database away")) : Promise.resolve();
            }, new AbortController().signal);
            await drained.catch((error) => assert.equal(error.message, "database away"));
          }
        }
        await spool.drain((batch) => Promise.resolve(receive(batch)), new AbortController().signal);
        assert.equal(spool.isEmpty, true);
        assert.equal(spool.sizeBytes, 0);
        await spool.close();
        // A torn append may hand over whole records that were never confirmed: allowed, and in their place.
        assert.deepEqual(seen.filter((text) => !text.startsWith("torn")), confirmed);
      }),
      { numRuns: 60 },
    );
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    if (entry.name !== "lock") await Deno.copyFile(join(from, entry.name), join(to, entry.name));
  }
}

async function tear(folder: string, bytes: number): Promise<void> {
  const segments: string[] = [];
  for await (const entry of Deno.readDir(folder)) if (entry.name.endsWith(".spool")) segments.push(entry.name);
  const newest = segments.sort().at(-1);
  if (newest === undefined) return;
  const unconfirmed = encodeRecords(["torn 1", "torn 2\n", "torn 3"]).subarray(0, bytes);
  await Deno.writeFile(join(folder, newest), unconfirmed, { append: true });
}
