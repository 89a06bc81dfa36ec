/**
 * A `signal-cli daemon` that somebody else runs (a unit of its own): connected to over a unix socket or TCP, each
 * connection with its own subscriptions (facts: signal.md §5). It is never started or ended from here.
 *
 * @module
 */
import { ChannelUnavailable } from "../../domain/errors.ts";
import { type Clock, DeadlineExceeded, within } from "../../runtime/clock.ts";
import type { Counters } from "../../runtime/counters.ts";
import type { Connection, ConnectOptions, Connector } from "./connector.ts";
import { RpcClient } from "./rpc.ts";
import { RpcError } from "./rpc_errors.ts";
import { checkVersion } from "./version.ts";

/** From connecting to the first answer, milliseconds: a daemon listens only after its account check. */
export const CONNECT_TIMEOUT_MS = 15_000;

/** Where it listens. */
export type DaemonAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface SocketConnectorOptions {
  readonly address: DaemonAddress;
  /** Our number, E.164: a daemon of several accounts is refused, and one without ours too. */
  readonly number: string;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Default {@link CONNECT_TIMEOUT_MS}. */
  readonly connectTimeoutMs?: number;
  /** After our side was closed: to answer what is in flight. */
  readonly endTimeoutMs: number;
}

export class SocketConnector implements Connector {
  constructor(private readonly options: SocketConnectorOptions) {}

  async connect({ signal, onNotifications }: ConnectOptions): Promise<Connection> {
    const { clock, counters, endTimeoutMs, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.options;
    signal.throwIfAborted();
    const conn = await this.#dial(connectTimeoutMs, signal);
    const rpc = new RpcClient({ input: inputOf(conn), output: conn.readable, clock, counters, onNotifications });
    const over = rpc.ended.then(() => {});
    let ending: Promise<ChannelUnavailable> | undefined;
    const end = async (orderly: boolean): Promise<ChannelUnavailable> => {
      if (orderly) {
        // Not awaited: a daemon that reads nothing holds the close up; `rpc.close` lets go of the stream.
        rpc.closeInput();
        await within(over, endTimeoutMs, "end of the connection").catch(passDeadline);
      }
      await rpc.close();
      closeQuietly(conn);
      return new ChannelUnavailable(
        "daemon_gone",
        "The signal-cli daemon ended the connection. It is connected again as soon as the daemon is back.",
      );
    };
    try {
      const version = await this.#greet(rpc, connectTimeoutMs, signal);
      return { rpc, version, over, end: (orderly) => ending ??= end(orderly) };
    } catch (error) {
      await end(false);
      throw error;
    }
  }

  async #dial(timeoutMs: number, signal: AbortSignal): Promise<Deno.Conn> {
    const { address } = this.options;
    const dialling = dial(address);
    try {
      return await within(dialling, timeoutMs, "connection to the signal-cli daemon", signal);
    } catch (error) {
      dialling.then(closeQuietly, () => {});
      if (signal.aborted) throw error;
      throw explain(error, address);
    }
  }

  /** Is it a signal-cli that is new enough, and does it serve our account and no other? */
  async #greet(rpc: RpcClient, timeoutMs: number, signal: AbortSignal): Promise<string | undefined> {
    try {
      const answer = await rpc.request("version", undefined, { timeoutMs, signal }) as { readonly version?: unknown };
      const version = typeof answer?.version === "string" ? answer.version : undefined;
      checkVersion(version);
      checkAccounts(await this.#accounts(rpc, timeoutMs, signal), this.options.number);
      return version;
    } catch (error) {
      if (signal.aborted || error instanceof ChannelUnavailable) throw error;
      throw new ChannelUnavailable(
        "no_answer",
        "Something accepts connections at SIGNAL_SOCKET and does not answer as signal-cli does. Is it " +
          "`signal-cli daemon` with --socket or --tcp (and not --http)?",
        { cause: error },
      );
    }
  }

  /** Accounts of a daemon that serves several; undefined for one that was started with -a (facts: signal.md §4.2, §4.7). */
  async #accounts(rpc: RpcClient, timeoutMs: number, signal: AbortSignal): Promise<readonly string[] | undefined> {
    try {
      const answer = await rpc.request("listAccounts", undefined, { timeoutMs, signal });
      return (Array.isArray(answer) ? answer : []).map((entry) => String(entry?.number ?? ""));
    } catch (error) {
      if (error instanceof RpcError) return undefined;
      throw error;
    }
  }
}

async function dial(address: DaemonAddress): Promise<Deno.Conn> {
  if (address.kind === "unix") return await Deno.connect({ transport: "unix", path: address.path });
  return await Deno.connect({ hostname: address.host, port: address.port });
}

/** Closing it ends our side alone: `conn.writable` would close the whole connection, and lose the answers that are owed. */
function inputOf(conn: Deno.Conn): WritableStream<Uint8Array> {
  return new WritableStream({
    async write(bytes) {
      for (let written = 0; written < bytes.length;) written += await conn.write(bytes.subarray(written));
    },
    close: () => conn.closeWrite(),
  });
}

function checkAccounts(accounts: readonly string[] | undefined, number: string): void {
  if (accounts === undefined) return;
  if (!accounts.includes(number)) {
    throw new ChannelUnavailable(
      "not_registered",
      "The signal-cli daemon does not serve SIGNAL_NUMBER: register or link it there, or start the daemon with -a.",
    );
  }
  // A subscription there takes in, and so uses up, everybody's messages.
  if (accounts.length > 1) {
    throw new ChannelUnavailable(
      "several_accounts",
      "The signal-cli daemon serves several accounts, and would hand all their messages to this service: start one " +
        "for SIGNAL_NUMBER alone, with -a.",
    );
  }
}

function explain(error: unknown, address: DaemonAddress): ChannelUnavailable {
  const where = address.kind === "unix" ? address.path : `${address.host}:${address.port}`;
  const options = { cause: error };
  if (error instanceof Deno.errors.NotCapable) {
    return new ChannelUnavailable(
      "permission_refused",
      `This program may not connect to ${where}: signal-automation check says what it may reach.`,
      options,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new ChannelUnavailable(
      "permission_refused",
      `This user may not connect to ${where}: it needs to be in the socket's group.`,
      options,
    );
  }
  return new ChannelUnavailable(
    "daemon_absent",
    `No signal-cli daemon listens on ${where} (SIGNAL_SOCKET). Start it: systemctl start signal-cli. ` +
      "A socket file that was left by a killed daemon has to be removed first.",
    options,
  );
}

function passDeadline(error: unknown): void {
  if (!(error instanceof DeadlineExceeded)) throw error;
}

/** A connection that the other side closed is gone already. */
function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted)) throw error;
  }
}
