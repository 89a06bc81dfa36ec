/**
 * The files below `sql/`: migrations of an engine, and the administrator's set-up.
 *
 * @module
 */
import { ConfigError } from "../domain/errors.ts";

export interface Migration {
  readonly version: number;
  /** The part of the file's name behind its number. */
  readonly name: string;
  readonly text: string;
  readonly statements: readonly string[];
}

const FILE = /^([0-9]{4})_([a-z0-9_]+)\.sql$/;
/** In `setup.sql`, where a file's text belongs: a command of the mysql client, which the server does not know. */
const SOURCE = /^SOURCE sql\/mysql\/([0-9a-z_]+\.sql);$/;

/**
 * @param assetsDir the folder that holds `sql/` (inside the binary: its own)
 * @throws {ConfigError} when a number is missing or twice: the program was put together wrongly
 */
export async function loadMigrations(assetsDir: string, engine: "mysql" | "sqlite"): Promise<readonly Migration[]> {
  const folder = `${assetsDir}/sql/${engine}`;
  const migrations: Migration[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const [, number, name] = FILE.exec(entry.name) ?? [];
    if (number === undefined || name === undefined) continue;
    const text = await Deno.readTextFile(`${folder}/${entry.name}`);
    migrations.push({ version: Number(number), name, text, statements: splitSql(text) });
  }
  migrations.sort((a, b) => a.version - b.version);
  if (migrations.length === 0 || migrations.some((migration, i) => migration.version !== i + 1)) {
    throw new ConfigError(folder, "the migrations are not numbered 1, 2, 3, …");
  }
  return migrations;
}

/** Whom and what the administrator's set-up is for. */
export interface SetupNames {
  readonly database: string;
  readonly user: string;
  /** Where the service connects from, as the server sees it: `localhost` (also for sockets), an address, or `%`. */
  readonly clientHost: string;
  /** Undefined: the placeholder stays, for a person to replace. */
  readonly password?: string;
}

/** `setup.sql` with names filled in, cut where the migrations belong. */
export async function loadSetup(
  assetsDir: string,
  names: SetupNames,
): Promise<{ readonly before: string; readonly after: string }> {
  const lines = (await Deno.readTextFile(`${assetsDir}/sql/setup.sql`)).split("\n");
  const at = lines.findIndex((line) => SOURCE.test(line));
  const fill = (text: string) =>
    text.replaceAll("`database_card_store`", () => `\`${names.database.replaceAll("`", "``")}\``)
      .replaceAll("'signal_automation'@'localhost'", () => `${quote(names.user)}@${quote(names.clientHost)}`)
      .replaceAll(
        "'REPLACE_THIS_PASSWORD'",
        () => names.password === undefined ? "'REPLACE_THIS_PASSWORD'" : quote(names.password),
      );
  return {
    before: fill(lines.slice(0, at).join("\n")),
    after: fill(lines.slice(at).filter((line) => !SOURCE.test(line)).join("\n")),
  };
}

/** Everything for an administrator's own client, in an order that works. */
export async function renderSql(assetsDir: string, engine: "mysql" | "sqlite", names: SetupNames): Promise<string> {
  const migrations = (await loadMigrations(assetsDir, engine)).map((migration) => migration.text.trim()).join("\n\n");
  if (engine === "sqlite") return `${migrations}\n`;
  const setup = await loadSetup(assetsDir, names);
  return `${setup.before.trim()}\n\n${migrations}\n\n${setup.after.trim()}\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Statements of a file, without their comments and semicolons. Semicolons inside quotes do not count. */
export function splitSql(text: string): readonly string[] {
  const statements: string[] = [];
  let current = "";
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const [comment] = /^(--[^\n]*|\/\*[\s\S]*?\*\/)/.exec(rest) ?? [];
    const [quoted] = /^('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`)/.exec(rest) ?? [];
    if (comment !== undefined) {
      at += comment.length;
    } else if (quoted !== undefined) {
      current += quoted;
      at += quoted.length;
    } else {
      if (text[at] === ";") {
        statements.push(current);
        current = "";
      } else current += text[at];
      at++;
    }
  }
  statements.push(current);
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== "");
}
