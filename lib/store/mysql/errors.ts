/**
 * What an error of mysql2 or of the server means to us.
 *
 * @module
 */
import { StoreUnavailable } from "../../domain/errors.ts";
import { Contended, DuplicateKey, StatementRefused } from "../faults.ts";

/** ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_CHECKREAD (MariaDB: the record changed since it was read). */
const CONTENDED = new Set([1205, 1213, 1020]);
const DUPLICATE = new Set([1062, 1586]);
/** Shutdown, too many connections, connection killed or lost, server not a member any more (1047: Galera). */
const UNREACHABLE = new Set([
  1040,
  1043,
  1047,
  1053,
  1077,
  1079,
  1080,
  1152,
  1158,
  1159,
  1160,
  1161,
  1184,
  1203,
  1927,
  3169,
  4031,
]);
/** Grants, passwords, hosts, locked accounts, required TLS. */
const DENIED = new Set([
  1044,
  1045,
  1129,
  1130,
  1142,
  1143,
  1227,
  1251,
  1370,
  1396,
  1524,
  1698,
  1820,
  1862,
  3118,
  3159,
  3878,
  4151,
]);
/** Unknown database, column, table or index. */
const SCHEMA = new Set([1049, 1054, 1146, 1176]);
/** Disk full, engine errors, damaged or read-only tables and servers. */
const STORAGE = new Set([1021, 1026, 1030, 1034, 1036, 1114, 1194, 1195, 1290, 1792, 1836, 3100, 3675]);
/** Server-side limits of a statement's time (MySQL, MariaDB), and an interrupted query. */
const TIMEOUT = new Set([3024, 1969, 1317]);
const NETWORK = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "ENOENT",
  "PROTOCOL_CONNECTION_LOST",
  "PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR",
  "PROTOCOL_ENQUEUE_AFTER_QUIT",
  "PROTOCOL_PACKETS_OUT_OF_ORDER",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END",
]);
const NAMES = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA"]);

interface DriverError {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly fatal?: unknown;
}

/**
 * `server` names the place for texts: `127.0.0.1:3306` or a socket's path.
 * @param when only while connecting an unknown failure of the wire is a matter of TLS; later it is one of the network
 */
export function mapMysqlError(error: unknown, server: string, when: "connecting" | "connected"): unknown {
  if (!(error instanceof Error)) return error;
  const { code, errno, fatal } = error as DriverError;
  if (typeof code !== "string" && typeof errno !== "number") {
    // The driver's word for a connection that it has closed already has neither code nor number.
    return fatal === true
      ? new StoreUnavailable("unreachable", `the connection to the database at ${server} is closed`)
      : error;
  }
  const label = typeof code === "string" ? code : String(errno);
  // The driver's error carries the whole statement with its values: only its code is kept.
  const cause = new StatementRefused(typeof errno === "number" ? `${label} ${errno}` : label);
  const unavailable = (fault: StoreUnavailable["fault"], text: string) => new StoreUnavailable(fault, text, { cause });

  if (code === "ETIMEDOUT") return unavailable("unreachable", `the database at ${server} does not answer (timeout)`);
  if (typeof code === "string" && NAMES.has(code)) {
    return unavailable("unreachable", `the name of the database's host cannot be resolved: ${server}`);
  }
  if (typeof code === "string" && NETWORK.has(code)) {
    return unavailable("unreachable", `the database at ${server} cannot be reached (${code})`);
  }
  if (code === "HANDSHAKE_NO_SSL_SUPPORT") {
    return unavailable("denied", `the database at ${server} offers no TLS; accepted: DB_TLS=off, or TLS on the server`);
  }
  if (
    when === "connecting" && typeof code === "string" &&
    (code === "UNKNOWN" || code === "EPROTO" || /SSL|TLS|CERT|SELF_SIGNED|ISSUER/.test(code))
  ) {
    return unavailable(
      "denied",
      `the TLS certificate of the database at ${server} is not accepted (DB_TLS, DB_TLS_CA)`,
    );
  }
  if (typeof errno === "number") {
    if (CONTENDED.has(errno)) return new Contended(errno);
    if (DUPLICATE.has(errno)) return new DuplicateKey();
    if (UNREACHABLE.has(errno)) return unavailable("unreachable", `the database at ${server} is going away (${label})`);
    if (TIMEOUT.has(errno)) return unavailable("timeout", `the database at ${server} ended a statement (${label})`);
    if (errno === 1049) {
      return unavailable(
        "schema",
        `the database named by DB_NAME does not exist at ${server}; run: signal-automation migrate`,
      );
    }
    if (SCHEMA.has(errno)) {
      return unavailable("schema", `tables are missing or too old (${label}); run: signal-automation migrate`);
    }
    if (errno === 1142 || errno === 1143 || errno === 1227) {
      return unavailable("denied", `a grant is missing (${label}); signal-automation migrate --sql prints all of them`);
    }
    if (DENIED.has(errno)) return unavailable("denied", `the database at ${server} refused the login (${label})`);
    if (STORAGE.has(errno)) return unavailable("storage", `the database at ${server} cannot store (${label})`);
  }
  if (fatal === true) return unavailable("unreachable", `the connection to the database at ${server} broke (${label})`);
  return cause;
}
