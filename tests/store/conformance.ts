/**
 * The one suite for all engines: what `lib/store/port.ts` promises, in the files `*_test.ts` beside this one. Every test
 * runs on SQLite, MariaDB and MySQL, each in a database of its own, with the rights of the service only.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type AccountId, type Address, makeSignalAccount, makeTel } from "../../lib/domain/address.ts";
import type { OutgoingMessage } from "../../lib/domain/message.ts";
import type { Attempt, Lease, Store } from "../../lib/store/port.ts";
import { databases, databaseTest, type OpenTestStoreOptions, type TestDatabase } from "../support/databases.ts";

/** Runs a test on every engine that this machine has; the others say why not. */
export function everyEngine(name: string, test: (db: TestDatabase) => Promise<void>, options?: OpenTestStoreOptions) {
  for (const engine of databases()) databaseTest(engine, name, test, options);
}

/** Runs a test on the servers only. */
export function everyServer(name: string, test: (db: TestDatabase) => Promise<void>, options?: OpenTestStoreOptions) {
  for (const engine of databases()) {
    if (engine.name !== "sqlite") databaseTest(engine, name, test, options);
  }
}

export const ACCOUNT: AccountId = makeSignalAccount("+15550100001");
export const OTHER_ACCOUNT: AccountId = makeSignalAccount("+15550100002");

/** A person by number: equal numbers are equal people. */
export function person(n: number): Address {
  return makeTel(`+1555${String(1_000_000 + n)}`);
}

export function message(to: number, body = "text", more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    account: ACCOUNT,
    recipient: person(to),
    body,
    kind: "reply",
    origin: { kind: "inbound", key: "1", generation: 1 },
    ...more,
  };
}

/** An hour: no test lasts so long. */
export const TTL_MS = 3_600_000;

export async function leaseOf(store: Store, holder = "holder-1", name = "account"): Promise<Lease> {
  const taken = await store.leases.acquire(name, holder, TTL_MS);
  assert(taken.result === "acquired");
  return taken.lease;
}

/** Takes the lease from whoever has it, as after its holder's death. */
export async function stealLease(db: TestDatabase, holder: string, name = "account"): Promise<Lease> {
  await db.adminQuery("UPDATE leases SET expires_at_ms = 0 WHERE name = ?", [name]);
  return await leaseOf(db.store, holder, name);
}

export function attempt(outcome: Attempt["outcome"], more: Partial<Attempt> = {}): Attempt {
  return { handedOverAtMs: 1_000, endedAtMs: 2_000, outcome, ...more };
}

/** The database's clock. */
export async function nowMs(store: Store): Promise<number> {
  return (await store.pulse()).nowMs;
}

/** Everything due, in the order in which a dispatcher gets it. */
export async function candidates(
  store: Store,
  more: Partial<Parameters<Store["outbox"]["candidates"]>[1]> = {},
): ReturnType<Store["outbox"]["candidates"]> {
  return await store.outbox.candidates(ACCOUNT, {
    afterLane: undefined,
    limit: 64,
    perLane: 16,
    nowMs: await nowMs(store),
    running: new Map(),
    skip: new Set(),
    ...more,
  });
}

export async function candidateIds(
  store: Store,
  more: Partial<Parameters<Store["outbox"]["candidates"]>[1]> = {},
): Promise<readonly number[]> {
  return (await candidates(store, more)).rows.map((row) => row.id);
}

/** An order as the shop inserts it. @returns its id */
export async function insertOrder(
  db: TestDatabase,
  columns: Readonly<Record<string, string | number | null>> = {},
): Promise<number> {
  const row = { client: "Ada", total: "12.50", ip_address: "192.0.2.1", notified: 0, ...columns };
  const names = Object.keys(row);
  await db.adminQuery(
    `INSERT INTO orders (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
    Object.values(row),
  );
  const [last] = await db.adminQuery("SELECT MAX(id) AS id FROM orders");
  return Number(last!["id"]);
}

export async function isNotified(db: TestDatabase, orderId: number): Promise<boolean> {
  const [row] = await db.adminQuery("SELECT notified FROM orders WHERE id = ?", [orderId]);
  return Number(row!["notified"]) === 1;
}
