/**
 * Signal's captcha: which challenge stands, and handing in what a person solved (facts: signal.md §7.1). The challenge comes
 * with the answer to a send; the solution is good once, for a few minutes, and from the address where it was solved.
 *
 * @module
 */
import type { SendOutcome } from "../../domain/message.ts";
import type { PersonProof, ProofDemand, ProofOutcome } from "../channel.ts";
import type { RpcClient } from "./rpc.ts";
import { RpcError, RpcUnanswered } from "./rpc_errors.ts";

/** How long Signal's servers may take, milliseconds. */
const SUBMIT_TIMEOUT_MS = 30_000;
/** signal-cli's code for a solution that the server did not take. */
const CAPTCHA_REJECTED = -6;

/** The running channel's side. */
export class SignalProof implements PersonProof {
  #demand: ProofDemand | undefined;

  /** @param rpc signal-cli, while it is ready */
  constructor(private readonly rpc: () => RpcClient | undefined) {}

  get demand(): ProofDemand | undefined {
    return this.#demand;
  }

  /** Learns from the answer to a send. @returns the same outcome */
  saw(outcome: SendOutcome): SendOutcome {
    if (outcome.outcome === "accepted") this.#demand = { demanded: false };
    else if (outcome.outcome === "paused" && outcome.reason === "proof_required") {
      this.#demand = { demanded: true, challenge: outcome.challenge };
    }
    return outcome;
  }

  forget(): void {
    this.#demand = undefined;
  }

  async submit(challenge: string, solution: string, signal: AbortSignal): Promise<ProofOutcome> {
    const rpc = this.rpc();
    if (rpc === undefined) return "channel_down";
    const outcome = await submitProof(rpc, challenge, solution, signal);
    if (outcome === "accepted") this.#demand = { demanded: false };
    return outcome;
  }
}

/** Hands it in. For a process of one request too. */
export async function submitProof(
  rpc: RpcClient,
  challenge: string,
  solution: string,
  signal?: AbortSignal,
): Promise<ProofOutcome> {
  try {
    await rpc.request("submitRateLimitChallenge", { challenge, captcha: solution }, {
      timeoutMs: SUBMIT_TIMEOUT_MS,
      ...(signal !== undefined && { signal }),
    });
    return "accepted";
  } catch (error) {
    if (error instanceof RpcError) return error.code === CAPTCHA_REJECTED ? "rejected" : "not_submitted";
    if (error instanceof RpcUnanswered) return error.written ? "no_answer" : "channel_down";
    throw error;
  }
}
