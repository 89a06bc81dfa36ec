import type { Parameters } from "./parameters.ts";
import { Receiver } from "./receiver.ts";
import { Recipients, type TrustMode } from "./recipients.ts";
import { Sender } from "./sender.ts";
import type { World } from "./world.ts";

/** One loaded account: what the commands work on. */
export class Manager {
  readonly recipients: Recipients;
  readonly sender: Sender;
  readonly receiver: Receiver;

  constructor(
    readonly world: World,
    readonly number: string,
    trust: TrustMode,
    life: AbortSignal,
    onCrash: () => void,
  ) {
    this.recipients = new Recipients(world, number, trust);
    this.sender = new Sender(world, this.recipients, life);
    this.receiver = new Receiver({ world, recipients: this.recipients, life, onCrash });
  }
}

/** A command of one account: answers, rejects with `RpcFailure`, or never answers (`NO_ANSWER`). */
export type Command = (manager: Manager, parameters: Parameters) => unknown;
