/**
 * @module
 */
import { StoreUnavailable } from "../../domain/errors.ts";
import { integer } from "../decode.ts";
import type { Scope } from "../scope.ts";

/** @returns the version of the tables, `undefined` when there are none of ours */
export async function readSchemaVersion(scope: Scope): Promise<number | undefined> {
  try {
    // Version 0 is the lock of a migration under way.
    const row =
      (await scope.rows("SELECT COALESCE(MAX(version), 0) AS version FROM schema_migrations WHERE version > 0"))[0];
    const version = row === undefined ? 0 : integer(row, "version");
    return version === 0 ? undefined : version;
  } catch (error) {
    // Also what a server answers that has the table and hides it from us: the command in the text helps with both.
    if (error instanceof StoreUnavailable && error.fault === "schema") return undefined;
    throw error;
  }
}
