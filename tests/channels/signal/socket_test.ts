/**
 * The channel over the socket of a daemon: the simulator as a program of its own.
 */
import assert from "node:assert/strict";
import { SignalChannel } from "../../../lib/channels/signal/channel.ts";
import type { RawEvent } from "../../../lib/channels/channel.ts";
import { type DaemonAddress, SocketConnector } from "../../../lib/channels/signal/socket_connector.ts";
import { makeSignalAccount, makeTel } from "../../../lib/domain/address.ts";
import { RpcUnanswered } from "../../../lib/channels/signal/rpc_errors.ts";
import { systemClock, within } from "../../../lib/runtime/clock.ts";
import { noCounters } from "../../../lib/runtime/counters.ts";
import { systemRandom } from "../../../lib/runtime/random.ts";
import { PATIENCE_MS, Recorder } from "../../support/recorder.ts";
import { RecordingLog } from "../../support/recording.ts";
import { ACCOUNT, SimulatedSignal } from "../../support/simulated_signal.ts";

const ADA = { uuid: "7d0c1f5e-2f7b-4a3e-9d51-0a6b5c4d3e2f", number: "+15550100007", name: "Ada" };
const never = new AbortController().signal;
const hello = { id: 1, recipient: makeTel(ADA.number), body: "hello" };

/** A daemon of the world; ends with its scope. */
async function startDaemon(signal: SimulatedSignal, args: readonly string[], account = true) {
  const child = new Deno.Command(signal.cliPath, {
    args: ["--data-dir", signal.dataDir, ...(account ? ["-a", ACCOUNT] : []), "daemon", ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = new Recorder<string>();
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      for (const line of text.split("\n")) lines.push(line);
    }
  })();
  await lines.waitFor((line) => line.includes("Started JSON-RPC server"), "the daemon");
  return {
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
      await child.status;
      await reading;
    },
  };
}

async function channelTo(address: DaemonAddress) {
  const log = new RecordingLog();
  const conditions = new Recorder<string>();
  const channel = new SignalChannel({
    account: makeSignalAccount(ACCOUNT),
    number: ACCOUNT,
    spawn: () => {
      throw new Error("no process is started");
    },
    connector: new SocketConnector({
      address,
      number: ACCOUNT,
      clock: systemClock,
      counters: noCounters,
      endTimeoutMs: PATIENCE_MS,
    }),
    clock: systemClock,
    random: systemRandom,
    log,
    counters: noCounters,
    times: { restartFirstMs: 20, restartCapMs: 50 },
  });
  channel.onCondition((condition) => conditions.push(condition.state === "live" ? "live" : condition.reason));
  await channel.start();
  return { channel, log, conditions, [Symbol.asyncDispose]: () => channel.stop() };
}

Deno.test("a daemon's socket sends and receives, and a daemon that was killed is found again when it is back", async () => {
  await using signal = await SimulatedSignal.create({ people: [ADA] });
  const path = `${signal.dataDir}/socket`;
  const events = new Recorder<RawEvent>();
  await using it = await channelTo({ kind: "unix", path });
  await it.conditions.waitFor((seen) => seen === "daemon_absent");
  assert.match(it.channel.trouble()!.message, /No signal-cli daemon listens on .*systemctl start signal-cli/);
  assert.equal((await it.channel.send(hello, never, () => {})).outcome, "paused");
  await it.channel.subscribe((some) => {
    for (const event of some) events.push(event);
    return Promise.resolve();
  });
  for (const round of [1, 2]) {
    if (round === 2) await it.conditions.waitFor((seen) => seen === "daemon_gone");
    const from = it.conditions.items.length;
    await using _daemon = await startDaemon(signal, ["--socket", path, "--receive-mode=manual", "--no-receive-stdout"]);
    if (it.channel.condition().state !== "live") {
      await it.conditions.waitFor((seen) => seen === "live", "live", PATIENCE_MS, from);
    }
    assert.equal(it.channel.signalCliVersion, "0.14.6");
    assert.equal((await it.channel.send(hello, never, () => {})).outcome, "accepted");
    signal.says(ADA.number, `Go ${round}`);
    await events.waitFor((event) => event.body.includes(`Go ${round}`));
    await Deno.remove(path);
  }
  assert.equal(events.items.length, 2);
  await it.conditions.waitFor((seen) => seen === "daemon_gone");
});

