import assert from "node:assert/strict";
import { ACCOUNT, ADA, BOB, GROUP, manual, onStart, type Run, world } from "./harness.ts";
import type { MemoryWorld } from "../../lib/simulator/memory_world.ts";

async function received(here: MemoryWorld, item: Record<string, unknown>) {
  await using run = manual(here);
  await run.call("subscribeReceive");
  here.push(ACCOUNT, item);
  return await run.message();
}

Deno.test("row 22: a hidden number is null, and source is the service id", async () => {
  const { envelope, account } = await received(world({ people: [{ ...ADA, numberKnown: false }] }), {
    from: ADA.uuid,
    text: "Go",
  });
  assert.equal(account, ACCOUNT);
  assert.equal(envelope.sourceNumber, null);
  assert.equal(envelope.source, ADA.uuid);
  assert.equal(envelope.sourceUuid, ADA.uuid);
});

Deno.test("row 23: a number that is learnt later switches source, the service id stays", async () => {
  const here = world({ people: [{ ...ADA, numberKnown: false }] });
  await received(here, { from: ADA.uuid, text: "before" });
  await using run = manual(here);
  await run.call("send", { recipient: ADA.number, message: "hello" });
  await run.call("subscribeReceive");
  here.push(ACCOUNT, { from: ADA.uuid, text: "after" });
  const { envelope } = await run.message();
  assert.equal(envelope.source, ADA.number);
  assert.equal(envelope.sourceNumber, ADA.number);
  assert.equal(envelope.sourceUuid, ADA.uuid);
});

Deno.test("row 24: a wholly unknown source is five nulls and an exception", async () => {
  const line = await received(world(), { exception: { type: "InvalidMetadataMessageException", message: null } });
  for (const field of ["source", "sourceNumber", "sourceUuid", "sourceName", "sourceDevice"]) {
    assert.equal(line.envelope[field], null);
  }
  assert.deepEqual(line.exception, { message: null, type: "InvalidMetadataMessageException" });
});

Deno.test("row 25: an envelope without payload has no member that ends in Message", async () => {
  const { envelope } = await received(world(), { from: ADA.uuid });
  assert.deepEqual(Object.keys(envelope).filter((key) => key.endsWith("Message")), []);
  assert.equal(envelope.sourceDevice, 1);
});

Deno.test("row 26: a data message has five fixed fields, its text may be null, the others are left out", async () => {
  const here = world();
  const { envelope } = await received(here, { from: ADA.uuid, text: "ping", timestamp: 1784000000123 });
  const fixed = {
    timestamp: 1784000000123,
    message: "ping",
    expiresInSeconds: 0,
    isExpirationUpdate: false,
    viewOnce: false,
  };
  assert.deepEqual(envelope.dataMessage, fixed);
  const reaction = { emoji: "👍", targetSentTimestamp: 5, isRemove: false };
  const reacted = await received(here, { from: ADA.uuid, data: { reaction } });
  assert.equal(reacted.envelope.dataMessage.message, null);
  assert.deepEqual(reacted.envelope.dataMessage.reaction, reaction);
});

Deno.test("a group message names its group", async () => {
  const { envelope } = await received(world(), { from: ADA.uuid, group: GROUP, text: "Go" });
  assert.deepEqual(envelope.dataMessage.groupInfo, { groupId: GROUP, groupName: "Shop", revision: 0, type: "DELIVER" });
});

Deno.test("row 27: an attachment has its eight keys", async () => {
  const { envelope } = await received(world(), {
    from: ADA.uuid,
    attachments: [{ contentType: "image/jpeg", id: "a.jpg" }],
    text: null,
  });
  const keys = ["caption", "contentType", "filename", "height", "id", "size", "uploadTimestamp", "width"];
  assert.deepEqual(Object.keys(envelope.dataMessage.attachments[0]).sort(), keys);
});

