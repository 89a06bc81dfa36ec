import assert from "node:assert/strict";
import { FaultBook, type FaultRule } from "../../lib/simulator/faults.ts";

interface Book {
  readonly book: FaultBook;
  readonly fired: string[];
  readonly files: Set<string>;
  nowMs: number;
}

function bookOf(...rules: readonly FaultRule[]): Book {
  const fired: string[] = [];
  const files = new Set<string>();
  const it: Book = {
    book: new FaultBook({
      nowMs: () => it.nowMs,
      fileExists: (name) => files.has(name),
      onFired: (id) => fired.push(id),
    }),
    fired,
    files,
    nowMs: 1000,
  };
  it.book.replace(rules);
  return it;
}

const effect = { type: "hang" } as const;
/** Which of so many sends a book strikes, from 1. */
function struck({ book }: Book, calls: number): number[] {
  return Array.from({ length: calls }, (_, at) => at + 1).filter(() => book.take({ on: "send", to: ["a"] }).length > 0);
}

Deno.test("nth, every, after and times strike the calls that they name", () => {
  assert.deepEqual(struck(bookOf({ nth: 3, effect }), 6), [3]);
  assert.deepEqual(struck(bookOf({ every: 2, effect }), 6), [2, 4, 6]);
  assert.deepEqual(struck(bookOf({ after: 4, effect }), 6), [5, 6]);
  assert.deepEqual(struck(bookOf({ times: 2, effect }), 6), [1, 2]);
});

Deno.test("a rule for another target or method does not count", () => {
  const rules = bookOf({ to: ["b", "c"], nth: 1, effect }, { on: "version", effect });
  assert.deepEqual(struck(rules, 3), []);
  assert.deepEqual(rules.book.take({ on: "send", to: ["x", "c"] }), [effect]);
});

Deno.test("* means every method and no other point", () => {
  const { book } = bookOf({ on: "*", effect });
  for (const on of ["start", "stdin", "receive.acked"]) assert.deepEqual(book.take({ on }), []);
  for (const on of ["send", "receive", "version"]) assert.deepEqual(book.take({ on }), [effect]);
});

Deno.test("time window and file switch a rule on and off", () => {
  const window = bookOf({ fromMs: 1000, untilMs: 2000, effect });
  for (const [nowMs, hits] of [[999, 0], [1000, 1], [1999, 1], [2000, 0]] as const) {
    window.nowMs = nowMs;
    assert.equal(struck(window, 1).length, hits, `${nowMs}`);
  }
  const switched = bookOf({ whileFile: "down", effect });
  assert.deepEqual(struck(switched, 1), []);
  switched.files.add("down");
  assert.deepEqual(struck(switched, 1), [1]);
});

Deno.test("a probability strikes about its share, and the same calls for the same seed", () => {
  const first = struck(bookOf({ probability: 0.2, seed: 5, effect }), 1000);
  assert.deepEqual(struck(bookOf({ probability: 0.2, seed: 5, effect }), 1000), first);
  assert.ok(first.length > 150 && first.length < 250, `${first.length}`);
});

Deno.test("delays add up before the first other effect, and later rules rest", () => {
  const delay = { type: "delay", ms: 5 } as const;
  const { book, fired } = bookOf({ id: "slow", effect: delay }, { id: "mute", effect }, { id: "never", effect });
  assert.deepEqual(book.take({ on: "send" }), [delay, effect]);
  assert.deepEqual(fired, ["slow", "mute"]);
});

Deno.test("a rule that stays keeps its counts, and times counts what fired in earlier processes", () => {
  const rules: FaultRule[] = [{ id: "third", nth: 3, effect }];
  const it = bookOf(...rules);
  struck(it, 2);
  it.book.replace([...rules, { to: "nobody", effect }]);
  assert.deepEqual(struck(it, 2), [1]);
  const later = bookOf({ id: "once", times: 1, effect });
  later.book.restore("once");
  assert.deepEqual(struck(later, 3), []);
});