Deno.test("over TCP too; a daemon that receives by itself is said as receive_mode, and its messages have one key each", async () => {
  await using signal = await SimulatedSignal.create({ people: [ADA] });
  const port = freePort();
  await using _daemon = await startDaemon(signal, ["--tcp", `127.0.0.1:${port}`]);
  await using it = await channelTo({ kind: "tcp", host: "127.0.0.1", port });
  const events = new Recorder<RawEvent>();
  await it.conditions.waitFor((seen) => seen === "live");
  await it.channel.subscribe((some) => {
    for (const event of some) events.push(event);
    return Promise.resolve();
  });
  signal.says(ADA.number, "Go");
  await it.conditions.waitFor((seen) => seen === "receive_mode");
  await events.waitForCount(2);
  assert.equal(new Set(events.items.map(({ externalId }) => externalId)).size, 1);
  assert.match(it.log.text(), /Start its daemon with --receive-mode=manual/);
});

Deno.test("a daemon of several accounts, or without ours, is refused", async () => {
  for (
    const [accounts, code] of [[[ACCOUNT, "+15550100002"], "several_accounts"], [["+15550100002"], "not_registered"]]
  ) {
    await using signal = await SimulatedSignal.create({ accounts });
    const path = `${signal.dataDir}/socket`;
    await using _daemon = await startDaemon(signal, ["--socket", path, "--receive-mode=manual"], false);
    await using it = await channelTo({ kind: "unix", path });
    await it.conditions.waitFor((seen) => seen === code);
  }
});

for (const transport of ["unix", "tcp"] as const) {
  Deno.test(`${transport}: an orderly stop lets a request in flight be answered`, async () => {
    await using signal = await SimulatedSignal.create({ people: [ADA], sendDelayMs: 300 });
    const path = `${signal.dataDir}/socket`;
    const port = freePort();
    const [where, address] = transport === "unix"
      ? [["--socket", path], { kind: "unix", path } as const]
      : [["--tcp", `127.0.0.1:${port}`], { kind: "tcp", host: "127.0.0.1", port } as const];
    await using _daemon = await startDaemon(signal, [...where, "--receive-mode=manual"]);
    await using it = await channelTo(address);
    await it.conditions.waitFor((seen) => seen === "live");
    const handedOver = Promise.withResolvers<void>();
    const outcome = it.channel.send(hello, never, handedOver.resolve);
    await handedOver.promise;
    await it.channel.stop();
    assert.equal((await outcome).outcome, "accepted");
  });
}

Deno.test("a daemon that froze with half a request is left within the deadlines, and the service can stop", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/socket`;
  const daemon = Deno.listen({ transport: "unix", path });
  const accepted: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const conn of daemon) {
      accepted.push(conn);
      await greet(conn);
    }
  })();
  try {
    const connector = new SocketConnector({
      ...{ address: { kind: "unix", path }, number: ACCOUNT, clock: systemClock, counters: noCounters },
      endTimeoutMs: 50,
    });
    const connection = await connector.connect({ signal: never, onNotifications: () => {}, onWaiting: () => {} });
    // More than the socket holds: the write does not come to an end.
    const sending = connection.rpc.request("send", { message: "x".repeat(4_000_000) }, { timeoutMs: 50 });
    await assert.rejects(sending, RpcUnanswered);
    assert.equal((await within(connection.end(true), PATIENCE_MS, "the end of the connection")).code, "daemon_gone");
  } finally {
    for (const conn of accepted) conn.close();
    daemon.close();
    await serving;
    await Deno.remove(folder, { recursive: true });
  }
});

function freePort(): number {
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return probe.addr.port;
}

/** Answers as a daemon of one account does until it serves, then reads nothing more. */
async function greet(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4_096);
  for (let served = 0; served < 2; served++) {
    const { id, method } = JSON.parse(new TextDecoder().decode(buffer.subarray(0, await conn.read(buffer) ?? 0)));
    const said = method === "version" ? { result: { version: "0.14.6" } } : { error: { code: -32601, message: "no" } };
    await conn.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", id, ...said })}\n`));
  }
}
