import assert from "node:assert/strict";
import { type Address, makeAci } from "../../lib/domain/address.ts";
import { everyEngine } from "./conformance.ts";

const aci = (n: number): Address => makeAci(`00000000-0000-4000-8000-${String(n).padStart(12, "0")}`);
const token = (n: number) => `TOKEN${String(n).padStart(7, "0")}`;

everyEngine("an affiliate is found by identity, number, token and id", async ({ store: { affiliates } }) => {
  const made = await affiliates.insert({ identity: aci(1), phoneNumber: "+15550000001", token: token(1) });
  assert(made.result === "created");
  const { affiliate } = made;
  assert.deepEqual({ ...affiliate, createdAtMs: 0 }, {
    id: affiliate.id,
    phoneNumber: "+15550000001",
    token: token(1),
    createdAtMs: 0,
    isActive: true,
    identity: aci(1),
  });
  assert(affiliate.createdAtMs > Date.UTC(2024, 0, 1));
  assert.deepEqual(await affiliates.byIdentity(aci(1)), affiliate);
  assert.deepEqual(await affiliates.byPhoneNumber("+15550000001"), affiliate);
  assert.deepEqual(await affiliates.byToken(token(1)), affiliate);
  assert.deepEqual(await affiliates.byId(affiliate.id), affiliate);
  assert.equal(await affiliates.byIdentity(aci(2)), undefined);
  assert.equal(await affiliates.byPhoneNumber("+15550000002"), undefined);
  assert.equal(await affiliates.byToken(token(2)), undefined);
  assert.equal(await affiliates.byId(999), undefined);
});

everyEngine("numbers may be hidden: many rows without one", async ({ store: { affiliates } }) => {
  for (const n of [1, 2]) {
    const made = await affiliates.insert({ identity: aci(n), phoneNumber: undefined, token: token(n) });
    assert(made.result === "created");
    assert.equal(made.affiliate.phoneNumber, undefined);
  }
});

everyEngine("each collision is named, and leaves nothing behind", async ({ store: { affiliates } }) => {
  await affiliates.insert({ identity: aci(1), phoneNumber: "+15550000001", token: token(1) });
  const result = async (identity: Address | undefined, phoneNumber: string | undefined, of: string) =>
    (await affiliates.insert({ identity, phoneNumber, token: of })).result;
  assert.equal(await result(aci(1), "+15550000002", token(2)), "identity_taken");
  assert.equal(await result(aci(2), "+15550000001", token(2)), "number_taken");
  assert.equal(await result(aci(2), "+15550000002", token(1)), "token_taken");
  assert.equal(await result(undefined, undefined, token(1)), "token_taken");
  assert.equal((await affiliates.list({ limit: 10 })).length, 1);
  assert.equal(await result(aci(2), "+15550000002", token(2)), "created");
});

everyEngine("a person whose messages arrive at once in many sessions is one affiliate", async (db) => {
  const sessions = Array.from({ length: 4 }, () => db.openSession());
  const results = await Promise.all(
    Array.from(
      { length: 12 },
      (_, i) =>
        sessions[i % 4]!.transaction(
          "go",
          async (tx) =>
            (await tx.affiliates.insert({ identity: aci(1), phoneNumber: "+15550000001", token: token(i) })).result,
        ),
    ),
  );
  assert.equal(results.filter((one) => one === "created").length, 1);
  assert.equal(results.filter((one) => one === "identity_taken").length, 11);
  assert.equal((await db.store.affiliates.list({ limit: 20 })).length, 1);
});

everyEngine("a collision inside a transaction leaves the rest of it alive", async ({ store }) => {
  await store.affiliates.insert({ identity: aci(1), phoneNumber: undefined, token: token(1) });
  await store.transaction("go", async (tx) => {
    assert.equal(
      (await tx.affiliates.insert({ identity: aci(2), phoneNumber: undefined, token: token(1) })).result,
      "token_taken",
    );
    assert.equal(
      (await tx.affiliates.insert({ identity: aci(2), phoneNumber: undefined, token: token(2) })).result,
      "created",
    );
  });
  assert.equal((await store.affiliates.byIdentity(aci(2)))?.token, token(2));
});

everyEngine("a token is compared byte by byte", async ({ store: { affiliates } }) => {
  await affiliates.insert({ identity: undefined, phoneNumber: "+15550000001", token: "ABCDEFGHIJKL" });
  assert.equal(await affiliates.byToken("abcdefghijkl"), undefined);
  const found = await affiliates.byTokens(["ABCDEFGHIJKL", "abcdefghijkl", "NOBODY"]);
  assert.deepEqual([...found.keys()], ["ABCDEFGHIJKL"]);
  assert.equal((await affiliates.byTokens([])).size, 0);
});

