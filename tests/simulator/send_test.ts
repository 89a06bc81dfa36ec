import assert from "node:assert/strict";
import { ACCOUNT, ADA, BOB, GROUP, type Line, manual, onStart, world } from "./harness.ts";

const hi = { message: "hi" };
const types = (line: Line) => (line.result ?? line.error.data.response).results.map((each: Line) => each.type).sort();

Deno.test("a send to a person answers with timestamp and result, and stands in the record", async () => {
  const here = world();
  await using run = manual(here);
  const { result } = await run.call("send", { recipient: [ADA.uuid], ...hi });
  const recipientAddress = { uuid: ADA.uuid, number: ADA.number, username: null };
  assert.deepEqual(result.results, [{ recipientAddress, type: "SUCCESS" }]);
  const [record] = here.sent;
  assert.equal(record?.timestamp, result.timestamp);
  assert.equal(record?.body, "hi");
  assert.deepEqual(record?.to, { uuid: ADA.uuid, number: ADA.number });
});

Deno.test("row 13: a partial failure is a result with mixed types", async () => {
  const here = world();
  here.script([{ to: GROUP, effect: { type: "result", result: "NETWORK_FAILURE", members: [BOB.uuid] } }]);
  await using run = manual(here);
  const answer = await run.call("send", { groupId: GROUP, ...hi });
  assert.deepEqual(types(answer), ["NETWORK_FAILURE", "SUCCESS"]);
  assert.ok(answer.result.results.every((each: Line) => each.groupId === GROUP));
  assert.deepEqual(here.sent[0]?.to, { group: GROUP });
});

Deno.test("row 14: only identity failures are -4 with the results in data.response", async () => {
  const here = world();
  await using run = manual(here);
  await run.call("send", { recipient: ADA.uuid, ...hi });
  here.update({ people: [{ ...ADA, key: "2" }] });
  const { error } = await run.call("send", { recipient: ADA.uuid, ...hi });
  assert.equal(error.code, -4);
  assert.equal(error.data.response.results[0].type, "IDENTITY_FAILURE");
  assert.ok(error.data.response.timestamp > 0);
  assert.equal(here.sent.length, 1);
});

Deno.test("a changed key is sent to again after trust with the safety number, not with a wrong one", async () => {
  const here = world();
  await using run = manual(here);
  await run.call("send", { recipient: ADA.uuid, ...hi });
  here.update({ people: [{ ...ADA, key: "2" }] });
  const wrong = { recipient: ADA.uuid, verifiedSafetyNumber: "0".repeat(60) };
  assert.equal((await run.call("trust", wrong)).error.code, -1);
  const [identity] = (await run.call("listIdentities", {})).result;
  assert.equal(identity.trustLevel, "UNTRUSTED");
  assert.match(identity.safetyNumber, /^(\d{5} ){11}\d{5}$/);
  const right = { recipient: ADA.uuid, verifiedSafetyNumber: identity.safetyNumber };
  assert.deepEqual((await run.call("trust", right)).result, {});
  assert.ok((await run.call("send", { recipient: ADA.uuid, ...hi })).result);
});

Deno.test("row 15: only rate limits are -5, and a token is there only when proof is needed", async () => {
  const here = world();
  const limit = { type: "result", result: "RATE_LIMIT_FAILURE" } as const;
  here.script([
    { to: ADA.uuid, effect: { ...limit, retryAfterSeconds: 29.2 } },
    { to: BOB.uuid, effect: { ...limit, token: "c0ffee", retryAfterSeconds: 60 } },
  ]);
  await using run = manual(here);
  const plain = await run.call("send", { recipient: ADA.number, ...hi });
  assert.equal(plain.error.code, -5);
  assert.equal(plain.error.data.response.results[0].retryAfterSeconds, 30);
  assert.ok(!("token" in plain.error.data.response.results[0]));
  const proof = await run.call("send", { recipient: BOB.number, ...hi });
  assert.equal(proof.error.data.response.results[0].token, "c0ffee");
});

Deno.test("row 16: a network failure is -1 with its type, by rule or because the world is offline", async () => {
  const here = world();
  here.script([{ times: 1, effect: { type: "result", result: "NETWORK_FAILURE" } }]);
  await using run = manual(here);
  for (const last of [false, true]) {
    const answer = await run.call("send", { recipient: ADA.uuid, ...hi });
    assert.equal(answer.error.code, -1);
    assert.deepEqual(types(answer), ["NETWORK_FAILURE"]);
    if (!last) here.update({ offline: true });
  }
  assert.equal(here.sent.length, 0);
});

