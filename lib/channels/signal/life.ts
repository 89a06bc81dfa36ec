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

/** How long output is still read after the process ended: a stray grandchild can hold the pipe open. */
const LAST_OUTPUT_TIMEOUT_MS = 1_000;

export class Life {
  readonly rpc: RpcClient;
  readonly stderr: StderrTail;
  /** Resolves when the process has ended or the connection has. */
  readonly over: Promise<void>;
  /** Resolves when it says that it waits for the account's lock. */
  readonly locked: Promise<void>;
  isLocked = false;
  readonly #exited: Promise<ExitStatus>;
  readonly #drained = new AbortController();
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
    this.#exited = child.status.then(async (status) => {
      // What it wrote before its end is still in the pipes: answers that would otherwise count as lost.
      await Promise.race([
        Promise.all([this.rpc.ended, this.stderr.ended]),
        clock.sleepMs(LAST_OUTPUT_TIMEOUT_MS, this.#drained.signal),
      ]);
      this.#drained.abort();
      return status;
    });
    this.over = Promise.race([this.#exited.then(() => {}), this.rpc.ended.then(() => {})]);
  }
  /** @param orderly first close its input and give it time to answer what is in flight */
  end(orderly: boolean): Promise<ExitStatus> {
    return this.#ending ??= this.#end(orderly);
  }

  async #end(orderly: boolean) {
    const { endTimeoutMs, killTimeoutMs } = this.options.times;
    const exitedWithin = async (timeoutMs: number) => {
      try {
        return await within(this.#exited, timeoutMs, "end of signal-cli");
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
    await this.rpc.close();
    await this.stderr.close();
    await closing;
    return status ?? { code: -1, signal: null };
  }
}

/** How long the exit status of a process whose streams have ended may take. */
const GONE_TIMEOUT_MS = 200;
