import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { within } from "../../lib/runtime/clock.ts";
import { PATIENCE_MS } from "../support/recorder.ts";
import { SimulatedSignal } from "../support/simulated_signal.ts";
import { ADA, BOB, GROUP, type Line } from "./harness.ts";

const FAKE = fileURLToPath(new URL("../fakes/signal-cli", import.meta.url));
const README = new URL("../../lib/simulator/README.md", import.meta.url);

/** The executable as the service starts it: piped, and with nothing of our environment. */
class Process implements AsyncDisposable {
  readonly child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  stderr = "";
  readonly #errors: Promise<void>;
  readonly #firstLog = Promise.withResolvers<void>();
  #rest = "";
  #waiting: Line[] = [];

  constructor(signal: SimulatedSignal, args: readonly string[], env: Record<string, string> = {}) {
    this.child = new Deno.Command(signal.cliPath, {
      args: ["--data-dir", signal.dataDir, ...args],
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin", HOME: signal.dataDir, LANG: "C.UTF-8", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.child.stdin.getWriter();
    this.#lines = this.child.stdout.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
      .getReader();
    this.#errors = this.#readErrors(this.child.stderr);
  }

  /** Something came on standard error. */
  get logged(): Promise<void> {
    return this.#firstLog.promise;
  }

  async call(method: string, params: unknown = {}): Promise<Line> {
    await this.#stdin.write(
      new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", method, params, id: method })}\n`),
    );
    return await this.take((line) => line.id === method);
  }

  async write(text: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(text));
  }

  /** The next line that fits; undefined at the end of the output. */
  async take(fits: (line: Line) => boolean = () => true): Promise<Line> {
    for (;;) {
      const index = this.#waiting.findIndex(fits);
      if (index !== -1) return this.#waiting.splice(index, 1)[0];
      const { done, value } = await this.#lines.read();
      if (done) return undefined;
      const lines = (this.#rest + value).split("\n");
      this.#rest = lines.pop()!;
      for (const line of lines) this.#waiting.push(line.startsWith("{") ? JSON.parse(line) : line);
    }
  }

  async end(): Promise<Deno.CommandStatus> {
    await this.#stdin.close().catch(() => {});
    return await this.status();
  }

  async status(): Promise<Deno.CommandStatus> {
    const status = await this.child.status;
    await this.#errors;
    return status;
  }

  async #readErrors(stream: ReadableStream<Uint8Array>): Promise<void> {
    const texts = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>);
    for await (const text of texts) {
      this.stderr += text;
      this.#firstLog.resolve();
    }
    this.#firstLog.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await this.status();
    await this.#lines.cancel();
    await this.#stdin.abort().catch(() => {});
  }
}

const people = [ADA, BOB];
const rpc = (signal: SimulatedSignal) =>
  new Process(signal, ["-a", signal.account, "jsonRpc", "--receive-mode=manual"]);

Deno.test("the executable sends, receives and records, and ends with 0 at the end of its input", async () => {
  await using signal = await SimulatedSignal.create({ people });
  await using process = rpc(signal);
  assert.equal((await process.call("version")).result.version, "0.14.6");
  assert.equal((await process.call("subscribeReceive")).result, 0);
  signal.says(ADA.number, "Go");
  const { params } = await process.take();
  assert.equal(params.result.envelope.dataMessage.message, "Go");
  const { result } = await process.call("send", { recipient: [ADA.uuid], message: "your link" });
  const [sent] = await signal.waitForSent(1);
  assert.equal(sent?.timestamp, result.timestamp);
  assert.equal(sent?.pid, signal.pid());
  assert.deepEqual(signal.receivedBy(ADA.number).map(({ body }) => body), ["your link"]);
  assert.equal((await process.end()).code, 0);
});

Deno.test("the launcher works through a symbolic link, from another folder, with an empty home", async () => {
  await using signal = await SimulatedSignal.create();
  await Deno.symlink(FAKE, `${signal.dataDir}/linked`);
  const { code, stdout } = await new Deno.Command(`${signal.dataDir}/linked`, {
    args: ["--version"],
    cwd: "/",
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", HOME: signal.dataDir },
  }).output();
  assert.equal(code, 0);
  assert.equal(new TextDecoder().decode(stdout), "signal-cli 0.14.6\n");
});

Deno.test("row 9: a second process on the data directory waits for the lock, and kill -9 of the first frees it", async () => {
  await using signal = await SimulatedSignal.create();
  await using first = rpc(signal);
  await first.call("version");
  const pid = signal.pid();
  await using second = rpc(signal);
  const answer = second.call("version");
  await second.logged;
  assert.match(second.stderr, /^INFO .*in use/m);
  assert.doesNotMatch(second.stderr, /Account check done/);
  assert.ok((await first.call("listGroups")).result);
  Deno.kill(pid!, "SIGKILL");
  assert.ok((await answer).result);
  assert.equal((await second.end()).code, 0);
});

Deno.test("row 34: SIGTERM ends the process with 0", async () => {
  await using signal = await SimulatedSignal.create();
  await using process = rpc(signal);
  await process.call("version");
  assert.ok(signal.kill("SIGTERM"));
  assert.equal((await process.status()).code, 0);
});

Deno.test("rows 30 to 32: what was acknowledged before a kill -9 does not come again, the rest does, in order", async () => {
  await using signal = await SimulatedSignal.create({ people });
  signal.script([{ on: "receive.decrypted", nth: 3, times: 1, effect: { type: "crash_before" } }]);
  for (const text of ["one", "two", "three", "four"]) signal.says(ADA.uuid, text);
  const seen: string[] = [];
  await using first = rpc(signal);
  await first.write('{"jsonrpc":"2.0","method":"subscribeReceive","id":1}\n');
  for (let line; (line = await first.take());) {
    if (line.method === "receive") seen.push(line.params.result.envelope.dataMessage.message);
  }
  assert.equal((await first.status()).signal, "SIGKILL");
  assert.deepEqual(seen, ["one", "two"]);
  await using second = rpc(signal);
  await second.call("subscribeReceive");
  assert.equal((await second.take()).params.result.envelope.dataMessage.message, "four");
  await second.end();
});

