/** `backup` @module */
import type { Config, MysqlConfig } from "../../config/config.ts";
import { backupSqlite, PartIsThere } from "../../store/sqlite/backup.ts";
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { needConfig } from "../settings.ts";

export const backupCommand: CommandSpec = {
  path: ["backup"],
  summary: "Copy the database into a file, beside the running service",
  details:
    "For SQLite: one state of it, checked, in one file of mode 0600. For MySQL and MariaDB it prints the command for " +
    "their own program. To restore: stop the service, put the file in the database's place, remove the -wal and -shm " +
    "beside it, start. Not in it: the settings, and the Signal account in SIGNAL_CLI_DATA_DIR, which may be copied only " +
    "while signal-cli does not run, since an old copy of its keys cannot decrypt.",
  arguments: [{ name: "<file>", description: "the copy; must not exist, in a folder that the program may write" }],
  options: [JSON_OUTPUT, ENV_FILE],
  examples: [{ line: "signal-automation backup ./shop-monday.db", meaning: "into the folder where it is started" }],
  async run(invocation, context) {
    const config = await needConfig(invocation, context);
    const file = invocation.text("file")!;
    const { bytes } = await backupSqlite(sqlitePath(config), file).catch((error: unknown) => {
      if (error instanceof PartIsThere) {
        throw new CliProblem(
          EXIT.usage,
          `${error.part}: is there already, left by a copy that was cut off or being made now`,
          {
            next: `If none is being made: rm ${error.part}`,
          },
        );
      }
      if (error instanceof Deno.errors.AlreadyExists) throw new CliProblem(EXIT.usage, `${file}: is there already`);
      if (error instanceof Deno.errors.NotFound) throw new CliProblem(EXIT.usage, `${file}: there is no such folder`);
      throw error;
    });
    if (invocation.flag("json")) printJson(context.terminal, { file, bytes });
    else context.terminal.out(`${file}: ${(bytes / 1_000_000).toFixed(1)} MB\n`);
    return EXIT.done;
  },
};

/** @throws {CliProblem} `usage` for a database server, with the command */
function sqlitePath({ database }: Config): string {
  if (database.driver === "sqlite") return database.path;
  throw new CliProblem(EXIT.usage, "the database is a server's, which has a program for that", {
    details: ["It asks for DB_PASSWORD; the copy is one state of all tables, and nobody waits for it."],
    next: dumpCommand(database),
  });
}

function dumpCommand({ host, port, socketPath, user, database }: MysqlConfig): string {
  const where = socketPath === undefined ? `--host=${host} --port=${port}` : `--socket=${socketPath}`;
  return `mysqldump --single-transaction --no-tablespaces ${where} --user=${user} --password ${database} > FILE.sql`;
}
