import assert from "node:assert/strict";
import { type Address, makeAci, makeGroup, makeTel } from "../../../lib/domain/address.ts";
import type { RawEvent } from "../../../lib/channels/channel.ts";
import { ChannelUnavailable, StoreUnavailable } from "../../../lib/domain/errors.ts";
import { MAX_ACCEPT_BATCH, MAX_QUEUED_EVENTS } from "../../../lib/channels/signal/intake.ts";
import type { Receipt, Transcript } from "../../../lib/channels/signal/envelope.ts";
import { CANARY_TEXT } from "../../../lib/channels/signal/channel.ts";
import type { Connector } from "../../../lib/channels/signal/connector.ts";
import { LAST_OUTPUT_QUIET_MS } from "../../../lib/channels/signal/life.ts";
import { RpcClient } from "../../../lib/channels/signal/rpc.ts";
import { systemClock } from "../../../lib/runtime/clock.ts";
import { noCounters } from "../../../lib/runtime/counters.ts";
import { Recorder } from "../../support/recorder.ts";
import { testServiceContract } from "../../support/service_contract.ts";
import { Peer } from "./peer.ts";
import { healthy, type Script, type ScriptedChild, scriptedSpawn, testChannel } from "./scripted.ts";

const uuid = "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f";
const groupId = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const never = new AbortController().signal;
const message = (recipient: Address = makeAci(uuid), body = "hello") => ({ id: 1, recipient, body });
const sent = { timestamp: 1784000002000, results: [] };
const text = (timestamp: number, more: object = {}) => ({
  envelope: {
    source: uuid,
    sourceNumber: null,
    sourceUuid: uuid,
    sourceDevice: 1,
    timestamp,
    dataMessage: { timestamp, message: "ping \u2028🙂", isExpirationUpdate: false },
    ...more,
  },
  account: "+15550100001",
});

/** Runs a channel over the script until `work` is done. */
async function withChannel(
  script: Script,
  work: (all: ReturnType<typeof testChannel> & { children: Recorder<ScriptedChild> }) => Promise<void>,
  options: Parameters<typeof testChannel>[1] & { version?: string } = {},
): Promise<void> {
  const { version, ...others } = options;
  const { spawn, children } = scriptedSpawn(script, version);
  const all = testChannel(spawn, others);
  await all.channel.start();
  try {
    await work({ ...all, children });
  } finally {
    await all.channel.stop();
  }
}

testServiceContract("the Signal channel", async () => {
  const { spawn } = scriptedSpawn((child) => healthy(child));
  return { service: testChannel(spawn).channel };
});

Deno.test("the child gets the global options before the subcommand, and manual receive mode", async () => {
  await withChannel((child) => healthy(child), async ({ children, reached }) => {
    await reached("live");
    assert.deepEqual(children.items[0]!.args, [
      ...["--data-dir", "/srv/signal", "-a", "+15550100001", "-o", "json", "jsonRpc", "--receive-mode=manual"],
      ...["--ignore-attachments", "--ignore-stories", "--ignore-avatars", "--ignore-stickers"],
    ]);
  }, { dataDir: "/srv/signal" });
});

Deno.test("send() names one target and passes the body on as it is", async () => {
  const script: Script = (child) => healthy(child, (request) => child.peer.result(request.id, sent));
  await withChannel(script, async ({ channel, children, reached }) => {
    await reached("live");
    const body = "-x {a}\n\u2028🙂";
    for (const recipient of [makeAci(uuid), makeTel("+15550100007"), makeGroup(groupId)]) {
      assert.deepEqual(await channel.send(message(recipient, body), never, () => {}), {
        outcome: "accepted",
        remoteId: "1784000002000",
      });
    }
    const sends = children.items[0]!.peer.requests.items.filter((request) => request.method === "send");
    assert.deepEqual(sends.map((request) => request.params), [
      { recipient: [uuid], message: body },
      { recipient: ["+15550100007"], message: body },
      { groupId: [groupId], message: body },
    ]);
  });
});