Deno.test("row 28: a sync message has its fields flattened, and no destination in groups", async () => {
  const here = world();
  const direct = await received(here, { sync: { to: ADA.uuid, text: "from my phone" } });
  const { sentMessage } = direct.envelope.syncMessage;
  assert.equal(direct.envelope.source, ACCOUNT);
  assert.equal(sentMessage.destinationUuid, ADA.uuid);
  assert.equal(sentMessage.destination, ADA.number);
  assert.equal(sentMessage.message, "from my phone");
  const inGroup = await received(here, { sync: { group: GROUP, text: "Go" } });
  assert.equal(inGroup.envelope.syncMessage.sentMessage.destination, null);
  assert.equal(inGroup.envelope.syncMessage.sentMessage.groupInfo.groupId, GROUP);
});

Deno.test("row 29: an untrusted key is an exception line, and the content comes after trust", async () => {
  const here = world();
  await received(here, { from: ADA.uuid, text: "first" });
  here.update({ people: [{ ...ADA, key: "2" }, BOB] });
  await using run = manual(here);
  await run.call("subscribeReceive");
  here.push(ACCOUNT, { from: ADA.uuid, text: "new phone" });
  const line = await run.message();
  assert.equal(line.exception.type, "UntrustedIdentityException");
  assert.equal(line.envelope.sourceUuid, ADA.uuid);
  assert.equal(line.envelope.dataMessage, undefined);
  await run.call("trust", { recipient: ADA.uuid, trustAllKnownKeys: true });
  assert.equal((await run.message()).envelope.dataMessage.message, "new phone");
});

/** Kills the program at a point of the first message; says what the next two runs see of it. */
async function afterKillAt(point: string): Promise<{ killed: string[]; next: string[]; later: string[] }> {
  const here = world();
  here.push(ACCOUNT, { from: ADA.uuid, text: "precious" });
  here.script([{ on: point, times: 1, effect: { type: "crash_before" } }]);
  const seen = async (run: Run, killed: boolean) => {
    if (killed) run.request("subscribeReceive");
    else await run.call("subscribeReceive");
    if (killed) assert.equal(await run.done(), 137);
    else {
      here.push(ACCOUNT, { from: BOB.uuid, text: "end" });
      await run.take((line) => line.params?.result?.envelope.sourceUuid === BOB.uuid);
      await run.eof();
    }
    return run.raw.map((text) => JSON.parse(text)).filter(({ method }) => method === "receive")
      .map(({ params: { result } }) => result.exception?.type ?? result.envelope.dataMessage.message)
      .filter((text) => text !== "end");
  };
  await using first = manual(here);
  const killed = await seen(first, true);
  await using second = manual(here);
  const next = await seen(second, false);
  await using third = manual(here);
  return { killed, next, later: await seen(third, false) };
}

Deno.test("row 30: a kill between decrypting and writing loses the message: it was acknowledged before", async () => {
  assert.deepEqual(await afterKillAt("receive.decrypted"), { killed: [], next: [], later: [] });
});

Deno.test("row 31: a kill before decrypting delivers at the next start, once", async () => {
  assert.deepEqual(await afterKillAt("receive.acked"), { killed: [], next: ["precious"], later: [] });
  assert.deepEqual(await afterKillAt("receive.arrived"), { killed: [], next: ["precious"], later: [] });
});

Deno.test("a kill between caching and acknowledging delivers once, and the server's copy is an exception line", async () => {
  const { next, later } = await afterKillAt("receive.cached");
  assert.deepEqual(next, ["precious", "ProtocolDuplicateMessageException"]);
  assert.deepEqual(later, []);
});

Deno.test("row 32: a line whose reader died is not replayed", async () => {
  const { killed, next } = await afterKillAt("receive.written");
  // Whether the line was read before the kill is chance; that it never comes again is not.
  assert.ok(killed.length <= 1);
  assert.deepEqual(next, []);
});

