import assert from "node:assert/strict";
import { decideWriter, type Step, type WriterFacts } from "../../../lib/automations/affiliates/decide.ts";
import { makeAci } from "../../../lib/domain/address.ts";
import type { Affiliate } from "../../../lib/store/port.ts";

const ANA = makeAci("11111111-1111-4111-8111-111111111111");
const BEN = makeAci("22222222-2222-4222-8222-222222222222");
const NUMBER = "+33600000001";

const row = (id: number, fields: Partial<Affiliate> = {}): Affiliate => ({
  id,
  phoneNumber: undefined,
  token: `TOKEN${id}`,
  createdAtMs: id * 1_000,
  isActive: true,
  identity: undefined,
  ...fields,
});

const byNumberOnly = row(1, { phoneNumber: NUMBER });
const ana = row(2, { identity: ANA });
const anaWithNumber = row(2, { identity: ANA, phoneNumber: NUMBER });
const benWithNumber = row(3, { identity: BEN, phoneNumber: NUMBER });
const youngerByNumber = row(9, { phoneNumber: NUMBER });

const nobody = { identity: undefined, phoneNumber: undefined, byIdentity: undefined, byNumber: undefined };

const TABLE: readonly (readonly [string, Partial<WriterFacts>, Step])[] = [
  ["an unknown person with a number is registered with both", { identity: ANA, phoneNumber: NUMBER }, {
    step: "register",
    identity: ANA,
    phoneNumber: NUMBER,
  }],
  ["an unknown person with a hidden number is registered by identity", { identity: ANA }, {
    step: "register",
    identity: ANA,
    phoneNumber: undefined,
  }],
  ["an unknown number without an identity is registered by number", { phoneNumber: NUMBER }, {
    step: "register",
    identity: undefined,
    phoneNumber: NUMBER,
  }],
  ["an old row known by number gets the identity", { identity: ANA, phoneNumber: NUMBER, byNumber: byNumberOnly }, {
    step: "bind",
    affiliate: byNumberOnly,
    identity: ANA,
  }],
  ["a writer known by number only is recognised by it", { phoneNumber: NUMBER, byNumber: anaWithNumber }, {
    step: "known",
    affiliate: anaWithNumber,
  }],
  [
    "a number that another identity's row holds does not lead to that row",
    { identity: ANA, phoneNumber: NUMBER, byNumber: benWithNumber },
    { step: "register", identity: ANA, phoneNumber: undefined },
  ],
  ["a known identity with a hidden number is known", { identity: ANA, byIdentity: anaWithNumber }, {
    step: "known",
    affiliate: anaWithNumber,
  }],
  [
    "a known identity with its own number is known",
    { identity: ANA, phoneNumber: NUMBER, byIdentity: anaWithNumber, byNumber: anaWithNumber },
    { step: "known", affiliate: anaWithNumber },
  ],
  ["a number that appears or changes is learnt", { identity: ANA, phoneNumber: NUMBER, byIdentity: ana }, {
    step: "learn_number",
    affiliate: ana,
    phoneNumber: NUMBER,
  }],
  [
    "a late match merges into the older row, here that of the number",
    { identity: ANA, phoneNumber: NUMBER, byIdentity: ana, byNumber: byNumberOnly },
    { step: "merge", from: ana, into: byNumberOnly, phoneNumber: NUMBER },
  ],
  [
    "a late match merges into the older row, here that of the identity",
    { identity: ANA, phoneNumber: NUMBER, byIdentity: ana, byNumber: youngerByNumber },
    { step: "merge", from: youngerByNumber, into: ana, phoneNumber: NUMBER },
  ],
  [
    "a late match of rows of the same second keeps the lower id",
    {
      identity: ANA,
      phoneNumber: NUMBER,
      byIdentity: ana,
      byNumber: { ...youngerByNumber, createdAtMs: ana.createdAtMs },
    },
    { step: "merge", from: { ...youngerByNumber, createdAtMs: ana.createdAtMs }, into: ana, phoneNumber: NUMBER },
  ],
  [
    "a known identity does not take the number from another identity's row",
    { identity: ANA, phoneNumber: NUMBER, byIdentity: ana, byNumber: benWithNumber },
    { step: "known", affiliate: ana },
  ],
];

for (const [name, facts, step] of TABLE) {
  Deno.test(`decideWriter(): ${name}`, () => assert.deepEqual(decideWriter({ ...nobody, ...facts }), step));
}