Deno.test("send() refuses what cannot be asked for, and pauses without a connection; both hand nothing over", async () => {
  const { spawn } = scriptedSpawn((child) => healthy(child));
  const { channel } = testChannel(spawn);
  let handed = 0;
  const send = (one: ReturnType<typeof message>, signal = never) => channel.send(one, signal, () => handed++);
  assert.deepEqual(await send(message(undefined, "")), { outcome: "refused", reason: "invalid_message" });
  assert.deepEqual(await send(message("fax:1" as Address)), { outcome: "refused", reason: "invalid_message" });
  assert.deepEqual(await send(message()), { outcome: "paused", reason: "channel_down" });
  assert.deepEqual(await send(message(), AbortSignal.abort()), { outcome: "paused", reason: "shutdown" });
  assert.equal(handed, 0);
});

Deno.test("a child that dies after the hand-over makes the outcome unknown, and another one is started", async () => {
  const script: Script = (child, start) =>
    healthy(child, (request) => start === 1 ? child.exit(137, "SIGKILL") : child.peer.result(request.id, sent));
  await withChannel(script, async ({ channel, reached, conditions, counters }) => {
    await reached("live");
    let handed = 0;
    assert.deepEqual(await channel.send(message(), never, () => handed++), {
      outcome: "unknown",
      reason: "disconnected",
    });
    assert.equal(handed, 1);
    await reached("crashed");
    await reached("live", conditions.items.length - 1);
    assert.equal((await channel.send(message(), never, () => {})).outcome, "accepted");
    assert.equal(counters.total("signal_restarts_total", { cause: "crashed" }), 1);
  });
});

Deno.test("a child that answers nothing any more is ended and started anew", async () => {
  const script: Script = (child, start) => {
    healthy(child, (request) => child.peer.result(request.id, sent));
    if (start > 1) return;
    const respond = child.peer.respond!;
    let versions = 0;
    child.peer.respond = (request) => {
      if (request.method === "version" && versions++ === 0) respond(request);
    };
  };
  await withChannel(script, async ({ channel, reached }) => {
    await reached("live");
    assert.deepEqual(await channel.send(message(), never, () => {}), { outcome: "unknown", reason: "no_answer" });
    await reached("frozen");
    await reached("live", 3);
    assert.equal((await channel.send(message(), never, () => {})).outcome, "accepted");
    // The second child has to answer in this time.
  }, { sendTimeoutMs: 2_000, times: { pingTimeoutMs: 30 } });
});

Deno.test("a child that freezes while nothing is sent is found out too; one that is merely quiet is left alone", async () => {
  const script: Script = (child, start) => {
    healthy(child);
    if (start > 1) return;
    const respond = child.peer.respond!;
    child.peer.respond = (request) => {
      if (request.method !== "version" || versionsOf(child).length <= 3) respond(request);
    };
  };
  await withChannel(script, async ({ channel, children, reached }) => {
    await channel.subscribe(() => Promise.resolve());
    await reached("live");
    await reached("frozen");
    assert.equal(
      versionsOf(children.items[0]!).length,
      4,
      "twice it was asked and answered, the third time was the last",
    );
    await reached("live", 3);
  }, { times: { idleAfterMs: 20, idlePingTimeoutMs: 3_000 } });
});

const versionsOf = ({ peer }: ScriptedChild) => peer.requests.items.filter(({ method }) => method === "version");

Deno.test("a connection that ends again and again leaves nothing behind that waits for the stop", async () => {
  let listening = 0;
  const over = new Recorder<number>();
  const connector: Connector = {
    connect({ signal, onNotifications }) {
      if (over.items.length === 0) {
        const { addEventListener, removeEventListener } = signal;
        signal.addEventListener = (...args: unknown[]) => {
          listening++;
          Reflect.apply(addEventListener, signal, args);
        };
        signal.removeEventListener = (...args: unknown[]) => {
          listening--;
          Reflect.apply(removeEventListener, signal, args);
        };
      }
      const { input, output } = new Peer();
      const rpc = new RpcClient({ input, output, clock: systemClock, counters: noCounters, onNotifications });
      over.push(listening);
      const end = async () => {
        await rpc.close();
        return new ChannelUnavailable("daemon_gone", "gone");
      };
      return Promise.resolve({ rpc, version: "0.14.6", over: Promise.resolve(), end });
    },
  };
  await withChannel(() => {}, async () => {
    await over.waitForCount(10);
    assert.ok(Math.max(...over.items) <= 1, `listeners: ${over.items}`);
  }, { connector });
});

