/**
 * The port of a channel: what every way of sending and receiving offers, whatever its wire looks like.
 *
 * A channel knows neither the store nor why a message is sent, and it decides nothing about retrying: it says
 * what happened ({@link SendOutcome}).
 *
 * @module
 */
import type { AccountId, Address } from "../domain/address.ts";
import type { InboundEvent } from "../domain/events.ts";
import type { SendOutcome } from "../domain/message.ts";
import type { Condition, Service } from "../runtime/service.ts";

/** What a channel needs to hand a message over. */
export interface OutgoingRequest {
  /** The outbox row, for logs and for the journal. */
  readonly id: number;
  readonly recipient: Address;
  readonly body: string;
}

/** Something that reached us, as it came: stored before anything looks into it. */
export interface RawEvent {
  readonly account: AccountId;
  /** The same thing seen twice has the same id: unique per account. At most 190 characters, no phone number in clear. */
  readonly externalId: string;
  /** Whose messages are handled one after another: hash of the sender, no phone number in clear. At most 64 characters. */
  readonly lane: string;
  /** The wire form, as text. */
  readonly body: string;
  readonly receivedAtMs: number;
}

/**
 * Takes events in. Resolves when all of them are stored (or in the spool): only then is the source acknowledged
 * or read on. Rejects only when they could be stored nowhere.
 */
export type Accept = (events: readonly RawEvent[]) => Promise<void>;

/** Whether the service wants a person's proof before it takes more messages; the challenge, when it named one. */
export type ProofDemand =
  | { readonly demanded: true; readonly challenge: string | undefined }
  | { readonly demanded: false };

/**
 * What became of a proof. `rejected`: stale, used before, for another challenge, or solved elsewhere. `not_submitted`: an
 * error of the network or of the channel. `channel_down`: nothing was handed over. `no_answer`: it may count or not.
 */
export const PROOF_OUTCOMES = ["accepted", "rejected", "not_submitted", "channel_down", "no_answer"] as const;
export type ProofOutcome = typeof PROOF_OUTCOMES[number];

/** Of a channel whose service asks for a person (`proof_required`): Signal's captcha. */
export interface PersonProof {
  /** As the last answers to sends said; undefined while none said anything. */
  readonly demand: ProofDemand | undefined;
  /** What is known may have changed: another instance sent meanwhile. */
  forget(): void;
  /** Hands in what a person solved. Does not reject for anything the outside does. */
  submit(challenge: string, solution: string, signal: AbortSignal): Promise<ProofOutcome>;
}

export interface Channel extends Service {
  /** The account that it speaks for. */
  readonly account: AccountId;
  /** Absent where no service asks for it. */
  readonly proof?: PersonProof;
  /**
   * Hands one message over and waits for the answer, its own deadline, or `signal`.
   * `onHandOver` is called at most once, synchronously right before the first byte of the request leaves: when it
   * was not called, the message certainly did not go out.
   * `onLate` is called, once at most, when an outcome was `unknown` for its deadline and the answer comes after all.
   * Does not reject for anything the outside does; a rejection is a bug.
   */
  send(
    message: OutgoingRequest,
    signal: AbortSignal,
    onHandOver: () => void,
    onLate?: (outcome: SendOutcome) => void,
  ): Promise<SendOutcome>;
  /** Starts to take in, once the store is open and this instance holds the account's lease. Until then nothing is consumed. */
  subscribe(accept: Accept): Promise<void>;
  /** Stops to take in; what is being accepted is finished first. */
  unsubscribe(): Promise<void>;
  /** Decodes a stored body. @throws {DecodeError} when it has not the promised form */
  decode(body: string, account: AccountId): InboundEvent;
  /** How it is. */
  condition(): Condition;
  /** Called after each change of {@link condition}. @returns a function that ends the calls */
  onCondition(listener: (condition: Condition) => void): () => void;
}