Deno.test("row 17: a missing attachment is -32603 and nothing is sent", async () => {
  const here = world();
  here.attachments.add("/photos/a.jpg");
  await using run = manual(here);
  const params = { recipient: ADA.uuid, ...hi };
  assert.equal((await run.call("send", { ...params, attachment: "/photos/b.jpg" })).error.code, -32603);
  assert.equal(here.sent.length, 0);
  assert.ok(
    (await run.call("send", { ...params, attachments: ["/photos/a.jpg", "data:text/plain;base64,aGk="] })).result,
  );
});

Deno.test("row 18: a directory error on an unseen number is UNREGISTERED_FAILURE, and an account id still works", async () => {
  const here = world({ people: [{ ...ADA, numberKnown: false }], directoryError: true });
  await using run = manual(here);
  const answer = await run.call("send", { recipient: ADA.number, ...hi });
  assert.equal(answer.error.code, -1);
  assert.deepEqual(types(answer), ["UNREGISTERED_FAILURE"]);
  assert.ok((await run.call("send", { recipient: ADA.uuid, ...hi })).result);
});

Deno.test("row 19: no recipient and an empty message are -1", async () => {
  await using run = manual(world());
  assert.equal((await run.call("send", hi)).error.code, -1);
  assert.equal((await run.call("send", { recipient: ADA.uuid, message: "" })).error.code, -1);
  assert.equal((await run.call("send", { recipient: ADA.uuid })).error.code, -1);
  assert.equal((await run.call("send", { recipient: "nobody", ...hi })).error.code, -1);
});

Deno.test("row 20: an unknown group, one that was left, an announcement group and a bad id are -1 without data", async () => {
  const left = { id: "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", isMember: false, members: [ADA.uuid] };
  const board = { id: "CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", announcementOnly: true, members: [ADA.uuid] };
  await using run = manual(world({ groups: [left, board] }));
  for (const groupId of [GROUP, left.id, board.id, "group.QUFF"]) {
    const { error } = await run.call("send", { groupId, ...hi });
    assert.equal(error.code, -1, groupId);
    assert.equal(error.data, null);
  }
});

Deno.test("an administrator may write to an announcement group", async () => {
  const board = { id: GROUP, announcementOnly: true, members: [ADA.uuid], admins: [ACCOUNT] };
  await using run = manual(world({ groups: [board] }));
  assert.ok((await run.call("send", { groupId: GROUP, ...hi })).result);
});

Deno.test("a group of one is a success with no results", async () => {
  const here = world({ groups: [{ id: GROUP, members: [ACCOUNT] }] });
  await using run = manual(here);
  assert.deepEqual((await run.call("send", { groupId: GROUP, ...hi })).result.results, []);
  assert.equal(here.sent.length, 1);
});

Deno.test("a note to self without linked devices reports success and sends nothing; notifySelf sends", async () => {
  const here = world();
  await using run = manual(here);
  assert.deepEqual(types(await run.call("send", { noteToSelf: true, ...hi })), ["SUCCESS"]);
  assert.deepEqual(types(await run.call("send", { recipient: ACCOUNT, ...hi })), ["SUCCESS"]);
  assert.equal(here.sent.length, 0);
  await run.call("send", { notifySelf: true, ...hi });
  assert.equal(here.sent.length, 1);
});

Deno.test("row 40: an unknown parameter is ignored", async () => {
  await using run = manual(world());
  assert.ok((await run.call("send", { recipient: ADA.uuid, quoteTimstamp: 5, ...hi })).result);
});

Deno.test("row 41: scalar, array, plural, dashed and camelCase parameters are all accepted", async () => {
  await using run = manual(world());
  const forms = [
    { recipient: ADA.uuid },
    { recipient: [ADA.uuid] },
    { recipients: [ADA.uuid] },
    { "group-id": GROUP },
    { groupId: GROUP },
    { groupIds: [GROUP] },
    { "group-ids": GROUP },
  ];
  for (const form of forms) assert.ok((await run.call("send", { ...form, ...hi })).result, JSON.stringify(form));
});