Deno.test("a slow send alone does not end the child", async () => {
  const script: Script = (child) => healthy(child);
  await withChannel(script, async ({ channel, reached, children }) => {
    await reached("live");
    assert.equal((await channel.send(message(), never, () => {})).outcome, "unknown");
    const { requests } = children.items[0]!.peer;
    await requests.waitFor((request) => request.method === "version" && request.id > 1, "a second version request");
    assert.deepEqual(channel.condition(), { state: "live" });
    assert.equal(children.items.length, 1);
  }, { sendTimeoutMs: 30 });
});

const failedStarts: readonly [string, string, (child: ScriptedChild) => void, string?][] = [
  ["not_registered", "an account that is not registered", (child) => {
    child.complain("User +15550100001 is not registered.");
    child.exit(1);
  }],
  ["offline", "no way to the server", (child) => {
    child.complain("Error while checking account +15550100001: UnknownHostException");
    child.exit(3);
  }],
  ["too_old", "a client refused as too old", (child) => {
    child.complain("signal-cli version is too old for the Signal-Server, please update.");
    child.exit(2);
  }],
  ["too_old", "options that it does not know", (child) => {
    child.complain("signal-cli: error: unrecognized arguments: '--ignore-avatars'");
    child.exit(1);
  }],
  ["too_old", "an old version", (child) => child.exit(0), "signal-cli 0.11.4"],
  ["java_missing", "no Java", (child) => {
    child.complain("ERROR: JAVA_HOME is not set and no 'java' command could be found in your PATH.");
    child.exit(1);
  }],
  ["not_startable", "a Java that may not be run here", (child) => {
    child.complain("/usr/local/bin/signal-cli: 2: exec: java: Permission denied");
    child.exit(126);
  }],
  ["refused_to_start", "any other exit 1", (child) => child.exit(1)],
  ["crashed", "a kill during the start", (child) => child.exit(137, "SIGKILL")],
  ["no_answer", "silence", () => {}],
];
for (const [code, what, behave, version] of failedStarts) {
  Deno.test(`a failed start is said as ${code}: ${what}; it is tried again`, async () => {
    let fail = true;
    const script: Script = (child) => fail ? behave(child) : healthy(child);
    const options = { times: { startTimeoutMs: 200 }, ...(version !== undefined && { version }) };
    await withChannel(script, async ({ channel, reached, log }) => {
      await reached(code);
      const trouble = channel.trouble();
      assert.equal(trouble?.code, code);
      assert.match(trouble!.message, /^(signal-cli |[A-Z]).*\.$/s);
      const expected = code === "not_registered" ? "account_refused" : "channel_down";
      assert.deepEqual(await channel.send(message(), never, assert.fail), { outcome: "paused", reason: expected });
      if (version === undefined) {
        fail = false;
        await reached("live");
        assert.equal(channel.trouble(), undefined);
      }
      assert.ok(!log.text().includes("5550100001"), "a number is in the log");
    }, options);
  });
}

Deno.test("a program that is not installed is named, whatever else happens", async () => {
  const { denoSpawn } = await import("../../../lib/channels/signal/process.ts");
  const spawn = denoSpawn({ program: "signal-cli-that-does-not-exist", environment: { PATH: "/usr/bin" } });
  const { channel, reached } = testChannel(spawn);
  await channel.start();
  await reached("not_installed");
  assert.match(channel.trouble()!.message, /SIGNAL_CLI_PATH/);
  await channel.stop();
});

Deno.test("a locked account is said at once, and the waiting child is used when the lock is free", async () => {
  await withChannel(
    (child) => child.complain("INFO  SignalAccount - Config file is in use by another instance, waiting…"),
    async ({ channel, children, reached }) => {
      await reached("locked");
      assert.match(channel.trouble()!.message, /Another process/);
      const child = children.items[0]!;
      healthy(child);
      child.peer.respond!(await child.peer.requests.waitFor(() => true));
      await reached("live");
      assert.equal(children.items.length, 1);
    },
  );
});

