/**
 * A signal-cli of our own: a child process per connection, whose lock, registration and network are checked by itself
 * before it reads anything (facts: signal.md §1.2).
 *
 * @module
 */
import { ChannelUnavailable } from "../../domain/errors.ts";
import { type Clock, DeadlineExceeded, within } from "../../runtime/clock.ts";
import type { Counters } from "../../runtime/counters.ts";
import type { Log } from "../../runtime/log.ts";
import type { Connection, ConnectOptions, Connector } from "./connector.ts";
import { classifyEnd, classifyStart, lockedError } from "./failures.ts";
import { Life } from "./life.ts";
import type { SpawnSignalCli } from "./process.ts";
import { RpcUnanswered } from "./rpc_errors.ts";
import { checkVersion, signalCliInfo } from "./version.ts";

/** Times of a child, in milliseconds. */
export interface ChildTimes {
  /** From spawn to the first answer: JVM start, account check and prekey upload over the network. */
  readonly startTimeoutMs: number;
  /** How long a child that waits for the account's lock is left waiting before it is started anew. */
  readonly lockedTimeoutMs: number;
  /** After its input was closed: to answer what is in flight and end. */
  readonly endTimeoutMs: number;
  /** After SIGTERM, and again after SIGKILL. */
  readonly killTimeoutMs: number;
}

export interface ChildConnectorOptions {
  readonly args: readonly string[];
  readonly spawn: SpawnSignalCli;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly times: ChildTimes;
}

export class ChildConnector implements Connector {
  readonly #o: ChildConnectorOptions;
  /** What `--version` said; asked again after each failed start, since an upgrade may have come in between. */
  #probed: { readonly version: string | undefined } | undefined;

  constructor(options: ChildConnectorOptions) {
    this.#o = options;
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const { clock, spawn, args } = this.#o;
    const { version } = this.#probed ??= await signalCliInfo(spawn, { clock, signal: options.signal });
    let life: Life | undefined;
    try {
      life = new Life(spawn(args), { ...this.#o, onNotifications: options.onNotifications });
      return connectionOf(life, await this.#untilReady(life, options) ?? version);
    } catch (error) {
      this.#probed = undefined;
      await life?.end(false);
      throw error;
    }
  }

  /**
   * Waits for the answer to `version`: signal-cli reads nothing before its account check is done (facts: signal.md §4.1).
   * @returns the version that it said
   */
  async #untilReady(life: Life, { signal, onWaiting }: ConnectOptions): Promise<string | undefined> {
    const { times, log } = this.#o;
    const answer = life.rpc.request("version", undefined, {
      timeoutMs: times.startTimeoutMs + times.lockedTimeoutMs,
      signal,
    });
    const firstOf = [answer.then(() => "answered" as const), life.over.then(() => "over" as const)];
    try {
      let first = await within(
        Promise.race([...firstOf, life.locked.then(() => "locked" as const)]),
        times.startTimeoutMs,
        "start of signal-cli",
        signal,
      );
      if (first === "locked") {
        onWaiting(lockedError());
        log.warn("The Signal account is held by another process; signal-cli waits for it");
        first = await within(Promise.race(firstOf), times.lockedTimeoutMs, "lock of the Signal account", signal);
      }
      if (first === "over") throw classifyStart(await life.end(false), life.stderr.lines);
      const { version } = (await answer ?? {}) as { readonly version?: unknown };
      const said = typeof version === "string" ? version : undefined;
      checkVersion(said);
      return said;
    } catch (error) {
      if (signal.aborted || error instanceof ChannelUnavailable) throw error;
      if (error instanceof DeadlineExceeded) {
        throw life.isLocked ? lockedError() : new ChannelUnavailable(
          "no_answer",
          `signal-cli was started and gave no answer within ${times.startTimeoutMs / 1000} s.`,
        );
      }
      if (error instanceof RpcUnanswered) throw classifyStart(await life.end(false), life.stderr.lines);
      throw new ChannelUnavailable("refused_to_start", "signal-cli refused the request for its version.", {
        cause: error,
      });
    }
  }
}

function connectionOf(life: Life, version: string | undefined): Connection {
  return {
    rpc: life.rpc,
    version,
    over: life.over,
    end: async (orderly) => classifyEnd(await life.end(orderly)),
  };
}