Deno.test("a parameter of the wrong type is -32603", async () => {
  await using run = manual(world());
  assert.equal((await run.call("send", { recipient: 7, ...hi })).error.code, -32603);
  assert.equal((await run.call("send", { recipient: ADA.uuid, message: 5 })).error.code, -32603);
});

Deno.test("row 52: sends at the same time never share a timestamp", async () => {
  const here = world();
  await using run = manual(here);
  const ids = Array.from({ length: 200 }, () => run.request("send", { recipient: ADA.uuid, ...hi }));
  for (const id of ids) await run.take((line) => line.id === id);
  assert.equal(new Set(here.sent.map(({ timestamp }) => timestamp)).size, 200);
});

Deno.test("row 53: a wrong captcha is -6, and the right one ends the rate limit", async () => {
  const challenge = { token: "c0ffee", captcha: "signalcaptcha://right" };
  await using run = manual(world({ accounts: [{ number: ACCOUNT, challenge }] }));
  const limited = await run.call("send", { recipient: ADA.uuid, ...hi });
  assert.equal(limited.error.code, -5);
  assert.equal(limited.error.data.response.results[0].token, "c0ffee");
  const solve = (captcha: string) => run.call("submitRateLimitChallenge", { challenge: "c0ffee", captcha });
  assert.equal((await solve("signalcaptcha://wrong")).error.code, -6);
  assert.deepEqual((await solve("right")).result, {});
  assert.ok((await run.call("send", { recipient: ADA.uuid, ...hi })).result);
});

Deno.test("receipts, typing, reactions and deletions answer like sends and are recorded by kind", async () => {
  const here = world();
  await using run = manual(here);
  const recipient = ADA.uuid;
  const calls: [string, Record<string, unknown>][] = [
    ["sendReceipt", { recipient, targetTimestamp: 5 }],
    ["sendTyping", { recipient }],
    ["sendReaction", { recipient, emoji: "👍", targetAuthor: ADA.uuid, targetTimestamp: 5 }],
    ["remoteDelete", { recipient, targetTimestamp: 5 }],
    ["send", { recipient, ...hi, editTimestamp: 5 }],
  ];
  for (const [method, params] of calls) assert.deepEqual(types(await run.call(method, params)), ["SUCCESS"], method);
  assert.deepEqual(here.sent.map(({ kind }) => kind), ["receipt", "typing", "reaction", "delete", "edit"]);
});

Deno.test("with receipts on, each recipient's delivery and read receipts come in", async () => {
  const here = world({ receipts: true, readReceipts: true });
  await using run = onStart(here);
  const { result } = await run.call("send", { recipient: ADA.uuid, ...hi });
  for (const kind of ["isDelivery", "isRead"]) {
    const { envelope } = await run.message();
    assert.equal(envelope.sourceUuid, ADA.uuid);
    assert.equal(envelope.receiptMessage[kind], true);
    assert.deepEqual(envelope.receiptMessage.timestamps, [result.timestamp]);
  }
});

Deno.test("a lost answer is a message in the record and silence; a hanging one is silence alone", async () => {
  const here = world();
  here.script([
    { to: ADA.uuid, effect: { type: "lose_answer" } },
    { to: BOB.uuid, effect: { type: "hang" } },
  ]);
  await using run = manual(here);
  run.request("send", { recipient: ADA.uuid, ...hi });
  run.request("send", { recipient: BOB.uuid, ...hi });
  await run.call("version");
  assert.deepEqual(run.rest, []);
  assert.deepEqual(here.sent.map(({ to }) => to), [{ uuid: ADA.uuid, number: ADA.number }]);
});

Deno.test("a crash before sending leaves no record, one after sending leaves it, and neither answers", async () => {
  const here = world();
  for (const [type, records] of [["crash_before", 0], ["crash_after", 1]] as const) {
    here.script([{ effect: { type } }]);
    await using run = manual(here);
    run.request("send", { recipient: ADA.uuid, ...hi });
    run.request("send", { recipient: BOB.uuid, ...hi });
    assert.equal(await run.done(), 137);
    assert.deepEqual(run.raw, []);
    assert.equal(here.sent.length, records);
  }
});

Deno.test("a process that does not read its input answers nothing more", async () => {
  const here = world();
  here.script([{ on: "stdin", nth: 2, effect: { type: "stop_reading" } }]);
  await using run = manual(here);
  await run.call("version");
  run.request("version");
  run.request("version");
  assert.equal(await run.terminate(), 0);
  assert.deepEqual(run.rest, []);
});