Deno.test("an orderly stop unsubscribes, lets requests in flight be answered, closes the input and sends no signal", async () => {
  const script: Script = (child) => healthy(child);
  const { spawn, children } = scriptedSpawn(script);
  const { channel, reached } = testChannel(spawn);
  await channel.start();
  await reached("live");
  await channel.subscribe(async () => {});
  const child = children.items[0]!;
  const outcome = channel.send(message(), never, () => {});
  const request = await child.peer.requests.waitFor((one) => one.method === "send");
  const unsubscribed = child.peer.requests.waitFor((one) => one.method === "unsubscribeReceive");
  const stopped = channel.stop();
  await unsubscribed;
  await child.peer.result(request.id, sent);
  await stopped;
  assert.equal((await outcome).outcome, "accepted");
  assert.deepEqual(child.signals, []);
  assert.deepEqual(channel.condition(), { state: "down", reason: "stopped" });
});

Deno.test("a child that ignores the end of its input and SIGTERM is killed", async () => {
  const { spawn, children } = scriptedSpawn((child) => {
    healthy(child);
    child.exit = () => {};
    child.dieOn = ["SIGKILL"];
  });
  const { channel, reached } = testChannel(spawn, { times: { endTimeoutMs: 20, killTimeoutMs: 20 } });
  await channel.start();
  await reached("live");
  await channel.stop();
  assert.deepEqual(children.items[0]!.signals, ["SIGTERM", "SIGKILL"]);
});

Deno.test("what came with one chunk is stored in one call, each once by its own key, as it came", async () => {
  await withChannel((child) => healthy(child), async ({ channel, children, reached }) => {
    const stored = new Recorder<readonly RawEvent[]>();
    await channel.subscribe(async (events) => stored.push(events));
    await reached("live");
    const child = children.items[0]!;
    await child.peer.requests.waitFor((request) => request.method === "subscribeReceive");
    const frames = [text(1), text(2), text(1)].map((frame) => JSON.stringify(frame).replace("ping", "pi\\u006eg"));
    await child.peer.write(
      frames.map((frame) => `{"jsonrpc":"2.0","params":{"result": ${frame} ,"subscription":0},"method":"receive"}\n`)
        .join(""),
    );
    const [a, b, c] = await stored.waitFor((events) => events.length === 3);
    assert.equal(a!.body, frames[0]);
    assert.notEqual(a!.externalId, b!.externalId);
    assert.equal(a!.externalId, c!.externalId);
    assert.equal(a!.lane, b!.lane);
    for (const key of [a!.externalId, a!.lane]) assert.match(key, /^[0-9a-f]{64}$/);
    const event = channel.decode(a!.body, channel.account);
    assert.equal(event.type === "text" && event.body, "ping \u2028🙂");
  });
});

Deno.test("a person keeps the lane when the number becomes known; another person has another one", async () => {
  await withChannel((child) => healthy(child), async ({ channel, children, reached }) => {
    const stored = new Recorder<RawEvent>();
    await channel.subscribe(async (events) => events.forEach((event) => stored.push(event)));
    await reached("live");
    const child = children.items[0]!;
    await child.notify(text(1));
    await child.notify(text(2, { source: "+15550100007", sourceNumber: "+15550100007" }));
    await child.notify(text(2, { sourceUuid: uuid.replace("7", "8") }));
    await stored.waitForCount(3);
    const [hidden, known, other] = stored.items;
    assert.equal(hidden!.lane, known!.lane);
    assert.notEqual(hidden!.lane, other!.lane);
    assert.notEqual(known!.externalId, other!.externalId);
  });
});

Deno.test("after a restart it subscribes again", async () => {
  await withChannel((child) => healthy(child), async ({ channel, children, reached }) => {
    const stored = new Recorder<RawEvent>();
    await channel.subscribe(async (events) => events.forEach((event) => stored.push(event)));
    await reached("live");
    children.items[0]!.exit(1);
    await children.waitForCount(2);
    await children.items[1]!.peer.requests.waitFor((request) => request.method === "subscribeReceive");
    await children.items[1]!.notify(text(5));
    await stored.waitForCount(1);
  });
});

