/**
 * The shop beside the service: a session of its own on the same database, which inserts orders and looks at counters.
 *
 * @module
 */
import mysql from "mysql2/promise";
import { DatabaseSync } from "node:sqlite";
import type { TestDatabase } from "../support/databases.ts";

type Cell = string | number | null;
type Row = Readonly<Record<string, unknown>>;

/** Rows of one INSERT. */
const BATCH = 500;

export class Shop implements AsyncDisposable {
  /** Statements that this session sent so far. */
  statements = 0;

  private constructor(
    private readonly send: (sql: string, values: readonly Cell[]) => Promise<readonly Row[]>,
    private readonly end: () => Promise<void>,
    readonly isMysql: boolean,
  ) {}

  static async open(db: TestDatabase): Promise<Shop> {
    const options = db.adminOptions;
    if (options.engine === "sqlite") {
      const file = new DatabaseSync(options.path, { timeout: 5_000 });
      file.exec("PRAGMA synchronous = FULL");
      return new Shop(
        (sql, values) => {
          const statement = file.prepare(sql);
          return Promise.resolve(
            statement.columns().length > 0 ? statement.all(...values) as Row[] : (statement.run(...values), []),
          );
        },
        () => Promise.resolve(file.close()),
        false,
      );
    }
    const { host, port, user, password, database } = options;
    const connection = await mysql.createConnection({
      host: host!,
      port: port!,
      user,
      password,
      database: database!,
      timezone: "Z",
      charset: "utf8mb4",
    });
    return new Shop(
      async (sql, values) => {
        const [rows] = await connection.query(sql, [...values]);
        return Array.isArray(rows) ? rows as Row[] : [];
      },
      () => connection.end(),
      true,
    );
  }

  query(sql: string, values: readonly Cell[] = []): Promise<readonly Row[]> {
    this.statements++;
    return this.send(sql, values);
  }

  /** All rows in one transaction. @returns when its COMMIT was sent, milliseconds UTC */
  async insert(table: string, columns: readonly string[], rows: readonly (readonly Cell[])[]): Promise<number> {
    await this.query("BEGIN");
    const tuple = `(${columns.map(() => "?").join(", ")})`;
    for (let at = 0; at < rows.length; at += BATCH) {
      const some = rows.slice(at, at + BATCH);
      await this.query(
        `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${some.map(() => tuple).join(", ")}`,
        some.flat(),
      );
    }
    const committedAtMs = Date.now();
    await this.query("COMMIT");
    return committedAtMs;
  }

  /** One order, committed by itself. @returns when the INSERT was sent, milliseconds UTC */
  async order(client: string, token: string | null): Promise<number> {
    const sentAtMs = Date.now();
    await this.query("INSERT INTO orders (client, total, affiliate_token) VALUES (?, ?, ?)", [client, "12.50", token]);
    return sentAtMs;
  }

  /** People with a token who are known by number. */
  async affiliates(people: readonly { readonly number: string; readonly token: string }[]): Promise<void> {
    await this.insert("affiliates", ["phone_number", "token"], people.map(({ number, token }) => [number, token]));
  }

  /** The server's counter of statements received from clients (`Questions`). MySQL-compatible servers only. */
  async questions(): Promise<number> {
    const [row] = await this.query("SHOW GLOBAL STATUS LIKE 'Questions'");
    return Number(row!["Value"]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
