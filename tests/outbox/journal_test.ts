import assert from "node:assert/strict";
import { makeSignalAccount } from "../../lib/domain/address.ts";
import { describeError } from "../../lib/runtime/log.ts";
import { Journal, SEGMENT_BYTES } from "../../lib/outbox/journal.ts";

const account = makeSignalAccount("+15550100001");
const BOOTED = 1_784_000_000_000;

function folder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "journal-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** A disk that takes so many bytes more, and refuses the rest. */
function fullAfter(bytes: number): Disposable {
  const { writeSync } = Deno.FsFile.prototype;
  let left = bytes;
  Deno.FsFile.prototype.writeSync = function (data) {
    if (left === 0) throw new Deno.errors.WriteZero("the disk is full");
    const written = writeSync.call(this, data.subarray(0, left));
    left -= written;
    return written;
  };
  return { [Symbol.dispose]: () => void (Deno.FsFile.prototype.writeSync = writeSync) };
}

Deno.test("after a kill the journal tells apart what was never handed over, handed over, and answered", () => {
  using dir = folder();
  const journal = new Journal(dir.path, account, BOOTED);
  journal.begin(7);
  journal.handedOver(1, 0, 11);
  journal.handedOver(2, 2, 12);
  journal.answered(1, { outcome: "accepted", remoteId: "1784000001000" });

  const said = new Journal(dir.path, account, BOOTED).read();
  assert.deepEqual(said(1, 7), {
    state: "answered",
    attempts: 0,
    atMs: 11,
    outcome: { outcome: "accepted", remoteId: "1784000001000" },
  });
  assert.deepEqual(said(2, 7), { state: "handed_over", attempts: 2, atMs: 12 });
  assert.deepEqual(said(3, 7), { state: "not_handed_over" });
  journal.close();
});

Deno.test("a journal of another epoch, another boot or an unknown boot time is no proof of anything", () => {
  using dir = folder();
  const journal = new Journal(dir.path, account, BOOTED);
  journal.begin(7);
  journal.handedOver(1, 0, 11);
  journal.close();
  assert.equal(new Journal(dir.path, account, BOOTED).read()(1, 6), undefined);
  assert.equal(new Journal(dir.path, account, BOOTED + 60_000).read()(1, 7), undefined);
  assert.equal(new Journal(dir.path, account, undefined).read()(1, 7), undefined);
  // Uptime and wall clock are read at two instants: a second of difference is the same boot.
  assert.equal(new Journal(dir.path, account, BOOTED + 900).read()(1, 7)?.state, "handed_over");
});

Deno.test("a row that went back to the queue is not spoken of by its old lines", () => {
  using dir = folder();
  const journal = new Journal(dir.path, account, BOOTED);
  journal.begin(1);
  journal.handedOver(5, 0, 1);
  journal.answered(5, { outcome: "paused", reason: "network" });
  journal.settled([{ id: 5, requeued: true }]);
  assert.deepEqual(new Journal(dir.path, account, BOOTED).read()(5, 1), { state: "not_handed_over" });
  journal.close();
});

Deno.test("a torn last line counts as not written", () => {
  using dir = folder();
  const journal = new Journal(dir.path, account, BOOTED);
  journal.begin(1);
  journal.handedOver(1, 0, 1);
  journal.close();
  const file = [...Deno.readDirSync(dir.path)][0]!.name;
  Deno.writeTextFileSync(`${dir.path}/${file}`, "H 2 0 1", { append: true });
  const said = new Journal(dir.path, account, BOOTED).read();
  assert.equal(said(1, 1)?.state, "handed_over");
  assert.equal(said(2, 1)?.state, "not_handed_over");
});

Deno.test("a disk that was full in the middle of a line costs that line alone", () => {
  using dir = folder();
  const journal = new Journal(dir.path, account, BOOTED);
  journal.begin(1);
  {
    using _full = fullAfter(5);
    assert.throws(() => journal.handedOver(1, 0, 1), /full/);
  }
  journal.handedOver(2, 0, 2);
  journal.handedOver(3, 0, 3);
  {
    using _full = fullAfter(5);
    assert.throws(() => journal.answered(2, { outcome: "accepted", remoteId: "1" }), /full/);
  }
  journal.answered(3, { outcome: "accepted", remoteId: "1" });
  const said = new Journal(dir.path, account, BOOTED).read();
  assert.deepEqual([1, 2, 3].map((row) => said(row, 1)?.state), ["not_handed_over", "handed_over", "answered"]);
  journal.close();
});

Deno.test("a full disk that refuses a new journal is named, and keeps no empty file of each try", () => {
  using dir = folder();
  const journal = new Journal(dir.path, account, BOOTED);
  for (let tries = 0; tries < 3; tries++) {
    using _full = fullAfter(5);
    assert.throws(
      () => journal.begin(1),
      (error) => /JournalFailed: .*RUNTIME_DIR.*\(/.test(describeError(error)),
    );
  }
  assert.deepEqual([...Deno.readDirSync(dir.path)], []);
  journal.begin(1);
  journal.handedOver(1, 0, 1);
  assert.equal(new Journal(dir.path, account, BOOTED).read()(1, 1)?.state, "handed_over");
  journal.close();
});

Deno.test("files stay small: a long journal is continued, and deleted once everything in it is settled", () => {
  using dir = folder();
  const journal = new Journal(dir.path, account, BOOTED);
  journal.begin(1);
  journal.handedOver(1, 0, 1);
  let bytes = 0;
  for (let row = 2; bytes < 3 * SEGMENT_BYTES; row++) {
    journal.handedOver(row, 0, 1);
    journal.answered(row, { outcome: "accepted", remoteId: "1784000001000" });
    journal.settled([{ id: row, requeued: false }]);
    bytes += 80;
  }
  const size = () =>
    [...Deno.readDirSync(dir.path)].reduce((sum, f) => sum + Deno.statSync(`${dir.path}/${f.name}`).size, 0);
  assert.equal(new Journal(dir.path, account, BOOTED).read()(1, 1)?.state, "handed_over", "row 1 is open still");
  journal.answered(1, { outcome: "accepted", remoteId: "1" });
  journal.settled([{ id: 1, requeued: false }]);
  assert.ok(size() <= SEGMENT_BYTES + 4096, `${size()} bytes are left`);
  journal.close();
});

Deno.test("a file that somebody else removed, or that cannot be read, stops nothing: what is unreadable proves nothing", () => {
  using dir = folder();
  const journal = new Journal(dir.path, account, BOOTED);
  journal.begin(1);
  const [first] = [...Deno.readDirSync(dir.path)];
  for (let row = 1, bytes = 0; bytes <= SEGMENT_BYTES; row++, bytes += 20) {
    journal.handedOver(row, 0, 1_784_000_000_000);
  }
  const all = Array.from({ length: SEGMENT_BYTES / 20 + 2 }, (_, at) => ({ id: at, requeued: false }));
  Deno.removeSync(`${dir.path}/${first!.name}`);
  journal.settled(all);
  journal.close();

  const next = new Journal(dir.path, account, BOOTED);
  next.begin(2);
  next.handedOver(5, 0, 1);
  next.close();
  const [ours] = [...Deno.readDirSync(dir.path)].filter(({ name }) => name.includes("-2-"));
  Deno.writeTextFileSync(`${dir.path}/${ours!.name}`, "A 5 {damaged\n", { append: true });
  const said = new Journal(dir.path, account, BOOTED).read();
  assert.equal(said(5, 2), undefined);
  assert.equal(said(6, 2), undefined);
});