Deno.test("receipts go to their listener; typing, calls and stories are counted and left out", async () => {
  const receipts = new Recorder<Receipt>();
  await withChannel((child) => healthy(child), async ({ channel, children, reached, counters }) => {
    const stored = new Recorder<RawEvent>();
    await channel.subscribe(async (events) => events.forEach((event) => stored.push(event)));
    await reached("live");
    const child = children.items[0]!;
    const bare = (more: object) => child.notify(text(1, { dataMessage: undefined, ...more }));
    await bare({ typingMessage: { action: "STARTED" } });
    await bare({ callMessage: {} });
    await bare({ storyMessage: {} });
    await bare({ syncMessage: {} });
    await bare({});
    await bare({ receiptMessage: { when: 9, isDelivery: true, isRead: false, isViewed: false, timestamps: [7, 8] } });
    await child.notify(text(2));
    await stored.waitForCount(1);
    assert.deepEqual(receipts.items, [{
      from: `signal:aci:${uuid}`,
      fromNumber: undefined,
      kind: "delivery",
      timestamps: [7, 8],
      whenMs: 9,
    }]);
    for (const what of ["typing", "call", "story", "sync", "empty"]) {
      assert.equal(counters.total("signal_ignored_total", { what }), 1, what);
    }
  }, { onReceipts: (batch) => batch.forEach((receipt) => receipts.push(receipt)) });
});

Deno.test("a receive check counts as ours when it is from our account; a stranger can write its words too", async () => {
  const heard = new Recorder<boolean>();
  await withChannel((child) => healthy(child), async ({ channel, children, reached }) => {
    await channel.subscribe(() => Promise.resolve());
    await reached("live");
    const dataMessage = { timestamp: 1, message: CANARY_TEXT, isExpirationUpdate: false };
    for (const sourceNumber of ["+15550100007", null, "+15550100001"]) {
      await children.items[0]!.notify(text(1, { sourceNumber, dataMessage }));
    }
    await heard.waitForCount(3);
    assert.deepEqual(heard.items, [false, false, true]);
  }, { onHeard: (canary) => heard.push(canary) });
});

Deno.test("what other devices of the account sent goes to its listener at once, and is stored as any message", async () => {
  const transcripts = new Recorder<Transcript>();
  await withChannel((child) => healthy(child), async ({ channel, children, reached }) => {
    const stored = new Recorder<RawEvent>();
    await channel.subscribe(async (events) => events.forEach((event) => stored.push(event)));
    await reached("live");
    const child = children.items[0]!;
    const at = (n: number) => ({ timestamp: n, message: `text ${n}`, isExpirationUpdate: false });
    const own = (sentMessage: object) =>
      child.notify(text(1, { dataMessage: undefined, syncMessage: { sentMessage } }));
    const nobody = { destination: null, destinationNumber: null, destinationUuid: null };
    await own({ ...at(1), destinationUuid: uuid.toUpperCase(), destinationNumber: "+15550100007" });
    await own({ ...at(2), ...nobody, destinationNumber: "+15550100007" });
    await own({ ...at(3), ...nobody, groupInfo: { groupId, type: "DELIVER" } });
    // Nothing that the service could have sent.
    await own({ ...at(4), destinationUuid: uuid, message: null });
    await own({ ...at(5), destinationUuid: uuid, reaction: { emoji: "👍" } });
    await own({ ...at(6), ...nobody });
    await own({ ...at(7), ...nobody, groupInfo: { groupId: "else" } });
    await own({ destinationUuid: uuid, editMessage: { targetSentTimestamp: 1, dataMessage: at(8) } });
    await own({ ...at(9), destinationUuid: uuid, timestamp: "9" });
    await child.notify(text(10));
    await stored.waitForCount(10);
    const [to, toNumber] = [makeAci(uuid), makeTel("+15550100007")];
    assert.deepEqual(transcripts.items, [
      { remoteId: "1", to, toNumber, body: "text 1" },
      { remoteId: "2", to: undefined, toNumber, body: "text 2" },
      { remoteId: "3", to: makeGroup(groupId), toNumber: undefined, body: "text 3" },
    ]);
  }, { onTranscripts: (batch) => batch.forEach((transcript) => transcripts.push(transcript)) });
});

