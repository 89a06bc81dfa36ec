/**
 * The one contract of everything that runs, and the two abort signals of its life.
 *
 * @module
 */

/** Something that runs until stopped. `tests/support/service_contract.ts` checks every one of them. */
export interface Service {
  /** Lower case, for logs and health. */
  readonly name: string;
  /**
   * Resolves when running. Never waits for an outside thing to become available: such a service starts, says
   * `down`, and goes on by itself when the thing appears. Twice is an error of the caller and throws.
   */
  start(): Promise<void>;
  /**
   * Ends it and frees everything. Twice, or before start, is allowed and does nothing. After it the service can
   * be started again.
   */
  stop(): Promise<void>;
}

/**
 * Two signals, because stopping to take in new work and giving up running work are two things (style, habit 6).
 * Recording an outcome obeys neither: it has its own deadline.
 */
export interface Lifecycle {
  /** Aborted first: take in nothing new, hand over nothing new. */
  readonly intake: AbortSignal;
  /** Aborted when the grace time is over: give up what still runs. */
  readonly work: AbortSignal;
}

/** Why a signal was aborted, as `signal.reason`. */
export class Stopping extends Error {
  override readonly name = "Stopping";
  constructor(readonly stage: "intake" | "work", readonly cause_: "signal" | "forced" | "failure" | "end") {
    super(`stopping: ${stage} (${cause_})`);
  }
}

/** How a part of the service is. `degraded` still does its work, slower or partly. */
export type Condition =
  | { readonly state: "live" }
  | { readonly state: "degraded"; readonly reason: string }
  | { readonly state: "down"; readonly reason: string };

export const LIVE: Condition = { state: "live" };

/** The owner of a {@link Lifecycle}. */
export class LifecycleController implements Lifecycle {
  readonly #intake = new AbortController();
  readonly #work = new AbortController();
  get intake(): AbortSignal {
    return this.#intake.signal;
  }
  get work(): AbortSignal {
    return this.#work.signal;
  }
  stopIntake(cause: Stopping["cause_"]): void {
    if (!this.intake.aborted) this.#intake.abort(new Stopping("intake", cause));
  }
  stopWork(cause: Stopping["cause_"]): void {
    this.stopIntake(cause);
    if (!this.work.aborted) this.#work.abort(new Stopping("work", cause));
  }
}
