/** `run` @module */
import type { App } from "../../app.ts";
import type { Config } from "../../config/config.ts";
import { DeadlineExceeded, within } from "../../runtime/clock.ts";
import { describeError } from "../../runtime/log.ts";
import { type CliContext, type CommandSpec, ENV_FILE } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { sortError } from "../problem.ts";
import { ReaderGone, type Terminal } from "../screen/terminal.ts";
import { type OpenService, openService, StoppedEarly } from "../service.ts";
import { needSettings } from "../settings.ts";
import { SettingsWatch } from "../settings_watch.ts";

/** Longest graceful stop (design §2); systemd's TimeoutStopSec is longer. */
const STOP_TIMEOUT_MS = 10_000;
/** What is left after a second signal, for outcomes that are just being stored. */
const FORCED_STOP_TIMEOUT_MS = 1_000;
/** One Ctrl-C may arrive several times: from the terminal, and from a task runner (`deno task`) that passes it on. */
const SAME_CTRL_C_MS = 500;

export const runCommand: CommandSpec = {
  path: ["run"],
  summary: "Run the service until it is told to stop",
  details: "SIGTERM or Ctrl-C stops it within 10 seconds, a second one at once; SIGHUP reads the templates again, " +
    "and says which changed settings need a restart. " +
    "With the database or Signal away it stays up and goes on when they appear.",
  options: [ENV_FILE],
  examples: [{ line: "signal-automation run --env-file ./.env", meaning: "logs go to standard error" }],
  async run(invocation, context) {
    const { config, warnings } = await needSettings(invocation, context);
    const watch = await SettingsWatch.open(invocation, context);
    const service = await open(config, context, watch);
    if (service === undefined) return EXIT.done;
    try {
      for (const { name, warning } of warnings) {
        service.log.warn("A setting may not do what was meant", { setting: name, why: warning });
      }
      return await live(service, context, watch);
    } finally {
      await service.close();
    }
  },
};

/** @returns undefined when it was told to stop before anything was built */
async function open(
  config: Config,
  context: CliContext,
  watch: SettingsWatch | undefined,
): Promise<OpenService | undefined> {
  const stop = new AbortController();
  const unlisten = (["SIGTERM", "SIGINT"] as const).map((name) => context.onSignal(name, () => stop.abort()));
  try {
    return await openService({
      config,
      context,
      logStream: logStreamOf(context.terminal),
      changedSettings: () => watch?.changed ?? [],
      stop: stop.signal,
    });
  } catch (error) {
    if (error instanceof StoppedEarly) return undefined;
    throw error;
  } finally {
    for (const end of unlisten) end();
  }
}

/** From start to the end of the stop. */
async function live(
  service: OpenService,
  context: CliContext,
  watch: SettingsWatch | undefined,
): Promise<ExitCode> {
  const { app, log } = service;
  const stopAsked = Promise.withResolvers<{ readonly why: "signal" }>();
  let signals = 0;
  const onStop = () => {
    signals++;
    if (signals === 1) return stopAsked.resolve({ why: "signal" });
    log.warn("A second signal: stopping at once");
    app.force();
    if (signals > 2) context.exitNow(EXIT.failed);
  };
  let ctrlCMs = -Infinity;
  const onCtrlC = () => {
    const nowMs = context.clock.monotonicMs();
    if (nowMs - ctrlCMs < SAME_CTRL_C_MS) return;
    ctrlCMs = nowMs;
    onStop();
  };
  const unlisten = [
    context.onSignal("SIGTERM", onStop),
    context.onSignal("SIGINT", onCtrlC),
    context.onSignal("SIGHUP", () => {
      log.info("Reading the files again");
      const failed = (error: unknown) =>
        log.error("The files could not be read again", { error: describeError(error) });
      app.reload().catch(failed);
      watch?.look().then((names) => {
        if (names.length > 0) log.warn("Settings changed; they need a restart", { settings: names.join(",") });
      }).catch(failed);
    }),
  ];
  try {
    log.info("The service starts", { version: context.version });
    await app.start();
    const end = await Promise.race([
      stopAsked.promise,
      app.fatal.then((error) => ({ why: "fatal" as const, error })),
    ]);
    if (end.why === "fatal") log.critical("The service cannot go on", { error: describeError(end.error) });
    else log.info("The service stops");
    const stopped = await stopWithin(app, context, () => signals > 1);
    if (!stopped) log.error("The stop was not finished in time");
    if (end.why === "fatal") return failureExit(end.error);
    return stopped && signals === 1 ? EXIT.done : EXIT.failed;
  } finally {
    for (const end of unlisten) end();
  }
}

/** @returns false when it did not end in time */
async function stopWithin(app: App, { clock }: CliContext, forced: () => boolean): Promise<boolean> {
  const stopping = app.stop();
  const deadlineMs = clock.monotonicMs() + STOP_TIMEOUT_MS;
  while (true) {
    const leftMs = Math.min(deadlineMs - clock.monotonicMs(), FORCED_STOP_TIMEOUT_MS);
    try {
      await within(stopping, Math.max(0, leftMs), "stop of the service");
      return true;
    } catch (error) {
      if (!(error instanceof DeadlineExceeded)) throw error;
      if (forced() || clock.monotonicMs() >= deadlineMs) return false;
    }
  }
}

/** Never 0: systemd must see that it ended by itself. */
function failureExit(error: unknown): ExitCode {
  const { exit } = sortError(error);
  return exit === EXIT.done ? EXIT.failed : exit;
}

function logStreamOf(terminal: Terminal): { write(line: string): void; readonly isTerminal: boolean } {
  return {
    isTerminal: terminal.errInfo.isTerminal,
    write(line) {
      try {
        terminal.err(line);
      } catch (error) {
        // A log that nobody reads must not end the service.
        if (!(error instanceof ReaderGone)) throw error;
      }
    },
  };
}
