/**
 * What goes wrong when: drawn from a seed, so that a run can be told by its number. Pure.
 *
 * @module
 */
import { seeded } from "../../lib/simulator/faults.ts";

/** One thing that goes wrong, `atMs` after the start of the run. */
export type Mishap =
  /** kill -9, and started again after `forMs`. */
  | { readonly kind: "kill_service"; readonly instance: number; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "kill_signal"; readonly instance: number; readonly atMs: number; readonly forMs: 0 }
  | { readonly kind: "kill_database"; readonly atMs: number; readonly forMs: number }
  /** SIGSTOP, and SIGCONT after `forMs`. */
  | { readonly kind: "freeze_service"; readonly instance: number; readonly atMs: number; readonly forMs: number }
  | { readonly kind: "freeze_database"; readonly atMs: number; readonly forMs: number }
  /** The disk of the spool is full. */
  | { readonly kind: "full_disk"; readonly atMs: number; readonly forMs: number }
  /** Signal misbehaves: the name of a fault in `faults.ts`. */
  | { readonly kind: "signal_trouble"; readonly trouble: string; readonly atMs: number; readonly forMs: number };

export interface Plan {
  readonly seed: number;
  readonly seconds: number;
  readonly instances: 1 | 2;
  /** Whether the database is a server, which can be killed and frozen. A file can only be locked. */
  readonly server: boolean;
  /** Whether there is a disk that can be filled. */
  readonly disk: boolean;
  /** Names that `signal_trouble` may have: those that concern single messages, and those that make the account pause. */
  readonly troubles: readonly string[];
  readonly pausing: readonly string[];
}

/** Between two mishaps, milliseconds. */
const GAP_MS = [200, 2_500] as const;
/** Nothing goes wrong so shortly before the end: it would not be seen. */
const LAST_MS = 2_000;
/** LEASE_SECONDS of the run; a frozen instance sleeps longer, so that another one has taken over. */
export const LEASE_MS = 8_000;

/** How long a killed service is away at most; where there is another one, often until that one has taken over. */
const DOWN_MS = { 1: 1_500, 2: LEASE_MS + 6_000 } as const;

/** Mishaps in the order of their time. */
export function schedule(plan: Plan): readonly Mishap[] {
  const random = seeded(plan.seed);
  const between = (from: number, to: number) => Math.round(from + random() * (to - from));
  const one = (names: readonly string[]) => names[between(0, names.length - 1)]!;
  const draws: readonly (readonly [weight: number, draw: (atMs: number) => Mishap])[] = [
    [4, (atMs) => ({
      kind: "kill_service",
      instance: between(0, plan.instances - 1),
      atMs,
      forMs: between(0, DOWN_MS[plan.instances]),
    })],
    [3, (atMs) => ({ kind: "kill_signal", instance: between(0, plan.instances - 1), atMs, forMs: 0 })],
    [plan.server ? 3 : 0, (atMs) => ({ kind: "kill_database", atMs, forMs: between(0, 4_000) })],
    [2, (atMs) => ({ kind: "freeze_database", atMs, forMs: between(500, 7_000) })],
    [1, (atMs) => ({
      kind: "freeze_service",
      instance: between(0, plan.instances - 1),
      atMs,
      forMs: between(500, LEASE_MS + 5_000),
    })],
    [plan.disk ? 1 : 0, (atMs) => ({ kind: "full_disk", atMs, forMs: between(1_000, 6_000) })],
    [5, (atMs) => ({ kind: "signal_trouble", trouble: one(plan.troubles), atMs, forMs: between(500, 5_000) })],
    // Short: a pause grows with each refusal, and little happens while an account pauses.
    [2, (atMs) => ({ kind: "signal_trouble", trouble: one(plan.pausing), atMs, forMs: between(100, 1_200) })],
  ];
  const total = draws.reduce((sum, [weight]) => sum + weight, 0);
  const mishaps: Mishap[] = [];
  for (let atMs = 1_000; atMs < plan.seconds * 1_000 - LAST_MS; atMs += between(...GAP_MS)) {
    let ticket = random() * total;
    const [, draw] = draws.find(([weight]) => (ticket -= weight) < 0) ?? draws[0]!;
    const mishap = draw(atMs);
    mishaps.push(mishap);
    // The spool's disk matters while the database is away.
    if (mishap.kind === "full_disk") mishaps.push({ kind: "freeze_database", atMs, forMs: mishap.forMs + 500 });
  }
  return mishaps;
}
