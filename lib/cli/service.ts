/**
 * The whole service from its settings: log and app, opened in this order and closed in reverse.
 *
 * @module
 */
import { type App, buildApp } from "../app.ts";
import type { SpawnSignalCli } from "../channels/signal/process.ts";
import type { Config } from "../config/config.ts";
import { type LogLevelName, type LogStream, openLog } from "../observe/log.ts";
import type { Log } from "../runtime/log.ts";
import type { CliContext } from "./command.ts";
import { waitForOwnerGroup } from "./signal.ts";

export interface ServiceOptions {
  readonly config: Config;
  readonly context: CliContext;
  readonly logStream: LogStream;
  /** Default: `SIGNAL_CLI_PATH` as a child process. */
  readonly spawn?: SpawnSignalCli;
  /** Names of settings that changed since the start and need a restart, for health. */
  readonly changedSettings?: () => readonly string[];
  /** Ends the waiting for what has to be known before anything is built. */
  readonly stop?: AbortSignal;
}

/** It was told to stop while it waited for Signal. */
export class StoppedEarly extends Error {
  override readonly name = "StoppedEarly";
}

export interface OpenService {
  readonly app: App;
  readonly log: Log;
  /** After `app.stop()`. */
  close(): Promise<void>;
}

const LEVEL_NAMES: Readonly<Record<Config["log"]["level"], LogLevelName>> = {
  debug: "DEBUG",
  info: "INFO",
  warn: "WARNING",
  error: "ERROR",
  critical: "CRITICAL",
};

/**
 * Nothing runs yet.
 * @throws {ConfigError}, {@link StoppedEarly}, and what the system says when it refuses the log's folder
 */
export async function openService(
  { config, context, logStream, spawn, changedSettings, stop = new AbortController().signal }: ServiceOptions,
): Promise<OpenService> {
  const { clock, random, version, terminal } = context;
  const opened = await openLog({
    level: LEVEL_NAMES[config.log.level],
    format: "auto",
    stream: logStream,
    colour: terminal.errInfo.colour,
    ...(config.log.dir !== undefined && { logDir: config.log.dir }),
    secrets: secretsOf(config),
    tokenLength: config.shop.tokenLength,
    clock,
  });
  const { log } = opened;
  if (spawn === undefined && !await waitForOwnerGroup(config, context, log, stop)) {
    log.info("The service stops");
    await opened.close();
    throw new StoppedEarly();
  }
  const app = buildApp({
    config,
    version,
    log,
    clock,
    random,
    ...(spawn !== undefined && { spawn }),
    ...(changedSettings !== undefined && { changedSettings }),
  });
  return { app, log, close: () => opened.close() };
}

function secretsOf({ database, webhook, http }: Config): string[] {
  const password = database.driver === "mysql" ? database.password : undefined;
  return [password, webhook.url, webhook.signingSecret, http.adminToken].filter((secret) => secret !== undefined);
}
