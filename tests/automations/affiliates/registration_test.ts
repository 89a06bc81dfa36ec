/**
 * "Go" against real databases: rows, answers and notices.
 */
import assert from "node:assert/strict";
import { AffiliateRegistration } from "../../../lib/automations/affiliates/registration.ts";
import { findAffiliate, listAffiliates, setAffiliateActive } from "../../../lib/automations/affiliates/manage.ts";
import { type Address, makeAci, makeGroup, makeSignalAccount, makeTel } from "../../../lib/domain/address.ts";
import type { InboundEvent, TextMessage } from "../../../lib/domain/events.ts";
import { noCounters } from "../../../lib/runtime/counters.ts";
import { type Random, systemRandom } from "../../../lib/runtime/random.ts";
import type { Affiliate, Store } from "../../../lib/store/port.ts";
import { BUILT_IN_TEMPLATES } from "../../../lib/templates/template_set.ts";
import { eachDatabase, GROUP, type StoredMessage, storeWorld } from "../orders/world.ts";

const ACCOUNT = makeSignalAccount("+33123456789");
const ANA = makeAci("11111111-1111-4111-8111-111111111111");
const BEN = makeAci("22222222-2222-4222-8222-222222222222");
const NUMBER = "+33600000001";
const OTHER_NUMBER = "+33600000002";

const go = (address: Address, phoneNumber?: string, fields: Partial<TextMessage> = {}): TextMessage => ({
  type: "text",
  account: ACCOUNT,
  sender: { address, ...(phoneNumber === undefined ? {} : { phoneNumber }), displayName: "Ana {0}" },
  body: "Go!",
  sentAtMs: 1,
  ...fields,
});

const registration = (random: Random = systemRandom) =>
  new AffiliateRegistration({
    ownerGroup: GROUP,
    link: "https://shop.example/affiliate",
    tokenLength: 12,
    zone: "Europe/Paris",
    templates: { current: BUILT_IN_TEMPLATES },
    random,
    counters: noCounters,
  });

/** Lets somebody write, as the inbox does. @returns the messages that came of it */
async function write(world: World, event: InboundEvent, by = registration()): Promise<readonly StoredMessage[]> {
  const before = (await world.messages()).length;
  await world.store.transaction("test.inbox", (tx) => by.handle(event, tx, { inboxId: 7 }));
  return (await world.messages()).slice(before);
}
type World = ReturnType<typeof storeWorld>;
const kinds = (messages: readonly StoredMessage[]) => messages.map(({ kind }) => kind);
const all = async (store: Store): Promise<readonly Affiliate[]> =>
  await Array.fromAsync(listAffiliates(store.affiliates));

function eachWorld(name: string, test: (world: World) => Promise<void>): void {
  eachDatabase(name, (database) => test(storeWorld(database)));
}

Deno.test("AffiliateRegistration wants Go in direct messages of other people, and nothing else", () => {
  const { wants } = { wants: (event: InboundEvent) => registration().wants(event) };
  assert.equal(wants(go(ANA, NUMBER)), true);
  assert.equal(wants(go(makeTel(NUMBER))), true);
  assert.equal(wants(go(ANA, NUMBER, { body: "Hello" })), false);
  assert.equal(wants(go(ANA, NUMBER, { group: makeGroup("AAAAAAAAAAAAAAAAAAAAAA==") })), false);
  assert.equal(wants(go(ANA, "+33123456789")), false);
  assert.equal(wants(go(makeTel("+33123456789"))), false);
  assert.equal(wants({ type: "own_text", account: ACCOUNT, to: ANA, body: "Go", sentAtMs: 1 }), false);
  assert.equal(wants({ type: "other", account: ACCOUNT, sender: { address: ANA }, what: "reaction" }), false);
});

eachWorld("a new person is registered, answered, and the owner hears of it", async (world) => {
  const messages = await write(world, go(ANA, NUMBER));
  const [affiliate] = await all(world.store);
  assert.match(affiliate!.token, /^[A-Z0-9]{12}$/);
  assert.equal(affiliate!.identity, ANA);
  assert.equal(affiliate!.phoneNumber, NUMBER);
  assert.deepEqual(messages.map(({ kind, recipient, order }) => [kind, recipient, order]), [
    ["affiliate_reply", ANA, "7"],
    ["affiliate_owner", GROUP, "7"],
  ]);
  const link = `https://shop.example/affiliate?${affiliate!.token}`;
  assert.equal(messages[0]!.body, `Inscription confirmée - Votre lien affilié: ${link}`);
  assert.match(messages[1]!.body, /\d\d:\d\d:\d\d\n.*\d{4}-\d\d-\d\d\n.*Phone number: \+33600000001\n/);
  assert.ok(messages[1]!.body.endsWith(affiliate!.token));
});

