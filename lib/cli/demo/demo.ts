/**
 * The demo: the real service with an embedded database in a folder of its own, the simulator in place of signal-cli,
 * and a story that is played on it.
 *
 * @module
 */
import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { parseConfig } from "../../config/parse.ts";
import { formatProblem } from "../../config/problems.ts";
import { within } from "../../runtime/clock.ts";
import { MemoryWorld } from "../../simulator/memory_world.ts";
import { openStore } from "../../store/open.ts";
import type { Store } from "../../store/port.ts";
import type { CliContext } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { painter } from "../screen/paint.ts";
import { formatSpan } from "../screen/when.ts";
import { openService } from "../service.ts";
import { migrateFolder } from "./migrate_folder.ts";
import { ALEX, GROUP, MARC, MARC_TOKEN, SHOP_NUMBER, worldOf } from "./cast.ts";
import { Feed } from "./feed.ts";
import { type DemoFolder, makeDemoFolder } from "./folder.ts";
import { keepRunning } from "./keep.ts";
import { ServiceLog } from "./service_log.ts";
import { Shop } from "./shop.ts";
import { simulatedSpawn } from "./simulated_spawn.ts";
import { Stage } from "./stage.ts";
import { Story } from "./story.ts";
import { judge, showReaders } from "./verdict.ts";

export interface DemoOptions {
  readonly context: CliContext;
  readonly folder: string | undefined;
  readonly keep: boolean;
}

/** Time to read between two scenes, when somebody watches. */
const PAUSE_MS = 700;
/** The graceful stop takes at most ten seconds; a demo that hangs is broken. */
const STOP_TIMEOUT_MS = 12_000;
/** A file on this machine answers at once. */
const PING_TIMEOUT_MS = 5_000;
const TIME_ZONE = "Europe/Paris";

/** Plays it. @returns `failed` when what was told turned out not to be so */
export async function runDemo({ context, folder: wanted, keep }: DemoOptions): Promise<ExitCode> {
  const { terminal, clock } = context;
  const interrupt = new AbortController();
  const unlisten = (["SIGINT", "SIGTERM"] as const).map((name) =>
    context.onSignal(name, () => interrupt.signal.aborted ? context.exitNow(EXIT.failed) : interrupt.abort())
  );
  const folder = await makeDemoFolder(wanted);
  const startedMs = clock.monotonicMs();
  const stage = new Stage((text) => terminal.out(text), painter(terminal.outInfo.colour), terminal.outInfo.columns);
  try {
    stage.title(
      "signal-automation demo",
      "The real service, an embedded database, and a simulated Signal. Nothing leaves this machine. " +
        `Everything is in ${folder.path} (log: service.log)${keep ? "." : ", which is removed at the end."}`,
    );
    await prepare(folder, context);
    const ok = await play({ context, folder, keep, stage, signal: interrupt.signal });
    if (ok && !keep) stage.plain(`\nDone in ${formatSpan(clock.monotonicMs() - startedMs)}.`);
    if (keep) stage.plain(`\nThe files stay in ${folder.path}.`);
    return ok ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (interrupt.signal.aborted) {
      stage.plain("\nInterrupted.");
      return EXIT.failed;
    }
    if (error instanceof CliProblem) throw error;
    throw new CliProblem(EXIT.failed, "the demo did not go as it should", {
      details: [error instanceof Error ? error.message : String(error)],
      next: "signal-automation demo --keep leaves its folder, where service.log says more",
      cause: error,
    });
  } finally {
    if (!keep) await folder.remove();
    for (const end of unlisten) end();
  }
}

interface Play {
  readonly context: CliContext;
  readonly folder: DemoFolder;
  readonly keep: boolean;
  readonly stage: Stage;
  readonly signal: AbortSignal;
}

