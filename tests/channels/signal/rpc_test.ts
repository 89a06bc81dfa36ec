import assert from "node:assert/strict";
import { RpcClient, type RpcNotification } from "../../../lib/channels/signal/rpc.ts";
import { RpcError, RpcUnanswered } from "../../../lib/channels/signal/rpc_errors.ts";
import { systemClock, within } from "../../../lib/runtime/clock.ts";
import { PATIENCE_MS, Recorder } from "../../support/recorder.ts";
import { ManualClock, RecordingCounters } from "../../support/recording.ts";
import { Peer } from "./peer.ts";

function connect(peer: Peer, options: Partial<ConstructorParameters<typeof RpcClient>[0]> = {}) {
  const counters = new RecordingCounters();
  const notifications = new Recorder<readonly RpcNotification[]>();
  const rpc = new RpcClient({
    input: peer.input,
    output: peer.output,
    clock: systemClock,
    counters,
    onNotifications: (batch) => notifications.push(batch),
    ...options,
  });
  return { rpc, counters, notifications };
}

const soon = { timeoutMs: PATIENCE_MS };

Deno.test("answers reach their requests in any order, errors with code and data", async () => {
  const peer = new Peer();
  const { rpc } = connect(peer);
  const [a, b, c] = ["a", "b", "c"].map((method) => rpc.request(method, { x: 1 }, soon));
  const failed = assert.rejects(b!, (error: RpcError) => {
    assert.ok(error instanceof RpcError);
    assert.deepEqual([error.code, error.data, error.remoteMessage], [-5, { response: {} }, "+15550100007 is slow"]);
    assert.ok(!JSON.stringify(error).includes("555") && !Deno.inspect(error).includes("5550100007"));
    return true;
  });
  await peer.requests.waitForCount(3);
  await peer.result(3, "third");
  await peer.error(2, -5, { response: {} }, "+15550100007 is slow");
  await peer.result(1, { first: true });
  assert.deepEqual(await a, { first: true });
  assert.equal(await c, "third");
  await failed;
  await rpc.close();
});

Deno.test("requests of one tick leave in one write, each announced right before", async () => {
  const peer = new Peer();
  const { rpc } = connect(peer);
  const announced: number[] = [];
  peer.respond = (request) => void peer.result(request.id, null);
  const all = Promise.all(
    [1, 2, 3].map((n) => rpc.request("send", {}, { ...soon, onWrite: () => announced.push(n) })),
  );
  assert.deepEqual(announced, []);
  await all;
  assert.deepEqual(announced, [1, 2, 3]);
  assert.equal(peer.writes.length, 1);
  await rpc.close();
});

Deno.test("a request whose announcement throws is not written and fails with what was thrown", async () => {
  const peer = new Peer();
  const { rpc } = connect(peer);
  const full = new Error("disk full");
  const refused = rpc.request("send", {}, {
    ...soon,
    onWrite: () => {
      throw full;
    },
  });
  await assert.rejects(refused, full);
  peer.respond = (request) => void peer.result(request.id, request.method);
  assert.equal(await rpc.request("next", {}, soon), "next");
  assert.equal(peer.requests.items.length, 1);
  await rpc.close();
});

Deno.test("when the peer goes away every waiter is failed, and later requests fail unwritten", async () => {
  const peer = new Peer();
  const { rpc } = connect(peer);
  const waiting = rpc.request("send", {}, soon);
  const lost = assert.rejects(waiting, (error: RpcUnanswered) => error.why === "disconnected" && error.written);
  await peer.requests.waitForCount(1);
  await peer.end();
  await lost;
  assert.equal(await rpc.ended, "end_of_stream");
  let announced = false;
  await assert.rejects(
    rpc.request("send", {}, { ...soon, onWrite: () => announced = true }),
    (error: RpcUnanswered) => error.why === "disconnected" && !error.written,
  );
  assert.equal(announced, false);
  await rpc.close();
});

Deno.test("an answer that came before the end is delivered although the way out is broken", async () => {
  const peer = new Peer();
  const { rpc } = connect(peer);
  const first = rpc.request("send", {}, soon);
  await peer.requests.waitForCount(1);
  await rpc.closeInput();
  assert.equal(rpc.open, false);
  await peer.result(1, "answered");
  await peer.end();
  assert.equal(await first, "answered");
  await rpc.close();
});

Deno.test("deadlines of different length fire each at its own time, with one timer", async () => {
  const clock = new ManualClock();
  const peer = new Peer();
  const { rpc, counters } = connect(peer, { clock });
  const ended: string[] = [];
  const waits = [["long", 5_000], ["short", 1_000], ["middle", 3_000]] as const;
  const all = waits.map(([name, timeoutMs]) =>
    rpc.request(name, {}, { timeoutMs }).catch((error: RpcUnanswered) => {
      assert.deepEqual([error.why, error.written], ["deadline", true]);
      ended.push(name);
    })
  );
  await peer.requests.waitForCount(3);
  assert.equal(clock.sleeping, 1);
  await clock.advance(999);
  assert.deepEqual(ended, []);
  await clock.advance(1);
  assert.deepEqual(ended, ["short"]);
  await clock.advance(2_000);
  assert.deepEqual(ended, ["short", "middle"]);
  await clock.advance(2_000);
  await Promise.all(all);
  await peer.result(2, "too late");
  await peer.result(77, "never asked");
  await peer.end();
  await rpc.ended;
  assert.equal(counters.total("signal_rpc_stray_answers_total", { kind: "late" }), 1);
  assert.equal(counters.total("signal_rpc_stray_answers_total", { kind: "unknown" }), 1);
  await rpc.close();
  assert.equal(clock.sleeping, 0);
});

