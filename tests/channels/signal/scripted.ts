/**
 * A scripted signal-cli behind the spawn seam, for situations that a real program cannot be brought into at will.
 *
 * @module
 */
import { makeSignalAccount } from "../../../lib/domain/address.ts";
import { SignalChannel, type SignalChannelOptions } from "../../../lib/channels/signal/channel.ts";
import type { ExitStatus, SignalCliProcess, SpawnSignalCli } from "../../../lib/channels/signal/process.ts";
import { systemClock } from "../../../lib/runtime/clock.ts";
import type { Condition } from "../../../lib/runtime/service.ts";
import { Recorder } from "../../support/recorder.ts";
import { RecordingCounters, RecordingLog } from "../../support/recording.ts";
import { Peer, type PeerRequest } from "./peer.ts";

/** One scripted child. */
export class ScriptedChild implements SignalCliProcess {
  readonly peer = new Peer();
  readonly signals: string[] = [];
  /** Signals that end it. */
  dieOn: readonly string[] = ["SIGTERM", "SIGKILL"];
  readonly #exit = Promise.withResolvers<ExitStatus>();
  readonly #stderr = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 64 });
  readonly #stderrWriter = this.#stderr.writable.getWriter();

  constructor(readonly args: readonly string[]) {
    // Like signal-cli, it answers what it has and ends when its input ends.
    this.peer.inputEnded.then(() => this.exit(0));
  }

  get stdin() {
    return this.peer.input;
  }
  get stdout() {
    return this.peer.output;
  }
  get stderr() {
    return this.#stderr.readable;
  }
  get status() {
    return this.#exit.promise;
  }
  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.signals.push(signal);
    if (this.dieOn.includes(signal)) this.exit(signal === "SIGTERM" ? 143 : 137, signal);
  }
  exit(code: number, signal: string | null = null): void {
    this.peer.end();
    this.#stderrWriter.close().catch(() => {});
    this.#exit.resolve({ code, signal });
  }
  complain(line: string): void {
    this.#stderrWriter.write(new TextEncoder().encode(line + "\n")).catch(() => {});
  }
  notify(result: unknown): Promise<void> {
    return this.peer.line({ jsonrpc: "2.0", method: "receive", params: { subscription: 0, result } });
  }
}

/** Behaviour of the children: called for each start of `jsonRpc`. */
export type Script = (child: ScriptedChild, start: number) => void;

/** Answers `version` and subscriptions as a healthy signal-cli does, and sends by `onSend`. */
export function healthy(child: ScriptedChild, onSend?: (request: PeerRequest) => void): void {
  child.peer.respond = (request) => {
    if (request.method === "version") child.peer.result(request.id, { version: "0.14.6" });
    else if (request.method === "subscribeReceive") child.peer.result(request.id, 0);
    else if (request.method === "unsubscribeReceive") child.peer.result(request.id, {});
    else onSend?.(request);
  };
}

/** A spawn function with its children, newest last. `--version` is answered with `version`. */
export function scriptedSpawn(script: Script, version = "signal-cli 0.14.6") {
  const children = new Recorder<ScriptedChild>();
  const spawn: SpawnSignalCli = (args) => {
    const child = new ScriptedChild(args);
    if (args[0] === "--version") {
      child.peer.write(version + "\n").then(() => child.exit(0));
    } else {
      children.push(child);
      script(child, children.items.length);
    }
    return child;
  };
  return { spawn, children };
}

/** A channel over the given spawn function, with short waits and everything recorded. */
export function testChannel(spawn: SpawnSignalCli, options: Partial<SignalChannelOptions> = {}) {
  const log = new RecordingLog();
  const counters = new RecordingCounters();
  const conditions = new Recorder<Condition>();
  const { times, ...others } = options;
  const channel = new SignalChannel({
    account: makeSignalAccount("+15550100001"),
    number: "+15550100001",
    spawn,
    clock: systemClock,
    random: { fraction: () => 0.5, bytes: () => {} },
    log,
    counters,
    times: { restartFirstMs: 5, restartCapMs: 50, ...times },
    ...others,
  });
  channel.onCondition((condition) => conditions.push(condition));
  const reached = (reason: string, from = 0) =>
    conditions.waitFor((one) => (one.state === "live" ? "live" : one.reason) === reason, reason, undefined, from);
  return { channel, log, counters, conditions, reached };
}
