/**
 * When the policy decides about messages in doubt, and that none is forgotten.
 */
import assert from "node:assert/strict";
import { makeAci } from "../../lib/domain/address.ts";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { canOnlyBeAccepted } from "../../lib/outbox/doubt.ts";
import { HOSTS_APART_MS } from "../../lib/outbox/transcripts.ts";
import { SUSPECT_TRIES, UNKNOWN_LIMIT, Unknowns } from "../../lib/outbox/unknowns.ts";
import { ManualClock } from "../support/recording.ts";
import { GROUP, person, uuid } from "./cast.ts";

const WAIT = 10_000;

function doubts() {
  const clock = new ManualClock(1_784_000_000_000);
  const unknowns = new Unknowns({
    clock,
    unknownWaitMs: WAIT,
    unknownPolicy: () => "resend",
    maxRetries: 3,
    isMember: () => undefined,
    listening: () => ({ sinceMs: undefined, lastFrameAtMs: undefined, newestMs: undefined }),
  });
  const add = (id: number, recipient = person(id)) =>
    unknowns.add({
      id,
      lane: `lane ${id}`,
      recipient,
      kind: "api",
      origin: { kind: "api", key: String(id), generation: 1 },
      attempts: 0,
    }, { handedOverAtMs: clock.nowMs(), endedAtMs: clock.nowMs(), outcome: "unknown", reason: "disconnected" });
  const due = async (tries: (id: number) => Promise<number> = async () => 1) =>
    (await unknowns.due(async (id) => ({ silences: await tries(id), expiresAtMs: undefined, isEmpty: false }))).map((
      { row, to },
    ) => `${to} ${row.id}`);
  return { clock, unknowns, add, due };
}

Deno.test("a database that goes away while the policy decides makes no message forgotten", async () => {
  const { clock, unknowns, add, due } = doubts();
  for (const id of [1, 2]) add(id);
  await clock.advance(WAIT);
  const away = async (id: number) => {
    if (id === 2) throw new StoreUnavailable("unreachable", "away");
    return await Promise.resolve(1);
  };
  await assert.rejects(due(away), StoreUnavailable);
  assert.equal(unknowns.size, 2);
  assert.deepEqual(await due(), ["resend 1", "resend 2"]);
  assert.equal(unknowns.size, 0);
});

Deno.test("messages that may be poison are sent again one after another, the others at once", async () => {
  const { clock, unknowns, add, due } = doubts();
  const tries = (id: number) => Promise.resolve(id <= 3 ? SUSPECT_TRIES : 1);
  for (const id of [1, 2, 3, 4, 5]) add(id);
  await clock.advance(WAIT);
  assert.deepEqual(await due(tries), ["resend 1", "resend 4", "resend 5"]);
  assert.deepEqual(await due(tries), []);
  assert.ok(unknowns.nextDateMs() > WAIT - 1_000, "nothing to look at before the next one's turn");
  await clock.advance(WAIT);
  assert.deepEqual(await due(tries), ["resend 2"]);
  await clock.advance(WAIT);
  assert.deepEqual(await due(tries), ["resend 3"]);
});

Deno.test("an answered message was accepted, unless it may have been too old or was empty", () => {
  const endedAtMs = 1_000_000;
  const doubt = {
    row: {
      id: 1,
      lane: "",
      recipient: person(0),
      kind: "api",
      origin: { kind: "api", key: "", generation: 1 },
      attempts: 0,
    },
    attempt: { handedOverAtMs: 0, endedAtMs, outcome: "unknown" },
    endsAtMs: () => 0,
    digest: undefined,
    tried: undefined,
  } as const;
  const can = (expiresAtMs: number | undefined, isEmpty = false) =>
    canOnlyBeAccepted(doubt, { silences: 1, expiresAtMs, isEmpty });
  assert.equal(can(endedAtMs + HOSTS_APART_MS + 1), true);
  assert.equal(can(endedAtMs + HOSTS_APART_MS), false);
  assert.equal(can(endedAtMs + HOSTS_APART_MS + 1, true), false);
  assert.equal(can(undefined), false);
});

Deno.test("poison is given up at the limit, without waiting for a turn", async () => {
  const { clock, add, due } = doubts();
  for (const id of [1, 2]) add(id);
  await clock.advance(WAIT);
  assert.deepEqual(await due(() => Promise.resolve(UNKNOWN_LIMIT)), ["dead 1", "dead 2"]);
});

Deno.test("a group's message that two members acknowledge proves no message to one of them", () => {
  const { clock, unknowns, add } = doubts();
  add(1, GROUP);
  add(2, person(2));
  const from = (n: number) => ({ remoteId: String(clock.nowMs()), from: makeAci(uuid(n)), fromNumber: person(n) });
  const proven = (...receipts: ReturnType<typeof from>[]) => unknowns.proven(receipts).map(({ row }) => row.id);
  assert.deepEqual(proven(from(2)), [], "it may be either");
  assert.deepEqual(proven(from(3), from(2)), [1]);
  assert.deepEqual(proven(from(2)), []);
  assert.ok(unknowns.has(2));
});

Deno.test("a message that is answered while the policy decides is not sent again", async () => {
  const { clock, unknowns, add, due } = doubts();
  add(1);
  const handedOverAtMs = clock.nowMs();
  await clock.advance(WAIT);
  const answers = async (id: number) => {
    const moves = unknowns.answered(id, handedOverAtMs, { outcome: "accepted", remoteId: "1" });
    assert.deepEqual(moves.map(({ to }) => to), ["accepted"]);
    return await Promise.resolve(1);
  };
  assert.deepEqual(await due(answers), []);
});
