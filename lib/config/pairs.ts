/**
 * Settings that are right each for itself and wrong together, and those that work but are probably not meant.
 *
 * @module
 */
import type { Problem, Warning } from "./problems.ts";
import type { SettingName, SettingValues } from "./schema.ts";

/** Passwords shorter than this get a warning. */
const SHORT_PASSWORD = 8;
/** A request may outlive this many leases before it is worth a warning. */
const LEASES_PER_REQUEST = 8;
const LOCAL_HOSTS = new Set(["localhost", "127.0.0.1", "::1", "[::1]"]);

/** What the checks may ask. `values` holds those settings that are right; a wrong one counts as not there. */
export interface PairInput {
  readonly values: Partial<SettingValues>;
  /** Written down by somebody, not a default. */
  isStated(name: SettingName): boolean;
  /** Stated, but refused already. */
  isWrong(name: SettingName): boolean;
}

export interface PairResult {
  /** Settings that are needed because of others and absent. */
  readonly missing: readonly SettingName[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Warning[];
}

export function checkPairs({ values: v, isStated, isWrong }: PairInput): PairResult {
  const missing: SettingName[] = [];
  const problems: Problem[] = [];
  const warnings: Warning[] = [];
  const need = (name: SettingName) => {
    if (v[name] === undefined && !isWrong(name)) missing.push(name);
  };
  const warn = (name: SettingName, warning: string) => warnings.push({ name, warning });

  if (v.DB_DRIVER === "mysql") {
    need("DB_PASSWORD");
    if (v.DB_PASSWORD !== undefined && v.DB_PASSWORD.length < SHORT_PASSWORD) {
      warn("DB_PASSWORD", `shorter than ${SHORT_PASSWORD} characters`);
    }
    const remote = v.DB_SOCKET === undefined && v.DB_HOST !== undefined && !LOCAL_HOSTS.has(v.DB_HOST.toLowerCase());
    if (v.DB_TLS === "off" && remote) {
      warn("DB_TLS", "off, and the database is on another host: orders travel unencrypted; use on or verify");
    }
    if (v.DB_TLS === "off" && v.DB_TLS_CA !== undefined) warn("DB_TLS_CA", "has no effect while DB_TLS is off");
  }

  if (v.WEBHOOK_ENABLED === true) {
    need("WEBHOOK_URL");
    if (v.WEBHOOK_FORMAT === "json") need("WEBHOOK_SIGNING_SECRET");
    if (v.WEBHOOK_URL?.toLowerCase().startsWith("http:")) {
      warn("WEBHOOK_URL", "http: sends alerts unencrypted; use https: where the receiver has it");
    }
  }
  if (isStated("WEBHOOK_SIGNING_SECRET") && v.WEBHOOK_FORMAT !== undefined && v.WEBHOOK_FORMAT !== "json") {
    warn("WEBHOOK_SIGNING_SECRET", "has no effect unless WEBHOOK_FORMAT is json");
  }

  if (v.AFFILIATE_LINK !== undefined && /[?#]/.test(v.AFFILIATE_LINK)) {
    warn(
      "AFFILIATE_LINK",
      "has a ? or # of its own: the token is put behind a further ?, as https://example.com/?x=1?TOKEN",
    );
  }
  if (v.SIGNAL_NUMBER !== undefined && v.SIGNAL_NUMBER === v.ADMIN_PHONE_NUMBER) {
    warn("ADMIN_PHONE_NUMBER", "the same as SIGNAL_NUMBER: alerts go to the service's own account");
  }

  if (v.SIGNAL_TRANSPORT === "socket") {
    need("SIGNAL_SOCKET");
    if (v.SIGNAL_SOCKET?.kind === "tcp" && !LOCAL_HOSTS.has(v.SIGNAL_SOCKET.host.toLowerCase())) {
      warn("SIGNAL_SOCKET", "on another host, and signal-cli asks nobody for a password: whoever reaches it can write");
    }
  } else if (isStated("SIGNAL_SOCKET") && v.SIGNAL_TRANSPORT !== undefined) {
    warn("SIGNAL_SOCKET", "has no effect unless SIGNAL_TRANSPORT is socket");
  }
  if (isStated("LANE_WINDOW") && v.LANE_WINDOW !== undefined && v.SEND_WINDOW !== undefined) {
    if (v.LANE_WINDOW > v.SEND_WINDOW) {
      const accepted = `at most SEND_WINDOW, which is ${v.SEND_WINDOW}`;
      problems.push({ name: "LANE_WINDOW", problem: "larger than SEND_WINDOW", seen: `"${v.LANE_WINDOW}"`, accepted });
    }
  }
  if (v.SIGNAL_TIMEOUT !== undefined && v.LEASE_SECONDS !== undefined) {
    if (v.SIGNAL_TIMEOUT > LEASES_PER_REQUEST * v.LEASE_SECONDS) {
      warn(
        "SIGNAL_TIMEOUT",
        "many times LEASE_SECONDS: after a takeover, answers that are still awaited count as never given",
      );
    }
  }
  return { missing, problems, warnings };
}