/** @returns whether everything that was told is so */
async function play({ context, folder, keep, stage, signal }: Play): Promise<boolean> {
  const { terminal, clock } = context;
  const world = new MemoryWorld(worldOf([MARC]));
  const feed = new Feed(world);
  using log = new ServiceLog(folder.log);
  const service = await openService({
    config: demoConfig(folder),
    context,
    spawn: simulatedSpawn(world),
    logStream: log,
  });
  try {
    const { app } = service;
    await app.start();
    try {
      // The store makes its file by opening and closing it, which drops the locks of connections in this process: so the
      // shop's comes after the service's.
      await app.store.ping(PING_TIMEOUT_MS);
      using shop = new Shop(folder.database);
      const story = new Story({
        stage,
        feed,
        shop,
        world,
        log,
        store: app.store,
        clock,
        templates: folder.templates,
        pauseMs: terminal.outInfo.isTerminal ? PAUSE_MS : 0,
        signal,
      });
      await Promise.race([story.tell(), app.fatal.then((error) => Promise.reject(error))]);
      if (keep) await keepRunning({ stage, feed, folder, signal });
    } finally {
      await within(app.stop(), STOP_TIMEOUT_MS, "stop of the service");
    }
    stage.scene("The service stops");
    const farewell = feed.all.findLast(({ person }) => person?.uuid === ALEX.uuid);
    if (farewell !== undefined) stage.received(farewell);
    return await showVerdict({ stage, feed, world, folder, context });
  } finally {
    await service.close();
    feed.close();
  }
}

async function showVerdict(
  { stage, feed, world, folder, context }: {
    readonly stage: Stage;
    readonly feed: Feed;
    readonly world: MemoryWorld;
    readonly folder: DemoFolder;
    readonly context: CliContext;
  },
): Promise<boolean> {
  showReaders(stage, feed.all);
  stage.heading("Checked in the tables and in the simulator's own record");
  const store = openDemoStore(folder, context);
  try {
    await store.ping(PING_TIMEOUT_MS);
    using shop = new Shop(folder.database);
    const checks = await judge({ sent: world.sent, store, shop });
    for (const { ok, text } of checks) ok ? stage.good(text) : stage.bad(text);
    return checks.every(({ ok }) => ok);
  } finally {
    await store.close();
  }
}

/** Tables, texts, and one affiliate of old. */
async function prepare(folder: DemoFolder, context: CliContext): Promise<void> {
  await Deno.writeTextFile(
    folder.templates,
    await Deno.readTextFile(join(context.assetsDir, "templates", "templates.yaml")),
  );
  await migrateFolder(folder, context);
  const store = openDemoStore(folder, context);
  try {
    await store.affiliates.insert({ identity: undefined, phoneNumber: MARC.number, token: MARC_TOKEN });
  } finally {
    await store.close();
  }
}

function openDemoStore(folder: DemoFolder, { clock, random }: CliContext): Store {
  return openStore({ engine: "sqlite", path: folder.database, ordersTimezone: TIME_ZONE }, { clock, random });
}

/** Settings as somebody would write them, through the same parser. */
function demoConfig(folder: DemoFolder): Config {
  const settings = {
    HTTP_PORT: "0",
    SIGNAL_NUMBER: SHOP_NUMBER,
    SIGNAL_GROUP_ID: GROUP.id,
    ADMIN_PHONE_NUMBER: ALEX.number,
    AFFILIATE_LINK: "https://shop.example/affiliate",
    DB_DRIVER: "sqlite",
    SQLITE_PATH: folder.database,
    POLL_INTERVAL_SECONDS: "0.2",
    TIMEZONE: TIME_ZONE,
    TEMPLATES_FILE: folder.templates,
    STATE_DIR: join(folder.path, "state"),
    RUNTIME_DIR: join(folder.path, "run"),
  };
  const found = new Map(
    Object.entries(settings).map(([name, value]) => [name, { value, origin: "environment" as const }]),
  );
  const parsed = parseConfig(found);
  if ("config" in parsed) return parsed.config;
  throw new Error(`the demo's own settings are refused: ${parsed.problems.map(formatProblem).join("; ")}`);
}