Deno.test("it says since when it listens, and how far the server's queue was read", async () => {
  await withChannel((child) => healthy(child), async ({ channel, children, reached }) => {
    await reached("live");
    assert.deepEqual(channel.listening(), { sinceMs: undefined, lastFrameAtMs: undefined, newestMs: undefined });
    const stored = new Recorder<RawEvent>();
    const beforeMs = performance.now();
    await channel.subscribe(async (events) => events.forEach((event) => stored.push(event)));
    const { sinceMs } = channel.listening();
    assert.ok(sinceMs! >= beforeMs);
    for (const [n, at] of [5, 9, 7].entries()) {
      await children.items[0]!.notify(text(n, { serverReceivedTimestamp: at }));
    }
    await stored.waitForCount(3);
    const { lastFrameAtMs, ...rest } = channel.listening();
    assert.ok(lastFrameAtMs! >= sinceMs!);
    assert.deepEqual(rest, { sinceMs, newestMs: 9 });
    await channel.unsubscribe();
    assert.equal(channel.listening().sinceMs, undefined);
  });
});

Deno.test("several undecryptable messages in a row degrade the condition until a good one comes", async () => {
  await withChannel((child) => healthy(child), async ({ channel, children, reached, conditions, counters }) => {
    await channel.subscribe(async () => {});
    await reached("live");
    const child = children.items[0]!;
    const exception = (type: string) =>
      child.notify({ exception: { message: "+15550100007", type }, envelope: { timestamp: 1 } });
    for (let i = 0; i < 4; i++) await exception("UntrustedIdentityException");
    await exception("SomeNewException");
    await reached("receive_exceptions");
    await child.notify(text(3));
    await reached("live", conditions.items.length - 1);
    assert.equal(counters.total("receive_exceptions_total", { type: "untrusted_identity" }), 4);
    assert.equal(counters.total("receive_exceptions_total", { type: "other" }), 1);
  });
});

Deno.test("when nothing can be stored it unsubscribes, keeps what it has in order, and goes on when it can", async () => {
  await withChannel((child) => healthy(child), async ({ channel, children, reached, conditions }) => {
    const stored = new Recorder<RawEvent>();
    const broken = { is: true };
    const tried = new Recorder<number>();
    await channel.subscribe(async (events) => {
      tried.push(events.length);
      if (broken.is) throw new StoreUnavailable("storage", "disk full");
      events.forEach((event) => stored.push(event));
    });
    await reached("live");
    const child = children.items[0]!;
    const { requests } = child.peer;
    await requests.waitFor((request) => request.method === "subscribeReceive");
    await child.notify(text(1));
    await reached("intake_stopped");
    await requests.waitFor((request) => request.method === "unsubscribeReceive");
    await child.notify(text(2));
    broken.is = false;
    const before = requests.items.length;
    await reached("live", conditions.items.length - 1);
    await stored.waitForCount(2);
    const timestamps = stored.items.map((event) => JSON.parse(event.body).envelope.timestamp);
    assert.deepEqual(timestamps, [1, 2]);
    await requests.waitFor((request) => request.method === "subscribeReceive", "a new subscription", undefined, before);
  });
});

Deno.test("a send is answered while messages wait to be stored", async () => {
  const script: Script = (child) => healthy(child, (request) => child.peer.result(request.id, sent));
  await withChannel(script, async ({ channel, children, reached }) => {
    const room = Promise.withResolvers<void>();
    const started = new Recorder<number>();
    await channel.subscribe((events) => {
      started.push(events.length);
      return room.promise;
    });
    await reached("live");
    for (let i = 0; i < 20; i++) await children.items[0]!.notify(text(i));
    await started.waitForCount(1);
    assert.equal((await channel.send(message(), never, () => {})).outcome, "accepted");
    room.resolve();
  });
});

Deno.test("unsubscribing finishes what is being stored", async () => {
  await withChannel((child) => healthy(child), async ({ channel, children, reached }) => {
    const room = Promise.withResolvers<void>();
    const started = new Recorder<number>();
    let finished = false;
    await channel.subscribe(async (events) => {
      started.push(events.length);
      await room.promise;
      finished = true;
    });
    await reached("live");
    await children.items[0]!.notify(text(1));
    await started.waitForCount(1);
    const unsubscribed = channel.unsubscribe();
    room.resolve();
    await unsubscribed;
    assert.equal(finished, true);
  });
});

