/**
 * Leases of a process that died on this host are taken at once; of nobody else.
 */
import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../lib/runtime/clock.ts";
import { LeaseHolder } from "../../lib/store/lease_holder.ts";
import { LeaseKeeper } from "../../lib/store/lease_keeper.ts";
import type { Store } from "../../lib/store/port.ts";
import { openTestStore } from "../support/databases.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../support/recording.ts";
import { until } from "../support/until.ts";
import { everyEngine, leaseOf, TTL_MS } from "./conformance.ts";

const BOOTED = 1_784_000_000_000;

/** A process that holds its own file. */
class Holder implements AsyncDisposable {
  readonly name = `holder-${crypto.randomUUID()}`.slice(0, 40);
  #child: Deno.ChildProcess | undefined;
  constructor(readonly folder: string) {}

  async start(): Promise<this> {
    const program = new URL("./holder_process.ts", import.meta.url).pathname;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", `--allow-read=${this.folder}`, `--allow-write=${this.folder}`, program]
        .concat(this.folder, this.name, String(BOOTED)),
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const reader = this.#child.stdout.getReader();
    assert.equal(new TextDecoder().decode((await reader.read()).value), "ready\n");
    await reader.cancel();
    return this;
  }

  signal(signal: Deno.Signal): void {
    this.#child!.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.kill("SIGKILL");
    await child?.status;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lease-holder-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function keeperOf(store: Store, folder: string | undefined, clock: Clock = systemClock): LeaseKeeper {
  const holder = crypto.randomUUID();
  return new LeaseKeeper({
    store,
    names: ["account", "inbox"],
    holder,
    ...(folder === undefined ? {} : { proof: new LeaseHolder(folder, holder, BOOTED) }),
    leaseMs: 15_000,
    clock,
    log: new RecordingLog(),
    counters: new RecordingCounters(),
  });
}

const holderFiles = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);

Deno.test("a process is dead when it was killed, not while it works, and not while it is frozen", () =>
  inFolder(async (folder) => {
    await using other = await new Holder(folder).start();
    const here = new LeaseHolder(folder, "ourselves-1", BOOTED);
    assert.equal(here.isDead(other.name), false);
    other.signal("SIGSTOP");
    assert.equal(here.isDead(other.name), false);
    other.signal("SIGCONT");
    await other.kill();
    assert.equal(here.isDead(other.name), true);
  }));

Deno.test("who left no file here, ran before the machine booted, or has a name that is none, is not proven dead", () =>
  inFolder(async (folder) => {
    const here = new LeaseHolder(folder, "ourselves-1", BOOTED);
    here.open();
    await using other = await new Holder(folder).start();
    await other.kill();
    assert.equal(new LeaseHolder(folder, "ourselves-2", BOOTED + 60_000).isDead(other.name), false);
    assert.equal(new LeaseHolder(folder, "ourselves-2", undefined).isDead(other.name), false);
    assert.equal(here.isDead("somebody-else"), false);
    assert.equal(here.isDead("ourselves-1"), false);
    await Deno.writeTextFile(`${folder}/holder-empty-file`, "");
    assert.equal(here.isDead("empty-file"), false);
    await Deno.writeTextFile(`${folder}/passwd`, `${BOOTED}\n`);
    assert.equal(here.isDead("../passwd"), false);
    assert.throws(() => new LeaseHolder(folder, "../passwd", BOOTED));
    here.close(true);
  }));

Deno.test("files of the dead are removed, those of the living and of others stay", () =>
  inFolder(async (folder) => {
    await using dead = await new Holder(folder).start();
    await using living = await new Holder(folder).start();
    await dead.kill();
    const here = new LeaseHolder(folder, "ourselves-1", BOOTED);
    here.open();
    here.open();
    await Deno.writeTextFile(`${folder}/journal-x-1-0`, "");
    here.forgetDead();
    assert.deepEqual(
      holderFiles(folder).sort(),
      [`holder-${living.name}`, "holder-ourselves-1", "journal-x-1-0"].sort(),
    );
    here.close(true);
    assert.deepEqual(holderFiles(folder).sort(), [`holder-${living.name}`, "journal-x-1-0"].sort());
  }));

everyEngine(
  "a lease is taken early from the holder that is named dead, with a new epoch, and from no other",
  async (db) => {
    const { store } = db;
    const one = await leaseOf(store, "one");
    const wrong = await store.leases.acquire("account", "two", TTL_MS, "three");
    assert(wrong.result === "held" && wrong.holder === "one");
    const right = await store.leases.acquire("account", "two", TTL_MS, "one");
    assert(right.result === "acquired");
    assert.equal(right.lease.epoch, one.epoch + 1);
    assert.equal(await store.leases.renew(one, TTL_MS), undefined);
    // Two that found the same one dead: the second comes too late.
    const late = await db.openSession().leases.acquire("account", "three", TTL_MS, "one");
    assert(late.result === "held" && late.holder === "two");
  },
);

everyEngine(
  "killed and started again on the same host, all leases are there at once: nothing is waited for",
  (db) =>
    inFolder(async (folder) => {
      await using dead = await new Holder(folder).start();
      const former = await leaseOf(db.store, dead.name);
      await leaseOf(db.store, dead.name, "inbox");
      await dead.kill();
      // Its clock stands still: whoever sleeps first never gets one.
      const keeper = keeperOf(db.openSession(), folder, new ManualClock());
      await keeper.start();
      await until(() => keeper.held("inbox").lease() !== undefined, "both leases");
      assert.equal(keeper.held("account").lease()?.epoch, former.epoch + 1);
      await until(() => holderFiles(folder).length === 1, "the dead one's file to go");
      await keeper.stop();
      assert.deepEqual(holderFiles(folder), []);
    }),
);

everyEngine(
  "a frozen holder on the same host, and a dead one on another host, keep their leases until they run out",
  (db) =>
    inFolder(async (folder) => {
      await using frozen = await new Holder(folder).start();
      frozen.signal("SIGSTOP");
      await leaseOf(db.store, frozen.name);
      await leaseOf(db.store, "on-another-host", "inbox");
      await Deno.writeTextFile(`${folder}/holder-somebody-long-gone`, `${BOOTED}\n`);
      const keeper = keeperOf(db.openSession(), folder);
      await keeper.start();
      await until(() => holderFiles(folder).length === 2, "it to have looked at every lease, and to clear up");
      assert.equal(keeper.held("account").lease(), undefined);
      assert.equal(keeper.held("inbox").lease(), undefined);
      await keeper.stop();
      const holders = (await db.store.leases.list()).map(({ holder }) => holder);
      assert.deepEqual(holders, [frozen.name, "on-another-host"]);
    }),
);

Deno.test("a folder that cannot be written costs the proof, not the leases", async () => {
  await using db = await openTestStore("sqlite");
  const keeper = keeperOf(db.openSession(), "/nowhere/at/all");
  await keeper.start();
  await until(() => keeper.held("account").lease() !== undefined, "the lease");
  await keeper.stop();
});