everyEngine("an old row known by number gets its identity, once", async ({ store: { affiliates } }) => {
  const old = await affiliates.insert({ identity: undefined, phoneNumber: "+15550000001", token: token(1) });
  const other = await affiliates.insert({ identity: aci(2), phoneNumber: undefined, token: token(2) });
  assert(old.result === "created" && other.result === "created");
  assert.equal(await affiliates.bindIdentity(old.affiliate.id, aci(1)), "bound");
  assert.equal(await affiliates.bindIdentity(old.affiliate.id, aci(1)), "bound");
  assert.equal(await affiliates.bindIdentity(old.affiliate.id, aci(2)), "taken");
  assert.equal((await affiliates.byIdentity(aci(1)))?.token, token(1));
  assert.equal(await affiliates.setPhoneNumber(other.affiliate.id, "+15550000001"), "taken");
  assert.equal(await affiliates.setPhoneNumber(other.affiliate.id, "+15550000002"), "set");
  assert.equal((await affiliates.byPhoneNumber("+15550000002"))?.id, other.affiliate.id);
});

everyEngine(
  "a merged row leads to the other by identity, token and number, over chains too",
  async ({ store: { affiliates } }) => {
    const [a, b, c] = await Promise.all([
      affiliates.insert({ identity: aci(1), phoneNumber: undefined, token: token(1) }),
      affiliates.insert({ identity: undefined, phoneNumber: "+15550000002", token: token(2) }),
      affiliates.insert({ identity: undefined, phoneNumber: "+15550000003", token: token(3) }),
    ]).then((made) => made.map((one) => one.result === "created" ? one.affiliate : assert.fail()));
    await affiliates.merge(a!.id, b!.id);
    assert.equal((await affiliates.byIdentity(aci(1)))?.id, b!.id);
    assert.equal((await affiliates.byToken(token(1)))?.id, b!.id);
    await affiliates.merge(b!.id, c!.id);
    assert.equal((await affiliates.byIdentity(aci(1)))?.id, c!.id);
    for (const n of [1, 2, 3]) assert.equal((await affiliates.byToken(token(n)))?.token, token(3));
    assert.equal((await affiliates.byPhoneNumber("+15550000002"))?.id, c!.id);
    assert.equal((await affiliates.byPhoneNumber("+15550000003"))?.id, c!.id);
    assert.deepEqual((await affiliates.list({ limit: 10 })).map((one) => one.id), [c!.id]);
  },
);

everyEngine("a number moves with a merge into a row that has none", async ({ store: { affiliates } }) => {
  const from = await affiliates.insert({ identity: undefined, phoneNumber: "+15550000001", token: token(1) });
  const into = await affiliates.insert({ identity: aci(1), phoneNumber: undefined, token: token(2) });
  assert(from.result === "created" && into.result === "created");
  await affiliates.merge(from.affiliate.id, into.affiliate.id);
  const found = await affiliates.byPhoneNumber("+15550000001");
  assert.deepEqual([found?.id, found?.phoneNumber], [into.affiliate.id, "+15550000001"]);
});

everyEngine("`setActive()` says what it did; `list()` pages and filters", async ({ store: { affiliates } }) => {
  const ids = [];
  for (let n = 0; n < 4; n++) {
    const made = await affiliates.insert({ identity: aci(n), phoneNumber: undefined, token: token(n) });
    assert(made.result === "created");
    ids.push(made.affiliate.id);
  }
  assert.equal(await affiliates.setActive(ids[1]!, false), "changed");
  assert.equal(await affiliates.setActive(ids[1]!, false), "unchanged");
  assert.equal(await affiliates.setActive(12_345, true), "absent");
  assert.equal((await affiliates.byId(ids[1]!))?.isActive, false);
  const listed = async (filter: Parameters<typeof affiliates.list>[0]) =>
    (await affiliates.list(filter)).map((one) => one.id);
  assert.deepEqual(await listed({ limit: 10 }), ids);
  assert.deepEqual(await listed({ limit: 2, afterId: ids[0]! }), ids.slice(1, 3));
  assert.deepEqual(await listed({ limit: 10, active: false }), [ids[1]]);
  assert.deepEqual(await listed({ limit: 10, active: true }), [ids[0], ids[2], ids[3]]);
});

everyEngine("`tokenWidth()` is the narrower of the two columns", async (db) => {
  assert.equal(await db.store.affiliates.tokenWidth(), 12);
  if (db.name === "sqlite") return;
  await db.adminQuery("ALTER TABLE affiliates MODIFY token VARCHAR(32) NOT NULL");
  assert.equal(await db.store.affiliates.tokenWidth(), 12);
  await db.adminQuery("ALTER TABLE orders MODIFY affiliate_token VARCHAR(16)");
  assert.equal(await db.store.affiliates.tokenWidth(), 16);
});
