/**
 * One request, one process: for commands that run while no service holds the account (`health --alert`, `doctor`,
 * `groups`, `link`). It is the same `jsonRpc` child as the service's, for a moment: text *and* recipient go through
 * standard input, so no person's number stands in the process list, and answers are classified by the same code.
 *
 * @module
 */
import { parseAddress } from "../../domain/address.ts";
import type { Address } from "../../domain/address.ts";
import type { SendOutcome } from "../../domain/message.ts";
import type { Clock } from "../../runtime/clock.ts";
import { noCounters } from "../../runtime/counters.ts";
import { type Log, silentLog } from "../../runtime/log.ts";
import { signalCliArguments } from "./channel.ts";
import { ChildConnector } from "./child_connector.ts";
import type { Connector } from "./connector.ts";
import { classifyError, classifyResult, classifyUnanswered } from "./classify.ts";
import type { SpawnSignalCli } from "./process.ts";
import type { RpcClient } from "./rpc.ts";
import { RpcError, RpcUnanswered } from "./rpc_errors.ts";
import { SUPERVISOR_TIMES } from "./supervisor.ts";

/** How long a process that holds the account is waited for, milliseconds. */
export const LOCK_TIMEOUT_MS = 20_000;
/** How long one request may take, milliseconds. */
export const REQUEST_TIMEOUT_MS = 60_000;

export interface OneShotOptions {
  /** Our number, E.164. */
  readonly number: string;
  readonly dataDir?: string;
  readonly spawn: SpawnSignalCli;
  readonly clock: Clock;
  /** A daemon that holds the account, in place of a process. */
  readonly connector?: Connector;
  /** Default: none. */
  readonly log?: Log;
  /** Default {@link LOCK_TIMEOUT_MS}. */
  readonly lockTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a process of its own answered for one account. */
export interface OneShot {
  readonly rpc: RpcClient;
  readonly version: string | undefined;
}

/**
 * Starts signal-cli, runs `work` on it, and ends it whatever happens.
 * @throws {ChannelUnavailable} why it does not run; `locked` when another process keeps the account
 */
export async function oneShot<T>(options: OneShotOptions, work: (one: OneShot) => Promise<T>): Promise<T> {
  const { clock, spawn, number, dataDir, lockTimeoutMs = LOCK_TIMEOUT_MS, log = silentLog } = options;
  const connector = options.connector ?? new ChildConnector({
    args: signalCliArguments(number, dataDir),
    spawn,
    clock,
    log,
    counters: noCounters,
    times: { ...SUPERVISOR_TIMES, lockedTimeoutMs: lockTimeoutMs },
  });
  const connection = await connector.connect({
    signal: options.signal ?? new AbortController().signal,
    onNotifications: () => {},
    onWaiting: () => {},
  });
  try {
    return await work(connection);
  } finally {
    await connection.end(true);
  }
}

/** Sends one message. @throws {ChannelUnavailable} when signal-cli does not run */
export function sendOnce(options: OneShotOptions, recipient: Address, body: string): Promise<SendOutcome> {
  const { kind, value } = parseAddress(recipient);
  const params = kind === "group" ? { groupId: [value] } : { recipient: [value] };
  return oneShot(options, async ({ rpc }) => {
    try {
      return classifyResult(await rpc.request("send", { ...params, message: body }, { timeoutMs: REQUEST_TIMEOUT_MS }));
    } catch (error) {
      if (error instanceof RpcError) return classifyError(error, kind === "group" ? "group" : "person");
      if (error instanceof RpcUnanswered) return classifyUnanswered(error);
      throw error;
    }
  });
}