eachWorld("who writes again gets the same link, and the owner hears nothing", async (world) => {
  await write(world, go(ANA, NUMBER));
  const [affiliate] = await all(world.store);
  const messages = await write(world, go(ANA, NUMBER, { body: " gO . " }));
  assert.deepEqual(kinds(messages), ["affiliate_reply"]);
  assert.match(messages[0]!.body, new RegExp(`déjà enregistré.*\\?${affiliate!.token}$`));
  assert.equal((await all(world.store)).length, 1);
});

eachWorld("two messages of one person at once end in one row and one token", async (world) => {
  const other = world.anotherSession();
  for (let round = 0; round < 10; round++) {
    const person = makeAci(`33333333-3333-4333-8333-${String(round).padStart(12, "0")}`);
    const event = go(person, `+3361000000${round}`);
    const before = (await world.messages()).length;
    await Promise.all(
      [world.store, other].map((store, at) =>
        store.transaction("test.inbox", (tx) => registration().handle(event, tx, { inboxId: at }))
      ),
    );
    const messages = (await world.messages()).slice(before);
    assert.deepEqual([...kinds(messages)].sort(), ["affiliate_owner", "affiliate_reply", "affiliate_reply"]);
    const affiliate = await world.store.affiliates.byIdentity(person);
    for (const { body } of messages) assert.ok(body.endsWith(affiliate!.token));
  }
  assert.equal((await all(world.store)).length, 10);
});

eachWorld("a hidden number is registered by identity and shown as N/A", async (world) => {
  const messages = await write(world, go(ANA));
  assert.equal((await all(world.store))[0]!.phoneNumber, undefined);
  assert.match(messages[1]!.body, /Phone number: N\/A\n/);
});

eachWorld("a number that appears later, and one that changes, is learnt", async (world) => {
  await write(world, go(ANA));
  for (const number of [NUMBER, OTHER_NUMBER]) {
    assert.deepEqual(kinds(await write(world, go(ANA, number))), ["affiliate_reply"]);
    assert.deepEqual((await all(world.store)).map(({ phoneNumber }) => phoneNumber), [number]);
  }
});

eachWorld("a row of the original system is recognised by its number and gets the identity", async (world) => {
  await world.execute("INSERT INTO affiliates (phone_number, token) VALUES (?, 'OLDTOKEN0001')", [NUMBER]);
  const messages = await write(world, go(ANA, NUMBER));
  assert.deepEqual(kinds(messages), ["affiliate_reply"]);
  assert.match(messages[0]!.body, /\?OLDTOKEN0001$/);
  // From now on also with a hidden number.
  assert.match((await write(world, go(ANA)))[0]!.body, /\?OLDTOKEN0001$/);
  assert.equal((await all(world.store)).length, 1);
});

eachWorld("a late match keeps the older token, and the newer one leads there", async (world) => {
  await world.execute("INSERT INTO affiliates (phone_number, token) VALUES (?, 'OLDTOKEN0001')", [NUMBER]);
  const [reply] = await write(world, go(ANA));
  const newer = reply!.body.slice(-12);
  assert.notEqual(newer, "OLDTOKEN0001");
  const messages = await write(world, go(ANA, NUMBER));
  assert.deepEqual(kinds(messages), ["affiliate_reply"]);
  assert.match(messages[0]!.body, /\?OLDTOKEN0001$/);
  for (const token of ["OLDTOKEN0001", newer]) {
    const found = await world.store.affiliates.byToken(token);
    assert.equal(found?.token, "OLDTOKEN0001");
    assert.equal(found?.identity, ANA);
    assert.equal(found?.phoneNumber, NUMBER);
  }
  const both = await world.store.affiliates.byTokens(["OLDTOKEN0001", newer, "NOBODY000001"]);
  assert.deepEqual([...both.keys()].sort(), ["OLDTOKEN0001", newer].sort());
  for (const event of [go(ANA), go(ANA, NUMBER), go(makeTel(NUMBER))]) {
    assert.match((await write(world, event))[0]!.body, /déjà.*\?OLDTOKEN0001$/);
  }
});

eachWorld("a late match with a younger row of the number keeps the identity's row", async (world) => {
  const [reply] = await write(world, go(ANA));
  const older = reply!.body.slice(-12);
  await world.execute(
    "INSERT INTO affiliates (phone_number, token, created_at) VALUES (?, 'NEWTOKEN0001', '2037-01-01 00:00:00')",
    [NUMBER],
  );
  for (const event of [go(ANA, NUMBER), go(ANA, NUMBER), go(ANA)]) {
    assert.equal((await write(world, event))[0]!.body.slice(-12), older);
  }
  assert.equal((await world.store.affiliates.byToken("NEWTOKEN0001"))?.token, older);
});

