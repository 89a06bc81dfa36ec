/**
 * The channel with the simulator as a program of its own: real processes, pipes, signals and locks.
 */
import assert from "node:assert/strict";
import type { RawEvent } from "../../../lib/channels/channel.ts";
import { denoSpawn } from "../../../lib/channels/signal/process.ts";
import { signalCliArguments } from "../../../lib/channels/signal/channel.ts";
import { makeAci, makeGroup, makeTel } from "../../../lib/domain/address.ts";
import { Recorder } from "../../support/recorder.ts";
import { testChannel } from "./scripted.ts";

const OWN = "+15550100001";
const ada = { uuid: "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f", number: "+15550100007", name: "Ada", numberKnown: false };
const ben = { uuid: "8d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f", number: "+15550100008", name: "Ben" };
const groupId = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const never = new AbortController().signal;
const to = (recipient: ReturnType<typeof makeAci>, body = "hello") => ({ id: 1, recipient, body });

type All = ReturnType<typeof testChannel> & {
  world: (changes: object) => Promise<void>;
  faults: (rules: readonly object[]) => Promise<void>;
  push: (item: object) => Promise<void>;
  pid: () => Promise<number>;
  sent: () => Promise<{ to: unknown; body: string }[]>;
  spawn: ReturnType<typeof denoSpawn>;
  dataDir: string;
};

