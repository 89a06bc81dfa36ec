/**
 * What can happen to the outbox, as values that a property test draws and a found seed writes down.
 *
 * @module
 */
import fc from "../support/property.ts";
import type { FaultRule } from "../../lib/simulator/faults.ts";

/** Lanes. */
export const PEOPLE = 3;

/** `host`: the second one only exists in stories of two; otherwise the first is meant. Default: the first. */
export type Step =
  | { readonly do: "enqueue"; readonly n: number; readonly count: number }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "fault"; readonly effect: FaultRule["effect"]; readonly host?: number }
  | { readonly do: "commit"; readonly fate: "lost_done" | "lost_undone"; readonly host?: number }
  /** The shop inserts one; the scan is a step of its own. */
  | { readonly do: "order" | "scan" | "steal" | "replay" | "drop" }
  /** The shop sets the flag of its `order`-th order (modulo how many there are). */
  | { readonly do: "flag"; readonly order: number; readonly to: boolean }
  /** Frozen right after its next hand-over, with more in its window, and thawed after this long. */
  | { readonly do: "nap"; readonly ms: number; readonly host?: number }
  | { readonly do: HostStep; readonly host?: number };

export type HostStep = typeof HOST_STEPS[number];
const HOST_STEPS = ["kill", "kill_in_commit", "reboot", "stop", "away", "back", "freeze", "thaw"] as const;

const EFFECTS: readonly FaultRule["effect"][] = [
  { type: "result", result: "NETWORK_FAILURE" },
  { type: "result", result: "UNREGISTERED_FAILURE" },
  { type: "result", result: "RATE_LIMIT_FAILURE", retryAfterSeconds: 2 },
  { type: "error", code: -1 },
  { type: "error", code: -3 },
  { type: "error", code: -5 },
  { type: "hang" },
  { type: "lose_answer" },
  { type: "crash_before" },
  { type: "crash_after" },
  { type: "delay_answer", ms: 3 },
];

const host = fc.nat(1);
const doing = <T extends string>(...names: readonly T[]) => fc.record({ do: fc.constantFrom(...names) });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("enqueue"), n: fc.nat(PEOPLE - 1), count: fc.nat(4) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.constantFrom(1, 30, 400, 6_000, 16_000) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("fault"), effect: fc.constantFrom(...EFFECTS), host }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("commit"), fate: fc.constantFrom("lost_done", "lost_undone"), host }),
  },
  { weight: 3, arbitrary: doing("order", "scan") },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("flag"), order: fc.nat(3), to: fc.boolean() }) },
  { weight: 2, arbitrary: doing("steal", "replay", "drop") },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("nap"), ms: fc.constantFrom(100, 8_000, 20_000), host }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom(...HOST_STEPS), host }) },
);

export interface Plot {
  readonly hosts: 1 | 2;
  /** How long the database takes for each statement, in turns of the event loop: what comes meanwhile comes in between. */
  readonly lagTurns: number;
  readonly steps: readonly Step[];
}

export const plot: fc.Arbitrary<Plot> = fc.record({
  hosts: fc.constantFrom(1, 2),
  lagTurns: fc.constantFrom(0, 0, 1, 3),
  steps: fc.array(step, { minLength: 3, maxLength: 30 }),
});
