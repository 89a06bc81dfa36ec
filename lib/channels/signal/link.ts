/**
 * Linking as a further device of an account: `signal-cli link` prints an address, waits for a phone to scan it, and ends.
 * It touches no other account and needs no lock. Source: signal-cli, `LinkCommand.java` (facts: signal.md does not cover it).
 *
 * @module
 */
import { ChannelUnavailable } from "../../domain/errors.ts";
import { type Clock, DeadlineExceeded, within } from "../../runtime/clock.ts";
import { classifyStart } from "./failures.ts";
import { LineSplitter } from "./lines.ts";
import type { SpawnSignalCli } from "./process.ts";
import { StderrTail } from "./stderr.ts";

/** How long the phone is waited for, milliseconds. signal-cli may give up earlier. */
export const LINK_TIMEOUT_MS = 5 * 60_000;
/** How long a killed process is waited for, milliseconds. */
const KILLED_TIMEOUT_MS = 2_000;

export interface LinkOptions {
  readonly spawn: SpawnSignalCli;
  readonly dataDir?: string;
  /** What the phone shows for this device. */
  readonly deviceName: string;
  /** The address for the phone: a secret while it is open. */
  readonly onAddress: (address: string) => void;
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

/**
 * @returns the number whose device this has become; undefined when signal-cli does not say it
 * @throws {ChannelUnavailable} `already_linked`, `no_answer` when nobody scanned, or why signal-cli does not run
 */
export async function linkDevice(options: LinkOptions): Promise<string | undefined> {
  const { spawn, dataDir, deviceName, onAddress, timeoutMs = LINK_TIMEOUT_MS } = options;
  const child = spawn([...(dataDir === undefined ? [] : ["--data-dir", dataDir]), "link", `--name=${deviceName}`]);
  const stderr = new StderrTail(child.stderr);
  let number: string | undefined;
  const reading = readLines(child.stdout, (line) => {
    if (/^(sgnl|tsdevice):/.test(line)) onAddress(line);
    else number = /^Associated with: (\S+)/.exec(line)?.[1] ?? number;
  });
  const ended = Promise.all([child.status, reading, stderr.ended, child.stdin.close().catch(() => {})]);
  try {
    const [status] = await within(ended, timeoutMs, "signal-cli link");
    if (status.code === 0) return number;
    if (stderr.lines.some((line) => /already exists/i.test(line))) {
      throw new ChannelUnavailable("already_linked", "This number is in signal-cli's data folder already.");
    }
    if (stderr.lines.some((line) => /timed out/i.test(line))) throw nobodyScanned();
    throw classifyStart(status, stderr.lines);
  } catch (error) {
    if (!(error instanceof DeadlineExceeded)) throw error;
    child.kill("SIGKILL");
    // A launcher's own child can keep the streams open beyond the launcher's end.
    await within(ended.then(() => {}, () => {}), KILLED_TIMEOUT_MS, "end of signal-cli link").catch(() => {});
    await stderr.close();
    throw nobodyScanned();
  }
}

function nobodyScanned(): ChannelUnavailable {
  return new ChannelUnavailable("no_answer", "No phone scanned the code in time; run it again for a new one.");
}

async function readLines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const splitter = new LineSplitter();
  for await (const chunk of stream) for (const line of splitter.push(chunk)) take(line.trim());
}