/** Runs `work` with a started channel over a fresh world. */
async function withSimulator(world: object, work: (all: All) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir();
  const folder = `${dataDir}/simulator`;
  await Deno.mkdir(folder);
  const base = { accounts: [OWN], people: [ada, ben], groups: [{ id: groupId, members: [ada.uuid, ben.uuid] }] };
  const write = (changes: object) =>
    Deno.writeTextFile(`${folder}/world.json`, JSON.stringify({ ...base, ...changes }));
  await write(world);
  const spawn = denoSpawn({
    program: new URL("../../fakes/signal-cli", import.meta.url).pathname,
    environment: { PATH: Deno.env.get("PATH")!, HOME: dataDir },
  });
  const all = testChannel(spawn, { dataDir, number: OWN });
  await all.channel.start();
  try {
    await work({
      ...all,
      spawn,
      dataDir,
      world: write,
      faults: (rules) => Deno.writeTextFile(`${folder}/faults.json`, JSON.stringify(rules)),
      push: (item) => Deno.writeTextFile(`${folder}/inbound.jsonl`, JSON.stringify(item) + "\n", { append: true }),
      pid: async () => Number(await Deno.readTextFile(`${folder}/pid`)),
      sent: async () =>
        (await Deno.readTextFile(`${folder}/sent.jsonl`)).trim().split("\n").map((line) => JSON.parse(line)),
    });
  } finally {
    await all.channel.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
  assert.ok(!all.log.text().includes("555010"), "a number is in the log");
}

Deno.test("it starts, is ready, sends to a person and a group as written, and stops without a signal", async () => {
  await withSimulator({}, async ({ channel, reached, sent }) => {
    await reached("live");
    assert.equal(channel.signalCliVersion, "0.14.6");
    const body = '-m {x}\n\u2028🙂 "q"';
    for (const recipient of [makeAci(ada.uuid), makeTel(ben.number), makeGroup(groupId)]) {
      let handed = 0;
      const outcome = await channel.send(to(recipient, body), never, () => handed++);
      assert.equal(outcome.outcome, "accepted");
      assert.match(outcome.outcome === "accepted" ? outcome.remoteId : "", /^\d{13}$/);
      assert.equal(handed, 1);
    }
    const records = await sent();
    assert.deepEqual(records.map((record) => record.body), [body, body, body]);
    assert.deepEqual(records[2]!.to, { group: groupId });
  });
});

Deno.test("a group that one member got is accepted; an unknown group is refused; an unknown number is retried", async () => {
  await withSimulator({}, async ({ channel, reached, faults }) => {
    await reached("live");
    await faults([{
      to: groupId,
      times: 1,
      effect: { type: "result", result: "IDENTITY_FAILURE", members: [ben.uuid] },
    }]);
    const partly = await channel.send(to(makeGroup(groupId)), never, () => {});
    assert.deepEqual(partly.outcome === "accepted" && partly.failedMembers, [
      { address: `signal:aci:${ben.uuid}`, reason: "identity_changed" },
    ]);
    const unknownGroup = makeGroup("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHgA=");
    assert.deepEqual(await channel.send(to(unknownGroup), never, () => {}), {
      outcome: "refused",
      reason: "group_refused",
    });
    const unknown = await channel.send(to(makeTel("+15550100099")), never, () => {});
    assert.deepEqual([unknown.outcome, "reason" in unknown && unknown.reason], ["retry", "unregistered"]);
  });
});

const failures: readonly [string, object, object][] = [
  ["rate limit", { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 9 }, {
    outcome: "paused",
    reason: "rate_limited",
    retryAfterMs: 9_000,
  }],
  ["proof required", { type: "result", result: "RATE_LIMIT_FAILURE", token: "c0ffee", retryAfterSeconds: 60 }, {
    outcome: "paused",
    reason: "proof_required",
    challenge: "c0ffee",
    retryAfterMs: 60_000,
  }],
  ["network", { type: "result", result: "NETWORK_FAILURE" }, { outcome: "paused", reason: "network" }],
  ["identity", { type: "result", result: "IDENTITY_FAILURE" }, { outcome: "retry", reason: "identity_changed" }],
  ["pre-key", { type: "result", result: "INVALID_PRE_KEY_FAILURE" }, { outcome: "retry", reason: "pre_key" }],
  ["unregistered", { type: "result", result: "UNREGISTERED_FAILURE" }, { outcome: "retry", reason: "unregistered" }],
  ["internal error", { type: "error", code: -32603, message: "x (AssertionError)" }, {
    outcome: "paused",
    reason: "channel_error",
  }],
];
Deno.test("every way in which a send can fail is classified as the wire has it", async () => {
  await withSimulator({}, async ({ channel, reached, faults }) => {
    await reached("live");
    for (const [name, effect, expected] of failures) {
      await faults([{ id: name, times: 1, effect }]);
      const { remoteId: _, ...outcome } = await channel.send(
        to(makeAci(ada.uuid)),
        never,
        () => {},
      ) as unknown as Record<
        string,
        unknown
      >;
      assert.deepEqual(outcome, expected, name);
    }
    assert.equal((await channel.send(to(makeAci(ada.uuid)), never, () => {})).outcome, "accepted");
  });
});

Deno.test("kill -9 in the middle of a send makes it unknown; another child comes and sends", async () => {
  await withSimulator({}, async ({ channel, reached, faults, pid, conditions, counters }) => {
    await reached("live");
    await faults([{ to: ada.uuid, effect: { type: "hang" } }]);
    const outcome = channel.send(to(makeAci(ada.uuid)), never, () => {});
    // An answer to a later request: the first one has been read, too.
    assert.equal((await channel.send(to(makeAci(ben.uuid)), never, () => {})).outcome, "accepted");
    await faults([]);
    const killed = await pid();
    Deno.kill(killed, "SIGKILL");
    assert.deepEqual(await outcome, { outcome: "unknown", reason: "disconnected" });
    await reached("crashed");
    await reached("live", conditions.items.length - 1);
    assert.notEqual(await pid(), killed);
    assert.equal((await channel.send(to(makeAci(ada.uuid)), never, () => {})).outcome, "accepted");
    assert.equal(counters.total("signal_restarts_total"), 1);
  });
});

Deno.test("a send without answer is unknown at its deadline although it arrived, and the child lives on", async () => {
  await withSimulator({}, async ({ channel, reached, faults, sent }) => {
    await reached("live");
    await faults([{ times: 1, effect: { type: "lose_answer" } }]);
    const giveUp = new AbortController();
    const outcome = channel.send(to(makeAci(ada.uuid), "lost answer"), giveUp.signal, () => {});
    assert.equal((await channel.send(to(makeAci(ben.uuid)), never, () => {})).outcome, "accepted");
    giveUp.abort();
    assert.deepEqual(await outcome, { outcome: "unknown", reason: "aborted" });
    assert.ok((await sent()).some((record) => record.body === "lost answer"));
  });
});

const starts: readonly [string, object, object][] = [
  ["not_registered", { accounts: [{ number: OWN, registered: false }] }, {}],
  ["offline", { offline: true }, { offline: false }],
  ["too_old", { accounts: [{ number: OWN, tooOld: true }] }, {}],
  ["too_old", { version: "0.11.4" }, {}],
];
for (const [code, before, after] of starts) {
  Deno.test(`a start that fails is said as ${code} (${Object.keys(before)}), and it goes on by itself`, async () => {
    await withSimulator(before, async ({ channel, reached, world }) => {
      await reached(code);
      assert.equal(channel.trouble()?.code, code);
      await world(after);
      await reached("live");
    });
  });
}

Deno.test("an account held by another process is said as locked, and taken when it is free", async () => {
  await withSimulator({}, async ({ channel, reached, spawn, dataDir }) => {
    await reached("live");
    await channel.stop();
    const holder = spawn(signalCliArguments(OWN, dataDir));
    const writer = holder.stdin.getWriter();
    await writer.write(new TextEncoder().encode('{"jsonrpc":"2.0","method":"version","id":1}\n'));
    const reader = holder.stdout.getReader();
    await reader.read();
    await channel.start();
    await reached("locked");
    await writer.close();
    await Promise.all([reader.cancel(), holder.stderr.cancel(), holder.status]);
    await reached("live", 3);
  });
});

Deno.test("what arrives is stored once and in order, over a kill -9 and a restart, and nothing before subscribing", async () => {
  await withSimulator({}, async ({ channel, reached, push, pid, conditions }) => {
    await reached("live");
    for (let i = 0; i < 20; i++) await push({ from: ada.uuid, text: `early ${i} \u2028🙂`, timestamp: 1_000 + i });
    const stored = new Recorder<RawEvent>();
    await channel.subscribe(async (events) => events.forEach((event) => stored.push(event)));
    await stored.waitForCount(20);
    Deno.kill(await pid(), "SIGKILL");
    await reached("crashed");
    for (let i = 0; i < 20; i++) await push({ from: ada.number, text: `late ${i}`, timestamp: 2_000 + i });
    await reached("live", conditions.items.length - 1);
    await stored.waitForCount(40);
    const events = stored.items.map((event) => channel.decode(event.body, event.account));
    const texts = events.map((event) => event.type === "text" ? event.body : event.type);
    const expected = [0, 1].flatMap((half) =>
      Array.from({ length: 20 }, (_, i) => half === 0 ? `early ${i} \u2028🙂` : `late ${i}`)
    );
    assert.deepEqual(texts, expected);
    assert.equal(new Set(stored.items.map((event) => event.externalId)).size, 40);
    assert.equal(new Set(stored.items.map((event) => event.lane)).size, 1);
  });
});

Deno.test("exception frames are counted, own messages are own, groups are named", async () => {
  await withSimulator({}, async ({ channel, reached, push, counters }) => {
    await reached("live");
    const stored = new Recorder<RawEvent>();
    await channel.subscribe(async (events) => events.forEach((event) => stored.push(event)));
    const exception = { message: "x", type: "ProtocolInvalidMessageException" };
    await push({ from: ada.uuid, exception });
    await push({ from: ada.uuid, typing: "STARTED" });
    await push({ sync: { to: ben.uuid, text: "from my phone" } });
    await push({ from: ben.uuid, group: groupId, text: "in the group" });
    await stored.waitForCount(2);
    const [own, inGroup] = stored.items.map((event) => channel.decode(event.body, event.account));
    assert.deepEqual(own?.type === "own_text" && [own.to, own.body], [`signal:aci:${ben.uuid}`, "from my phone"]);
    assert.equal(inGroup?.type === "text" && inGroup.group, `signal:group:${groupId}`);
    assert.equal(counters.total("receive_exceptions_total", { type: "invalid_message" }), 1);
    assert.equal(counters.total("signal_ignored_total", { what: "typing" }), 1);
  });
});
