/** Servers that die, freeze, are full or are not there. */
import assert from "node:assert/strict";
import { StoreUnavailable } from "../../lib/domain/errors.ts";
import { type MysqlOptions, openStore } from "../../lib/store/open.ts";
import type { Store } from "../../lib/store/port.ts";
import { startServer, type TestServer } from "../support/database_server.ts";
import { databases, openTestStore, type TestDatabase, testDeps } from "../support/databases.ts";
import { until } from "../support/until.ts";
import { message } from "./conformance.ts";

const POOL = { poolSize: 2, maxOverflow: 1 };
const CONNECTIONS = POOL.poolSize + POOL.maxOverflow;
/** What is there answers in this time, also on a machine whose disk stands still for a while. */
const LONG_MS = 30_000;
const LONG = { connectTimeoutMs: LONG_MS, statementTimeoutMs: LONG_MS, acquireTimeoutMs: LONG_MS, ...POOL };
/** For sessions whose deadlines have to pass. */
const SHORT = { connectTimeoutMs: 2_000, statementTimeoutMs: 2_000, acquireTimeoutMs: 1_000 };
/** Whoever needs this long has waited for a {@link LONG} deadline. */
const WITHOUT_WAITING_MS = 20_000;
/** Whoever needs this long would wait for ever. */
const PATIENCE_MS = 60_000;
const NEVER_MS = 3_600_000;

const fault = (...faults: StoreUnavailable["fault"][]) => (error: unknown) => {
  assert(error instanceof StoreUnavailable, String(error));
  assert(faults.includes(error.fault), `${error.fault}: ${error.message}`);
  assert(!/password|text|\+1555/.test(error.message + JSON.stringify(error.cause)), error.message);
  return true;
};

/** Tests that hurt a server get one of their own, durable. */
function ownServer(
  name: string,
  test: (db: TestDatabase, server: TestServer) => Promise<void>,
): void {
  for (const engine of databases()) {
    if (engine.name === "sqlite") continue;
    const own = engine.name;
    Deno.test({
      name: `${own}: ${name}${engine.skip === undefined ? "" : ` (skipped: ${engine.skip})`}`,
      ignore: engine.skip !== undefined,
      async fn() {
        await using server = await startServer(own, { fast: false });
        await using db = await openTestStore(own, { server, mysql: LONG });
        await test(db, server);
      },
    });
  }
}

async function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
  const started = performance.now();
  const result = await work;
  const took = performance.now() - started;
  assert(took < limitMs, `took ${Math.round(took)} ms, allowed ${limitMs}`);
  return result;
}

ownServer("a server that was killed is `unreachable`, and used again when it is back", async (db, server) => {
  const { store } = db;
  const [before] = await store.outbox.enqueue([message(1)]);
  await server.kill();
  for (let i = 0; i < 3; i++) await assert.rejects(within(store.pulse(), WITHOUT_WAITING_MS), fault("unreachable"));
  await assert.rejects(store.transaction("x", (tx) => tx.state.put("a", "1")), fault("unreachable"));
  await assert.rejects(within(store.ping(LONG_MS), WITHOUT_WAITING_MS), fault("unreachable"));
  await server.restart();
  assert.equal((await store.outbox.find(before!))?.state, "queued");
  await store.transaction("x", (tx) => tx.state.put("a", "1"));
});

ownServer("a server killed in the middle of a transaction fails it; nothing of it remains", async (db, server) => {
  await db.store.pulse();
  await assert.rejects(
    db.store.transaction("x", async (tx) => {
      await tx.state.put("a", "1");
      await server.kill();
      await tx.state.put("b", "1");
    }),
    (error) => fault("unreachable")(error) && !(error as StoreUnavailable).maybeCommitted,
  );
  await server.restart();
  assert.equal(await db.store.state.get("a"), undefined);
});

