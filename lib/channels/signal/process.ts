/**
 * The seam to the signal-cli process: streams, an end, a way to end it. The real one is a child process; the demo
 * and tests pass a simulator behind the same streams.
 *
 * @module
 */
import { ChannelUnavailable } from "../../domain/errors.ts";

/** How a process ended; `signal` is the name of the signal that ended it. */
export interface ExitStatus {
  readonly code: number;
  readonly signal: string | null;
}

/** A running signal-cli, whatever stands behind it. */
export interface SignalCliProcess {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  /** Resolves when it has ended; never rejects. */
  readonly status: Promise<ExitStatus>;
  /** Does nothing when it has ended already. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/**
 * Starts signal-cli with these arguments.
 * @throws {ChannelUnavailable} `not_installed`, `permission_refused`, `restart_needed`
 */
export type SpawnSignalCli = (args: readonly string[]) => SignalCliProcess;

/**
 * The whole environment of the child. Nothing else is passed on: our own variables hold secrets, and Deno refuses
 * to spawn while `LD_LIBRARY_PATH` is inherited (design §9).
 */
export interface SignalCliEnvironment {
  readonly PATH?: string;
  readonly HOME?: string;
  readonly LANG?: string;
  readonly JAVA_HOME?: string;
  readonly XDG_DATA_HOME?: string;
}

const PASSED_ON = ["PATH", "HOME", "LANG", "JAVA_HOME", "XDG_DATA_HOME"] as const;

/**
 * Spawns the real program.
 * @param options.program name on PATH or path of the program, `SIGNAL_CLI_PATH`
 * @param options.apart in a session of its own: a Ctrl-C at the terminal is for us, who end it after the answers that are
 * due. Only for what ends with its input, or it could outlive us
 */
export function denoSpawn(
  options: { readonly program: string; readonly environment: SignalCliEnvironment; readonly apart?: boolean },
): SpawnSignalCli {
  const env: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = options.environment[name];
    if (value !== undefined) env[name] = value;
  }
  // Which program the permission stands for is settled when ours starts: one that comes later is refused for ever.
  let wasMissing = false;
  return (args) => {
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(options.program, {
        args: [...args],
        clearEnv: true,
        env,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        detached: options.apart ?? false,
      }).spawn();
    } catch (error) {
      wasMissing ||= error instanceof Deno.errors.NotFound;
      throw explain(error, options.program, wasMissing);
    }
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      status: child.status.then(({ code, signal }) => ({ code, signal })),
      kill(signal) {
        try {
          child.kill(signal);
        } catch (error) {
          // The process ended before the signal: that is what was wanted. Deno reports it as TypeError.
          if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
        }
      },
    };
  };
}

function explain(error: unknown, program: string, wasMissing: boolean): ChannelUnavailable {
  const options = { cause: error };
  if (error instanceof Deno.errors.NotFound) {
    return new ChannelUnavailable(
      "not_installed",
      `signal-cli was not found as "${program}". Install it, or set SIGNAL_CLI_PATH to the program.`,
      options,
    );
  }
  if (error instanceof Deno.errors.NotCapable && wasMissing) {
    return new ChannelUnavailable(
      "restart_needed",
      `"${program}" is there now, and was not when this program started: only after a restart may it be run.`,
      options,
    );
  }
  if (error instanceof Deno.errors.NotCapable) {
    return new ChannelUnavailable(
      "permission_refused",
      `This program may not run "${program}": its permissions name another one. ` +
        "Set SIGNAL_CLI_PATH to signal-cli and put that on PATH, or run with --allow-run for it.",
      options,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new ChannelUnavailable(
      "permission_refused",
      `"${program}" cannot be executed by this user: make the file executable (chmod +x).`,
      options,
    );
  }
  return new ChannelUnavailable("not_startable", `"${program}" cannot be started by the operating system.`, options);
}