Deno.test("a refused subscription degrades the condition and is tried again", async () => {
  let refused = 0;
  const script: Script = (child) => {
    healthy(child);
    const respond = child.peer.respond!;
    child.peer.respond = (request) =>
      request.method === "subscribeReceive" && refused++ === 0
        ? void child.peer.error(request.id, -32601)
        : respond(request);
  };
  await withChannel(script, async ({ channel, reached, conditions }) => {
    await reached("live");
    await channel.subscribe(async () => {});
    await reached("subscribe_failed");
    await reached("live", conditions.items.length - 1);
    assert.equal(refused, 2);
  });
});

Deno.test("a full queue stops reading until there is room, and nothing is lost or out of order", async () => {
  const script: Script = (child) => healthy(child, (request) => child.peer.result(request.id, sent));
  await withChannel(script, async ({ channel, children, reached, counters }) => {
    const room = Promise.withResolvers<void>();
    const stored: number[] = [];
    const done = new Recorder<number>();
    await channel.subscribe(async (events) => {
      await room.promise;
      assert.ok(events.length <= MAX_ACCEPT_BATCH);
      for (const event of events) done.push(stored.push(JSON.parse(event.body).envelope.timestamp));
    });
    await reached("live");
    const { peer } = children.items[0]!;
    const line = (i: number) => JSON.stringify({ method: "receive", params: { result: text(i) } }) + "\n";
    const count = MAX_QUEUED_EVENTS + 10;
    await peer.write(Array.from({ length: count }, (_, i) => line(i)).join(""));
    const outcome = channel.send(message(), never, () => {});
    await counters.measurements.waitFor((one) => one.name === "signal_intake_held_up_total");
    room.resolve();
    assert.equal((await outcome).outcome, "accepted");
    await done.waitForCount(count);
    assert.deepEqual(stored, Array.from({ length: count }, (_, i) => i));
  });
});

Deno.test("what a killed child had written is read on while it waits for room, however slow storing is", async () => {
  const lastWaits = new Recorder<number>();
  // The wait for last output passes at once; what comes meanwhile decides, not the time.
  const clock = {
    ...systemClock,
    sleepMs: (ms: number, signal?: AbortSignal) => {
      if (ms === LAST_OUTPUT_QUIET_MS) lastWaits.push(ms);
      return systemClock.sleepMs(ms === LAST_OUTPUT_QUIET_MS ? 5 : ms, signal);
    },
  };
  await withChannel((child) => healthy(child), async ({ channel, children, reached, conditions, counters }) => {
    const room = Promise.withResolvers<void>();
    const stored = new Recorder<number>();
    await channel.subscribe(async (events) => {
      await room.promise;
      for (const event of events) stored.push(JSON.parse(event.body).envelope.timestamp);
    });
    await reached("live");
    const [child] = children.items;
    for (let i = 0; i < 20; i++) await child!.notify(text(i));
    await counters.measurements.waitFor((one) => one.name === "signal_intake_held_up_total");
    child!.exit(137, "SIGKILL");
    await Promise.race([lastWaits.waitForCount(5), reached("crashed")]);
    room.resolve();
    await reached("crashed");
    await reached("live", conditions.items.length - 1);
    assert.deepEqual(stored.items, Array.from({ length: 20 }, (_, i) => i));
  }, { clock, maxQueuedEvents: 3 });
});

Deno.test("what cannot be stored until the very end is counted and said", async () => {
  const { spawn, children } = scriptedSpawn((child) => healthy(child));
  const { channel, reached, counters, log } = testChannel(spawn);
  await channel.start();
  await channel.subscribe(() => Promise.reject(new StoreUnavailable("storage", "disk full")));
  await reached("live");
  await children.items[0]!.notify(text(1));
  await reached("intake_stopped");
  await channel.stop();
  assert.equal(counters.total("signal_intake_lost_total"), 1);
  assert.equal(log.at("critical").length, 1);
});
