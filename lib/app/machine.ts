/**
 * What the service asks of the machine that it runs on.
 *
 * @module
 */
import type { Connector } from "../channels/signal/connector.ts";
import { SocketConnector } from "../channels/signal/socket_connector.ts";
import { SUPERVISOR_TIMES } from "../channels/signal/supervisor.ts";
import { denoSpawn, type SpawnSignalCli } from "../channels/signal/process.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../domain/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import type { Random } from "../runtime/random.ts";
import { readStatusFile } from "../runtime/status_file.ts";

/**
 * The real signal-cli, with the environment that it may have (design §9).
 * @param apart see {@link denoSpawn}
 */
export function realSignalCli(config: Config, { apart = false } = {}): SpawnSignalCli {
  const names = ["PATH", "HOME", "LANG", "JAVA_HOME", "XDG_DATA_HOME"] as const;
  const environment = Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
  return denoSpawn({ program: config.signal.cliPath, environment, apart });
}

/** The daemon that the settings name; undefined where signal-cli is a child of ours. */
export function daemonOf({ signal }: Config, clock: Clock, counters: Counters): { readonly connector?: Connector } {
  if (signal.transport !== "socket" || signal.socket === undefined) return {};
  const { number, socket: address } = signal;
  return {
    connector: new SocketConnector({
      address,
      number,
      clock,
      counters,
      endTimeoutMs: SUPERVISOR_TIMES.endTimeoutMs,
    }),
  };
}

/** When this machine booted, milliseconds UTC; undefined when the program may not know, and then journals prove nothing. */
export function bootedAtMs(clock: Clock): number | undefined {
  try {
    return clock.nowMs() - Deno.osUptime() * 1000;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

/** What an earlier process left of the pacing; a file that cannot be read counts as none: it costs one burst. */
export async function savedPacing(path: string): Promise<unknown> {
  try {
    return (await readStatusFile(path))?.status;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** @throws {ConfigError} */
export function makeFolder(folder: string): void {
  try {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new ConfigError(folder, "this folder cannot be made or used", "a folder that the service may write", {
      cause,
    });
  }
}

/** A name that no other process has. */
export function randomName(random: Random): string {
  const bytes = new Uint8Array(12);
  random.bytes(bytes);
  return bytes.toHex();
}