ownServer("a server killed under COMMIT: the error says that it may have committed", async (db, server) => {
  const session = db.openSession(SHORT);
  await session.pulse();
  await assert.rejects(
    session.transaction("x", async (tx) => {
      await tx.state.put("a", "1");
      server.freeze();
    }),
    (error) => fault("timeout", "unreachable")(error) && (error as StoreUnavailable).maybeCommitted,
  );
  server.thaw();
});

ownServer(
  "a frozen server blocks nobody for ever, uses up no connection, and closing does not hang",
  async (db, server) => {
    const session = db.openSession(SHORT);
    await Promise.all([session.pulse(), session.pulse(), session.pulse()]);
    const patient = db.openSession({ statementTimeoutMs: NEVER_MS });
    await patient.pulse();
    server.freeze();
    const results = await within(
      Promise.allSettled(Array.from({ length: 8 }, () => session.pulse())),
      PATIENCE_MS,
    );
    for (const result of results) {
      assert(result.status === "rejected");
      fault("timeout", "unreachable", "pool_exhausted")(result.reason);
    }
    await assert.rejects(within(patient.ping(300), PATIENCE_MS), fault("timeout", "unreachable"));
    for (const one of [session, patient]) await within(one.close(), PATIENCE_MS);
    const second = db.openSession(SHORT);
    await assert.rejects(within(second.pulse(), PATIENCE_MS), fault("unreachable"));
    await within(second.close(), PATIENCE_MS);
    server.thaw();
    await db.store.pulse();
  },
);

ownServer("a statement that outlasts its deadline gives its connection up", async (db) => {
  const store = db.openSession(SHORT);
  await db.store.state.put("a", "0");
  const locked = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const holding = db.store.transaction("hold", async (tx) => {
    await tx.state.put("a", "1");
    locked.resolve();
    await done.promise;
  });
  await locked.promise;
  // Three at once on three connections, each waiting for the row.
  const results = await within(
    Promise.allSettled([1, 2, 3].map(() => store.state.put("a", "2"))),
    PATIENCE_MS,
  );
  for (const result of results) {
    assert(result.status === "rejected");
    fault("timeout")(result.reason);
  }
  await store.pulse();
  done.resolve();
  await holding;
  assert.equal(await store.state.get("a"), "1");
});

/** Every connection of the session is in a transaction. @returns what ends them all */
async function occupy(session: Store): Promise<() => Promise<unknown>> {
  const release = Promise.withResolvers<void>();
  const entered: Promise<void>[] = [];
  const running = Array.from({ length: CONNECTIONS }, (_, n) => {
    const inside = Promise.withResolvers<void>();
    entered.push(inside.promise);
    return session.transaction(`hold${n}`, async (tx) => {
      await tx.state.put(`k${n}`, "1");
      inside.resolve();
      await release.promise;
    });
  });
  await Promise.all(entered);
  return () => {
    release.resolve();
    return Promise.all(running);
  };
}

ownServer("with all connections busy, the next waits its time and is told; or it goes on", async (db) => {
  const impatient = db.openSession({ acquireTimeoutMs: 500 });
  const end = await occupy(impatient);
  await assert.rejects(within(impatient.pulse(), WITHOUT_WAITING_MS), fault("pool_exhausted"));
  await end();
  await impatient.pulse();

  const free = await occupy(db.store);
  const waiting = db.store.pulse();
  await free();
  await waiting;
});

ownServer("connections that the server ended while idle are replaced without an error", async (db, server) => {
  await Promise.all([db.store.pulse(), db.store.pulse()]);
  const rows = await db.adminQuery("SELECT id FROM information_schema.processlist WHERE user = ?", [
    (db.options as MysqlOptions).user,
  ]);
  assert(rows.length >= 1);
  for (const row of rows) await db.adminQuery(`KILL ${row["id"] ?? row["ID"]}`);
  const left = () =>
    db.adminQuery("SELECT id FROM information_schema.processlist WHERE user = ?", [(db.options as MysqlOptions).user]);
  await until(async () => (await left()).length === 0, "the server to end them");
  // The news travels by the socket: with the answer to a later question it has arrived.
  await db.adminQuery("SELECT 1");
  await db.store.pulse();
  assert.equal(server.alive(), true);
});