Deno.test("row 33: at the end of the input open requests are answered, the message in hand is lost, exit 0", async () => {
  const here = world();
  here.script([{ effect: { type: "delay", ms: 30 } }]);
  here.push(ACCOUNT, { from: ADA.uuid, text: "in hand", processingMs: 10 });
  await using run = manual(here);
  await run.call("subscribeReceive");
  const id = run.request("send", { recipient: ADA.uuid, message: "hi" });
  assert.equal(await run.eof(), 0);
  assert.deepEqual(run.rest.map((line) => line.id), [id]);
  await using next = manual(here);
  await next.call("subscribeReceive");
  here.push(ACCOUNT, { from: ADA.uuid, text: "later" });
  assert.equal((await next.message()).envelope.dataMessage.message, "later");
});

Deno.test("row 43: manual mode is silent until subscribeReceive, which gives 0 and then the backlog, wrapped", async () => {
  const here = world();
  here.push(ACCOUNT, { from: ADA.uuid, text: "one" });
  here.push(ACCOUNT, { from: ADA.uuid, text: "two" });
  await using run = manual(here);
  await run.call("version");
  assert.deepEqual(run.rest, []);
  assert.equal((await run.call("subscribeReceive")).result, 0);
  for (const text of ["one", "two"]) {
    const line = await run.take();
    assert.equal(line.id, undefined);
    assert.equal(line.params.subscription, 0);
    assert.equal(line.params.result.account, ACCOUNT);
    assert.equal(line.params.result.envelope.dataMessage.message, text);
  }
});

Deno.test("row 44: subscribing in on-start mode gives 1 and writes every message twice, once in each shape", async () => {
  const here = world();
  await using run = onStart(here);
  assert.equal((await run.call("subscribeReceive")).result, 1);
  here.push(ACCOUNT, { from: ADA.uuid, text: "twice" });
  const shapes = [await run.take(), await run.take()].map(({ params }) => Object.keys(params).sort());
  assert.deepEqual(shapes, [["account", "envelope"], ["result", "subscription"]]);
});

Deno.test("row 47: in on-start mode a notification can come before the first response", async () => {
  const here = world();
  here.push(ACCOUNT, { from: ADA.uuid, text: "early" });
  await using run = onStart(here);
  assert.equal((await run.message()).envelope.dataMessage.message, "early");
  assert.ok((await run.call("version")).result);
});

Deno.test("row 48: while nobody reads, answers stall and nothing is acknowledged beyond the message in hand", async () => {
  const here = world();
  for (const text of ["one", "two", "three"]) here.push(ACCOUNT, { from: ADA.uuid, text });
  const arrived = Promise.withResolvers<void>();
  const { promise: read, resolve } = Promise.withResolvers<void>();
  const { Run } = await import("./harness.ts");
  here.onSent(() => arrived.resolve());
  await using run = new Run(here, ["-a", ACCOUNT, "jsonRpc"], { read });
  const id = run.request("send", { recipient: ADA.uuid, message: "hi" });
  await arrived.promise;
  assert.deepEqual(run.raw, []);
  assert.equal(here.mailbox(ACCOUNT).next()?.item.text, "two");
  resolve();
  await run.take((line) => line.id === id);
  for (const text of ["one", "two", "three"]) assert.equal((await run.message()).envelope.dataMessage.message, text);
});

Deno.test("row 51: line separators, emoji and quotes survive unescaped on one line", async () => {
  const text = 'a\u2028b\u2029 "q" \\ 🎉 é\nnew line';
  const here = world();
  await using run = manual(here);
  await run.call("subscribeReceive");
  here.push(ACCOUNT, { from: ADA.uuid, text });
  assert.equal((await run.message()).envelope.dataMessage.message, text);
  assert.ok(run.raw.some((line) => line.includes("\u2028") && line.includes("🎉")));
  await run.call("send", { recipient: ADA.uuid, message: text });
  assert.equal(here.sent[0]?.body, text);
});
