/**
 * @module
 */
import { StoreUnavailable } from "../../domain/errors.ts";
import { Contended, DuplicateKey, StatementRefused } from "../faults.ts";

/** Primary result codes of SQLite (https://sqlite.org/rescode.html); extended ones have them in the low byte. */
const ERROR = 1, PERM = 3, BUSY = 5, LOCKED = 6, READONLY = 8, IOERR = 10, CORRUPT = 11, FULL = 13, CANTOPEN = 14;
const CONSTRAINT = 19, AUTH = 23, NOTADB = 26;
const CONSTRAINT_PRIMARYKEY = 1555, CONSTRAINT_UNIQUE = 2067;

const STORAGE_TEXTS: Readonly<Record<number, string>> = {
  [READONLY]: "the SQLite file is read-only",
  [IOERR]: "reading or writing the SQLite file failed",
  [CORRUPT]: "the SQLite file is damaged",
  [FULL]: "the disk is full",
  [CANTOPEN]: "the SQLite file cannot be opened",
  [NOTADB]: "the file named by SQLITE_PATH is no SQLite database",
};

/** What an error of node:sqlite means to us. The driver's own text stays out: it may quote values. */
export function mapSqliteError(error: unknown, path: string): unknown {
  if (error instanceof Deno.errors.NotFound) {
    return new StoreUnavailable("storage", `the folder of the SQLite file ${path} does not exist`, { cause: error });
  }
  if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied) {
    return new StoreUnavailable("denied", `reading and writing the SQLite file ${path} is not permitted`, {
      cause: error,
    });
  }
  const { errcode: code, code: label } = (error ?? {}) as { errcode?: unknown; code?: unknown };
  if (error instanceof Error && code === undefined && label === "ERR_SQLITE_ERROR") {
    return new StoreUnavailable("storage", `${STORAGE_TEXTS[CANTOPEN]}: ${path}`, {
      cause: new StatementRefused(label),
    });
  }
  if (!(error instanceof Error) || typeof code !== "number") return error;
  const cause = new StatementRefused(code);
  const primary = code & 0xff;
  if (code === CONSTRAINT_PRIMARYKEY || code === CONSTRAINT_UNIQUE) return new DuplicateKey();
  if (primary === BUSY || primary === LOCKED) return new Contended(code);
  if (primary === PERM || primary === AUTH) {
    return new StoreUnavailable("denied", "SQLite refused access to its file", { cause });
  }
  const storage = STORAGE_TEXTS[primary];
  if (storage !== undefined) return new StoreUnavailable("storage", `${storage}: ${path}`, { cause });
  if (primary === ERROR && /^no such (table|column|index)/.test(error.message)) {
    return new StoreUnavailable("schema", "tables are missing or too old; run: signal-automation migrate", { cause });
  }
  if (primary === CONSTRAINT) return new StatementRefused(code, "a constraint does not hold");
  return cause;
}
