import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { ADA, BOB, type Line, manual, onStart, world } from "./harness.ts";

const hi = { message: "hi" };

Deno.test("row 36: a slow first request is answered after a fast second one", async () => {
  const here = world();
  here.script([{ to: ADA.uuid, effect: { type: "delay", ms: 30 } }]);
  await using run = manual(here);
  const slow = run.request("send", { recipient: ADA.uuid, ...hi });
  const fast = run.request("send", { recipient: BOB.uuid, ...hi });
  assert.equal((await run.take()).id, fast);
  assert.equal((await run.take()).id, slow);
});

Deno.test("row 37: a batch is one array in completion order, an empty one -32600, notifications alone silence", async () => {
  const here = world();
  here.script([{ to: ADA.uuid, effect: { type: "delay", ms: 30 } }]);
  await using run = manual(here);
  const request = (id: number, recipient: string) => ({
    jsonrpc: "2.0",
    method: "send",
    params: { recipient, ...hi },
    id,
  });
  run.line(JSON.stringify([request(1, ADA.uuid), request(2, BOB.uuid), { jsonrpc: "1.0", method: "version", id: 3 }]));
  const batch = await run.take();
  assert.deepEqual(batch.map(({ id }: Line) => id), [2, 3, 1]);
  run.line("[]");
  assert.equal((await run.take()).error.code, -32600);
  run.line(JSON.stringify([{ jsonrpc: "2.0", method: "version" }]));
  await run.call("version");
  assert.deepEqual(run.rest, []);
});

Deno.test("row 38: bad lines get their codes", async () => {
  await using run = manual(world());
  const cases: [string, number, unknown][] = [
    ["{", -32700, null],
    ["", -32700, null],
    ["   ", -32700, null],
    ["5", -32600, null],
    ['{"jsonrpc":"2.0","id":1}', -32600, 1],
    ['{"jsonrpc":"1.0","method":"version","id":"x"}', -32600, "x"],
    ['{"jsonrpc":"2.0","method":"version","id":2,"extra":true}', -32600, 2],
    ['{"jsonrpc":"2.0","method":"noSuchThing","id":3}', -32601, 3],
    ['{"jsonrpc":"2.0","method":"toString","id":4}', -32601, 4],
    ['{"jsonrpc":"2.0","method":"jsonRpc","id":5}', -32601, 5],
    ['{"jsonrpc":"2.0","method":"listAccounts","id":6}', -32601, 6],
    ['{"jsonrpc":"2.0","method":"send","params":["a"],"id":7}', -32600, 7],
  ];
  for (const [line, code, id] of cases) {
    run.line(line);
    const answer = await run.take();
    assert.equal(answer.error.code, code, line);
    assert.equal(answer.id, id, line);
  }
});

Deno.test("row 39: error.data is always there, null when empty", async () => {
  await using run = manual(world());
  const { error } = await run.call("noSuchThing");
  assert.ok("data" in error);
  assert.equal(error.data, null);
});

Deno.test("ids keep their JSON type, responses are ignored, requests without an id are carried out in silence", async () => {
  const here = world();
  await using run = manual(here);
  run.line('{"jsonrpc":"2.0","result":{},"id":9}');
  run.line(JSON.stringify({ jsonrpc: "2.0", method: "send", params: { recipient: ADA.uuid, ...hi } }));
  run.line('{"jsonrpc":"2.0","method":"noSuchThing"}');
  run.line('{"jsonrpc":"2.0","method":"version","id":7,"params":null}');
  assert.equal((await run.take()).id, 7);
  assert.equal(here.sent.length, 1);
});

Deno.test("lines end on LF, CR or CRLF, also when they come in pieces", async () => {
  await using run = manual(world());
  const request = (id: number) => `{"jsonrpc":"2.0","method":"version","id":${id}}`;
  run.bytes(`${request(1)}\r`);
  run.bytes(`\n${request(2)}\r${request(3)}\r\n${request(4).slice(0, 9)}`);
  run.bytes(`${request(4).slice(9)}\n`);
  for (const id of [1, 2, 3, 4]) assert.equal((await run.take()).id, id);
  assert.deepEqual(run.rest, []);
});

Deno.test("row 42: receive without params is -32603, with {} an array in manual mode, -1 in on-start mode", async () => {
  const here = world();
  await using run = manual(here);
  assert.equal((await run.call("receive")).error.code, -32603);
  here.push("+15550100001", { from: ADA.uuid, text: "one" });
  const { result } = await run.call("receive", { timeout: 1, maxMessages: 1 });
  assert.deepEqual(result.map(({ envelope }: Line) => envelope.dataMessage.message), ["one"]);
  assert.deepEqual((await run.call("receive", { timeout: 0 })).result, []);
  await using busy = onStart(world());
  assert.equal((await busy.call("receive", {})).error.code, -1);
});

Deno.test("row 45: an unknown subscription is -1, a known one ends", async () => {
  const here = world();
  await using run = manual(here);
  assert.equal((await run.call("unsubscribeReceive", { subscription: 4 })).error.code, -1);
  assert.equal((await run.call("subscribeReceive")).result, 0);
  assert.deepEqual((await run.call("unsubscribeReceive", { subscription: 0 })).result, {});
  assert.equal((await run.call("subscribeReceive")).result, 1);
  assert.deepEqual((await run.call("unsubscribeReceive")).result, {});
  here.push("+15550100001", { from: ADA.uuid, text: "nobody listens" });
  await run.call("version");
  assert.deepEqual(run.rest, []);
});

Deno.test("any lines whatever: the program goes on, and every request with an id gets exactly one answer", async () => {
  const id = fc.oneof(fc.integer(), fc.string());
  const params = fc.oneof(
    fc.record({ recipient: fc.constantFrom(ADA.uuid, BOB.number, "x", "+15550100098"), message: fc.string() }),
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.array(fc.jsonValue()),
    fc.constant(undefined),
  );
  const method = fc.oneof(
    fc.constantFrom(
      "send",
      "version",
      "listGroups",
      "getUserStatus",
      "sendTyping",
      "trust",
      "constructor",
      "__proto__",
    ),
    fc.string(),
  );
  const request = fc.record({ jsonrpc: fc.constantFrom("2.0", "2.0", "1.0"), method, params, id });
  const line = fc.oneof(
    { weight: 4, arbitrary: request.map((each) => ({ text: JSON.stringify(each), ids: [each.id] })) },
    {
      weight: 1,
      arbitrary: fc.array(request, { minLength: 1, maxLength: 4 })
        .map((each) => ({ text: JSON.stringify(each), ids: each.map((one) => one.id) })),
    },
    {
      weight: 2,
      arbitrary: fc.oneof(fc.string(), fc.json())
        .filter((text) => !/[\r\n]/.test(text) && !text.includes('"id"')).map((text) => ({ text, ids: [] })),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (lines) => {
      await using run = manual(world());
      for (const { text } of lines) run.line(text);
      assert.equal(await run.eof(), 0);
      const expected = lines.flatMap(({ ids }) => ids).map((each) => JSON.stringify(each)).sort();
      const answered = run.raw.flatMap((text) => JSON.parse(text)).filter((each) => each.id !== null);
      assert.deepEqual(answered.map((each) => JSON.stringify(each.id)).sort(), expected);
    }),
    { numRuns: 150 },
  );
});
