/**
 * The database as the service would meet it: login, tables, rights, the shop's table, clock, other instances.
 *
 * @module
 */
import { openDatabase } from "../../app/database.ts";
import type { Config } from "../../config/config.ts";
import { makeSignalAccount } from "../../domain/address.ts";
import { StoreUnavailable } from "../../domain/errors.ts";
import { ProofRequests } from "../../outbox/proof_requests.ts";
import type { Store } from "../../store/port.ts";
import type { CliContext } from "../command.ts";
import type { Finding } from "../health/finding.ts";
import { CLOCK_OFFSET_MS } from "../health/report.ts";
import { formatSpan } from "../screen/when.ts";
import { missingRights } from "../../store/mysql/grants.ts";
import { singleConnection } from "../migrator.ts";
import { sortError } from "../problem.ts";

/** @param running whether a service runs here: then it is expected to hold the leases */
export async function judgeDatabase(config: Config, context: CliContext, running: boolean): Promise<Finding[]> {
  const { clock, random } = context;
  if (config.database.driver === "sqlite" && !await exists(config.database.path)) {
    return [{
      name: "database",
      level: "fail",
      text: `there is no ${config.database.path}`,
      fix: "signal-automation migrate",
    }];
  }
  const store = openDatabase(config, { clock, random });
  try {
    return await look(store, config, context, running);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    return [failure("database", error)];
  } finally {
    await store.close();
  }
}

async function look(store: Store, config: Config, context: CliContext, running: boolean): Promise<Finding[]> {
  const { clock } = context;
  const beganMs = clock.monotonicMs();
  await store.leases.list();
  const tookMs = clock.monotonicMs() - beganMs;
  const findings: Finding[] = [
    { name: "database", level: "ok", text: `${store.engine} answers in ${formatSpan(tookMs)}` },
  ];
  const attempt = async (name: string, work: () => Promise<readonly Finding[]>) => {
    try {
      findings.push(...await work());
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      findings.push(failure(name, error));
    }
  };
  await attempt("tables", async () => {
    await store.checkSchema();
    return [{ name: "tables", level: "ok", text: "fit this program" }];
  });
  await attempt("rights", () => judgeRights(config, context));
  await attempt("clock", async () => [judgeClock((await store.pulse()).nowMs - clock.nowMs())]);
  await attempt("orders table", async () => judgeOrders(await store.orders.inspect()));
  await attempt("affiliates table", async () => {
    const width = await store.affiliates.tokenWidth();
    if (config.shop.tokenLength <= width) return [];
    return [{
      name: "affiliates table",
      level: "fail",
      text: `tokens have ${config.shop.tokenLength} characters, their column holds ${width}`,
      fix: `set TOKEN_LENGTH=${width}`,
    }];
  });
  await attempt("instances", () => judgeLeases(store, config, running));
  await attempt("captcha", () => judgeCaptcha(store, config));
  findings.push({
    name: "encryption",
    level: "ok",
    text:
      "orders and affiliates are not encrypted, since other programs read them; nor are our own tables in this version",
  });
  return findings;
}

/** Every right of `sql/setup.sql`, asked for one by one. SQLite knows none. */
async function judgeRights(config: Config, context: CliContext): Promise<Finding[]> {
  const options = await singleConnection(config);
  if (options.engine === "sqlite") return [];
  const name = "rights";
  const missing = await missingRights(options, context.assetsDir, context);
  if (missing.length === 0) return [{ name, level: "ok", text: "every table, as sql/setup.sql grants them" }];
  const text = `missing: ${missing.join("; ")}`;
  return [{ name, level: "fail", text, fix: "signal-automation migrate --sql | sudo mysql" }];
}

function judgeClock(offsetMs: number): Finding {
  const apart = formatSpan(Math.abs(offsetMs));
  const text = `${apart} ${offsetMs > 0 ? "behind" : "ahead of"} the database's`;
  return Math.abs(offsetMs) <= CLOCK_OFFSET_MS
    ? { name: "clock", level: "ok", text }
    : { name: "clock", level: "warn", text, fix: "timedatectl set-ntp true   on both machines" };
}

function judgeOrders(oddities: readonly string[]): Finding[] {
  const name = "orders table";
  if (oddities.length === 0) return [{ name, level: "ok", text: "as expected" }];
  return oddities.map((text) => {
    const fix = /helps: (.+)$/.exec(text)?.[1];
    const what = text.replace(/; helps: .+$/, "");
    // Without the table or its flag there is nothing to do for; everything else is coped with.
    const level = /does not exist|notified: missing|is ever due|cannot be set/.test(text) ? "fail" : "warn";
    return { name, level, text: what, ...(fix !== undefined && { fix }) };
  });
}

/** Who holds the account just now. Nobody, when no instance runs. */
async function judgeLeases(store: Store, config: Config, running: boolean): Promise<Finding[]> {
  const name = "instances";
  const account = `account:${makeSignalAccount(config.signal.number)}`;
  const held = (await store.leases.list()).filter((lease) => lease.expiresInMs > 0);
  const ours = held.find((lease) => lease.name === account);
  if (ours === undefined) return [{ name, level: "ok", text: "nobody holds the account" }];
  if (running) return [{ name, level: "ok", text: "the account is held" }];
  return [{
    name,
    level: "warn",
    text: `another instance holds the account for ${formatSpan(ours.expiresInMs)} more, and none runs here`,
    fix: "meant, with two hosts; else look for a service with the same database and SIGNAL_NUMBER",
  }];
}

/** Said only while Signal asks for one. */
async function judgeCaptcha(store: Store, config: Config): Promise<Finding[]> {
  const challenge = await new ProofRequests(store.state, makeSignalAccount(config.signal.number)).challenge();
  if (challenge === undefined) return [];
  const text = "Signal wants one solved before it takes more messages; they wait";
  return [{ name: "captcha", level: "fail", text, fix: "signal-automation captcha" }];
}

function failure(name: string, error: StoreUnavailable): Finding {
  const { what, next } = sortError(error);
  const missing = error.fault === "schema" ? "signal-automation migrate" : next;
  return {
    name,
    level: "fail",
    text: what,
    ...(missing !== undefined && { fix: missing }),
    ...(error.fault !== "schema" && { dependency: true }),
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