eachWorld("a deactivated person is told so, before and after a late match", async (world) => {
  await world.execute("INSERT INTO affiliates (phone_number, token) VALUES (?, 'OLDTOKEN0001')", [NUMBER]);
  await write(world, go(ANA));
  assert.equal((await setAffiliateActive(world.store.affiliates, NUMBER, false)).result, "changed");
  const messages = await write(world, go(ANA, NUMBER));
  assert.deepEqual(kinds(messages), ["affiliate_reply"]);
  assert.match(messages[0]!.body, /désactivé/);
  assert.match((await write(world, go(ANA)))[0]!.body, /désactivé/);
});

eachWorld("a deactivation of the younger row goes along with a late match", async (world) => {
  await world.execute("INSERT INTO affiliates (phone_number, token) VALUES (?, 'OLDTOKEN0001')", [NUMBER]);
  const [reply] = await write(world, go(ANA));
  await setAffiliateActive(world.store.affiliates, reply!.body.slice(-12), false);
  assert.match((await write(world, go(ANA, NUMBER)))[0]!.body, /désactivé/);
  assert.equal((await world.store.affiliates.byToken("OLDTOKEN0001"))?.isActive, false);
});

eachWorld("a number handed to another person does not hand over the account", async (world) => {
  const [toAna] = await write(world, go(ANA, NUMBER));
  const messages = await write(world, go(BEN, NUMBER));
  assert.deepEqual(kinds(messages), ["affiliate_reply", "affiliate_owner"]);
  assert.notEqual(messages[0]!.body.slice(-12), toAna!.body.slice(-12));
  assert.match(messages[1]!.body, /Phone number: N\/A\n/);
  // Once the first person has another number, the second gets theirs.
  await write(world, go(ANA, OTHER_NUMBER));
  assert.deepEqual(kinds(await write(world, go(BEN, NUMBER))), ["affiliate_reply"]);
  assert.equal((await world.store.affiliates.byIdentity(ANA))?.phoneNumber, OTHER_NUMBER);
  assert.equal((await world.store.affiliates.byIdentity(BEN))?.phoneNumber, NUMBER);
});

eachWorld("a token that exists already is minted again, for a limited number of times", async (world) => {
  const fixed = (values: readonly number[]): Random => {
    let at = 0;
    return { fraction: () => 0, bytes: (into) => void into.fill(values[Math.min(at++, values.length - 1)]!) };
  };
  await write(world, go(ANA), registration(fixed([0])));
  const [reply] = await write(world, go(BEN), registration(fixed([0, 0, 0, 1])));
  assert.ok(reply!.body.endsWith("?BBBBBBBBBBBB"));
  const third = go(makeTel(NUMBER));
  await assert.rejects(write(world, third, registration(fixed([1]))), /10 tries/);
  assert.equal(await world.store.affiliates.byPhoneNumber(NUMBER), undefined);
});

eachWorld("findAffiliate() takes a number, an identity, a row id or a token", async (world) => {
  await write(world, go(ANA, NUMBER));
  const [affiliate] = await all(world.store);
  const { id, token } = affiliate!;
  for (const who of [NUMBER, "11111111-1111-4111-8111-111111111111", String(id), ` ${token} `]) {
    assert.equal((await findAffiliate(world.store.affiliates, who))?.id, id, who);
  }
  assert.equal(await findAffiliate(world.store.affiliates, "999999"), undefined);
  assert.equal(await findAffiliate(world.store.affiliates, token.toLowerCase() + "x"), undefined);
});

eachWorld("setAffiliateActive() says what changed, and listAffiliates() filters and pages", async (world) => {
  for (let i = 0; i < 205; i++) {
    await world.store.affiliates.insert({
      identity: undefined,
      phoneNumber: `+336${1_000_000 + i}`,
      token: `TOKEN${i}`,
    });
  }
  const set = async (who: string, active: boolean) =>
    (await setAffiliateActive(world.store.affiliates, who, active)).result;
  assert.equal(await set("TOKEN7", false), "changed");
  assert.equal(await set("TOKEN7", false), "unchanged");
  assert.equal(await set("NOBODY", false), "absent");
  assert.equal((await all(world.store)).length, 205);
  const inactive = await Array.fromAsync(listAffiliates(world.store.affiliates, false));
  assert.deepEqual(inactive.map(({ token }) => token), ["TOKEN7"]);
});
