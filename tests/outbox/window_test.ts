import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { makeSignalAccount, makeTel } from "../../lib/domain/address.ts";
import { Window } from "../../lib/outbox/window.ts";
import type { OutboxRow } from "../../lib/store/port.ts";

function row(id: number, lane: string): OutboxRow {
  return {
    id,
    lane,
    account: makeSignalAccount("+15550100001"),
    recipient: makeTel("+15550100002"),
    body: "x",
    kind: "api",
    origin: { kind: "api", key: String(id), generation: 1 },
    attempts: 0,
    createdAtMs: 0,
    expiresAtMs: Infinity,
  };
}

Deno.test("within a lane one row at a time, between lanes in turn", () => {
  const window = new Window();
  window.add([row(1, "a"), row(2, "a"), row(3, "b")]);
  const first = window.take()!, second = window.take()!;
  assert.deepEqual([first.id, second.id, window.take()], [1, 3, undefined]);
  assert.deepEqual(window.answered(first, true), []);
  assert.equal(window.take()?.id, 2);
});

Deno.test("an outcome that stops a lane gives back what is behind it, and nothing of another lane", () => {
  const window = new Window();
  window.add([row(1, "a"), row(2, "a"), row(3, "a"), row(4, "b")]);
  const failed = window.take()!;
  assert.deepEqual(window.answered(failed, false).map((r) => r.id), [2, 3]);
  assert.equal(window.take()?.id, 4);
  assert.ok(window.room(16).skip.has("a"), "the lane waits until the database knows");
  for (const id of [1, 2, 3]) window.settled(row(id, "a"));
  assert.ok(!window.room(16).skip.has("a"));
  assert.equal(window.size, 1);
});

Deno.test("a lane whose rows were taken back is left alone until the database knows of them", () => {
  const window = new Window();
  window.add([row(1, "a"), row(2, "a"), row(3, "a")]);
  const first = window.take()!;
  assert.deepEqual(window.takeBack().map((r) => r.id), [2, 3]);
  assert.ok(window.room(16).skip.has("a"), "row 4 would overtake rows 2 and 3");
  window.answered(first, true);
  for (const id of [1, 2, 3]) window.settled(row(id, "a"));
  assert.ok(!window.room(16).skip.has("a"));
});

Deno.test("settling a row that is not of the window changes nothing", () => {
  const window = new Window();
  window.add([row(1, "a")]);
  window.settled(row(99, "a"));
  assert.equal(window.size, 1);
});

Deno.test("any sequence of steps keeps the count right, one in flight per lane, and the order within each lane", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5), fc.nat(3)), { maxLength: 120 }), (steps) => {
      const window = new Window();
      let next = 1;
      const inFlight: OutboxRow[] = [];
      const gone: OutboxRow[] = [];
      const lastTaken = new Map<string, number>();
      let held = 0;
      for (const [what, n] of steps) {
        if (what <= 1) {
          window.add([row(next++, `lane${n}`)]);
          held++;
        } else if (what === 2) {
          const taken = window.take();
          if (taken) {
            assert.ok(!inFlight.some((other) => other.lane === taken.lane));
            assert.ok((lastTaken.get(taken.lane) ?? 0) < taken.id);
            lastTaken.set(taken.lane, taken.id);
            inFlight.push(taken);
          }
        } else if (what === 3 && inFlight.length > 0) {
          const answered = inFlight.shift()!;
          gone.push(answered, ...window.answered(answered, n > 0));
        } else if (what === 4) {
          gone.push(...window.takeBack());
        } else if (gone.length > 0) {
          window.settled(gone.shift()!);
          held--;
        }
        assert.equal(window.size, held);
        assert.equal(window.inFlight, inFlight.length);
      }
    }),
  );
});

Deno.test("rows that were marked while an outcome stopped their lane are given back: those before them go first", () => {
  const window = new Window();
  window.add([row(1, "a"), row(2, "a")]);
  window.answered(window.take()!, false);
  assert.ok(window.isStopped("a"));
  assert.deepEqual(window.add([row(3, "a"), row(4, "b")]).map((r) => r.id), [3]);
  assert.equal(window.take()?.id, 4);
  for (const id of [1, 2, 3]) window.settled(row(id, "a"));
  assert.ok(!window.isStopped("a"));
  assert.equal(window.size, 1);
});
