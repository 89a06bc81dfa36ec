/**
 * People with a token.
 *
 * @module
 */
import type { Address } from "../../domain/address.ts";
import { flag, integer, optionalText, type Row, text } from "../decode.ts";
import type { Engine } from "../engine.ts";
import { DuplicateKey } from "../faults.ts";
import type { Affiliate, AffiliatesStore } from "../port.ts";
import { marks, type Scope } from "../scope.ts";
import { readInstant } from "./orders_values.ts";

/** Where a token column names no width (SQLite: TEXT). */
const WIDTH_WITHOUT_LIMIT = 64;

export function affiliatesQueries(scope: Scope, engine: Engine): AffiliatesStore {
  // A merged row leads to where it was merged into; merges are kept flat, so one step is enough.
  const columns = `a.id, a.phone_number, a.token, a.is_active, ${
    scope.dialect.name === "mysql" ? "UNIX_TIMESTAMP(a.created_at) AS created_at" : "a.created_at"
  }, (SELECT MIN(i.identity) FROM affiliate_identities i WHERE i.affiliate_id = a.id) AS identity`;

  async function one(scope: Scope, from: string, value: string | number): Promise<Affiliate | undefined> {
    const row = (await scope.rows(`SELECT ${columns} FROM ${from} = ?`, [value]))[0];
    return row === undefined ? undefined : decodeAffiliate(row);
  }
  const byId = (scope: Scope, id: number) => one(scope, "affiliates a WHERE a.id", id);

  async function byTokens(tokens: readonly string[]): Promise<ReadonlyMap<string, Affiliate>> {
    const found = new Map<string, Affiliate>();
    const wanted = new Set(tokens);
    if (wanted.size === 0) return found;
    const rows = await scope.rows(
      `SELECT ${columns}, t.token AS asked FROM affiliates t LEFT JOIN affiliate_merges m ON m.from_id = t.id
       JOIN affiliates a ON a.id = COALESCE(m.into_id, t.id) WHERE t.token IN (${marks(wanted.size)})`,
      [...wanted],
    );
    for (const row of rows) {
      // The column's collation may know no case; a token does.
      const asked = text(row, "asked");
      if (wanted.has(asked)) found.set(asked, decodeAffiliate(row));
    }
    return found;
  }

  async function insert(affiliate: Parameters<AffiliatesStore["insert"]>[0]): ReturnType<AffiliatesStore["insert"]> {
    return await scope.atomic("affiliate_insert", async (scope) => {
      const { identity, phoneNumber, token } = affiliate;
      // The identity first: of two messages that arrive at once, the second waits here until the first has committed.
      if (identity !== undefined && !await addIdentity(scope, identity, 0)) return { result: "identity_taken" };
      let id: number;
      try {
        ({ insertId: id } = await scope.run(
          "INSERT INTO affiliates (phone_number, token, is_active) VALUES (?, ?, TRUE)",
          [
            phoneNumber ?? null,
            token,
          ],
        ));
      } catch (error) {
        if (!(error instanceof DuplicateKey)) throw error;
        if (identity !== undefined) {
          await scope.db.deleteFrom("affiliate_identities").where("identity", "=", identity).execute();
        }
        const sameNumber = phoneNumber === undefined
          ? undefined
          : await one(scope, "affiliates a WHERE a.phone_number", phoneNumber);
        return { result: sameNumber !== undefined ? "number_taken" : "token_taken" };
      }
      if (identity !== undefined) {
        await scope.db.updateTable("affiliate_identities").set({ affiliate_id: id }).where("identity", "=", identity)
          .execute();
      }
      return { result: "created", affiliate: (await byId(scope, id))! };
    });
  }

  async function merge(fromId: number, intoId: number): Promise<void> {
    await scope.atomic("affiliate_merge", async (scope) => {
      const now = scope.dialect.nowMs;
      // What was merged into the one goes where the one goes: no chains.
      await scope.db.updateTable("affiliate_merges").set({ into_id: intoId }).where("into_id", "=", fromId).execute();
      await scope.run(`INSERT INTO affiliate_merges (from_id, into_id, merged_at_ms) VALUES (?, ?, ${now})`, [
        fromId,
        intoId,
      ]);
      await scope.db.updateTable("affiliate_identities").set({ affiliate_id: intoId }).where(
        "affiliate_id",
        "=",
        fromId,
      )
        .execute();
      const [from, into] = [await byId(scope, fromId), await byId(scope, intoId)];
      // Where both have a number, each keeps its own, and both lead to the same person.
      if (from?.phoneNumber !== undefined && into?.phoneNumber === undefined) {
        for (const [id, phone_number] of [[fromId, null], [intoId, from.phoneNumber]] as const) {
          await scope.db.updateTable("affiliates").set({ phone_number }).where("id", "=", id).execute();
        }
      }
    });
  }

  return {
    byIdentity: (identity) =>
      one(scope, "affiliate_identities x JOIN affiliates a ON a.id = x.affiliate_id WHERE x.identity", identity),
    byPhoneNumber: (phoneNumber) =>
      one(
        scope,
        `affiliates t LEFT JOIN affiliate_merges m ON m.from_id = t.id
         JOIN affiliates a ON a.id = COALESCE(m.into_id, t.id) WHERE t.phone_number`,
        phoneNumber,
      ),
    byToken: async (token) => (await byTokens([token])).get(token),
    byTokens,
    byId: (id) => byId(scope, id),
    insert,
    merge,

    async bindIdentity(affiliateId, identity) {
      return await scope.atomic("affiliate_bind", async (scope) => {
        if (await addIdentity(scope, identity, affiliateId)) return "bound";
        const row = await scope.db.selectFrom("affiliate_identities").select("affiliate_id")
          .where("identity", "=", identity).executeTakeFirst();
        return row?.affiliate_id === affiliateId ? "bound" : "taken";
      });
    },

    async setPhoneNumber(affiliateId, phoneNumber) {
      return await scope.atomic("affiliate_number", async (scope) => {
        try {
          await scope.db.updateTable("affiliates").set({ phone_number: phoneNumber }).where("id", "=", affiliateId)
            .execute();
          return "set";
        } catch (error) {
          if (error instanceof DuplicateKey) return "taken";
          throw error;
        }
      });
    },

    async setActive(affiliateId, active) {
      return await scope.atomic("affiliate_active", async (scope) => {
        const affiliate = await byId(scope, affiliateId);
        if (affiliate === undefined) return "absent";
        if (affiliate.isActive === active) return "unchanged";
        await scope.db.updateTable("affiliates").set({ is_active: active ? 1 : 0 }).where("id", "=", affiliateId)
          .execute();
        return "changed";
      });
    },

    async list({ afterId, limit, active }) {
      const rows = await scope.rows(
        `SELECT ${columns} FROM affiliates a WHERE a.id > ?
         AND NOT EXISTS (SELECT 1 FROM affiliate_merges m WHERE m.from_id = a.id)
         ${active === undefined ? "" : `AND COALESCE(a.is_active, 0) ${active ? "<>" : "="} 0`} ORDER BY a.id LIMIT ?`,
        [afterId ?? 0, limit],
      );
      return rows.map(decodeAffiliate);
    },

    async tokenWidth() {
      const widths: number[] = [];
      for (const [table, column] of [["affiliates", "token"], ["orders", "affiliate_token"]] as const) {
        const found = (await engine.columns(scope, table)).find((one) => one.name === column);
        if (found !== undefined) widths.push(found.length ?? WIDTH_WITHOUT_LIMIT);
      }
      return Math.min(WIDTH_WITHOUT_LIMIT, ...widths);
    },
  };
}

/** @returns false when somebody has it */
async function addIdentity(scope: Scope, identity: Address, affiliateId: number): Promise<boolean> {
  try {
    await scope.run(
      `INSERT INTO affiliate_identities (identity, affiliate_id, created_at_ms) VALUES (?, ?, ${scope.dialect.nowMs})`,
      [identity, affiliateId],
    );
    return true;
  } catch (error) {
    if (error instanceof DuplicateKey) return false;
    throw error;
  }
}

function decodeAffiliate(row: Row): Affiliate {
  const created = row["created_at"];
  const read = readInstant(typeof created === "string" && !created.includes("-") ? Number(created) : created, "UTC");
  return {
    id: integer(row, "id"),
    phoneNumber: optionalText(row, "phone_number"),
    token: text(row, "token"),
    createdAtMs: "value" in read ? read.value ?? 0 : 0,
    isActive: flag(row, "is_active"),
    identity: optionalText(row, "identity") as Address | undefined,
  };
}
