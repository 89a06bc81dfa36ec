/**
 * The service's side of a proof that a person is there: keeps the challenge where a command finds it, hands in what the
 * command brings, and ends the account's pause when it was accepted. Only the holder of the account's lease acts, since
 * the running signal-cli is the only one that can.
 *
 * @module
 */
import type { PersonProof } from "../channels/channel.ts";
import type { AccountId } from "../domain/address.ts";
import { StoreUnavailable } from "../domain/errors.ts";
import { describeError, type Log } from "../runtime/log.ts";
import { type LoopGround, LoopService } from "../runtime/loop.ts";
import { Wake } from "../runtime/wake.ts";
import type { HeldLease, Lease, Store } from "../store/port.ts";
import type { AccountPause } from "./pause.ts";
import { ProofRequests } from "./proof_requests.ts";

/** Without a bell it looks after this long, milliseconds. The pulse rings it. */
const IDLE_LOOK_MS = 30_000;

export interface ProofDeskOptions extends LoopGround {
  readonly store: Store;
  readonly account: AccountId;
  readonly held: HeldLease;
  readonly proof: PersonProof;
  readonly pause: AccountPause;
  /** It was accepted, and the account may be used again. Must not throw. */
  readonly onAccepted: () => void;
}

export class ProofDesk extends LoopService {
  readonly name = "proof";
  readonly #o: ProofDeskOptions;
  readonly #log: Log;
  readonly #wake: Wake;
  readonly #requests: ProofRequests;
  #lease: Lease | undefined;
  /** The challenge as it is stored; undefined when none is. Valid under {@link #lease}. */
  #stored: string | null | undefined;

  constructor(options: ProofDeskOptions) {
    super(options);
    this.#o = options;
    this.#log = options.log;
    this.#wake = new Wake(options.clock);
    this.#requests = new ProofRequests(options.store.state, options.account);
  }

  /** There may be something to do: rung by the pulse. Costs no statement unless a proof is demanded. */
  look(): void {
    this.#wake.ring();
  }

  protected async loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#turn(signal);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        this.#log.debug("A proof waits: the database is away", { cause: describeError(error) });
      }
      await this.#wake.wait(IDLE_LOOK_MS, signal);
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { held, proof } = this.#o;
    const lease = held.lease();
    if (lease === undefined) {
      // Whoever holds it now may have met the demand.
      if (this.#lease !== undefined) proof.forget();
      this.#lease = undefined;
      return;
    }
    if (lease !== this.#lease) {
      this.#stored = await this.#requests.challenge();
      this.#lease = lease;
    }
    await this.#keepChallenge();
    if (this.#stored === undefined) return;
    const request = await this.#requests.take();
    if (request === undefined) return;
    const outcome = await proof.submit(request.challenge, request.solution, signal);
    this.#log.info("A solved captcha was handed in", { outcome });
    if (outcome === "accepted") await this.#goOn();
    await this.#requests.answer(request.id, outcome);
  }

  /** What the last sends said is what is stored; a demand from before a restart stays until a send says something. */
  async #keepChallenge(): Promise<void> {
    const { demand } = this.#o.proof;
    if (demand === undefined) return;
    const stands = demand.demanded ? demand.challenge ?? null : undefined;
    if (stands === this.#stored) return;
    if (stands === undefined) await this.#requests.clearChallenge();
    else await this.#requests.setChallenge(stands);
    this.#stored = stands;
  }

  async #goOn(): Promise<void> {
    const { store, pause, onAccepted } = this.#o;
    pause.lift();
    onAccepted();
    await pause.save(store.state);
    pause.saved();
    await this.#requests.clearChallenge();
    this.#stored = undefined;
  }
}
