/**
 * A service that cannot begin yet, because something that it has to ask first is away: up, alive for systemd, and with
 * the reason in its status text and in `status.json`. Without this systemd would end it after `TimeoutStartSec=`, again
 * and again, and `health` would call it not running.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { Health } from "../observe/health.ts";
import { noCounters } from "../runtime/counters.ts";
import type { Log } from "../runtime/log.ts";
import { StatusFile } from "../runtime/status_file.ts";
import { systemdNotice, SystemdNotify, watchdogMs } from "../runtime/systemd.ts";
import type { CliContext } from "./command.ts";

/** One look, with the wait before it, takes less than this, milliseconds: else it is stuck, and the watchdog may act. */
const STUCK_AFTER_MS = 300_000;

export class Waiting {
  readonly #options: { readonly config: Config; readonly context: CliContext; readonly log: Log };
  #reason = "starting";
  #turnedAtMs = 0;
  #shown: { readonly status: StatusFile; readonly systemd: SystemdNotify } | undefined;

  constructor(config: Config, context: CliContext, log: Log) {
    this.#options = { config, context, log };
  }

  /** Another look was in vain. @param reason of Signal's condition, a code */
  async because(reason: string): Promise<void> {
    const { clock } = this.#options.context;
    this.#reason = reason;
    this.#turnedAtMs = clock.monotonicMs();
    if (this.#shown === undefined) await this.#show();
    else this.#shown.status.touch();
  }

  /** What comes next shows itself. Systemd hears nothing of a stop, since there is none. */
  async end(): Promise<void> {
    const shown = this.#shown;
    this.#shown = undefined;
    await shown?.systemd.leave();
    await shown?.status.stop();
  }

  async #show(): Promise<void> {
    const { config, context: { clock, version, getEnv }, log } = this.#options;
    const health = new Health({ clock, version });
    health.register("signal", () => ({ state: "down", reason: this.#reason }));
    const { runtimeDir } = config.files;
    await Deno.mkdir(runtimeDir, { recursive: true, mode: 0o700 });
    const status = new StatusFile({
      path: `${runtimeDir}/status.json`,
      snapshot: () => ({ pid: Deno.pid, ...health.snapshot() }),
      clock,
      log: log.child("status"),
      counters: noCounters,
    });
    const systemd = new SystemdNotify({
      send: systemdNotice(getEnv),
      watchdogMs: watchdogMs(getEnv),
      alive: () => clock.monotonicMs() - this.#turnedAtMs < STUCK_AFTER_MS,
      status: () => `waiting for Signal (${this.#reason}) to look up the owner's group by its name`,
      clock,
      log: log.child("systemd"),
    });
    this.#shown = { status, systemd };
    await status.start();
    await systemd.start();
  }
}
