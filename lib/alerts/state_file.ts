/**
 * The throttle's memory: one JSON file, replaced atomically, so that a crash in the middle leaves the old one.
 *
 * @module
 */
import type { LedgerState } from "./ledger.ts";

/** Raised when the form changes: another version is not read, which costs at most one repeated alert. */
const VERSION = 1;

/** @returns what was stored; `undefined` without a file, or with one that cannot be used (damaged, other version) */
export async function readState(path: string): Promise<LedgerState | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const value = parse(text);
  if (!isObject(value) || value.version !== VERSION || !isObject(value.causes) || !Array.isArray(value.notices)) {
    return undefined;
  }
  const causes = Object.fromEntries(Object.entries(value.causes).filter(([, one]) => isCause(one)));
  const state = { causes, notices: value.notices.filter(isNotice) };
  return state as unknown as LedgerState;
}

/** @throws when the folder cannot be written */
export async function writeState(path: string, state: LedgerState): Promise<void> {
  const next = `${path}.new`;
  using file = await Deno.open(next, { write: true, create: true, truncate: true, mode: 0o600 });
  const bytes = new TextEncoder().encode(JSON.stringify({ version: VERSION, ...state }));
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
  await file.syncData();
  await Deno.rename(next, path);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const SEVERITIES: readonly unknown[] = ["info", "warning", "error", "critical"];

function isCause(value: unknown): boolean {
  return isObject(value) && SEVERITIES.includes(value.severity) && typeof value.message === "string" &&
    typeof value.active === "boolean" && typeof value.told === "boolean" &&
    [value.sinceMs, value.lastSeenMs, value.seen, value.countedFromMs, value.tellings].every(Number.isFinite) &&
    (value.toldAtMs === undefined || Number.isFinite(value.toldAtMs));
}

function isNotice(value: unknown): boolean {
  return isObject(value) && SEVERITIES.includes(value.severity) && typeof value.recovery === "boolean" &&
    [value.id, value.cause, value.message].every((one) => typeof one === "string") &&
    [value.atMs, value.failures, value.dueAtMs].every(Number.isFinite);
}
