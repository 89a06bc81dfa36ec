import assert from "node:assert/strict";
import fc from "../../support/property.ts";
import { decodeSignal, SIGNAL_OTHER } from "../../../lib/channels/signal/decode.ts";
import { makeSignalAccount } from "../../../lib/domain/address.ts";
import { DecodeError } from "../../../lib/domain/errors.ts";

const account = makeSignalAccount("+15550100001");
const uuid = "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f";
const groupId = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const ada = {
  source: "+15550100007",
  sourceNumber: "+15550100007",
  sourceUuid: uuid,
  sourceName: "Ada",
  sourceDevice: 1,
  timestamp: 1784000000123,
  serverReceivedTimestamp: 1784000000456,
  serverDeliveredTimestamp: 1784000000789,
};
const text = {
  timestamp: 1784000000123,
  message: "ping",
  expiresInSeconds: 0,
  isExpirationUpdate: false,
  viewOnce: false,
};
const decode = (envelope: unknown) => decodeSignal(JSON.stringify({ envelope, account: "+15550100001" }), account);
const sender = { address: `signal:aci:${uuid}`, phoneNumber: "+15550100007", displayName: "Ada" };

Deno.test("text from a person is a text event whose sender is the service id", () => {
  assert.deepEqual(decode({ ...ada, dataMessage: text }), {
    type: "text",
    account,
    sender,
    body: "ping",
    sentAtMs: 1784000000123,
  });
});

Deno.test("a hidden number leaves the same identity, and an upper-case service id too", () => {
  const hidden = { ...ada, source: uuid, sourceNumber: null, sourceName: "", sourceUuid: uuid.toUpperCase() };
  assert.deepEqual(decode({ ...hidden, dataMessage: text }), {
    type: "text",
    account,
    sender: { address: `signal:aci:${uuid}` },
    body: "ping",
    sentAtMs: 1784000000123,
  });
});

Deno.test("a person known by number only is addressed by it; a PNI or an unknown source by nothing", () => {
  const event = decode({ ...ada, sourceUuid: null, dataMessage: text });
  assert.equal(event.type === "text" && event.sender.address, "signal:tel:+15550100007");
  for (const source of [`PNI:${uuid}`, null]) {
    const unknown = { ...ada, source, sourceUuid: null, sourceNumber: null, dataMessage: text };
    assert.deepEqual(decode(unknown), { type: "other", account, sender: undefined, what: "unidentified_text" });
  }
});

Deno.test("text in a group carries the group", () => {
  const groupInfo = { groupId, groupName: null, revision: 3, type: "DELIVER" };
  const event = decode({ ...ada, dataMessage: { ...text, groupInfo } });
  assert.equal(event.type === "text" && event.group, `signal:group:${groupId}`);
});

Deno.test("text keeps U+2028, emoji, quotes and line breaks", () => {
  const message = 'a\u2028b 🙂 "c"\n\\d';
  const event = decode({ ...ada, dataMessage: { ...text, message } });
  assert.equal(event.type === "text" && event.body, message);
});

const others: readonly [string, object][] = [
  ["reaction", { reaction: { emoji: "👍", targetSentTimestamp: 1, isRemove: false } }],
  ["deletion", { remoteDelete: { timestamp: 1 } }],
  ["deletion", { adminDelete: { targetSentTimestamp: 1 } }],
  ["timer", { isExpirationUpdate: true, expiresInSeconds: 60 }],
  ["sticker", { sticker: { packId: "00", stickerId: 1 } }],
  ["attachment", { attachments: [{ contentType: "image/png" }] }],
  ["contact", { contacts: [{}] }],
  ["payment", { payment: { note: "x" } }],
  ["poll", { pollCreate: { question: "?" } }],
  ["pin", { pinMessage: { targetSentTimestamp: 1 } }],
  ["story_reply", { message: "nice", storyContext: { sentTimestamp: 1 } }],
  ["group_update", { groupInfo: { groupId, type: "UPDATE" } }],
  ["empty", {}],
];
for (const [what, fields] of others) {
  Deno.test(`a message without text is named: ${what} (${Object.keys(fields)})`, () => {
    const event = decode({ ...ada, dataMessage: { ...text, message: null, ...fields } });
    assert.deepEqual(event, { type: "other", account, sender, what });
  });
}

Deno.test("a picture with a caption is text", () => {
  assert.equal(decode({ ...ada, dataMessage: { ...text, attachments: [{ contentType: "image/png" }] } }).type, "text");
});

