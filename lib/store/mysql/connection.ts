/**
 * One connection to a MySQL-compatible server.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import mysql, { type Connection, type ConnectionOptions, type ResultSetHeader } from "mysql2";
import type { CompiledQuery, DatabaseConnection, QueryResult } from "kysely";
import { StoreUnavailable } from "../../domain/errors.ts";
import { type Clock, DeadlineExceeded, within } from "../../runtime/clock.ts";
import { Contended, DuplicateKey, StatementRefused } from "../faults.ts";
import type { Expected, MannerOfQuery } from "../posted.ts";
import { mapMysqlError } from "./errors.ts";
import {
  DEFAULT_CONNECT_TIMEOUT_MS,
  DEFAULT_SILENCE_SECONDS,
  DEFAULT_STATEMENT_TIMEOUT_MS,
  type MysqlOptions,
  serverName,
} from "./options.ts";
import { missingGrant } from "./permissions.ts";

/** A row lock is waited for no longer than this, seconds: then the whole transaction starts again (1205). */
const LOCK_WAIT_SECONDS = 5;
/** Table locks of somebody's ALTER, seconds; the server's own default is a year. */
const METADATA_LOCK_WAIT_SECONDS = 15;
/** A polite goodbye may take this long before the connection is cut. */
const GOODBYE_MS = 500;

/** Shapes of rows that the driver keeps a parser for; it makes room for 15,000, and all our statements have about a hundred. */
const ROW_PARSERS = 500;
mysql.setMaxParserCache(ROW_PARSERS);

/** Applied to every new connection before its first statement. */
const session = (silenceSeconds: number) => [
  "SET NAMES utf8mb4",
  `SET SESSION time_zone = '+00:00', autocommit = 1, innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, ` +
  `lock_wait_timeout = ${METADATA_LOCK_WAIT_SECONDS}, wait_timeout = ${silenceSeconds}, ` +
  `net_read_timeout = ${silenceSeconds}, ` +
  // Strict, and without ANSI_QUOTES, NO_BACKSLASH_ESCAPES or PAD_CHAR_TO_FULL_LENGTH, whatever the server prefers.
  "sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
  "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

/** A statement of a packet. */
interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  readonly expected?: Expected;
}

export class MysqlConnection implements DatabaseConnection {
  /** It cannot be used again: lost, or a statement ran past its deadline and still occupies it. */
  broken = false;
  readonly openedAtMs: number;
  /** When it was last given back, on the monotonic clock. */
  idleSinceMs = 0;
  /** When the server last answered, on the monotonic clock: it gives up connections that are silent. */
  heardAtMs: number;
  /** Ends statements under way when the connection is cut: the driver would leave their callers waiting. */
  readonly #underWay = new Set<(error: StoreUnavailable) => void>();
  readonly #closed: Promise<void>;
  /** They leave with the next one. */
  #posted: Statement[] = [];

  private constructor(
    private readonly raw: Connection,
    /** Made by us, since the driver's own `destroy` only half-closes: with a frozen server that never ends. */
    private readonly socket: net.Socket,
    private readonly server: string,
    private readonly timeoutMs: number,
    private readonly clock: Clock,
  ) {
    this.openedAtMs = clock.monotonicMs();
    this.heardAtMs = this.openedAtMs;
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
    raw.on("error", () => {
      this.broken = true;
    });
    raw.on("end", () => {
      this.broken = true;
    });
  }

