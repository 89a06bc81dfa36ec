/**
 * What keeps messages waiting besides themselves, read where the running service leaves it: leases and pauses in the
 * database, pacing in the runtime folder. Works without the service too.
 *
 * @module
 */
import { isOwnerGroup } from "../../app/owner_group.ts";
import type { Config } from "../../config/config.ts";
import { type AccountId, type Address, makeTel } from "../../domain/address.ts";
import { Pacing } from "../../outbox/pacing.ts";
import type { Clock } from "../../runtime/clock.ts";
import { readStatusFile } from "../../runtime/status_file.ts";
import type { Store } from "../../store/port.ts";

/** Everything that a story is told from. */
export interface Surroundings {
  readonly store: Store;
  readonly config: Config;
  readonly clock: Clock;
  readonly showNumbers: boolean;
  readonly showText: boolean;
  /** Names of leases that somebody holds now. */
  readonly held: ReadonlySet<string>;
  /** Undefined when the service left nothing readable. */
  readonly pacing: Pacing | undefined;
}

export async function look(
  store: Store,
  config: Config,
  clock: Clock,
  show: { readonly numbers: boolean; readonly text: boolean },
): Promise<Surroundings> {
  const leases = await store.leases.list();
  return {
    store,
    config,
    clock,
    showNumbers: show.numbers,
    showText: show.text,
    held: new Set(leases.filter(({ expiresInMs }) => expiresInMs > 0).map(({ name }) => name)),
    pacing: await readPacing(config, clock),
  };
}

/** Whether an instance sends for this account now. */
export function isServed({ held }: Surroundings, account: AccountId): boolean {
  return held.has(`account:${account}`);
}

export interface Pause {
  readonly untilMs: number;
  readonly reason: string | undefined;
  /** Channel faults since something was accepted last. */
  readonly faultsInARow: number;
}

/** The account's pause, while it lasts. Only pauses of more than a few seconds are stored. */
export async function pauseOf(
  { store, clock }: Surroundings,
  account: AccountId,
): Promise<Pause | undefined> {
  const text = await store.state.get(`outbox.pause.${account}`);
  if (text === undefined) return undefined;
  const { untilMs, reason, faultsInARow } = JSON.parse(text) as Partial<Record<keyof Pause, unknown>>;
  if (typeof untilMs !== "number" || untilMs <= clock.nowMs()) return undefined;
  return {
    untilMs,
    reason: typeof reason === "string" ? reason : undefined,
    faultsInARow: typeof faultsInARow === "number" ? faultsInARow : 0,
  };
}

/** Recipients that are never paced. */
export function isExempt({ config }: Surroundings, recipient: Address): boolean {
  return isOwnerGroup(recipient, config) || recipient === makeTel(config.signal.adminPhoneNumber);
}

async function readPacing({ delivery, files }: Config, clock: Clock): Promise<Pacing | undefined> {
  try {
    const record = await readStatusFile(`${files.runtimeDir}/pacing.json`);
    if (record === undefined) return undefined;
    const pacing = new Pacing({
      limit: delivery.rateLimit,
      periodMs: delivery.rateLimitPeriodMs,
      newContactsPerHour: delivery.newContactRateLimit,
      clock,
    });
    pacing.load(record.status);
    return pacing;
  } catch (error) {
    // Somebody else's folder, or a file of another version: the rest of the story is worth telling without it.
    const unreadable = error instanceof SyntaxError || error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotCapable;
    if (unreadable) return undefined;
    throw error;
  }
}
