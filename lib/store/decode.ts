/**
 * Reading a row that came from a database: every column is `unknown` until it was looked at.
 *
 * @module
 */
import { DecodeError } from "../domain/errors.ts";

/** A row by column name, as both drivers give it. */
export type Row = Readonly<Record<string, unknown>>;

/** A whole number. @throws {DecodeError} for anything else, also for one that is too large to be exact */
export function integer(row: Row, column: string): number {
  const value = row[column];
  const number = typeof value === "number" ? value : typeof value === "string" && value !== "" ? Number(value) : NaN;
  if (!Number.isSafeInteger(number)) throw new DecodeError(column, "not a whole number");
  return number;
}

/** A whole number, or `undefined` for NULL. @throws {DecodeError} for anything else */
export function optionalInteger(row: Row, column: string): number | undefined {
  return row[column] === null || row[column] === undefined ? undefined : integer(row, column);
}

/** @throws {DecodeError} when it is no text */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new DecodeError(column, "not a text");
  return value;
}

/** Text, or `undefined` for NULL. @throws {DecodeError} for anything else */
export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null || row[column] === undefined ? undefined : text(row, column);
}

/** True for 1 and TRUE, false for 0, FALSE and NULL: how both engines keep a BOOLEAN. */
export function flag(row: Row, column: string): boolean {
  const value = row[column];
  return value === true || (value !== null && value !== undefined && value !== false && Number(value) !== 0);
}

/** One of a closed set. @throws {DecodeError} for anything else */
export function oneOf<T extends string>(row: Row, column: string, values: readonly T[]): T {
  const value = row[column];
  const found = values.find((known) => known === value);
  if (found === undefined) throw new DecodeError(column, "none of the known values");
  return found;
}
