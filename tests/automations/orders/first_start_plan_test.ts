import assert from "node:assert/strict";
import {
  type FirstStartPlan,
  HISTORY_AGE_MS,
  type OrdersSince,
  planFirstStart,
} from "../../../lib/automations/orders/first_start.ts";

const NOW = Date.UTC(2026, 0, 15, 12);
const DATE = Date.UTC(2026, 0, 1);
const nothing: FirstStartPlan = { atMs: NOW, hold: "none", ask: false, carriedOut: true };
const some = { atMs: NOW, upToId: 900, ask: false, carriedOut: false } as const;

const TABLE: readonly (readonly [string, OrdersSince, number, FirstStartPlan])[] = [
  ["50 old orders are sent", undefined, 50, nothing],
  ["51 old orders are held, and the admin is asked", undefined, 51, {
    ...some,
    hold: "before",
    beforeMs: NOW - HISTORY_AGE_MS,
    ask: true,
  }],
  ["`all` sends everything", "all", 5_000, nothing],
  ["`now` holds everything that is there", "now", 0, { ...some, hold: "everything" }],
  ["a date holds what is older", DATE, 0, { ...some, hold: "before", beforeMs: DATE }],
];
for (const [name, since, older, plan] of TABLE) {
  Deno.test(`planFirstStart(): ${name}`, () => {
    assert.deepEqual(planFirstStart(since, { older, newestId: 900 }, NOW), plan);
  });
}

Deno.test("planFirstStart() has nothing to do for a table without unnotified orders", () => {
  for (const since of [undefined, "all", "now", DATE] as const) {
    assert.deepEqual(planFirstStart(since, { older: 0, newestId: undefined }, NOW), nothing);
  }
});
