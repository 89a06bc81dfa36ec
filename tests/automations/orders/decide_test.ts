import assert from "node:assert/strict";
import fc from "../../support/property.ts";
import { decideOrder, type OrderSettings, tokenOf } from "../../../lib/automations/orders/decide.ts";
import { makeAci, makeGroup, makeSignalAccount, makeTel } from "../../../lib/domain/address.ts";
import type { Affiliate, DueOrder } from "../../../lib/store/port.ts";
import { BUILT_IN_TEMPLATES } from "../../../lib/templates/template_set.ts";

const GROUP = makeGroup("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
const IDENTITY = makeAci("11111111-1111-4111-8111-111111111111");
const NUMBER = "+33600000001";
const NOW = Date.UTC(2026, 0, 15, 12);
const SETTINGS: OrderSettings = {
  account: makeSignalAccount("+33123456789"),
  ownerGroup: GROUP,
  zone: "Europe/Paris",
  currency: "EUR",
};

const order = (fields: Partial<DueOrder> = {}): DueOrder => ({
  id: 42,
  client: "Élodie",
  total: "12.50",
  ipAddress: "203.0.113.7",
  affiliateToken: undefined,
  createdAtMs: Date.UTC(2026, 6, 1, 22, 30, 5),
  generation: 1,
  problems: [],
  ...fields,
});
const affiliate = (fields: Partial<Affiliate> = {}): Affiliate => ({
  id: 7,
  phoneNumber: NUMBER,
  token: "ABCDEFGHIJKL",
  createdAtMs: 0,
  isActive: true,
  identity: IDENTITY,
  ...fields,
});
const decide = (due: DueOrder, known?: Affiliate) => decideOrder(due, known, SETTINGS, BUILT_IN_TEMPLATES, NOW);
const withToken = (fields: Partial<DueOrder> = {}) => order({ affiliateToken: "ABCDEFGHIJKL", ...fields });

Deno.test("decideOrder() tells the owner's group, in the zone of the settings", () => {
  const { messages, remarks } = decide(order({ generation: 3 }));
  assert.deepEqual(remarks, []);
  assert.deepEqual(messages, [{
    account: SETTINGS.account,
    recipient: GROUP,
    body:
      "💸 New order alert!\n🕓 Time: 00:30:05\n📅 Date: 2026-07-02\n💰 Total: 12.50€\n🙍♂️ Client: Élodie\n🌍 IP: 203.0.113.7",
    kind: "order_owner",
    origin: { kind: "order", key: "42", generation: 3 },
  }]);
});

const RECIPIENTS = [
  ["by identity when it is known", affiliate(), IDENTITY],
  ["by number when the identity is not known", affiliate({ identity: undefined }), makeTel(NUMBER)],
  ["by identity when the number is hidden", affiliate({ phoneNumber: undefined }), IDENTITY],
] as const;
for (const [name, known, recipient] of RECIPIENTS) {
  Deno.test(`decideOrder() tells the affiliate ${name}, after the owner`, () => {
    const { messages, remarks } = decide(withToken(), known);
    assert.deepEqual(remarks, []);
    assert.deepEqual(messages.map(({ kind, recipient }) => [kind, recipient]), [
      ["order_owner", GROUP],
      ["order_affiliate", recipient],
    ]);
    assert.match(messages[1]!.body, /^💸 Nouvelle commande !\n/);
  });
}

const OWNER_ONLY = [
  ["nobody has the token", undefined, "unknown_token"],
  ["the affiliate is deactivated", affiliate({ isActive: false }), "inactive_affiliate"],
  [
    "the affiliate has no address",
    affiliate({ identity: undefined, phoneNumber: undefined }),
    "affiliate_without_address",
  ],
  [
    "the affiliate's number is unreadable",
    affiliate({ identity: undefined, phoneNumber: "06 00" }),
    "affiliate_without_address",
  ],
] as const;
for (const [name, known, remark] of OWNER_ONLY) {
  Deno.test(`decideOrder() tells the owner alone and remarks on it when ${name}`, () => {
    const { messages, remarks } = decide(withToken(), known);
    assert.deepEqual(messages.map(({ kind }) => kind), ["order_owner"]);
    assert.deepEqual(remarks, [remark]);
  });
}

Deno.test("decideOrder() shows absent and blank values as N/A", () => {
  const { messages } = decide(order({ client: undefined, ipAddress: " ", total: undefined }));
  assert.match(messages[0]!.body, /Total: N\/A\n.*Client: N\/A\n.*IP: N\/A$/);
});

Deno.test("decideOrder() shows a total of 0 as an amount", () => {
  assert.match(decide(order({ total: "0.00" })).messages[0]!.body, /Total: 0\.00€/);
});

Deno.test("decideOrder() writes the present time where created_at is NULL, and N/A where it cannot be read", () => {
  assert.match(decide(order({ createdAtMs: undefined })).messages[0]!.body, /Time: 13:00:00\n.*Date: 2026-01-15/);
  const unreadable = decide(order({ createdAtMs: undefined, problems: ["created_at: not a date"] }));
  assert.match(unreadable.messages[0]!.body, /Time: N\/A\n.*Date: N\/A/);
  assert.deepEqual(unreadable.remarks, ["bad_columns"]);
});

Deno.test("decideOrder() remarks on bad columns and on the affiliate at once", () => {
  const { messages, remarks } = decide(withToken({ total: undefined, problems: ["total: not a number"] }));
  assert.deepEqual(remarks, ["bad_columns", "unknown_token"]);
  assert.match(messages[0]!.body, /Total: N\/A/);
});

Deno.test("decideOrder() never reads a client's name as template text, and it cannot forge lines", () => {
  const client = fc.string({ unit: "binary", minLength: 1, maxLength: 255 });
  fc.assert(fc.property(client, (name) => {
    const { messages } = decide(order({ client: name }));
    assert.equal(messages[0]!.body.split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/).length, 6);
  }));
  for (const name of ["{total} {0} {{x}} %s", "👩‍👩‍👧‍👦🙂".repeat(20), "é".repeat(255)]) {
    assert.ok(decide(order({ client: name })).messages[0]!.body.includes(`Client: ${name}\n`));
  }
});

const TOKENS = [
  [undefined, undefined],
  ["", undefined],
  ["            ", undefined],
  ["ABC         ", "ABC"],
  ["ABCDEFGHIJKL", "ABCDEFGHIJKL"],
  [" ABC", " ABC"],
  ["abc", "abc"],
] as const;
Deno.test("tokenOf() drops the blanks that CHAR columns are padded with, and nothing else", () => {
  for (const [stored, token] of TOKENS) assert.equal(tokenOf(order({ affiliateToken: stored })), token);
});