Deno.test("a result that comes after the deadline is handed on, once; an error, or one after the end, is not", async () => {
  const clock = new ManualClock();
  const peer = new Peer();
  const { rpc } = connect(peer, { clock });
  const late: unknown[] = [];
  const givenUp = Promise.all(["result", "error", "never"].map((name) =>
    assert.rejects(
      rpc.request(name, {}, { timeoutMs: 1_000, onLate: (result) => late.push(result) }),
      (error: RpcUnanswered) => error.why === "deadline",
    )
  ));
  await peer.requests.waitForCount(3);
  await clock.advance(1_000);
  await givenUp;
  await peer.result(1, "late");
  await peer.result(1, "again");
  await peer.error(2, -1, "late");
  await peer.end();
  await rpc.ended;
  assert.deepEqual(late, ["late"]);
  await rpc.close();
});

Deno.test("aborting ends the wait: unwritten before the request left, written after", async () => {
  const peer = new Peer();
  const { rpc } = connect(peer);
  const early = new AbortController();
  const late = new AbortController();
  const first = rpc.request("first", {}, { ...soon, signal: early.signal });
  early.abort();
  await assert.rejects(first, (error: RpcUnanswered) => error.why === "aborted" && !error.written);
  const second = rpc.request("second", {}, { ...soon, signal: late.signal });
  await peer.requests.waitForCount(1);
  assert.equal(peer.requests.items[0]!.method, "second");
  late.abort();
  await assert.rejects(second, (error: RpcUnanswered) => error.why === "aborted" && error.written);
  await rpc.close();
});

Deno.test("notifications of one chunk come together, and answers in their chunk do not wait for them", async () => {
  const peer = new Peer();
  const room = Promise.withResolvers<void>();
  const batches: string[][] = [];
  const { rpc } = connect(peer, {
    onNotifications: (batch) => {
      batches.push(batch.map((one) => one.method));
      return room.promise;
    },
  });
  const answer = rpc.request("send", {}, soon);
  await peer.requests.waitForCount(1);
  const note = (method: string) => `{"jsonrpc":"2.0","method":"${method}","params":{}}\n`;
  await peer.write(note("a") + note("b") + '{"jsonrpc":"2.0","result":1,"id":1}\n');
  assert.equal(await answer, 1);
  assert.deepEqual(batches, [["a", "b"]]);
  assert.equal(rpc.heldUp, true);
  const held = rpc.request("held", {}, soon);
  await peer.requests.waitForCount(2);
  await peer.result(2, "after room");
  room.resolve();
  assert.equal(await held, "after room");
  await rpc.close();
});

Deno.test("lines that are no JSON object are counted and skipped; a cut last line is never read as a message", async () => {
  const peer = new Peer();
  const { rpc, counters, notifications } = connect(peer);
  await peer.write('WARN something\n[]\n\n{"method":"receive","params":{}}\n{"method":"receive"');
  await peer.end();
  await within(rpc.ended, PATIENCE_MS, "end");
  assert.equal(counters.total("signal_rpc_bad_lines_total"), 3);
  assert.equal(counters.total("signal_rpc_cut_lines_total"), 1);
  assert.equal(notifications.items.length, 1);
  await rpc.close();
});

Deno.test("a line without end breaks the connection with its own reason", async () => {
  const peer = new Peer();
  const { rpc } = connect(peer, { maxLineLength: 100 });
  const waiting = assert.rejects(rpc.request("send", {}, soon), RpcUnanswered);
  await peer.write("x".repeat(101)).catch(() => {});
  assert.equal(await rpc.ended, "line_too_long");
  await waiting;
  await rpc.close();
});

Deno.test("a peer that reads nothing cannot hold up close(), and what was not taken counts as written", async () => {
  const peer = new Peer(false);
  const { rpc } = connect(peer);
  const waiting = assert.rejects(rpc.request("send", { text: "x".repeat(100_000) }, soon), RpcUnanswered);
  await within(rpc.close(), PATIENCE_MS, "close");
  await waiting;
});

Deno.test("a peer that takes no requests any more is left, although its output stays open, after time for its last answers", async () => {
  const clock = new ManualClock();
  const peer = new Peer(false);
  const { rpc, counters } = connect(peer, { clock, input: closedPipe() });
  const first = rpc.request("send", {}, { timeoutMs: 60_000 });
  // In a write of its own: the first one vanishes in the pipe, the second one fails.
  await Promise.resolve();
  const second = rpc.request("send", {}, { timeoutMs: 60_000 });
  const lost = assert.rejects(second, (error: RpcUnanswered) => error.why === "disconnected" && error.written);
  await clock.untilSleeping(2);
  assert.equal(rpc.open, false);
  await peer.result(1, "answered");
  assert.equal(await first, "answered");
  await clock.advance(10_000);
  assert.equal(await within(rpc.ended, PATIENCE_MS, "end"), "write_failed");
  await lost;
  assert.equal(counters.total("signal_rpc_write_failures_total"), 1);
  assert.equal(clock.sleeping, 0);
});

/** The input of a process that has closed it: takes one write, then none. */
function closedPipe(): WritableStream<Uint8Array> {
  let writes = 0;
  return new WritableStream({
    write() {
      if (++writes > 1) throw new Deno.errors.BrokenPipe();
    },
  });
}
