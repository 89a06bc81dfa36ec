/**
 * The simulator behind the transport's seam: the service speaks JSON-RPC through streams as with the real program, and
 * no process is started, so that the compiled program needs nothing beside itself.
 *
 * @module
 */
import type { SpawnSignalCli } from "../../channels/signal/process.ts";
import { runSignalCli } from "../../simulator/program.ts";
import type { World } from "../../simulator/world.ts";

/** A signal-cli of this world for each call. */
export function simulatedSpawn(world: World): SpawnSignalCli {
  return (args) => {
    const [stdin, stdout, stderr] = [pipe(), pipe(), pipe()];
    const stop = new AbortController();
    const end = runSignalCli({
      args,
      env: {},
      stdin: stdin.readable,
      stdout: stdout.writable,
      stderr: stderr.writable,
      signal: stop.signal,
    }, world);
    const status = end.then(async (code) => {
      await Promise.all([close(stdout.writable), close(stderr.writable)]);
      return { code, signal: null };
    });
    return {
      stdin: stdin.writable,
      stdout: stdout.readable,
      stderr: stderr.readable,
      status,
      kill: () => stop.abort(),
    };
  };
}

function pipe(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream();
}

/** A stream that its reader has left is closed already. */
async function close(stream: WritableStream<Uint8Array>): Promise<void> {
  try {
    await stream.close();
  } catch (error) {
    if (!(error instanceof TypeError) && error !== undefined) throw error;
  }
}
