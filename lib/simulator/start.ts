/**
 * What every start does before its command runs (facts: signal.md §1.2).
 *
 * @module
 */
import { isRegistered, type World } from "./world.ts";

/** The program ends before its command. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";
  /** In multi-account mode such an account is left out and the others load. */
  readonly skippable: boolean;
  constructor(readonly exitCode: number, message: string, options: { readonly skippable?: boolean } = {}) {
    super(message);
    this.skippable = options.skippable ?? false;
  }
}

export interface CheckHooks {
  readonly onBusy: () => void;
  /** The lock is ours; called before anything can fail. */
  readonly onLocked: (release: () => void) => void;
}

/** Lock, local registration, login, network. @throws {StartFailure} */
export async function checkAccount(world: World, number: string, hooks: CheckHooks): Promise<void> {
  const find = () => world.state.accounts.find((each) => each.number === number);
  const release = await world.lock(number, hooks.onBusy);
  hooks.onLocked(release);
  world.refresh();
  const account = find();
  if (account === undefined || !isRegistered(world, account)) {
    throw new StartFailure(1, `User ${number} is not registered.`, { skippable: true });
  }
  if (world.state.offline) throw new StartFailure(3, `Error while checking account ${number}: no connection`);
  if (!account.authorized) {
    world.remember(number, { deregistered: true });
    throw new StartFailure(3, `Error while checking account ${number}: [401] Authorization failed!`, {
      skippable: true,
    });
  }
  if (account.tooOld) throw new StartFailure(2, "The client is too old, please update signal-cli");
}
