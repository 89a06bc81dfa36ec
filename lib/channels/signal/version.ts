/**
 * Which signal-cli is installed, and whether it is new enough.
 *
 * @module
 */
import { ChannelUnavailable } from "../../domain/errors.ts";
import { type Clock, DeadlineExceeded, within } from "../../runtime/clock.ts";
import { classifyStart } from "./failures.ts";
import type { SpawnSignalCli } from "./process.ts";
import { StderrTail } from "./stderr.ts";

/**
 * Oldest signal-cli that is accepted: the first series whose `jsonRpc` has every option we pass and that Signal's
 * servers can be expected to talk to (releases older than three months may be refused, facts: signal.md §9).
 */
export const MIN_SIGNAL_CLI_VERSION = "0.14.0";

/** How long `--version` may take: a JVM start on a slow machine, no network. */
export const VERSION_TIMEOUT_MS = 30_000;

/** How long a killed process is waited for. */
const KILLED_TIMEOUT_MS = 2_000;

export interface SignalCliInfo {
  /** As it says: `0.14.6`, `0.14.7-SNAPSHOT`; undefined when it said something else. */
  readonly version: string | undefined;
}

/**
 * Asks the program for its version; touches no account and works while the account is locked (facts: signal.md §1.2).
 * @throws {ChannelUnavailable} `not_installed`, `permission_refused`, `java_missing`, `too_old`, `no_answer`, `crashed`
 */
export async function signalCliInfo(
  spawn: SpawnSignalCli,
  options: { readonly clock: Clock; readonly timeoutMs?: number; readonly signal?: AbortSignal },
): Promise<SignalCliInfo> {
  const timeoutMs = options.timeoutMs ?? VERSION_TIMEOUT_MS;
  const child = spawn(["--version"]);
  const stderr = new StderrTail(child.stderr);
  const output = new Response(child.stdout).text();
  const answer = Promise.all([
    output,
    child.status,
    stderr.ended,
    child.stdin.close().catch(() => {}),
  ]);
  try {
    const [text, status] = await within(answer, timeoutMs, "signal-cli --version", options.signal);
    if (status.code !== 0) throw classifyStart(status, stderr.lines);
    const version = parseVersion(text);
    checkVersion(version);
    return { version };
  } catch (error) {
    if (error instanceof ChannelUnavailable) throw error;
    child.kill("SIGKILL");
    // A launcher's own child can keep the streams open beyond the launcher's end.
    await within(answer.then(() => {}, () => {}), KILLED_TIMEOUT_MS, "end of signal-cli --version").catch(() => {});
    await stderr.close();
    if (error instanceof DeadlineExceeded) {
      throw new ChannelUnavailable(
        "no_answer",
        `signal-cli --version gave no answer within ${timeoutMs / 1000} s.`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** The version in `signal-cli 0.14.6`. */
export function parseVersion(text: string): string | undefined {
  return /(?:^|\s)v?(\d+\.\d+(?:\.\d+)*(?:[-+][\w.]+)?)(?:\s|$)/.exec(text)?.[1];
}

/** @throws {ChannelUnavailable} `too_old`; a version that cannot be read passes */
export function checkVersion(version: string | undefined): void {
  if (version === undefined || compareVersions(version, MIN_SIGNAL_CLI_VERSION) >= 0) return;
  throw new ChannelUnavailable(
    "too_old",
    `signal-cli ${version} is too old: at least ${MIN_SIGNAL_CLI_VERSION} is needed. Install the current release.`,
  );
}

/** Less than 0 when `a` is the older one. A suffix such as `-SNAPSHOT` does not count. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbers(version: string): number[] {
  return (/^[\d.]+/.exec(version)?.[0] ?? "").split(".").map(Number);
}
