/**
 * A shop on SQLite with messages in every state, moved by the store itself as the service moves them.
 *
 * @module
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Address, makeSignalAccount, makeTel } from "../../lib/domain/address.ts";
import type { FaultReason, OutgoingMessage } from "../../lib/domain/message.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { systemRandom } from "../../lib/runtime/random.ts";
import { openStore } from "../../lib/store/open.ts";
import type { Attempt, Lease, Store } from "../../lib/store/port.ts";
import { cli, type CliOptions, type CliResult, inShop } from "./support.ts";

export const ACCOUNT = makeSignalAccount("+33199000100");
/** The affiliate: no output may hold this number, or the text, unless it was asked for. */
export const NUMBER = "+33199000104";
export const TEXT = "a private text";
const TTL_MS = 3_600_000;

export interface Letters {
  readonly store: Store;
  readonly lease: Lease;
  readonly envFile: string;
  readonly folder: string;
  /** Runs a command line of this shop. */
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  json(args: readonly string[]): Promise<Record<string, unknown>>;
  /** An order as the shop inserts it. @returns its id */
  order(columns?: string, values?: string): number;
  sql(statement: string): void;
  enqueue(more?: Partial<OutgoingMessage>): Promise<number>;
  /** queued → dead. */
  kill(id: number, reason: FaultReason, diedAtMs?: number): Promise<void>;
  /** An event that was received and given up. @returns its id */
  deadEvent(externalId: string, reason: string): Promise<number>;
}

export async function withLetters(work: (letters: Letters) => Promise<void>): Promise<void> {
  await inShop(async ({ folder, envFile }) => {
    const path = join(folder, "state", "signal-automation.db");
    const store = openStore({ engine: "sqlite", path, ordersTimezone: "UTC" }, {
      clock: systemClock,
      random: systemRandom,
    });
    const sql = <T>(use: (db: DatabaseSync) => T): T => {
      const db = new DatabaseSync(path);
      try {
        return use(db);
      } finally {
        db.close();
      }
    };
    try {
      const taken = await store.leases.acquire(`account:${ACCOUNT}`, "test", TTL_MS);
      if (taken.result !== "acquired") throw new Error("the lease is held");
      const { lease } = taken;
      const run = (args: readonly string[], options: CliOptions = {}) => cli([...args, "--env-file", envFile], options);
      await work({
        store,
        lease,
        envFile,
        folder,
        run,
        json: async (args) => JSON.parse((await run([...args, "--json"])).out),
        order: (columns = "client", values = "'Noor'") =>
          sql((db) => Number(db.prepare(`INSERT INTO orders (${columns}) VALUES (${values})`).run().lastInsertRowid)),
        sql: (statement) => sql((db) => db.exec(statement)),
        enqueue: async (more = {}) => {
          const [id] = await store.outbox.enqueue([{
            account: ACCOUNT,
            recipient: makeTel(NUMBER),
            body: TEXT,
            kind: "order_affiliate",
            origin: { kind: "order", key: "1", generation: 1 },
            ...more,
          }]);
          return id!;
        },
        kill: async (id, reason, diedAtMs = systemClock.nowMs()) => {
          await store.outbox.markDead([{ id, reason, attempts: 4 }], lease, diedAtMs);
        },
        deadEvent: async (externalId, reason) => {
          const body = JSON.stringify({
            envelope: { sourceNumber: NUMBER, timestamp: 1, dataMessage: { timestamp: 1, message: TEXT } },
          });
          const nowMs = systemClock.nowMs();
          await store.inbox.accept([{ account: ACCOUNT, externalId, lane: externalId, body, receivedAtMs: nowMs }]);
          const rows = await store.inbox.due({ limit: 100, nowMs, busyLanes: new Set() });
          const { id } = rows.find((row) => row.lane === externalId)!;
          await store.inbox.bury(id, 4, reason, nowMs);
          return id;
        },
      });
    } finally {
      await store.close();
    }
  });
}

/** A try that just ended. */
export function tried(outcome: Attempt["outcome"], more: Partial<Attempt> = {}): Attempt {
  const nowMs = systemClock.nowMs();
  return { handedOverAtMs: nowMs - 400, endedAtMs: nowMs, outcome, ...more };
}

export const OTHER: Address = makeTel("+33199000105");
