/**
 * Connections in stock: at most `poolSize + maxOverflow`, first come first served, each acquisition with a deadline.
 *
 * @module
 */
import { StoreUnavailable } from "../../domain/errors.ts";
import type { Clock } from "../../runtime/clock.ts";
import { MysqlConnection } from "./connection.ts";
import { DEFAULT_SILENCE_SECONDS, type MysqlOptions, serverName } from "./options.ts";

/**
 * An idle connection that was silent for this part of what the server allows is nudged when another one is given back, which in a
 * running service happens at each heartbeat.
 */
const NUDGE_AFTER = 0.4;
/** One that was silent for this part is asked whether it is alive before it is used. */
const CHECK_AFTER = 0.7;
/** How long that question may take. */
const CHECK_TIMEOUT_MS = 2_000;
/** Connections beyond `poolSize` are kept this long without work. */
const OVERFLOW_IDLE_MS = 60_000;
/** `close` waits this long for statements under way, then cuts them. */
const CLOSE_GRACE_MS = 2_000;

interface Waiter {
  resolve(connection: MysqlConnection): void;
  reject(error: unknown): void;
}

export class MysqlPool {
  /** Last used at the end: a quiet pool uses few connections, and the others grow old and go. */
  readonly #idle: MysqlConnection[] = [];
  readonly #busy = new Set<MysqlConnection>();
  readonly #waiting: Waiter[] = [];
  /** Connections that are being closed. */
  readonly #leaving = new Set<Promise<void>>();
  /** Connections that are being made. */
  #opening = 0;
  #closed = false;

  constructor(private readonly options: MysqlOptions, private readonly clock: Clock) {}

  /** @throws {StoreUnavailable} `pool_exhausted` at the deadline, or why no connection could be made */
  async acquire(): Promise<MysqlConnection> {
    if (this.#closed) throw closedError();
    do {
      const free = await this.#takeIdle();
      if (free !== undefined) return free;
      if (this.#closed) throw closedError();
      // One that was given back just now, before anybody waited for it: nobody may come to give back another.
    } while (this.#idle.length > 0);
    if (this.#total() < this.options.poolSize + this.options.maxOverflow) return await this.#open();
    return await this.#wait();
  }

  release(connection: MysqlConnection): void {
    this.#busy.delete(connection);
    if (connection.broken || this.#closed || this.#isOld(connection)) {
      this.#dismiss(connection);
      this.#serveNext();
      return;
    }
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) {
      this.#busy.add(connection);
      waiter.resolve(connection);
      return;
    }
    connection.idleSinceMs = this.clock.monotonicMs();
    this.#idle.push(connection);
    this.#shrink();
    this.#nudgeSilent();
  }

  /** Never hangs: idle connections are closed, statements under way get a moment, then everything is cut. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(closedError());
    for (const connection of this.#idle.splice(0)) this.#dismiss(connection);
    const deadlineMs = this.clock.monotonicMs() + CLOSE_GRACE_MS;
    while (this.#busy.size + this.#opening > 0 && this.clock.monotonicMs() < deadlineMs) await this.clock.sleepMs(10);
    for (const connection of this.#busy) {
      void connection.destroy();
      this.#dismiss(connection);
    }
    this.#busy.clear();
    await Promise.all(this.#leaving);
  }

  #dismiss(connection: MysqlConnection): void {
    const gone = connection.end().finally(() => this.#leaving.delete(gone));
    this.#leaving.add(gone);
  }

  #total(): number {
    return this.#idle.length + this.#busy.size + this.#opening;
  }

  #isOld(connection: MysqlConnection): boolean {
    return this.options.recycleMs > 0 && this.clock.monotonicMs() - connection.openedAtMs > this.options.recycleMs;
  }

  async #takeIdle(): Promise<MysqlConnection | undefined> {
    for (let connection; (connection = this.#idle.pop()) !== undefined;) {
      if (connection.broken) {
        this.#dismiss(connection);
        continue;
      }
      if (this.#isOld(connection)) {
        this.#dismiss(connection);
        continue;
      }
      this.#busy.add(connection);
      if (!this.#isSilent(connection, CHECK_AFTER)) return connection;
      try {
        await connection.ping(CHECK_TIMEOUT_MS);
        return connection;
      } catch (error) {
        // Dead since it was last used; the ping has cut it. Another one, or a new one, takes its place.
        if (!(error instanceof StoreUnavailable)) throw error;
        this.#busy.delete(connection);
        this.#dismiss(connection);
      }
    }
    return undefined;
  }

  async #open(): Promise<MysqlConnection> {
    this.#opening++;
    try {
      const connection = await MysqlConnection.open(this.options, this.clock);
      if (this.#closed) {
        this.#dismiss(connection);
        throw closedError();
      }
      this.#busy.add(connection);
      return connection;
    } finally {
      this.#opening--;
      this.#serveNext();
    }
  }

  async #wait(): Promise<MysqlConnection> {
    const timer = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<MysqlConnection>();
    const waiter: Waiter = { resolve, reject };
    this.#waiting.push(waiter);
    const { acquireTimeoutMs } = this.options;
    this.clock.sleepMs(acquireTimeoutMs, timer.signal).then(() => {
      const at = this.#waiting.indexOf(waiter);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(
        new StoreUnavailable(
          "pool_exhausted",
          `all connections to ${serverName(this.options)} stayed busy for ${acquireTimeoutMs} ms ` +
            "(DB_POOL_SIZE, DB_POOL_MAX_OVERFLOW, DB_POOL_TIMEOUT)",
        ),
      );
    });
    try {
      return await promise;
    } finally {
      timer.abort();
    }
  }

  /** A place became free without a connection to hand on: the first who waits makes one. */
  #serveNext(): void {
    if (this.#closed || this.#total() >= this.options.poolSize + this.options.maxOverflow) return;
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) this.#open().then(waiter.resolve, waiter.reject);
  }

  #isSilent(connection: MysqlConnection, part: number): boolean {
    const limitMs = (this.options.silenceSeconds ?? DEFAULT_SILENCE_SECONDS) * 1_000;
    return this.clock.monotonicMs() - connection.heardAtMs > part * limitMs;
  }

  /** Those that are kept and not used, so that the server does not give them up. */
  #nudgeSilent(): void {
    for (const connection of this.#idle.filter((one) => !one.broken && this.#isSilent(one, NUDGE_AFTER))) {
      this.#idle.splice(this.#idle.indexOf(connection), 1);
      this.#busy.add(connection);
      const { idleSinceMs } = connection;
      const back = () => {
        this.release(connection);
        connection.idleSinceMs = idleSinceMs; // not a use: what is beyond the pool's size still goes in time
      };
      // One that does not answer, for whatever reason, is dismissed by its return. Back in stock it would be nudged at once again, and
      // an error that comes without waiting would leave the event loop no turn.
      void connection.nudge(CHECK_TIMEOUT_MS).then(back, () => {
        void connection.destroy();
        back();
      });
    }
  }

  #shrink(): void {
    const nowMs = this.clock.monotonicMs();
    while (this.#total() > this.options.poolSize) {
      const oldest = this.#idle[0];
      if (oldest === undefined || nowMs - oldest.idleSinceMs < OVERFLOW_IDLE_MS) return;
      this.#idle.shift();
      this.#dismiss(oldest);
    }
  }
}

function closedError(): StoreUnavailable {
  return new StoreUnavailable("unreachable", "the store is closed");
}
