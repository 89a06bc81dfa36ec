/** `migrate` @module */
import type { Config } from "../../config/config.ts";
import { ConfigError, StoreUnavailable } from "../../domain/errors.ts";
import { type MigrationStatus, type Migrator, renderSql, type SetupNames } from "../../store/migrate.ts";
import { loadMigrations } from "../../store/sql_files.ts";
import { type CliContext, type CommandSpec, ENV_FILE, type Invocation, JSON_OUTPUT, YES } from "../command.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { type Administrator, clientHostOf, openConfiguredMigrator } from "../migrator.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { painter } from "../screen/paint.ts";
import { needConfig } from "../settings.ts";

export const migrateCommand: CommandSpec = {
  path: ["migrate"],
  summary: "Create or update the tables",
  details: "The service's own user needs no right to create tables: an administrator either runs what --sql prints, " +
    "or names an account with --admin-user, which then also makes the database, the user and its grants. " +
    "Existing orders and affiliates are kept as they are.",
  options: [
    { flags: "--status", description: "only say which version the tables have" },
    { flags: "--sql", description: "only print everything for the administrator's own client" },
    { flags: "--dry-run", description: "only say what would be done" },
    { flags: "--admin-user <user>", description: "connect as this administrator" },
    { flags: "--admin-password-file <file>", description: "its password, - for standard input (default: ask)" },
    {
      flags: "--admin-socket <path>",
      description: "through this unix socket, as Debian's root does without a password",
    },
    {
      flags: "--client-host <host>",
      description:
        "where the service connects from, as the server sees it (default: this machine, or % for a server elsewhere)",
    },
    YES,
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [
    { line: "signal-automation migrate --status", meaning: "exit 0 when the tables fit" },
    { line: "signal-automation migrate --sql | sudo mysql", meaning: "where the service's user may not create tables" },
    { line: "signal-automation migrate --dry-run", meaning: "what would be done" },
  ],
  async run(invocation, context) {
    const modes = ["status", "sql", "dry-run"].filter((name) => invocation.flag(name));
    if (modes.length > 1) {
      throw new CliProblem(EXIT.usage, `${modes.map((mode) => `--${mode}`).join(" and ")} exclude each other`);
    }
    const config = await needConfig(invocation, context);
    if (modes[0] === "sql") return await printSql(config, invocation, context);
    const dryRun = modes[0] === "dry-run";
    if (modes[0] !== undefined && await isMissing(config)) {
      return showStatus(await emptyStatus(context.assetsDir), invocation, context, dryRun);
    }
    const administrator = await askAdministrator(invocation, context, config);
    const reading = modes[0] !== undefined;
    const migrator = await openConfiguredMigrator(config, context, administrator, reading);
    try {
      if (reading) return showStatus(await migrator.status(), invocation, context, dryRun);
      return await apply(migrator, config, administrator, invocation, context);
    } finally {
      await migrator.close();
    }
  },
};

async function printSql(
  config: Config,
  invocation: Invocation,
  { terminal, assetsDir }: CliContext,
): Promise<ExitCode> {
  const { database } = config;
  terminal.out(await renderSql(assetsDir, database.driver, namesOf(config, invocation)));
  if (database.driver === "mysql") {
    terminal.err("-- DB_PASSWORD is not printed: replace 'REPLACE_THIS_PASSWORD' unless the user exists already.\n");
  }
  return EXIT.done;
}

/** Whether the SQLite file is not there yet: looking into it would make it. */
async function isMissing({ database }: Config): Promise<boolean> {
  if (database.driver !== "sqlite") return false;
  try {
    await Deno.stat(database.path);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

/** What is to be done where there is nothing. */
async function emptyStatus(assetsDir: string): Promise<MigrationStatus> {
  const migrations = await loadMigrations(assetsDir, "sqlite");
  return { state: "absent", found: undefined, wanted: migrations.length, pending: migrations.map(({ name }) => name) };
}

function showStatus(
  status: MigrationStatus,
  invocation: Invocation,
  { terminal }: CliContext,
  dryRun: boolean,
): ExitCode {
  const { state, found, wanted, pending } = status;
  const exit = state === "current" || (dryRun && state !== "newer") ? EXIT.done : EXIT.usage;
  if (invocation.flag("json")) {
    printJson(terminal, { state, found: found ?? null, wanted, pending });
    return exit;
  }
  const paint = painter(terminal.outInfo.colour);
  terminal.out(`${state === "current" ? paint.good("current") : paint.warn(state)}: ${describe(status)}\n`);
  for (const name of pending) terminal.out(`  ${dryRun ? "would apply" : "pending"}: ${name}\n`);
  return exit;
}

async function apply(
  migrator: Migrator,
  config: Config,
  administrator: Administrator | undefined,
  invocation: Invocation,
  context: CliContext,
): Promise<ExitCode> {
  const { terminal } = context;
  if (administrator !== undefined) await confirm(config, administrator, invocation, context);
  const names = namesOf(config, invocation);
  const applied = await refusalsExplained(administrator, async () => {
    if (administrator !== undefined) return await migrator.setUp({ ...names, ...passwordOf(config) });
    // Asked first: tables that fit need no right to create any.
    return (await migrator.status()).state === "current" ? [] : await migrator.apply();
  });
  if (invocation.flag("json")) {
    printJson(terminal, { applied, ...(administrator !== undefined && { user: names.user }) });
    return EXIT.done;
  }
  if (applied.length === 0) terminal.out("The tables fit already; nothing was changed.\n");
  for (const name of applied) terminal.out(`applied: ${name}\n`);
  if (administrator !== undefined) {
    const { user, clientHost, database } = names;
    terminal.out(`'${user}'@'${clientHost}' may use ${database}. A user that existed keeps its password.\n`);
  }
  return EXIT.done;
}

/** As an administrator we make a user and grants on somebody's server: that is asked for once. */
async function confirm(
  config: Config,
  administrator: Administrator,
  invocation: Invocation,
  { terminal }: CliContext,
): Promise<void> {
  if (invocation.flag("yes")) return;
  const { user, clientHost, database } = namesOf(config, invocation);
  const question = `As ${administrator.user}: make database ${database}, its tables, user '${user}'@'${clientHost}' ` +
    "and its grants, each where it is missing? [y/N] ";
  const answer = terminal.interactive ? await terminal.ask(question) : undefined;
  if (/^y(es)?$/i.test(answer?.trim() ?? "")) return;
  throw new CliProblem(
    EXIT.usage,
    terminal.interactive ? "nothing was changed" : "this asks before it changes grants",
    {
      next: "Say yes beforehand: --yes",
    },
  );
}

async function askAdministrator(
  invocation: Invocation,
  { terminal }: CliContext,
  { database }: Config,
): Promise<Administrator | undefined> {
  const user = invocation.text("admin-user");
  const file = invocation.text("admin-password-file");
  const socketPath = invocation.text("admin-socket");
  if (user === undefined && file === undefined && socketPath === undefined) return undefined;
  if (database.driver === "sqlite") {
    throw new CliProblem(EXIT.usage, "SQLite has no administrator", { next: "signal-automation migrate" });
  }
  if (file === "-" && invocation.text("env-file") === "-") {
    throw new CliProblem(EXIT.usage, "standard input can be the settings or the password, not both");
  }
  const password = file !== undefined
    ? (file === "-" ? await new Response(terminal.stdin).text() : await readPassword(file)).replace(/\r?\n$/, "")
    // Through a socket the server knows who we are; with a password somebody has to type it.
    : socketPath !== undefined || !terminal.interactive
    ? ""
    : await terminal.ask(`Password of ${user ?? "root"}: `, { hidden: true }) ?? "";
  return { user: user ?? "root", password, socketPath };
}

async function readPassword(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new ConfigError(file, "no such file", undefined, { cause: error });
    throw error;
  }
}

/** A missing right is the usual case here, and has two ways out. */
async function refusalsExplained<T>(administrator: Administrator | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StoreUnavailable) || error.fault !== "denied") throw error;
    if (administrator !== undefined) {
      throw new CliProblem(EXIT.usage, error.message, {
        details: [
          `This was ${administrator.user}: is the password right, and may this account create databases and users?`,
        ],
        next: "signal-automation migrate --sql | sudo mysql",
        cause: error,
      });
    }
    throw new CliProblem(EXIT.usage, error.message, {
      details: ["The service's user needs no right to create tables; an administrator does it once."],
      next: "signal-automation migrate --sql | sudo mysql   or   signal-automation migrate --admin-user root",
      cause: error,
    });
  }
}

function namesOf({ database }: Config, invocation: Invocation): SetupNames {
  if (database.driver === "sqlite") return { database: "", user: "", clientHost: "" };
  const clientHost = invocation.text("client-host") ?? clientHostOf(database);
  return { database: database.database, user: database.user, clientHost };
}

/** For a user that is made here: it is the one that the service will log in with. */
function passwordOf({ database }: Config): { readonly password?: string } {
  return database.driver === "sqlite" ? {} : { password: database.password };
}

function describe({ state, found, wanted }: MigrationStatus): string {
  switch (state) {
    case "absent":
      return `there are no tables yet; this program makes version ${wanted}`;
    case "older":
      return `the tables have version ${found}, this program needs ${wanted}`;
    case "newer":
      return `the tables have version ${found}, this program knows ${wanted}; install the newer program`;
    case "current":
      return `the tables have version ${wanted}`;
  }
}
