/**
 * Whatever is handed over, answered, settled, killed, torn and rebooted: the journal says of each row that is not settled
 * exactly what happened to it, and of one that went back to the queue that it did not leave.
 */
import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { makeSignalAccount } from "../../lib/domain/address.ts";
import type { SendOutcome } from "../../lib/domain/message.ts";
import { type HandOver, Journal } from "../../lib/outbox/journal.ts";

const ACCOUNT = makeSignalAccount("+15550100001");
const OTHER = makeSignalAccount("+15550100002");
const FIRST_BOOT_MS = 1_784_000_000_000;
const ROWS = 9;
const OUTCOMES: readonly SendOutcome[] = [
  { outcome: "accepted", remoteId: "1784000001000" },
  { outcome: "retry", reason: "unregistered" },
  { outcome: "paused", reason: "network", remoteId: "1784000001001" },
  { outcome: "unknown", reason: "no_answer" },
];

const row = fc.integer({ min: 1, max: ROWS });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("hand" as const), row }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("answer" as const), row, n: fc.nat(OUTCOMES.length - 1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("settle" as const), row, requeued: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("grow" as const) }) },
  // Killed in the middle of a line, of which so many bytes were written; then the next process, or one of another boot.
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("kill" as const), row, bytes: fc.nat(40), reboot: fc.boolean() }),
  },
  // The lease was lost and came back: a new epoch in the same process.
  { weight: 1, arbitrary: fc.record({ do: fc.constant("epoch" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What really happened to a row under this epoch. */
type Truth = Map<number, HandOver>;

class History implements Disposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "journal-" });
  readonly #other: Journal;
  #bootedAtMs = FIRST_BOOT_MS;
  #epoch = 1;
  #journal: Journal;
  #truth: Truth = new Map();
  #grown = 0;

  constructor() {
    this.#journal = new Journal(this.#folder, ACCOUNT, this.#bootedAtMs);
    this.#journal.begin(this.#epoch);
    // Of another account in the same folder: nobody's business.
    this.#other = new Journal(this.#folder, OTHER, this.#bootedAtMs);
    this.#other.begin(1);
    for (let n = 1; n <= ROWS; n++) this.#other.handedOver(n, 0, 7);
  }

  take(what: Step): void {
    switch (what.do) {
      case "hand": {
        if ((this.#truth.get(what.row)?.state ?? "not_handed_over") !== "not_handed_over") return;
        this.#journal.handedOver(what.row, 1, this.#epoch);
        this.#truth.set(what.row, { state: "handed_over", attempts: 1, atMs: this.#epoch });
        return;
      }
      case "answer": {
        const before = this.#truth.get(what.row);
        if (before?.state !== "handed_over") return;
        this.#journal.answered(what.row, OUTCOMES[what.n]!);
        this.#truth.set(what.row, { ...before, state: "answered", outcome: OUTCOMES[what.n]! });
        return;
      }
      case "settle": {
        if (this.#truth.get(what.row)?.state !== "answered") return;
        this.#journal.settled([{ id: what.row, requeued: what.requeued }]);
        // One that is finished is never asked about again.
        if (what.requeued) this.#truth.set(what.row, { state: "not_handed_over" });
        else this.#truth.delete(what.row);
        return;
      }
      case "grow":
        return this.#grow();
      case "kill":
        return this.#kill(what.row, what.bytes, what.reboot);
      case "epoch":
        return this.#takeStock();
    }
  }

  /** So much passes that its file is continued in another one. */
  #grow(): void {
    for (let n = 0; n < 600; n++) {
      const row = 1_000 + this.#grown++;
      this.#journal.handedOver(row, 0, 1);
      this.#journal.answered(row, { outcome: "accepted", remoteId: "1".repeat(2_000) });
      this.#journal.settled([{ id: row, requeued: false }]);
    }
  }

  #kill(row: number, bytes: number, reboot: boolean): void {
    this.#journal.close();
    const files = [...Deno.readDirSync(this.#folder)].map(({ name }) => name)
      .filter((name) => name.startsWith("journal-signal__15550100001-"));
    const age = (name: string) => Number(name.split("-").at(-1));
    const last = files.sort((a, b) => age(a) - age(b)).at(-1);
    assert.ok(last !== undefined);
    const torn = `H ${row} 9 ${this.#epoch}`.slice(0, bytes);
    Deno.writeTextFileSync(`${this.#folder}/${last}`, torn, { append: true });
    if (reboot) this.#bootedAtMs += 60_000;
    this.#journal = new Journal(this.#folder, ACCOUNT, this.#bootedAtMs);
    if (reboot) {
      // RUNTIME_DIR may be a folder that outlives a boot: its journal is then no proof of anything.
      for (const one of this.#truth.keys()) assert.equal(this.#journal.read()(one, this.#epoch), undefined);
      this.#truth = new Map();
    }
    this.#takeStock();
  }

  /** As after every take-over: each row is decided, and the journal begins again. */
  #takeStock(): void {
    this.compare();
    this.#truth = new Map();
    this.#journal.begin(++this.#epoch);
    this.#journal.forgetOthers();
    assert.equal(this.#journal.read()(1, this.#epoch - 1), undefined, "what was decided is proof no more");
  }

  compare(): void {
    const said = new Journal(this.#folder, ACCOUNT, this.#bootedAtMs).read();
    for (const [row, truth] of this.#truth) assert.deepEqual(said(row, this.#epoch), truth, `row ${row}`);
  }

  [Symbol.dispose](): void {
    this.#journal.close();
    this.#other.close();
    const others = new Journal(this.#folder, OTHER, FIRST_BOOT_MS).read();
    for (let n = 1; n <= ROWS; n++) assert.equal(others(n, 1)?.state, "handed_over", "another account's journal");
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

Deno.test("whatever is written, settled, killed, torn and rebooted, the journal never forgets a hand-over that is open", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      using history = new History();
      for (const what of steps) history.take(what);
      history.compare();
    }),
    { numRuns: Number(Deno.env.get("RUNS") ?? 200) },
  );
});
