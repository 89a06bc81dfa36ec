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
import type { HealthSnapshot } from "../../observe/health.ts";
import type { Clock } from "../../runtime/clock.ts";
import { readStatusFile } from "../../runtime/status_file.ts";
import type { Store } from "../../store/port.ts";
import { serviceState } from "../health/report.ts";

/** Everything that a story is told from. */
export interface Surroundings {
  readonly store: Store;
  readonly config: Config;
  readonly clock: Clock;
  readonly showNumbers: boolean;
  readonly showText: boolean;
  /** Names of leases that somebody holds now. */
  readonly held: ReadonlySet<string>;
  /** Who holds them, by the lease's name. */
  readonly holders: ReadonlyMap<string, string>;
  /** What the instance of these settings says of itself; undefined when it does not run. */
  readonly service: HealthSnapshot | undefined;
  /** Undefined when the service left nothing readable. */
  readonly pacing: Pacing | undefined;
}

export async function look(
  store: Store,
  config: Config,
  clock: Clock,
  show: { readonly numbers: boolean; readonly text: boolean },
): Promise<Surroundings> {
  const leases = (await store.leases.list()).filter(({ expiresInMs }) => expiresInMs > 0);
  const record = await readable(() => readStatusFile(`${config.files.runtimeDir}/status.json`));
  const service = serviceState(record, clock.nowMs());
  return {
    store,
    config,
    clock,
    showNumbers: show.numbers,
    showText: show.text,
    held: new Set(leases.map(({ name }) => name)),
    holders: new Map(leases.map(({ name, holder }) => [name, holder])),
    service: service.state === "running" ? service.snapshot : undefined,
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

/** Why the channel cannot be used, in the service's own word; undefined when it can, or when an instance elsewhere sends. */
export function signalTrouble({ holders, service, config }: Surroundings, account: AccountId): string | undefined {
  const holder = holders.get(`account:${account}`);
  const part = service?.parts["signal"];
  if (holder === undefined || part?.state !== "down" || !isOurs(holder, config.files.runtimeDir)) return undefined;
  return (part.reason ?? "down").replaceAll("_", " ");
}

/** The account's last pause, also when it is over: none was forgotten before something was accepted. Short ones are not stored. */
export async function pauseOf(
  { store }: Surroundings,
  account: AccountId,
): Promise<Pause | undefined> {
  const text = await store.state.get(`outbox.pause.${account}`);
  if (text === undefined) return undefined;
  const { untilMs, reason, faultsInARow } = JSON.parse(text) as Partial<Record<keyof Pause, unknown>>;
  if (typeof untilMs !== "number") return undefined;
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
  const record = await readable(() => readStatusFile(`${files.runtimeDir}/pacing.json`));
  if (record === undefined) return undefined;
  const pacing = new Pacing({
    limit: delivery.rateLimit,
    periodMs: delivery.rateLimitPeriodMs,
    newContactsPerHour: delivery.newContactRateLimit,
    clock,
  });
  pacing.load(record.status);
  return pacing;
}

/** Undefined for somebody else's folder, or a file of another version: the rest of the story is worth telling without it. */
async function readable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof SyntaxError || isForbidden(error)) return undefined;
    throw error;
  }
}

/** The holder of a lease leaves a file of its name in its RUNTIME_DIR (`lib/store/lease_holder.ts`). */
function isOurs(holder: string, runtimeDir: string): boolean {
  try {
    return Deno.statSync(`${runtimeDir}/holder-${holder}`).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isForbidden(error)) return false;
    throw error;
  }
}

function isForbidden(error: unknown): boolean {
  return error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable;
}
