/**
 * @module
 */
import { integer, text } from "../decode.ts";
import { Contended, DuplicateKey } from "../faults.ts";
import type { Lease, LeaseStore } from "../port.ts";
import type { Scope } from "../scope.ts";

/** The longest that a lease may be taken for: LEASE_SECONDS is at most 300. */
const LONGEST_MS = 300_000;

/** The leases. Rows are never deleted, so that an epoch is never given out twice. */
export function leaseQueries(scope: Scope): LeaseStore {
  const now = scope.dialect.nowMs;

  async function acquire(
    name: string,
    holder: string,
    ttlMs: number,
    deadHolder?: string,
  ): ReturnType<LeaseStore["acquire"]> {
    return await scope.atomic("lease_acquire", async (scope) => {
      const found = (await scope.rows(
        `SELECT holder, epoch, expires_at_ms, ${now} AS now_ms FROM leases WHERE name = ?${scope.dialect.forUpdate}`,
        [name],
      ))[0];
      if (found === undefined) {
        try {
          await scope.run(`INSERT INTO leases (name, holder, epoch, expires_at_ms) VALUES (?, ?, 1, ${now} + ?)`, [
            name,
            holder,
            ttlMs,
          ]);
        } catch (error) {
          // Somebody inserted it since we looked: look again.
          throw error instanceof DuplicateKey ? new Contended("lease") : error;
        }
        const nowMs = integer((await scope.rows(`SELECT ${now} AS now_ms`))[0]!, "now_ms");
        return { result: "acquired", lease: { name, holder, epoch: 1 }, nowMs };
      }
      const nowMs = integer(found, "now_ms");
      const expiresInMs = integer(found, "expires_at_ms") - nowMs;
      const holds = text(found, "holder");
      if (holds !== holder && holds !== deadHolder && expiresInMs > 0) {
        const longestMs = Math.max(LONGEST_MS, ttlMs);
        if (expiresInMs <= longestMs) return { result: "held", holder: holds, expiresInMs, nowMs };
        // From before the clock was set back. A holder that lives renews it; after a dead one nobody waits until it is as late again.
        await scope.run("UPDATE leases SET expires_at_ms = ? WHERE name = ?", [nowMs + longestMs, name]);
        return { result: "held", holder: holds, expiresInMs: longestMs, nowMs };
      }
      const epoch = integer(found, "epoch") + (holds === holder ? 0 : 1);
      await scope.run("UPDATE leases SET holder = ?, epoch = ?, expires_at_ms = ? WHERE name = ?", [
        holder,
        epoch,
        nowMs + ttlMs,
        name,
      ]);
      return { result: "acquired", lease: { name, holder, epoch }, nowMs };
    });
  }

  async function renew(lease: Lease, ttlMs: number): Promise<number | undefined> {
    return await scope.single("lease_renew", async (scope) => {
      // The clock is read by the locking statement itself, so that a wait for the row makes the lease shorter, not longer.
      if (scope.dialect.name === "mysql") {
        // LAST_INSERT_ID(expression) brings the value home in the answer to the UPDATE.
        const { affected, insertId } = await scope.run(
          `UPDATE leases SET expires_at_ms = LAST_INSERT_ID(${now}) + ? WHERE name = ? AND holder = ? AND epoch = ?`,
          [ttlMs, lease.name, lease.holder, lease.epoch],
        );
        return affected === 1 ? insertId : undefined;
      }
      const renewed = (await scope.rows(
        `UPDATE leases SET expires_at_ms = ${now} + ? WHERE name = ? AND holder = ? AND epoch = ?
         RETURNING expires_at_ms - ? AS now_ms`,
        [ttlMs, lease.name, lease.holder, lease.epoch, ttlMs],
      ))[0];
      return renewed === undefined ? undefined : integer(renewed, "now_ms");
    });
  }

  async function release(lease: Lease): Promise<void> {
    await scope.atomic("lease_release", (scope) =>
      scope.db.updateTable("leases").set({ expires_at_ms: 0 })
        .where("name", "=", lease.name).where("holder", "=", lease.holder).where("epoch", "=", lease.epoch)
        .execute());
  }

  async function list(): ReturnType<LeaseStore["list"]> {
    const rows = await scope.rows(
      `SELECT name, holder, epoch, expires_at_ms - ${now} AS left_ms FROM leases ORDER BY name`,
    );
    return rows.map((row) => ({
      name: text(row, "name"),
      holder: text(row, "holder"),
      epoch: integer(row, "epoch"),
      expiresInMs: Math.max(0, integer(row, "left_ms")),
    }));
  }

  return { acquire, renew, release, list };
}
