/**
 * How Signal can misbehave, as fault rules of the simulator. A rule is in force while its file exists.
 *
 * @module
 */

type Effect = Readonly<Record<string, unknown>>;

/** Requests get no answer, so each that fires may double a message. */
export const WITHOUT_ANSWER = ["hang", "lose_answer", "crash_before", "crash_after"] as const;

interface Trouble {
  readonly effect: Effect;
  readonly probability?: number;
  /** The account pauses: nothing is sent for a while. */
  readonly pauses?: true;
}

const TROUBLES: Readonly<Record<string, Trouble>> = {
  slow: { effect: { type: "delay", ms: [50, 600] } },
  slow_answer: { effect: { type: "delay_answer", ms: 300 } },
  network: { effect: { type: "result", result: "NETWORK_FAILURE" }, pauses: true },
  rate_limited: { effect: { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 2 }, pauses: true },
  error_minus_5: { effect: { type: "error", code: -5 }, pauses: true },
  error_minus_3: { effect: { type: "error", code: -3 }, probability: 0.5, pauses: true },
  unregistered: { effect: { type: "result", result: "UNREGISTERED_FAILURE" }, probability: 0.05 },
  hang: { effect: { type: "hang" }, probability: 0.05 },
  lose_answer: { effect: { type: "lose_answer" }, probability: 0.1 },
  crash_before: { effect: { type: "crash_before" }, probability: 0.02 },
  crash_after: { effect: { type: "crash_after" }, probability: 0.02 },
};

const named = (pauses: boolean) => Object.keys(TROUBLES).filter((name) => (TROUBLES[name]!.pauses ?? false) === pauses);
/** Names for the schedule. */
export const SINGLE_TROUBLES: readonly string[] = named(false);
export const PAUSING_TROUBLES: readonly string[] = named(true);

/** The rules, each asleep until the file with its name is made. */
export function troubleRules(seed: number): readonly Readonly<Record<string, unknown>>[] {
  return Object.entries(TROUBLES).map(([name, { effect, probability }], index) => ({
    id: name,
    on: "send",
    whileFile: name,
    effect,
    ...(probability === undefined ? {} : { probability, seed: seed + index }),
  }));
}
