/**
 * The command line in this process: a terminal that records, a folder of its own, and an environment of its own.
 *
 * @module
 */
import { join } from "node:path";
import { runCli } from "../../lib/cli/cli.ts";
import type { CliContext } from "../../lib/cli/command.ts";
import type { Terminal } from "../../lib/cli/screen/terminal.ts";
import { type Clock, systemClock } from "../../lib/runtime/clock.ts";
import { systemRandom } from "../../lib/runtime/random.ts";

export const ROOT: string = join(import.meta.dirname!, "..", "..");
export const VERSION = "9.9.9-test";

/** Settings that are complete and good, on SQLite in `folder`, and without a port: a service may run on this machine. */
export function goodSettings(folder: string): Record<string, string> {
  return {
    SIGNAL_NUMBER: "+33199000100",
    SIGNAL_GROUP_ID: "ZGVtbyBncm91cCBvZiB0aGUgc2hvcCdzIG93bmVycyE=",
    AFFILIATE_LINK: "https://shop.example/affiliate",
    ADMIN_PHONE_NUMBER: "+33199000103",
    DB_DRIVER: "sqlite",
    STATE_DIR: join(folder, "state"),
    RUNTIME_DIR: join(folder, "run"),
    TEMPLATES_FILE: join(folder, "templates.yaml"),
    HTTP_PORT: "0",
  };
}

export interface CliResult {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Both streams are terminals of this width. Default: neither is one. */
  readonly terminalColumns?: number;
  readonly colour?: boolean;
  /** Answers of a person; with them the terminal is interactive. */
  readonly answers?: readonly string[];
  /** While the person thinks. */
  readonly onAsk?: () => void;
  /** Told of everything written, as it is written. */
  readonly onOut?: (text: string) => void;
  readonly onErr?: (text: string) => void;
  /** Called with the listeners of signals as they are registered. */
  readonly onSignal?: CliContext["onSignal"];
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** Runs one command line in this process. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  let out = "";
  let err = "";
  const answers = [...(options.answers ?? [])];
  const info = {
    isTerminal: options.terminalColumns !== undefined,
    colour: options.colour ?? false,
    columns: options.terminalColumns ?? 80,
  };
  const terminal: Terminal = {
    out: (text) => {
      out += text;
      options.onOut?.(text);
    },
    err: (text) => {
      err += text;
      options.onErr?.(text);
    },
    outInfo: info,
    errInfo: info,
    interactive: options.answers !== undefined,
    stdin: new Blob([options.stdin ?? ""]).stream(),
    ask: (question) => {
      err += question;
      options.onAsk?.();
      return Promise.resolve(answers.shift());
    },
  };
  const exit = await runCli(args, {
    terminal,
    assetsDir: ROOT,
    version: VERSION,
    clock: options.clock ?? systemClock,
    random: systemRandom,
    getEnv: (name) => options.env?.[name],
    // How full this machine is must not decide what a test says.
    diskSpace: () => Promise.resolve({ freeBytes: 50e9, totalBytes: 100e9 }),
    onSignal: options.onSignal ?? (() => () => {}),
    exitNow: (code) => {
      throw new Error(`exitNow(${code})`);
    },
  });
  return { exit, out, err };
}

/** Runs `work` with a folder that is removed afterwards. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cli-test-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A folder with good settings in `.env` (mode 0600) and tables. */
export async function inShop(work: (shop: { folder: string; envFile: string }) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const envFile = join(folder, "env");
    const lines = Object.entries(goodSettings(folder)).map(([name, value]) => `${name}=${value}\n`);
    await Deno.writeTextFile(envFile, lines.join(""), { mode: 0o600 });
    const migrated = await cli(["migrate", "--env-file", envFile]);
    if (migrated.exit !== 0) throw new Error(`migrate failed: ${migrated.err}`);
    await work({ folder, envFile });
  });
}
