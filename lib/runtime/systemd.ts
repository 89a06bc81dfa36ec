/**
 * What systemd is told of the service: ready, a line of status, alive, stopping. By the program `systemd-notify`,
 * because a datagram to a unix socket needs an unstable feature of Deno; so the unit says `NotifyAccess=all`.
 *
 * @module
 */
import { type Clock, within } from "./clock.ts";
import { describeError, type Log } from "./log.ts";
import type { Service } from "./service.ts";

/** Sends assignments (`READY=1`, `STATUS=…`), all in one message. Rejects when they did not reach systemd. */
export type SendNotice = (assignments: readonly string[], signal: AbortSignal) => Promise<void>;

export interface SystemdNotifyOptions {
  /** Undefined: nobody listens, and the service does nothing ({@link systemdNotice}). */
  readonly send: SendNotice | undefined;
  /** `WatchdogSec=` in milliseconds; undefined: there is no watchdog ({@link watchdogMs}). */
  readonly watchdogMs: number | undefined;
  /** Whether the work moves. The watchdog hears of us only while it does. */
  readonly alive: () => boolean;
  /** One line for `systemctl status`; nothing private. */
  readonly status: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Times that systemd hears of us within one `WatchdogSec=`: two may be missed. */
const FEEDS_PER_PERIOD = 3;
/** How often the status text is looked at, milliseconds; a process is started only when it changed. */
const LOOK_MS = 5_000;
/** Shortest distance of two looks, milliseconds, however short the watchdog's period is. */
const SHORTEST_GAP_MS = 200;
/** Longest wait for systemd to take one notice, milliseconds. */
const NOTICE_TIMEOUT_MS = 5_000;
/** The same for the last one, which must not use up the time of the stop. */
const LAST_NOTICE_TIMEOUT_MS = 1_000;
/** Longest status text, characters. */
const LONGEST_STATUS = 200;

/**
 * Says `READY=1` as soon as it is started (start it last), then feeds the watchdog while `alive()` says so, and says
 * `STOPPING=1` when stopped (stop it first). A notice that fails is logged once and tried again; it never stops the
 * service: systemd then does what the unit says.
 */
export class SystemdNotify implements Service {
  readonly name = "systemd";
  readonly #options: SystemdNotifyOptions;
  #running: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #ready = false;
  #said: string | undefined;
  #fedAtMs = -Infinity;
  #failing = false;
  #stuck = false;

  constructor(options: SystemdNotifyOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    if (this.#running !== undefined) return Promise.reject(new Error(`${this.name} is already started`));
    const abort = new AbortController();
    this.#ready = false;
    this.#said = undefined;
    this.#fedAtMs = -Infinity;
    this.#running = { abort, done: this.#options.send === undefined ? Promise.resolve() : this.#run(abort.signal) };
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    if (await this.leave() && this.#options.send !== undefined) {
      await this.#tell(["STOPPING=1", "STATUS=stopping"], LAST_NOTICE_TIMEOUT_MS);
    }
  }

  /** Ends without a word: another one goes on. @returns whether it ran */
  async leave(): Promise<boolean> {
    const running = this.#running;
    if (running === undefined) return false;
    this.#running = undefined;
    running.abort.abort();
    await running.done;
    return true;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const feedMs = this.#feedMs();
    while (!signal.aborted) {
      await this.#look(signal);
      await clock.sleepMs(Math.max(SHORTEST_GAP_MS, Math.min(LOOK_MS, feedMs)), signal);
    }
  }

  /** One message with everything that is due, or none. */
  async #look(signal: AbortSignal): Promise<void> {
    const { clock, status } = this.#options;
    const notices: string[] = [];
    if (!this.#ready) notices.push("READY=1");
    const text = oneLine(status());
    if (text !== this.#said) notices.push(`STATUS=${text}`);
    const nowMs = clock.monotonicMs();
    // Half a look early, so that the distance between two feeds does not grow by a look.
    const due = nowMs - this.#fedAtMs >= this.#feedMs() - SHORTEST_GAP_MS;
    const feeds = due && this.#moves();
    if (feeds) notices.push("WATCHDOG=1");
    if (notices.length === 0 || !await this.#tell(notices, NOTICE_TIMEOUT_MS, signal)) return;
    this.#ready = true;
    this.#said = text;
    if (feeds) this.#fedAtMs = nowMs;
  }

  #feedMs(): number {
    const { watchdogMs } = this.#options;
    return watchdogMs === undefined ? Infinity : watchdogMs / FEEDS_PER_PERIOD;
  }

  #moves(): boolean {
    const { alive, log, watchdogMs } = this.#options;
    if (watchdogMs === undefined) return false;
    const moves = alive();
    if (!moves && !this.#stuck) log.error("A loop does not move: the watchdog is not fed any more");
    if (moves && this.#stuck) log.info("The loops move again: the watchdog is fed");
    this.#stuck = !moves;
    return moves;
  }

  /** @returns whether it arrived; an abort by `signal` is no failure */
  async #tell(assignments: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const { send, log } = this.#options;
    const giveUp = new AbortController();
    try {
      await within(send!(assignments, giveUp.signal), timeoutMs, "notice to systemd", signal);
      if (this.#failing) log.info("systemd hears of us again");
      this.#failing = false;
      return true;
    } catch (error) {
      giveUp.abort();
      if (signal?.aborted) return false;
      if (!this.#failing) log.warn("systemd could not be told", { error: describeError(error) });
      this.#failing = true;
      return false;
    }
  }
}

/** @returns undefined when no systemd listens (`NOTIFY_SOCKET` is not set) */
export function systemdNotice(getEnv: (name: string) => string | undefined): SendNotice | undefined {
  const socket = getEnv("NOTIFY_SOCKET");
  if (socket === undefined || socket === "") return undefined;
  const path = getEnv("PATH") ?? "/usr/bin:/bin";
  return async (assignments, signal) => {
    const command = new Deno.Command("systemd-notify", {
      args: [...assignments],
      clearEnv: true,
      env: { NOTIFY_SOCKET: socket, PATH: path },
      stdin: "null",
      stdout: "null",
      stderr: "null",
      signal,
    });
    const { success, code } = await command.output();
    if (!success) throw new Error(`systemd-notify ended with ${code}`);
  };
}

/** `WATCHDOG_USEC` in milliseconds; undefined when the unit has no `WatchdogSec=`, or it is no positive number. */
export function watchdogMs(getEnv: (name: string) => string | undefined): number | undefined {
  const microseconds = Number(getEnv("WATCHDOG_USEC") ?? "");
  return Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 1000 : undefined;
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").trim().slice(0, LONGEST_STATUS);
}
