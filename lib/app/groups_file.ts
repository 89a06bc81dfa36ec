/**
 * The account's groups as a file of the running service, which alone can ask for them: `groups` and `doctor` read it.
 *
 * @module
 */
import type { SignalGroup } from "../channels/signal/groups.ts";
import { ChannelUnavailable } from "../domain/errors.ts";
import { writeFileAtomically } from "../runtime/atomic_file.ts";
import type { Clock } from "../runtime/clock.ts";
import { describeError, type Log } from "../runtime/log.ts";

/** In RUNTIME_DIR. */
const FILE = "groups.json";
const VERSION = 1;

export interface GroupsRecord {
  /** When signal-cli listed them, milliseconds UTC. */
  readonly listedAtMs: number;
  readonly groups: readonly SignalGroup[];
}

/** Writes the file. Never throws: whoever reads it sees its age. */
export async function writeGroups(
  runtimeDir: string,
  list: () => Promise<readonly SignalGroup[] | undefined>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<void> {
  try {
    const listed = await list();
    if (listed === undefined) return;
    // Who is in a group is nobody's business in a file.
    const groups = listed.map((group) => ({ ...group, memberAddresses: [] }));
    const record: GroupsRecord = { listedAtMs: clock.nowMs(), groups };
    const text = `${JSON.stringify({ version: VERSION, ...record })}\n`;
    await writeFileAtomically(`${runtimeDir}/${FILE}`, text, { sync: false });
  } catch (error) {
    const expected = error instanceof ChannelUnavailable || error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotFound;
    log[expected ? "debug" : "error"]("The list of groups could not be written", { error: describeError(error) });
  }
}

/** @returns undefined when no service wrote one that is known here */
export async function readGroups(runtimeDir: string): Promise<GroupsRecord | undefined> {
  try {
    const record = JSON.parse(await Deno.readTextFile(`${runtimeDir}/${FILE}`));
    return record?.version === VERSION && Array.isArray(record.groups) ? record : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