Deno.test("an edit is an edit, not a new text", () => {
  const event = decode({ ...ada, editMessage: { targetSentTimestamp: 1, dataMessage: text } });
  assert.deepEqual(event, { type: "other", account, sender, what: "edit" });
});

Deno.test("what our account wrote on another device is our own text, to a person, a group, or nobody known", () => {
  const own = { ...ada, source: "+15550100001", sourceNumber: "+15550100001" };
  const sent = (more: object) => decode({ ...own, syncMessage: { sentMessage: { ...text, ...more } } });
  const expected = { type: "own_text", account, body: "ping", sentAtMs: 1784000000123 };
  assert.deepEqual(sent({ destinationUuid: uuid }), { ...expected, to: `signal:aci:${uuid}` });
  assert.deepEqual(sent({ destinationUuid: null, destinationNumber: "+15550100007" }), {
    ...expected,
    to: "signal:tel:+15550100007",
  });
  assert.deepEqual(sent({ groupInfo: { groupId } }), { ...expected, to: `signal:group:${groupId}` });
  assert.deepEqual(sent({}), { ...expected, to: undefined });
  assert.deepEqual(sent({ message: null }), { type: "other", account, sender: undefined, what: "own_other" });
  const edit = decode({ ...own, syncMessage: { sentMessage: { destination: null, editMessage: {} } } });
  assert.deepEqual(edit, { type: "other", account, sender: undefined, what: "own_edit" });
});

Deno.test("a plain message from our own number is our own, so that nothing answers it", () => {
  const event = decode({ ...ada, sourceNumber: "+15550100001", dataMessage: text });
  assert.equal(event.type, "own_text");
});

const broken: readonly [string, string][] = [
  ["", "body"],
  ["[]", "body"],
  ["{}", "envelope"],
  [JSON.stringify({ envelope: { ...ada, dataMessage: 5 } }), "envelope.dataMessage"],
  [
    JSON.stringify({ envelope: { ...ada, dataMessage: { ...text, timestamp: "1" } } }),
    "envelope.dataMessage.timestamp",
  ],
  [JSON.stringify({ envelope: { ...ada, sourceUuid: "nobody", dataMessage: text } }), "signal service id"],
  [JSON.stringify({ envelope: { ...ada, dataMessage: { ...text, message: 5 } } }), "message"],
  [
    JSON.stringify({ envelope: { ...ada, dataMessage: { ...text, groupInfo: {} } } }),
    "envelope.dataMessage.groupInfo.groupId",
  ],
];
for (const [body, at] of broken) {
  Deno.test(`a broken body is a DecodeError at ${at}: ${body.slice(0, 10)}`, () => {
    assert.throws(() => decodeSignal(body, account), (error) => error instanceof DecodeError && error.at === at);
  });
}

/** Names that the decoder looks at, with anything behind them. */
const wild = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.jsonValue(),
    fc.constantFrom(uuid, groupId, "+15550100007", "+15550100001", 1784000000123, null, true, ""),
    tie("object"),
  ),
  object: fc.dictionary(
    fc.constantFrom(
      ...["envelope", "dataMessage", "editMessage", "syncMessage", "sentMessage", "message", "timestamp", "groupInfo"],
      ...["groupId", "sourceUuid", "sourceNumber", "sourceName", "reaction", "attachments", "destinationUuid"],
    ),
    tie("value"),
  ),
}));

Deno.test("whatever the body, decoding gives an event of the union or a DecodeError", () => {
  const check = (body: string) => {
    try {
      const event = decodeSignal(body, account);
      assert.ok(["text", "own_text", "other"].includes(event.type));
      if (event.type === "other") assert.ok((SIGNAL_OTHER as readonly string[]).includes(event.what));
      else assert.ok(typeof event.body === "string" && event.body !== "" && Number.isSafeInteger(event.sentAtMs));
    } catch (error) {
      assert.ok(error instanceof DecodeError, `threw ${error}`);
    }
  };
  fc.assert(fc.property(fc.string(), check));
  fc.assert(fc.property(fc.json(), check));
  fc.assert(fc.property(wild.object, (frame) => check(JSON.stringify(frame))), { numRuns: 500 });
  fc.assert(
    fc.property(
      wild.object,
      wild.object,
      (data, more) => check(JSON.stringify({ envelope: { ...ada, dataMessage: { ...text, ...data }, ...more } })),
    ),
    { numRuns: 500 },
  );
});
