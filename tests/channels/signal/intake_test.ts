/**
 * What the intake must not lose when two things happen at the same moment.
 */
import assert from "node:assert/strict";
import type { RawEvent } from "../../../lib/channels/channel.ts";
import { Intake } from "../../../lib/channels/signal/intake.ts";
import { makeSignalAccount } from "../../../lib/domain/address.ts";
import { RpcClient } from "../../../lib/channels/signal/rpc.ts";
import { Subscription } from "../../../lib/channels/signal/subscription.ts";
import { SpoolFull } from "../../../lib/runtime/spool.ts";
import { systemClock, within } from "../../../lib/runtime/clock.ts";
import { PATIENCE_MS, Recorder } from "../../support/recorder.ts";
import { ManualClock, RecordingCounters, RecordingLog } from "../../support/recording.ts";
import { until } from "../../support/until.ts";
import { Peer } from "./peer.ts";
import { healthy, scriptedSpawn, testChannel } from "./scripted.ts";

const uuid = "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f";
const frame = (timestamp: number) => ({
  envelope: {
    source: uuid,
    sourceNumber: null,
    sourceUuid: uuid,
    sourceDevice: 1,
    timestamp,
    dataMessage: { timestamp, message: "ping" },
  },
  account: "+15550100001",
});

Deno.test("a lease that is lost and taken again at once: what is received is stored, also while the end was not confirmed", async () => {
  let unsubscribed: (() => void) | undefined;
  const { spawn, children } = scriptedSpawn((child) => {
    healthy(child);
    const answer = child.peer.respond!;
    child.peer.respond = (request) => {
      if (request.method === "unsubscribeReceive") unsubscribed = () => answer(request);
      else answer(request);
    };
  });
  const { channel, reached } = testChannel(spawn);
  const stored = new Recorder<RawEvent>();
  const accept = async (events: readonly RawEvent[]) => events.forEach((event) => stored.push(event));
  await channel.start();
  await reached("live");
  await channel.subscribe(accept);
  const lost = channel.unsubscribe();
  await until(() => unsubscribed !== undefined, "the request to end the subscription");
  const again = channel.subscribe(accept);
  unsubscribed!();
  await Promise.all([lost, again]);
  assert.notEqual(channel.listening().sinceMs, undefined, "it is subscribed");
  await children.items[0]!.notify(frame(1784000002000));
  await stored.waitFor(() => true, "the message to be stored");
  const over = channel.stop();
  unsubscribed = undefined;
  await until(() => unsubscribed !== undefined, "the request to end the subscription");
  unsubscribed!();
  await over;
});

Deno.test("what comes in the very moment in which the queue was found empty is stored, not left until the next message", async () => {
  const stored: string[] = [];
  let storing = Promise.withResolvers<void>();
  const intake = new Intake({
    account: makeSignalAccount("+15550100001"),
    clock: systemClock,
    log: new RecordingLog(),
    counters: new RecordingCounters(),
    onReceipts: undefined,
    onTranscripts: undefined,
    onHeard: undefined,
    onUntrusted: undefined,
    maxQueuedEvents: undefined,
    onChange: () => {},
    onSilence: () => Promise.resolve(),
  });
  const notify = (timestamp: number) => {
    const params = { subscription: 0, result: frame(timestamp) };
    intake.onNotifications([{ method: "receive", params, line: JSON.stringify({ method: "receive", params }) }]);
  };
  await intake.subscribe((events) => {
    stored.push(...events.map((event) => event.externalId));
    return storing.promise;
  });
  notify(1784000002000);
  assert.equal(stored.length, 1);
  // Both ends of the wait reach us in one turn of the event loop: the first is stored, and the second is read.
  const first = storing;
  storing = Promise.withResolvers<void>();
  first.resolve();
  queueMicrotask(() => notify(1784000003000));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(stored.length, 2);
  storing.resolve();
  await intake.unsubscribe();
  await intake.close();
});

Deno.test("as soon as something can be stored again people are heard within 5 s, however long it could not", async () => {
  const clock = new ManualClock();
  const peer = new Peer();
  peer.respond = ({ id }) => peer.result(id, 0);
  const rpc = new RpcClient({
    input: peer.input,
    output: peer.output,
    clock,
    counters: new RecordingCounters(),
    onNotifications: (notifications) => intake.onNotifications(notifications),
  });
  const intake = new Intake({
    account: makeSignalAccount("+15550100001"),
    clock,
    log: new RecordingLog(),
    counters: new RecordingCounters(),
    onReceipts: undefined,
    onTranscripts: undefined,
    onHeard: undefined,
    onUntrusted: undefined,
    maxQueuedEvents: undefined,
    onChange: () => {},
    onSilence: () => Promise.resolve(),
  });
  intake.connected(rpc);
  let full = true;
  await intake.subscribe(() => full ? Promise.reject(new SpoolFull(1)) : Promise.resolve());
  await peer.line({ jsonrpc: "2.0", method: "receive", params: { subscription: 0, result: frame(1784000002000) } });
  await until(() => intake.listening().sinceMs === undefined, "the end of the subscription");
  await clock.advance(605_000);
  full = false;
  await clock.advance(5_000);
  await until(() => intake.listening().sinceMs !== undefined, "a new subscription");
  await intake.unsubscribe();
  await rpc.close();
});

Deno.test("a subscription whose answer does not come may exist all the same: its connection is left, not subscribed twice", async () => {
  const clock = new ManualClock();
  const counters = new RecordingCounters();
  const connect = () => {
    const peer = new Peer();
    const { input, output } = peer;
    return { peer, rpc: new RpcClient({ input, output, clock, counters, onNotifications: () => {} }) };
  };
  const subscription = new Subscription({
    clock,
    log: new RecordingLog(),
    onChange: () => {},
    onSilence: (rpc) => rpc.close(),
  });
  const [first, second] = [connect(), connect()];
  subscription.connected(first.rpc);
  const tried = subscription.want();
  await first.peer.requests.waitForCount(1);
  await clock.advance(60_000);
  await tried;
  await clock.advance(60_000);
  assert.deepEqual(first.peer.requests.items.map(({ method }) => method), ["subscribeReceive"]);
  assert.equal(await within(first.rpc.ended, PATIENCE_MS, "end of the connection"), "closed");
  second.peer.respond = (request) => second.peer.result(request.id, 0);
  subscription.connected(second.rpc);
  await subscription.want();
  assert.equal(subscription.failing, false);
  assert.notEqual(subscription.sinceMs, undefined);
  await subscription.drop();
  await second.rpc.close();
});

Deno.test("what comes after the subscription was given up, because its end was not carried out yet, is stored at the stop", async () => {
  const { spawn, children } = scriptedSpawn((child) => healthy(child));
  const heard = new Recorder<boolean>();
  const { channel, reached, log } = testChannel(spawn, { onHeard: (canary) => heard.push(canary) });
  const stored: string[] = [];
  await channel.start();
  await reached("live");
  await channel.subscribe((events) => {
    stored.push(...events.map(({ body }) => body));
    return Promise.resolve();
  });
  await channel.unsubscribe();
  await children.items[0]!.notify(frame(1784000002000));
  await heard.waitForCount(1);
  assert.deepEqual(stored, [], "another instance may receive now");
  await channel.stop();
  assert.deepEqual(stored.map((body) => JSON.parse(body).envelope.timestamp), [1784000002000]);
  assert.deepEqual(log.at("critical"), []);
});
