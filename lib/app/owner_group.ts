/**
 * The owner's group when `SIGNAL_GROUP_ID` says its name: looked up once, and from then on its id counts, so that nobody
 * who renames a group (every member may) moves the shop's messages to another one.
 *
 * @module
 */
import { type SignalGroup } from "../channels/signal/groups.ts";
import type { Config } from "../config/config.ts";
import { GROUP_NAME_PREFIX } from "../config/types.ts";
import { type Address, isSignalGroupId, makeGroup } from "../domain/address.ts";
import { ConfigError } from "../domain/errors.ts";
import { writeFileAtomically } from "../runtime/atomic_file.ts";
import { oneLine } from "../templates/format.ts";

/** In STATE_DIR. */
const FILE = "owner-group.json";
const VERSION = 1;

/** The name that the settings say; undefined for an id. */
export function ownerGroupName({ signal }: Config): string | undefined {
  return isSignalGroupId(signal.groupId) ? undefined : signal.groupId.slice(GROUP_NAME_PREFIX.length).trim();
}

/** The owner's group. @throws {ConfigError} for a name that was not looked up yet */
export function ownerGroup(config: Config): Address {
  const id = ownerGroupId(config);
  if (id !== undefined) return makeGroup(id);
  throw new ConfigError(
    "SIGNAL_GROUP_ID",
    "is a name that was not looked up yet",
    "start the service once, or the group's id: signal-automation groups",
  );
}

/** The id, from the settings or as it was looked up; undefined for a name that was not. */
export function ownerGroupId(config: Config): string | undefined {
  const name = ownerGroupName(config);
  if (name === undefined) return config.signal.groupId;
  try {
    const stored = JSON.parse(Deno.readTextFileSync(`${config.files.stateDir}/${FILE}`));
    const fits = stored?.version === VERSION && stored.name === name && stored.number === config.signal.number;
    return fits && isSignalGroupId(String(stored.id)) ? String(stored.id) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Looks the name up and remembers its id. Does nothing for an id, or for a name that is known.
 * @param list the account's groups
 * @throws {ConfigError} when no group or several have the name, with the choices
 * @throws {ChannelUnavailable} what `list` throws
 */
export async function lookUpOwnerGroup(config: Config, list: () => Promise<readonly SignalGroup[]>): Promise<void> {
  const name = ownerGroupName(config);
  if (name === undefined || ownerGroupId(config) !== undefined) return;
  const id = groupByName(name, await list()).id;
  await Deno.mkdir(config.files.stateDir, { recursive: true, mode: 0o700 });
  const { number } = config.signal;
  await writeFileAtomically(
    `${config.files.stateDir}/${FILE}`,
    `${JSON.stringify({ version: VERSION, name, number, id })}\n`,
  );
}

/** The one group of that name that we belong to. @throws {ConfigError} with the choices */
export function groupByName(name: string, groups: readonly SignalGroup[]): SignalGroup {
  const ours = groups.filter(({ isMember }) => isMember);
  const found = ours.filter((group) => group.name.trim().normalize() === name.normalize());
  if (found.length === 1) return found[0]!;
  const choices = (found.length === 0 ? ours : found).map(({ id, name }) =>
    `${id} (${oneLine(name) || "without a name"})`
  );
  throw new ConfigError(
    "SIGNAL_GROUP_ID",
    found.length === 0 ? `no group of this account is called "${name}"` : `${found.length} groups are called "${name}"`,
    choices.length === 0 ? "a group that SIGNAL_NUMBER belongs to; it belongs to none" : choices.join(", "),
  );
}

/** Whether this is the owner's group; no, while its name was not looked up. */
export function isOwnerGroup(address: Address, config: Config): boolean {
  const id = ownerGroupId(config);
  return id !== undefined && address === makeGroup(id);
}
