/**
 * `link`: prints an address for a phone to scan, waits for the phone, and says whose device this has become. Without a
 * phone it waits until it is ended: the original gives up after a time that no source names.
 *
 * @module
 */
import type { Output } from "./output.ts";
import { StartFailure } from "./start.ts";
import { isRegistered, type World } from "./world.ts";

/** How often the phone is looked for. */
const LOOK_MS = 20;

/** @throws {StartFailure} exit 3 without network, 1 for an account that is here already */
export async function linkDevice(world: World, output: Output, life: AbortSignal): Promise<number> {
  world.refresh();
  if (world.state.offline) throw new StartFailure(3, "Link request error: no connection");
  output.line("sgnl://linkdevice?uuid=c2ltdWxhdGVkLWxpbms%3D&pub_key=BXNpbXVsYXRlZC1wdWJsaWMta2V5LW9mLTMyYnl0ZXM");
  await output.drained();
  while (world.state.scannedBy === null && !life.aborted) {
    await world.time.pause(LOOK_MS, life);
    world.refresh();
  }
  const account = world.state.accounts.find(({ number }) => number === world.state.scannedBy);
  if (account === undefined) throw new StartFailure(3, "Link request error: unknown account");
  if (isRegistered(world, account)) throw new StartFailure(1, `The user ${account.number} already exists`);
  world.remember(account.number, { linked: true, deregistered: false });
  output.line(`Associated with: ${account.number}`);
  return 0;
}
