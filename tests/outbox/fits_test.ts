import assert from "node:assert/strict";
import { makeAci, makeGroup, makeTel } from "../../lib/domain/address.ts";
import { fits } from "../../lib/outbox/evidence.ts";

const ada = makeAci("7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f");
const adaNumber = makeTel("+15550100007");
const bob = makeAci("8d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f");
const bobNumber = makeTel("+15550100008");
const group = makeGroup("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
const members = new Set<string>([bob]);
const isMember = (_: string, addresses: readonly string[]) => addresses.some((address) => members.has(address));
const nobodyKnows = () => undefined;
const at = (remoteId: number, from = ada, fromNumber: typeof adaNumber | undefined = adaNumber) => ({
  remoteId: String(remoteId),
  from,
  fromNumber,
});

Deno.test("evidence has to lie between hand-over and failure, give or take a step of the clock", () => {
  assert.ok(fits(at(1_000), ada, 990, 1_100, nobodyKnows));
  assert.ok(fits(at(1_000), ada, 1_040, 1_100, nobodyKnows));
  assert.ok(!fits(at(1_000), ada, 1_200, 1_300, nobodyKnows));
  assert.ok(!fits(at(1_400), ada, 1_200, 1_300, nobodyKnows));
});

Deno.test("a person's message is proven by that person only, by service id or by number", () => {
  assert.ok(!fits(at(1, bob, bobNumber), ada, 0, 2, nobodyKnows));
  assert.ok(fits(at(1), adaNumber, 0, 2, nobodyKnows));
  assert.ok(!fits(at(1, bob, bobNumber), adaNumber, 0, 2, nobodyKnows));
  assert.ok(fits(at(1, bob, undefined), adaNumber, 0, 2, nobodyKnows), "a hidden number leaves only the time");
});

Deno.test("a group's message is proven by its members, and by anybody while they are not known", () => {
  assert.ok(fits(at(1, bob, bobNumber), group, 0, 2, isMember));
  assert.ok(!fits(at(1), group, 0, 2, isMember));
  assert.ok(fits(at(1), group, 0, 2, nobodyKnows));
});