ownServer("TLS: verified by its authority, refused without it, encrypted unverified", async (db, server) => {
  assert(server.caFile !== undefined, "the server has no certificate");
  const caPem = await Deno.readTextFile(server.caFile);
  const encrypted = async (changes: Partial<MysqlOptions>) => {
    const store = openStore({ ...db.options as MysqlOptions, ...changes }, testDeps);
    try {
      await store.pulse();
    } finally {
      await store.close();
    }
  };
  await db.adminQuery(`ALTER USER '${(db.options as MysqlOptions).user}'@'%' REQUIRE SSL`);
  await assert.rejects(encrypted({ tls: "off" }), fault("denied"));
  await encrypted({ tls: "on" });
  await assert.rejects(encrypted({ tls: "verify" }), fault("denied"));
  if (server.caFile.includes("/tls/")) {
    await encrypted({ tls: "verify", caPem });
    await encrypted({ tls: "verify", caPem, host: "localhost" });
  }
});

for (const engine of databases()) {
  if (engine.name === "sqlite" || engine.skip !== undefined) continue;
  const own = engine.name;

  Deno.test(`${own}: a wrong password, a wrong database and no server are told apart`, async () => {
    await using db = await openTestStore(own);
    const rejected = async (changes: Partial<MysqlOptions>, ...faults: StoreUnavailable["fault"][]) => {
      const store = openStore({ ...db.options as MysqlOptions, ...changes }, testDeps);
      await assert.rejects(store.pulse(), fault(...faults));
      await store.close();
    };
    await rejected({ password: "wrong" }, "denied");
    await rejected({ ...db.adminOptions as MysqlOptions, database: "nowhere" }, "schema");
    await rejected({ port: 9 }, "unreachable");
    await rejected({ host: "nowhere.invalid" }, "unreachable");
    await rejected({ socketPath: "/nowhere.sock" }, "unreachable");
  });

  Deno.test(`${own}: old connections are replaced, overflow is not kept`, async () => {
    let offsetMs = 0;
    const clock = { ...testDeps.clock, monotonicMs: () => testDeps.clock.monotonicMs() + offsetMs };
    await using db = await openTestStore(own, {
      deps: { clock },
      mysql: { recycleMs: 600_000, poolSize: 1, maxOverflow: 4 },
    });
    const ids = async () =>
      (await db.adminQuery("SELECT id AS n FROM information_schema.processlist WHERE user = ?", [
        (db.options as MysqlOptions).user,
      ])).map((row) => Number(row["n"]));
    await Promise.all(Array.from({ length: 5 }, (_, i) => db.store.state.put(`k${i}`, "1")));
    const rush = await ids();
    assert.equal(rush.length, 5);
    offsetMs += 61_000;
    await db.store.pulse();
    await db.store.pulse();
    await until(async () => {
      await db.store.pulse();
      return (await ids()).length === 1;
    }, "the overflow to go");
    const [kept] = await ids();
    offsetMs += 600_000;
    await db.store.pulse();
    const after = await ids();
    assert(!after.includes(kept!) || after.length > 1);
  });
}

Deno.test("a refused permission is named, not shown as a dead server", {
  permissions: { net: false, read: true, write: true, env: true },
}, async () => {
  const store = openStore({
    engine: "mysql",
    host: "127.0.0.1",
    port: 3306,
    database: "d",
    user: "u",
    password: "p",
    poolSize: 1,
    maxOverflow: 0,
    acquireTimeoutMs: 100,
    recycleMs: 0,
    tls: "off",
    ordersTimezone: "UTC",
  }, testDeps);
  await assert.rejects(
    store.pulse(),
    (error) =>
      error instanceof StoreUnavailable && error.fault === "denied" &&
      /--allow-net=127\.0\.0\.1:3306/.test(error.message),
  );
  await store.close();
});
