/**
 * Whatever is sent, refused, lost, killed, frozen, rebooted, taken over and flagged by hand, in whatever order: the promises
 * P1 to P4 hold, and no two holders ever send.
 */
import fc from "../support/property.ts";
import { openTestStore, type TestDatabase } from "../support/databases.ts";
import { Rig } from "./rig.ts";
import { PEOPLE, plot, type Step } from "./steps.ts";
import { Story } from "./story.ts";

const TABLES = [
  "outbox",
  "outbox_archive",
  "outbox_attempts",
  "outbox_receipts",
  "outbox_contacts",
  "orders",
  "order_deliveries",
  "leases",
  "service_state",
];

async function play(
  db: TestDatabase,
  steps: readonly Step[],
  stage: { readonly hosts: 1 | 2; readonly lagTurns: number } = { hosts: 1, lagTurns: 0 },
): Promise<void> {
  for (const table of TABLES) await db.adminQuery(`DELETE FROM ${table}`);
  await using rig = new Rig(db, { people: PEOPLE });
  await using story = await Story.begin(rig, stage);
  for (const what of steps) await story.take(what);
  await story.finish();
  await story.judge();
}

Deno.test("whatever is sent, lost, killed, frozen and taken over: nothing lost, in order, doubles counted, flags true", async () => {
  await using db = await openTestStore("sqlite");
  await fc.assert(
    fc.asyncProperty(plot, ({ steps, ...stage }) => play(db, steps, stage)),
    { numRuns: Number(Deno.env.get("RUNS") ?? 150), endOnFailure: true },
  );
});

Deno.test("seed 1430615588: an outcome that stops a lane while more of it is being marked lets nothing overtake", async () => {
  await using db = await openTestStore("sqlite");
  await play(db, [
    { do: "enqueue", n: 0, count: 1 },
    { do: "enqueue", n: 0, count: 3 },
    { do: "fault", effect: { type: "result", result: "UNREGISTERED_FAILURE" } },
    { do: "enqueue", n: 0, count: 1 },
    { do: "reboot" },
    { do: "enqueue", n: 0, count: 3 },
  ]);
});

Deno.test("seed -1556647717: an answer that comes while a COMMIT of unknown fate is looked into is not forgotten", async () => {
  await using db = await openTestStore("sqlite");
  await play(db, [
    { do: "enqueue", n: 1, count: 2 },
    { do: "fault", effect: { type: "delay_answer", ms: 3 } },
    { do: "enqueue", n: 0, count: 1 },
    { do: "commit", fate: "lost_done" },
    { do: "order" },
    { do: "commit", fate: "lost_undone" },
    { do: "replay" },
    { do: "drop" },
  ]);
});

Deno.test("seed 1003061278: what a recovery of unknown fate made unknown is counted", async () => {
  await using db = await openTestStore("sqlite");
  await play(db, [
    { do: "stop" },
    { do: "enqueue", n: 1, count: 3 },
    { do: "pass", ms: 1 },
    { do: "fault", effect: { type: "lose_answer" } },
    { do: "order" },
    { do: "enqueue", n: 0, count: 0 },
    { do: "enqueue", n: 1, count: 1 },
    { do: "pass", ms: 6000 },
    { do: "fault", effect: { type: "lose_answer" } },
    { do: "drop" },
    { do: "enqueue", n: 0, count: 3 },
    { do: "enqueue", n: 1, count: 3 },
    { do: "steal" },
    { do: "commit", fate: "lost_done" },
  ]);
});

Deno.test("seed -925521611: a death that a reboot makes unknown lets nothing overtake", async () => {
  await using db = await openTestStore("sqlite");
  await play(db, [
    { do: "enqueue", n: 0, count: 4 },
    { do: "fault", effect: { type: "error", code: -1 } },
    { do: "pass", ms: 30 },
    { do: "reboot" },
  ], { hosts: 1, lagTurns: 1 });
});