  /** Connects, logs in and sets the session up, all within the deadline. @throws {StoreUnavailable} */
  static async open(options: MysqlOptions, clock: Clock): Promise<MysqlConnection> {
    const refused = await missingGrant(options);
    if (refused !== undefined) throw refused;
    const server = serverName(options);
    const timeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    const socket = options.socketPath === undefined
      ? net.connect(options.port, options.host)
      : net.connect(options.socketPath);
    socket.setNoDelay(true);
    const raw = mysql.createConnection({ ...connectionOptions(options, timeoutMs), stream: () => socket });
    const connection = new MysqlConnection(
      raw,
      socket,
      server,
      options.statementTimeoutMs ?? DEFAULT_STATEMENT_TIMEOUT_MS,
      clock,
    );
    try {
      const silenceSeconds = options.silenceSeconds ?? DEFAULT_SILENCE_SECONDS;
      await within(connection.#setUp(silenceSeconds), timeoutMs, "connecting to the database");
      return connection;
    } catch (error) {
      await connection.destroy();
      if (error instanceof DeadlineExceeded) {
        throw new StoreUnavailable("unreachable", `the database at ${server} does not answer (${timeoutMs} ms)`, {
          cause: error,
        });
      }
      throw mapMysqlError(error, server, "connecting");
    }
  }

  async #setUp(silenceSeconds: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.raw.connect((error) => error ? reject(error) : resolve());
    });
    for (const sql of session(silenceSeconds)) await this.#query(sql, []);
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { sql, parameters, goes } = query as MannerOfQuery;
    if (goes?.manner === "posted") {
      this.#posted.push({ sql, parameters, ...(goes.expected === undefined ? {} : { expected: goes.expected }) });
      return { rows: [] };
    }
    const statements = goes?.manner === "instead" ? [] : this.#posted;
    this.#posted = [];
    if (goes?.manner !== "flush") statements.push({ sql, parameters });
    if (statements.length === 0) return { rows: [] };
    const result = (await this.#send(statements)).at(-1);
    if (Array.isArray(result)) return { rows: result as R[] };
    const { affectedRows, insertId } = result as ResultSetHeader;
    return { rows: [], numAffectedRows: BigInt(affectedRows), insertId: BigInt(insertId) };
  }

  /**
   * Statements in one packet; at the first that fails the server leaves the rest.
   * @returns an answer each
   * @throws {Contended} when one of several failed, which, run alone, says why; or did not do what was expected
   */
  async #send(statements: readonly Statement[]): Promise<readonly unknown[]> {
    let answer: unknown;
    try {
      answer = await this.#query(
        statements.map(({ sql }) => sql).join(";\n"),
        statements.flatMap(({ parameters }) => parameters),
      );
    } catch (error) {
      const isAnyones = statements.length > 1 && statements.some(({ expected }) => expected !== undefined);
      const saysWhy = error instanceof DuplicateKey || error instanceof StatementRefused;
      throw isAnyones && saysWhy ? new Contended("packet") : error;
    }
    const answers = statements.length === 1 ? [answer] : answer as readonly unknown[];
    for (const [at, { expected }] of statements.entries()) {
      if (expected?.affected === undefined) continue;
      if ((answers[at] as ResultSetHeader).affectedRows !== expected.affected) throw new Contended(expected.what);
    }
    return answers;
  }

  #query(sql: string, values: readonly unknown[], timeoutMs = this.timeoutMs): Promise<unknown> {
    return this.#ask((answered) => this.raw.query({ sql, values: values as unknown[] }, answered), timeoutMs);
  }

  /** The deadline is ours: the driver's own leaves its timer behind when the connection breaks. */
  async #ask(
    ask: (answered: (error: Error | null, result?: unknown) => void) => void,
    timeoutMs: number,
  ): Promise<unknown> {
    if (this.broken) throw new StoreUnavailable("unreachable", `the connection to ${this.server} is lost`);
    let giveUp: ((error: StoreUnavailable) => void) | undefined;
    const answer = new Promise((resolve, reject) => {
      giveUp = reject;
      this.#underWay.add(reject);
      ask((error, result) => error === null ? resolve(result) : reject(mapMysqlError(error, this.server, "connected")));
    });
    try {
      const result = await within(answer, timeoutMs, "a statement");
      this.heardAtMs = this.clock.monotonicMs();
      return result;
    } catch (error) {
      const mapped = error instanceof DeadlineExceeded
        ? new StoreUnavailable("timeout", `the database at ${this.server} did not answer within ${timeoutMs} ms`, {
          cause: error,
        })
        : error;
      // Past its deadline a statement keeps running and keeps the connection (facts: deno.md §3).
      if (mapped instanceof StoreUnavailable && (mapped.fault === "unreachable" || mapped.fault === "timeout")) {
        void this.destroy();
      }
      throw mapped;
    } finally {
      this.#underWay.delete(giveUp!);
    }
  }

  /** @throws {StoreUnavailable} when there is no answer within `timeoutMs` */
  async ping(timeoutMs: number): Promise<void> {
    await this.#query("SELECT 1", [], timeoutMs);
  }

  /** {@link ping} by a packet that is no statement: breaks the silence and counts for nothing. */
  async nudge(timeoutMs: number): Promise<void> {
    await this.#ask((answered) => this.raw.ping((error) => answered(error ?? null)), timeoutMs);
  }

  // deno-lint-ignore require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("streaming is not used here");
  }

  /** Says goodbye and waits for the other side's a moment, then cuts. */
  async end(): Promise<void> {
    if (!this.broken) {
      this.raw.end(() => {});
      await within(this.#closed, GOODBYE_MS, "closing a connection").catch((error) => {
        if (!(error instanceof DeadlineExceeded)) throw error;
      });
    }
    await this.destroy();
  }

  /** Cuts it at once; statements under way fail. Resolves when the socket is closed, which needs no answer. */
  destroy(): Promise<void> {
    this.broken = true;
    this.raw.destroy();
    // With TLS the driver has put another stream on top.
    (this.raw as unknown as { readonly stream: net.Socket }).stream.destroy();
    this.socket.destroy();
    for (const giveUp of this.#underWay) {
      giveUp(new StoreUnavailable("unreachable", `the connection to the database at ${this.server} was cut`));
    }
    this.#underWay.clear();
    return this.#closed;
  }
}

function connectionOptions(options: MysqlOptions, timeoutMs: number): ConnectionOptions {
  return {
    ...(options.socketPath === undefined
      ? { host: options.host, port: options.port }
      : { socketPath: options.socketPath }),
    ...(options.database === undefined ? {} : { database: options.database }),
    user: options.user,
    password: options.password,
    charset: "utf8mb4",
    // Values never become part of a statement by themselves (the driver escapes what stands for each `?`), so a `;` in one
    // begins nothing.
    multipleStatements: true,
    timezone: "Z",
    supportBigNumbers: true,
    // DATETIME stays text: in which zone it is meant is for us to know.
    dateStrings: true,
    // Nothing is prepared, and the driver makes room for 16,000 on each connection: half a MiB.
    maxPreparedStatements: 1,
    connectTimeout: timeoutMs,
    ...tlsOptions(options),
  };
}

function tlsOptions(options: MysqlOptions): Pick<ConnectionOptions, "ssl"> {
  if (options.tls === "off" || options.socketPath !== undefined) return {};
  if (options.tls === "on") return { ssl: { rejectUnauthorized: false, minVersion: "TLSv1.2" } };
  return {
    ssl: {
      rejectUnauthorized: true,
      verifyIdentity: true,
      minVersion: "TLSv1.2",
      ...(options.caPem === undefined ? {} : { ca: Buffer.from(options.caPem) }),
    },
  };
}
