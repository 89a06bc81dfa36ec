/**
 * signal-cli for a command: the daemon that the settings name, or a process of its own for a moment.
 *
 * @module
 */
import { daemonOf, realSignalCli } from "../app/machine.ts";
import { lookUpOwnerGroup, ownerGroupId } from "../app/owner_group.ts";
import { listGroups } from "../channels/signal/groups.ts";
import { oneShot, type OneShotOptions } from "../channels/signal/one_shot.ts";
import type { Config } from "../config/config.ts";
import { ChannelUnavailable } from "../domain/errors.ts";
import { noCounters } from "../runtime/counters.ts";
import type { Log } from "../runtime/log.ts";
import type { CliContext } from "./command.ts";
import { Waiting } from "./waiting.ts";

/** Waits between looks for a Signal that is away at the very first start, milliseconds: doubled up to the cap. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/** How a command reaches signal-cli. */
export function signalOptions(config: Config, { clock }: CliContext): OneShotOptions {
  const { number, cliDataDir } = config.signal;
  return {
    number,
    ...(cliDataDir !== undefined && { dataDir: cliDataDir }),
    spawn: realSignalCli(config),
    ...daemonOf(config, clock, noCounters),
    clock,
  };
}

/**
 * Looks up the owner's group once when the settings say its name. With Signal away it waits, and shows that it does:
 * without the group nothing can be sent, and the next start needs no Signal for it.
 * @param stop ends the waiting
 * @returns false when it was stopped
 * @throws {ConfigError} when no group or several have the name
 */
export async function waitForOwnerGroup(
  config: Config,
  context: CliContext,
  log: Log,
  stop: AbortSignal,
): Promise<boolean> {
  if (ownerGroupId(config) !== undefined) return true;
  const waiting = new Waiting(config, context, log);
  try {
    // A look may take longer than systemd waits for a start.
    await waiting.because("starting");
    for (let waitMs = FIRST_WAIT_MS; !stop.aborted; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      try {
        const ask = { ...signalOptions(config, context), signal: stop };
        await lookUpOwnerGroup(config, () => oneShot(ask, ({ rpc }) => listGroups(rpc)));
        return true;
      } catch (error) {
        if (stop.aborted) return false;
        if (!(error instanceof ChannelUnavailable)) throw error;
        log.warn("The owner's group cannot be looked up by its name yet", { code: error.code, nextTryInMs: waitMs });
        await waiting.because(error.code);
        await context.clock.sleepMs(waitMs, stop);
      }
    }
    return false;
  } finally {
    await waiting.end();
  }
}
