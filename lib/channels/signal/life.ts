/**
 * One signal-cli process with its connection and its stderr, from spawn to end.
 *
 * @module
 */
import { type Clock, DeadlineExceeded, within } from "../../runtime/clock.ts";
import type { Counters } from "../../runtime/counters.ts";
import type { Log } from "../../runtime/log.ts";
import { saysLocked } from "./failures.ts";
import type { ExitStatus, SignalCliProcess } from "./process.ts";
import { RpcClient, type RpcNotification } from "./rpc.ts";
import { masked, StderrTail } from "./stderr.ts";

export interface LifeOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  readonly onNotifications: (notifications: readonly RpcNotification[]) => void | Promise<void>;
  readonly times: {
    /** After its input was closed: to answer what is in flight and end. */
    readonly endTimeoutMs: number;
    /** After SIGTERM, and again after SIGKILL. */
    readonly killTimeoutMs: number;
  };
}

/** After the process ended its output is read on until none came for so long: a stray grandchild can hold the pipe open. */
export const LAST_OUTPUT_QUIET_MS = 1_000;
/** And no longer than this in all, milliseconds: one may also talk for ever. */
const LAST_OUTPUT_TIMEOUT_MS = 5_000;

export class Life {
  readonly rpc: RpcClient;
  readonly stderr: StderrTail;
  /** Resolves when the process has ended or the connection has. */
  readonly over: Promise<void>;
  /** Resolves when it says that it waits for the account's lock. */
  readonly locked: Promise<void>;
  isLocked = false;
  /** What it wrote before its end is read: answers that would otherwise count as lost, messages that are nowhere else. */
  readonly #drained: Promise<void>;
  #ending: Promise<ExitStatus> | undefined;

  constructor(private readonly child: SignalCliProcess, private readonly options: LifeOptions) {
    const { clock, counters, log } = options;
    const locked = Promise.withResolvers<void>();
    this.locked = locked.promise;
    this.rpc = new RpcClient({
      input: child.stdin,
      output: child.stdout,
      clock,
      counters,
      onNotifications: options.onNotifications,
    });
    this.stderr = new StderrTail(child.stderr, (line) => {
      counters.add("signal_stderr_lines_total");
      log.debug("signal-cli wrote on stderr", { line: masked(line) });
      if (!this.isLocked && saysLocked(line)) {
        this.isLocked = true;
        locked.resolve();
      }
    });
    this.#drained = child.status.then(() => this.#readOut());
    this.over = Promise.race([this.#drained, this.rpc.ended.then(() => {})]);
  }

  async #readOut(): Promise<void> {
    const { clock } = this.options;
    // From now on a request would only vanish in the pipe.
    this.rpc.closeInput();
    const done = new AbortController();
    const ended = Promise.all([this.rpc.ended, this.stderr.ended]).then(() => done.abort());
    const untilMs = clock.monotonicMs() + LAST_OUTPUT_TIMEOUT_MS;
    let readAtMs: number;
    do {
      readAtMs = this.rpc.lastReadAtMs;
      await Promise.race([ended, clock.sleepMs(LAST_OUTPUT_QUIET_MS, done.signal)]);
      // Held up: what was read waits to be stored, and the rest in the pipe behind it.
    } while (
      !done.signal.aborted && clock.monotonicMs() < untilMs && (this.rpc.heldUp || this.rpc.lastReadAtMs > readAtMs)
    );
    done.abort();
  }

  /** @param orderly first close its input and give it time to answer what is in flight */
  end(orderly: boolean): Promise<ExitStatus> {
    return this.#ending ??= this.#end(orderly);
  }

  async #end(orderly: boolean) {
    const { endTimeoutMs, killTimeoutMs } = this.options.times;
    const exitedWithin = async (timeoutMs: number) => {
      try {
        return await within(this.child.status, timeoutMs, "end of signal-cli");
      } catch (error) {
        if (error instanceof DeadlineExceeded) return undefined;
        throw error;
      }
    };
    // Not awaited: a child that reads nothing holds the close up; `rpc.close` below lets go of the stream.
    const closing = this.rpc.closeInput();
    // A connection that ended by itself is the end of the process too: its status is about to come.
    let status = await exitedWithin(orderly ? endTimeoutMs : GONE_TIMEOUT_MS);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (status !== undefined) break;
      this.child.kill(signal);
      status = await exitedWithin(killTimeoutMs);
    }
    if (status === undefined) this.options.log.error("signal-cli cannot be ended");
    else await this.#drained;
    await this.rpc.close();
    await this.stderr.close();
    await closing;
    return status ?? { code: -1, signal: null };
  }
}

/** How long the exit status of a process whose streams have ended may take. */
const GONE_TIMEOUT_MS = 200;
