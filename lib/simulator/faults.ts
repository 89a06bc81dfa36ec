/**
 * Scripted trouble: rules that say when something goes wrong and what.
 *
 * @module
 */

/** How one recipient fared, as the wire names it (facts: signal.md §4.5). */
export type ResultType =
  | "SUCCESS"
  | "RATE_LIMIT_FAILURE"
  | "NETWORK_FAILURE"
  | "UNREGISTERED_FAILURE"
  | "INVALID_PRE_KEY_FAILURE"
  | "IDENTITY_FAILURE";

export type Effect =
  /** Recipients fare like this; in a group only `members`, or all when it is left out. */
  | {
    readonly type: "result";
    readonly result: ResultType;
    readonly token?: string;
    readonly retryAfterSeconds?: number;
    readonly members?: readonly string[];
  }
  /** The whole request fails before anything is sent. */
  | { readonly type: "error"; readonly code: number; readonly message?: string; readonly data?: unknown }
  /** Nothing is sent and nothing is answered. */
  | { readonly type: "hang" }
  /** Sent and recorded, but the answer never leaves. */
  | { readonly type: "lose_answer" }
  /** Waits, then goes on as if nothing were. Both ends of a spread, or one number. */
  | { readonly type: "delay"; readonly ms: number | readonly [number, number] }
  /** Sent and recorded at once; the answer leaves later. */
  | { readonly type: "delay_answer"; readonly ms: number }
  /** The process ends like after kill -9, before anything is sent. */
  | { readonly type: "crash_before" }
  /** Sent and recorded, then the process ends like after kill -9. */
  | { readonly type: "crash_after" }
  /** Standard input is not read any more; with `ms` for so long. */
  | { readonly type: "stop_reading"; readonly ms?: number };

export interface FaultRule {
  /** Names the rule in the record of fired faults, and keeps the count of `times` over restarts. Default: its place. */
  readonly id?: string;
  /** A method (`send`, `version`, …), `*` for all of them, or another point of {@link FaultPoint}. Default `send`. */
  readonly on?: string;
  /** Service id, number, username or group id of the request's target; one or several. Default: any. */
  readonly to?: string | readonly string[];
  /** Only the nth matching call of this process, from 1. */
  readonly nth?: number;
  /** Every nth matching call of this process. */
  readonly every?: number;
  /** Only the matching calls after this many. */
  readonly after?: number;
  /** 0 to 1, drawn from a generator seeded by `seed` (default 1). */
  readonly probability?: number;
  readonly seed?: number;
  /** At most so often, counted over restarts. */
  readonly times?: number;
  /** Epoch milliseconds. */
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** Only while this file exists, relative to the world's folder. */
  readonly whileFile?: string;
  readonly effect: Effect;
}

/** A moment at which a rule may fire. */
export interface FaultPoint {
  /**
   * A method, `start`, `stdin` (a line is about to be read), or where a received message is (facts: signal.md §4.6): `receive.arrived`, `receive.cached`,
   * `receive.acked`, `receive.decrypted`, `receive.written`.
   */
  readonly on: string;
  /** Every name of the target. */
  readonly to?: readonly string[];
}

export interface FaultBookOptions {
  readonly nowMs: () => number;
  /** Asked for `whileFile`. */
  readonly fileExists: (name: string) => boolean;
  /** Told of each rule that fired. */
  readonly onFired: (id: string) => void;
}

interface Entry {
  readonly id: string;
  readonly rule: FaultRule;
  readonly on: string;
  readonly to: ReadonlySet<string> | undefined;
  readonly random: () => number;
  matched: number;
}

/** Keeps the rules, counts, and says what fires. */
export class FaultBook {
  readonly #options: FaultBookOptions;
  readonly #fired = new Map<string, number>();
  #entries: Entry[] = [];

  constructor(options: FaultBookOptions) {
    this.#options = options;
  }

  /** Replaces the rules. A rule that stands as it was (same id, same content) keeps its counts. */
  replace(rules: readonly FaultRule[]): void {
    const before = new Map(this.#entries.map((entry) => [`${entry.id}\n${JSON.stringify(entry.rule)}`, entry]));
    this.#entries = rules.map((rule, index) => {
      const id = rule.id ?? `rule-${index}`;
      const kept = before.get(`${id}\n${JSON.stringify(rule)}`);
      if (kept) return kept;
      const to = rule.to === undefined ? undefined : new Set(typeof rule.to === "string" ? [rule.to] : rule.to);
      return { id, rule, on: rule.on ?? "send", to, random: seeded(rule.seed ?? 1), matched: 0 };
    });
  }

  /** Counts a rule that fired in an earlier process. */
  restore(id: string): void {
    this.#fired.set(id, (this.#fired.get(id) ?? 0) + 1);
  }

  /** Everything that happens at this point: any delays, then at most one other effect. */
  take(point: FaultPoint): readonly Effect[] {
    if (this.#entries.length === 0) return NOTHING;
    const effects: Effect[] = [];
    for (const entry of this.#entries) {
      if (!this.#fires(entry, point)) continue;
      this.restore(entry.id);
      this.#options.onFired(entry.id);
      effects.push(entry.rule.effect);
      if (entry.rule.effect.type !== "delay") break;
    }
    return effects;
  }

  #fires(entry: Entry, point: FaultPoint): boolean {
    const { rule } = entry;
    if (entry.on !== point.on && !(entry.on === "*" && !NOT_METHODS.test(point.on))) return false;
    if (entry.to && !(point.to ?? []).some((name) => entry.to!.has(name))) return false;
    if (rule.fromMs !== undefined && this.#options.nowMs() < rule.fromMs) return false;
    if (rule.untilMs !== undefined && this.#options.nowMs() >= rule.untilMs) return false;
    if (rule.times !== undefined && (this.#fired.get(entry.id) ?? 0) >= rule.times) return false;
    if (rule.whileFile !== undefined && !this.#options.fileExists(rule.whileFile)) return false;
    entry.matched++;
    if (rule.nth !== undefined && entry.matched !== rule.nth) return false;
    if (rule.every !== undefined && entry.matched % rule.every !== 0) return false;
    if (rule.after !== undefined && entry.matched <= rule.after) return false;
    return rule.probability === undefined || entry.random() < rule.probability;
  }
}

/** Points that are no method, and so not meant by `*`. */
const NOT_METHODS = /^(start|stdin|receive\..*)$/;

const NOTHING: readonly Effect[] = [];

/** Mulberry32: small, and the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
