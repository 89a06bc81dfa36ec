/**
 * How a person's proof gets from a command to the instance that holds the account: three small facts in `service_state`.
 * A command writes a request, the holder takes it away and writes the answer. Neither answer nor log holds a solution.
 *
 * @module
 */
import { PROOF_OUTCOMES, type ProofOutcome } from "../channels/channel.ts";
import type { AccountId } from "../domain/address.ts";
import type { StateStore } from "../store/port.ts";

export interface ProofRequest {
  /** Random: an answer names it. */
  readonly id: string;
  readonly challenge: string;
  readonly solution: string;
}

export class ProofRequests {
  constructor(private readonly state: StateStore, private readonly account: AccountId) {}

  /** @returns the challenge that stands; `null` when the service asked without naming one; undefined when it asks for nothing */
  async challenge(): Promise<string | null | undefined> {
    const stored = await this.#read("challenge");
    if (stored === undefined) return undefined;
    return typeof stored["challenge"] === "string" ? stored["challenge"] : null;
  }

  setChallenge(challenge: string | null): Promise<void> {
    return this.state.put(this.#key("challenge"), JSON.stringify({ challenge }));
  }

  clearChallenge(): Promise<void> {
    return this.state.remove(this.#key("challenge"));
  }

  /** An earlier request that nobody took is replaced. */
  ask(request: ProofRequest): Promise<void> {
    return this.state.put(this.#key("request"), JSON.stringify(request));
  }

  /** Takes the request away, so that it is handed in once, whatever happens then. */
  async take(): Promise<ProofRequest | undefined> {
    const stored = await this.#read("request");
    if (stored === undefined) return undefined;
    await this.withdraw();
    const { id, challenge, solution } = stored;
    if (typeof id !== "string" || typeof challenge !== "string" || typeof solution !== "string") return undefined;
    return { id, challenge, solution };
  }

  withdraw(): Promise<void> {
    return this.state.remove(this.#key("request"));
  }

  answer(id: string, outcome: ProofOutcome): Promise<void> {
    return this.state.put(this.#key("answer"), JSON.stringify({ id, outcome }));
  }

  /** The answer to this request, once: it is removed. */
  async answerTo(id: string): Promise<ProofOutcome | undefined> {
    const stored = await this.#read("answer");
    if (stored === undefined || stored["id"] !== id) return undefined;
    await this.state.remove(this.#key("answer"));
    return PROOF_OUTCOMES.find((outcome) => outcome === stored["outcome"]);
  }

  async #read(what: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const text = await this.state.get(this.#key(what));
    return text === undefined ? undefined : JSON.parse(text) as Record<string, unknown>;
  }

  #key(what: string): string {
    return `outbox.proof.${what}.${this.account}`;
  }
}
