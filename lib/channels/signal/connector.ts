/**
 * The seam between the channel and whatever signal-cli it speaks to: a child of ours (`child_connector.ts`) or a daemon
 * that runs already (`socket_connector.ts`). Both end in a connection that speaks JSON-RPC and is known to be ready.
 *
 * @module
 */
import type { ChannelUnavailable } from "../../domain/errors.ts";
import type { RpcClient, RpcNotification } from "./rpc.ts";

/** A signal-cli that has answered. */
export interface Connection {
  readonly rpc: RpcClient;
  /** As it says; undefined when it said something else. */
  readonly version: string | undefined;
  /** Resolves when it has ended, whoever ended it. */
  readonly over: Promise<void>;
  /**
   * Ends it, or finds out how it ended. Twice is allowed.
   * @param orderly requests in flight are answered first, with a deadline
   * @returns what the end means when nobody asked for it
   */
  end(orderly: boolean): Promise<ChannelUnavailable>;
}

export interface ConnectOptions {
  readonly signal: AbortSignal;
  readonly onNotifications: (notifications: readonly RpcNotification[]) => void | Promise<void>;
  /** It waits for something that a person can change (the account's lock) and goes on by itself. */
  readonly onWaiting: (trouble: ChannelUnavailable) => void;
}

export interface Connector {
  /**
   * Connects and waits until signal-cli has answered.
   * @throws {ChannelUnavailable} why it cannot be used, with the fix; whatever was begun is ended
   * @throws the reason of `signal` when that aborts
   */
  connect(options: ConnectOptions): Promise<Connection>;
}
