/**
 * Which transcript proves which message: pure.
 */
import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { makeAci } from "../../lib/domain/address.ts";
import {
  digestOf,
  type Doubtful,
  HOSTS_APART_MS,
  MAX_TRANSCRIPTS,
  pair,
  REMEMBER_MS,
  type Transcript,
  Transcripts,
} from "../../lib/outbox/transcripts.ts";
import { ManualClock } from "../support/recording.ts";
import { GROUP, person, uuid } from "./cast.ts";

const MARKED = 1_784_000_000_000;
const aci = (n: number) => makeAci(uuid(n));

function doubtful(id: number, recipient = aci(0), text = "text", more: Partial<Doubtful> = {}): Doubtful {
  return {
    id,
    recipient,
    lane: recipient,
    digest: digestOf(text),
    fromMs: MARKED,
    untilMs: MARKED + 5_000,
    remoteId: undefined,
    ...more,
  };
}

/** @param n milliseconds after the time of marking */
function transcript(n: number, to: Transcript["to"] = aci(0), text = "text", toNumber?: Transcript["toNumber"]) {
  return { remoteId: String(MARKED + n), atMs: MARKED + n, to, toNumber, digest: digestOf(text) };
}

const ids = (transcripts: readonly Transcript[], messages: readonly Doubtful[]) =>
  [...pair(transcripts, messages)].map(([id, { atMs }]) => [id, atMs - MARKED]);

Deno.test("a transcript proves the message with its recipient and its text", () => {
  assert.deepEqual(ids([transcript(1)], [doubtful(7)]), [[7, 1]]);
  assert.deepEqual(ids([transcript(1, GROUP)], [doubtful(7, GROUP)]), [[7, 1]]);
  assert.deepEqual(ids([transcript(1, undefined, "text", person(0))], [doubtful(7, person(0))]), [[7, 1]]);
  assert.deepEqual(ids([transcript(1, aci(0), "text", person(0))], [doubtful(7, person(0))]), [[7, 1]]);
});

Deno.test("another text, another recipient or another time proves nothing", () => {
  assert.deepEqual(ids([transcript(1, aci(0), "else")], [doubtful(7)]), []);
  assert.deepEqual(ids([transcript(1)], [doubtful(7, aci(0), "text", { digest: undefined })]), []);
  assert.deepEqual(ids([transcript(1, aci(1))], [doubtful(7)]), []);
  assert.deepEqual(ids([transcript(1, GROUP)], [doubtful(7), doubtful(8, person(0))]), []);
  assert.deepEqual(ids([transcript(1, aci(1), "text", person(1))], [doubtful(7, person(0))]), []);
  assert.deepEqual(ids([transcript(-HOSTS_APART_MS - 1)], [doubtful(7)]), []);
  assert.deepEqual(ids([transcript(5_000 + HOSTS_APART_MS + 1)], [doubtful(7)]), []);
});

Deno.test("hosts may be some seconds apart", () => {
  assert.deepEqual(ids([transcript(-HOSTS_APART_MS)], [doubtful(7)]), [[7, -HOSTS_APART_MS]]);
  assert.deepEqual(ids([transcript(5_000 + HOSTS_APART_MS)], [doubtful(7)]), [[7, 5_000 + HOSTS_APART_MS]]);
});

Deno.test("of equal texts in one lane the oldest was sent first", () => {
  assert.deepEqual(ids([transcript(3)], [doubtful(8), doubtful(7)]), [[7, 3]]);
  assert.deepEqual(ids([transcript(4), transcript(3)], [doubtful(7), doubtful(8), doubtful(9)]), [[7, 3], [8, 4]]);
});

Deno.test("a hidden number leaves text and time, which prove nothing when people share a text", () => {
  assert.deepEqual(ids([transcript(1)], [doubtful(7, person(0))]), [[7, 1]]);
  assert.deepEqual(ids([transcript(1)], [doubtful(7, person(0)), doubtful(8, person(1))]), []);
});

Deno.test("an error answer with a timestamp is proven by that very timestamp only", () => {
  const failed = doubtful(7, aci(0), "text", { remoteId: String(MARKED + 9) });
  assert.deepEqual(ids([transcript(8)], [failed]), []);
  assert.deepEqual(ids([transcript(9)], [failed]), [[7, 9]]);
  assert.deepEqual(ids([transcript(9)], [doubtful(6), failed]), [[7, 9]], "also behind one that it might fit");
});

Deno.test("whatever was sent: exactly that is proven, and a message is never proven by another one's transcript", () => {
  const message = fc.record({ to: fc.nat(2), text: fc.constantFrom("a", "b", "c"), sent: fc.boolean() });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 40 }), fc.infiniteStream(fc.nat(1_000)), (drawn, shuffle) => {
      // A lane is sent from its oldest message on, without gaps: what follows the first that was not sent was not either.
      const stopped = new Set<number>();
      const transcripts: Transcript[] = [];
      const expected = new Set<number>();
      const messages = drawn.map(({ to, text, sent }, id) => {
        if (!sent) stopped.add(to);
        if (!stopped.has(to)) {
          transcripts.push(transcript(id, aci(to), text));
          expected.add(id);
        }
        return doubtful(id, aci(to), text);
      });
      const rank = new Map(transcripts.map((one) => [one, shuffle.next().value]));
      const shuffled = transcripts.toSorted((a, b) => rank.get(a)! - rank.get(b)!);
      const proven = pair(shuffled, messages);
      assert.deepEqual(new Set(proven.keys()), expected);
      for (const [id, { remoteId }] of proven) assert.equal(remoteId, String(MARKED + id));
    }),
  );
});

Deno.test("transcripts are remembered for a while, and so many", async () => {
  const clock = new ManualClock(MARKED);
  const transcripts = new Transcripts(clock);
  const add = (n: number) =>
    transcripts.add([{ remoteId: String(n), to: aci(0), toNumber: undefined, body: `text ${n}` }]);
  add(1);
  await clock.advance(REMEMBER_MS - 1);
  add(2);
  assert.ok(transcripts.has("1"));
  await clock.advance(1);
  add(3);
  assert.deepEqual(transcripts.between(0, 9).map(({ atMs }) => atMs), [2, 3]);
  for (let n = 4; n < MAX_TRANSCRIPTS + 4; n++) add(n);
  assert.equal(transcripts.size, MAX_TRANSCRIPTS);
  assert.ok(!transcripts.has("3"));
  assert.ok(!JSON.stringify(transcripts.between(0, Infinity)).includes("text "), "no text is kept");
});
