/**
 * `daemon --socket` and `--tcp`: the JSON-RPC of `jsonRpc` for any number of connections, each with its own
 * subscriptions (facts: signal.md §5). HTTP and D-Bus are not played.
 *
 * @module
 */
import { Dispatcher, type DispatcherOptions } from "./dispatcher.ts";
import { LineSplitter } from "./lines.ts";
import { Output } from "./output.ts";
import { StartFailure } from "./start.ts";
import type { World } from "./world.ts";

export interface DaemonOptions extends Omit<DispatcherOptions, "output" | "onStart"> {
  readonly mode: "on-start" | "on-connection" | "manual";
  /** Standard output, where on-start mode also prints what it receives. */
  readonly stdout: Output | undefined;
  readonly onListening: (where: string) => void;
}

/** @param options the daemon's own, as parsed. @throws {StartFailure} exit 3 when it cannot listen */
export function listenFor(options: Readonly<Record<string, string | true>>): Deno.Listener {
  try {
    if ("socket" in options) return Deno.listen({ transport: "unix", path: String(options.socket) });
    const [, host = "localhost", port = "7583"] = /^(.*):(\d+)$/.exec(String(options.tcp)) ?? [];
    return Deno.listen({ hostname: host, port: Number(port) });
  } catch {
    throw new StartFailure(3, "Failed to bind socket");
  }
}

/** Serves until the program ends. */
export async function serve(listener: Deno.Listener, options: DaemonOptions): Promise<void> {
  const { mode, managers, stdout, life } = options;
  life.addEventListener("abort", () => closeQuietly(listener), { once: true });
  // Received whether or not anybody is connected: then standard output alone sees it.
  if (mode === "on-start") {
    for (const { receiver } of managers) {
      receiver.add((line) => stdout?.line(`Envelope from: ${line.envelope.source ?? "unknown"}`) ?? Promise.resolve());
    }
  }
  const { addr } = listener;
  options.onListening(addr.transport === "unix" ? String(addr.path) : `${(addr as Deno.NetAddr).port}`);
  for (;;) {
    let conn: Deno.Conn;
    try {
      conn = await listener.accept();
    } catch {
      if (life.aborted) return;
      throw new StartFailure(3, "Failed to accept a connection");
    }
    connection(conn, options).catch(() => closeQuietly(conn));
  }
}

async function connection(conn: Deno.Conn, options: DaemonOptions): Promise<void> {
  const { world, mode, life } = options;
  const onEnd = () => closeQuietly(conn);
  life.addEventListener("abort", onEnd, { once: true });
  const output = new Output(conn.writable, () => world.flush());
  const dispatcher = new Dispatcher({ ...options, output, onStart: mode !== "manual" });
  try {
    await readLines(conn, world, (line) => dispatcher.take(line));
    dispatcher.close();
    await dispatcher.idle();
    await output.drained();
  } finally {
    dispatcher.close();
    output.discard();
    life.removeEventListener("abort", onEnd);
    closeQuietly(conn);
  }
}

async function readLines(conn: Deno.Conn, world: World, take: (line: string) => void): Promise<void> {
  const lines = new LineSplitter();
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    // Not `conn.readable`: at the end of the input that closes the connection whole, and the last answers have no way out.
    const count = await conn.read(buffer);
    world.refresh();
    for (const line of count === null ? lines.end() : lines.push(buffer.slice(0, count))) {
      world.recordRequest(line);
      take(line);
    }
    if (count === null) return;
  }
}

function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // It is closed already.
  }
}