Deno.test("row 31: a message in the cache comes at the next start, once", async () => {
  await using signal = await SimulatedSignal.create({ people });
  signal.script([{ on: "receive.acked", times: 1, effect: { type: "crash_before" } }]);
  signal.says(ADA.uuid, "cached");
  await using first = rpc(signal);
  await first.write('{"jsonrpc":"2.0","method":"subscribeReceive","id":1}\n');
  assert.equal((await first.status()).signal, "SIGKILL");
  await using second = rpc(signal);
  await second.call("subscribeReceive");
  assert.equal((await second.take()).params.result.envelope.dataMessage.message, "cached");
  await second.end();
  await using third = rpc(signal);
  await third.call("subscribeReceive");
  signal.says(ADA.uuid, "next");
  assert.equal((await third.take()).params.result.envelope.dataMessage.message, "next");
});

Deno.test("a crash after sending leaves the message in the record and no answer; the next process goes on counting", async () => {
  await using signal = await SimulatedSignal.create({ people });
  signal.script([{ to: ADA.uuid, times: 1, effect: { type: "crash_after" } }]);
  await using first = rpc(signal);
  assert.equal(await first.call("send", { recipient: ADA.uuid, message: "one" }), undefined);
  assert.equal((await first.status()).signal, "SIGKILL");
  await using second = rpc(signal);
  assert.ok((await second.call("send", { recipient: ADA.uuid, message: "two" })).result);
  const sent = await signal.waitForSent(2);
  assert.deepEqual(sent.map(({ seq, body }) => [seq, body]), [[1, "one"], [2, "two"]]);
  assert.ok(sent[0]!.timestamp < sent[1]!.timestamp);
});

Deno.test("rules and the world take hold with the next request after they were written", async () => {
  await using signal = await SimulatedSignal.create({ people, groups: [{ id: GROUP, members: [ADA.uuid, BOB.uuid] }] });
  await using process = rpc(signal);
  const send = () => process.call("send", { groupId: GROUP, message: "x" });
  assert.ok((await send()).result);
  for (let round = 0; round < 20; round++) {
    signal.script([{ to: GROUP, effect: { type: "error", code: -3 } }]);
    assert.equal((await send()).error?.code, -3, `round ${round}`);
    signal.script([]);
    assert.ok((await send()).result, `round ${round}`);
  }
  signal.script([{ whileFile: "down", effect: { type: "result", result: "NETWORK_FAILURE" } }]);
  signal.mark("down", true);
  assert.equal((await send()).error.code, -1);
  signal.mark("down", false);
  assert.ok((await send()).result);
  signal.update({ offline: true });
  assert.equal((await send()).error.code, -1);
});

Deno.test("an inbound message is handed over when the system tells of it, not at the next look", async () => {
  await using signal = await SimulatedSignal.create({ people, lookEveryMs: 3_600_000 });
  await using process = rpc(signal);
  await process.call("subscribeReceive");
  for (let round = 0; round < 20; round++) {
    signal.says(ADA.uuid, `${round}`);
    const { params } = await within(process.take(), PATIENCE_MS, "the message");
    assert.equal(params.result.envelope.dataMessage.message, `${round}`);
  }
});

Deno.test("trust, learnt numbers and solved challenges survive a restart", async () => {
  await using signal = await SimulatedSignal.create({ people: [{ ...ADA, numberKnown: false }] });
  await using first = rpc(signal);
  await first.call("send", { recipient: ADA.number, message: "x" });
  await first.end();
  signal.update({ people: [{ ...ADA, numberKnown: false, key: "2" }] });
  await using second = rpc(signal);
  assert.equal((await second.call("send", { recipient: ADA.number, message: "x" })).error.code, -4);
  const [{ number }] = (await second.call("listIdentities")).result;
  assert.equal(number, ADA.number);
});

Deno.test("waiting for messages that do not come fails at the deadline and says how many came", async () => {
  await using signal = await SimulatedSignal.create();
  await assert.rejects(signal.waitForSent(1, { timeoutMs: 20 }), /waited 20 ms for 1 sent messages; the record has 0/);
});

Deno.test("the example of the README works as written", async () => {
  const blocks = [...(await Deno.readTextFile(README)).matchAll(/```(json|jsonl|sh)\n([\s\S]*?)```/g)];
  const block = (kind: string) => blocks.find((each) => each[1] === kind)![2]!;
  await using signal = await SimulatedSignal.create();
  await Deno.writeTextFile(`${signal.folder}/world.json`, block("json"));
  await Deno.writeTextFile(`${signal.folder}/inbound.jsonl`, block("jsonl"));
  const script = block("sh").replaceAll("/tmp/x", signal.dataDir).replaceAll("tests/fakes/signal-cli", signal.cliPath);
  const { code, stdout } = await new Deno.Command("sh", { args: ["-euc", script] }).output();
  assert.equal(code, 0);
  const lines: Line[] = new TextDecoder().decode(stdout).trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.find(({ id }) => id === "ready").result.version, "0.14.6");
  assert.equal(lines.find(({ id }) => id === 2).result.results[0].type, "SUCCESS");
  assert.deepEqual(signal.receivedBy("+15550100007").map(({ body }) => body), ["hello"]);
});
