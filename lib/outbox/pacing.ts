/**
 * Pacing: how many messages one recipient may get from one account in a time, so that a burst to one person is no reason
 * for Signal to ask for a captcha. A token bucket per lane; people who were never written to before come more slowly,
 * counted over the account.
 *
 * @module
 */
import type { Clock } from "../runtime/clock.ts";

export interface PacingOptions {
  /** Messages per period to one recipient, and the size of a burst (`RATE_LIMIT`); 0: no pacing. */
  readonly limit: number;
  /** Milliseconds in which an empty bucket fills (`RATE_LIMIT_PERIOD`). */
  readonly periodMs: number;
  /** First messages to new people per hour (`NEW_CONTACT_RATE_LIMIT`); 0: no limit of their own. */
  readonly newContactsPerHour: number;
  readonly clock: Clock;
  /** A recipient, or new people, may get nothing more for a while. Called often; must not throw. */
  readonly onExhausted?: () => void;
}

const HOUR_MS = 3_600_000;
/** Who was met longer ago than this, milliseconds, does not matter any more: an empty bucket is full after half of it. */
export const CONTACTS_MATTER_MS = 2 * HOUR_MS;

/** A bucket: full ones are not kept. */
interface Bucket {
  tokens: number;
  atMs: number;
}

export class Pacing {
  readonly #buckets = new Map<string, Bucket>();
  readonly #newContacts: Bucket;
  /** Lanes of new people whose token is spent and who are not known to have got anything, with when it was. */
  readonly #strangers = new Map<string, number>();
  #knowsContacts = false;

  constructor(private readonly options: PacingOptions) {
    this.#newContacts = { tokens: options.newContactsPerHour, atMs: options.clock.nowMs() };
  }

  /** Whether first messages are limited: only then is it worth to find out who is new. */
  get limitsNewContacts(): boolean {
    return this.options.newContactsPerHour > 0;
  }

  /** Messages that the lane may get now. */
  allowance(lane: string): number {
    if (this.options.limit === 0) return Infinity;
    const bucket = this.#buckets.get(lane);
    return bucket === undefined ? this.options.limit : Math.floor(this.#level(bucket));
  }

  /** First messages that the account may send now. */
  newContactAllowance(): number {
    if (!this.limitsNewContacts) return Infinity;
    return Math.floor(
      refilled(this.#newContacts, this.options.newContactsPerHour, HOUR_MS, this.options.clock.nowMs()),
    );
  }

  /** A message of the lane is about to be handed over. */
  spend(lane: string): void {
    if (this.options.limit === 0) return;
    const bucket = this.#buckets.get(lane) ?? { tokens: this.options.limit, atMs: this.options.clock.nowMs() };
    bucket.tokens = this.#level(bucket) - 1;
    bucket.atMs = this.options.clock.nowMs();
    this.#buckets.set(lane, bucket);
    if (bucket.tokens < 1) this.options.onExhausted?.();
  }

  /** It was not handed over after all. */
  refund(lane: string): void {
    const bucket = this.#buckets.get(lane);
    if (bucket !== undefined) bucket.tokens = Math.min(this.options.limit, bucket.tokens + 1);
  }

  /** Whether the bucket of new people is filled from what every process did: {@link rememberContacts}. */
  get knowsContacts(): boolean {
    return this.#knowsContacts;
  }

  /**
   * Fills the bucket of new people by when somebody was met for the first time, by whichever process: a restart, another host, or a
   * limit that was just turned on grant nothing extra, and nobody waits for what was not spent.
   * @param agesMs how long ago each was; longer ago than {@link CONTACTS_MATTER_MS} is not needed
   */
  rememberContacts(agesMs: readonly number[]): void {
    const { newContactsPerHour, clock } = this.options;
    const nowMs = clock.nowMs();
    // From empty on, which is the least that can have been there: nobody is left out by it after an hour without anybody new.
    const bucket: Bucket = { tokens: 0, atMs: nowMs - CONTACTS_MATTER_MS };
    for (const ageMs of agesMs.toSorted((a, b) => b - a)) {
      const atMs = nowMs - Math.min(Math.max(0, ageMs), CONTACTS_MATTER_MS);
      bucket.tokens = Math.max(0, refilled(bucket, newContactsPerHour, HOUR_MS, atMs) - 1);
      bucket.atMs = atMs;
    }
    Object.assign(this.#newContacts, bucket);
    this.#strangers.clear();
    this.#knowsContacts = true;
  }

  /** Somebody else may meet people from now on: what is known here does not count any more. */
  forgetContacts(): void {
    this.#knowsContacts = false;
  }

  /** Somebody new is about to be written to. */
  spendNewContact(lane: string): void {
    if (!this.limitsNewContacts) return;
    const nowMs = this.options.clock.nowMs();
    this.#newContacts.tokens = refilled(this.#newContacts, this.options.newContactsPerHour, HOUR_MS, nowMs) - 1;
    this.#newContacts.atMs = nowMs;
    // What was spent longer ago has come back by itself.
    for (const [other, atMs] of this.#strangers) if (nowMs - atMs >= HOUR_MS) this.#strangers.delete(other);
    this.#strangers.set(lane, nowMs);
    if (this.#newContacts.tokens < 1) this.options.onExhausted?.();
  }

  /** The first message did not get through, or was not even handed over. Without effect when nothing was spent for it. */
  refundNewContact(lane: string): void {
    if (!this.#strangers.delete(lane)) return;
    const { newContactsPerHour } = this.options;
    this.#newContacts.tokens = Math.min(newContactsPerHour, this.#newContacts.tokens + 1);
  }

  /** The first message got through. */
  metNewContact(lane: string): void {
    this.#strangers.delete(lane);
  }

  /** How long until somebody new may be written to, milliseconds. */
  newContactWaitMs(): number {
    if (!this.limitsNewContacts) return 0;
    const { newContactsPerHour, clock } = this.options;
    const level = refilled(this.#newContacts, newContactsPerHour, HOUR_MS, clock.nowMs());
    return Math.max(0, Math.ceil((1 - level) * HOUR_MS / newContactsPerHour));
  }

  /** Lanes that may get nothing now. Full buckets are forgotten on the way. */
  exhausted(): ReadonlySet<string> {
    const empty = new Set<string>();
    for (const [lane, bucket] of this.#buckets) {
      const level = this.#level(bucket);
      if (level < 1) empty.add(lane);
      else if (level >= this.options.limit) this.#buckets.delete(lane);
    }
    return empty;
  }

  /** How long until the lane may get its next message, milliseconds. */
  waitMs(lane: string): number {
    const bucket = this.#buckets.get(lane);
    if (bucket === undefined || this.options.limit === 0) return 0;
    return Math.max(0, Math.ceil((1 - this.#level(bucket)) * this.options.periodMs / this.options.limit));
  }

  /** What a restart must not forget: a value for JSON. */
  snapshot(): object {
    this.exhausted();
    return { ...(this.limitsNewContacts && { newContacts: this.#newContacts }), buckets: [...this.#buckets] };
  }

  /** Takes over what an earlier process left; anything else than that counts as nothing: it costs one burst. */
  load(value: unknown): void {
    const saved = (typeof value === "object" && value !== null ? value : {}) as {
      newContacts?: unknown;
      buckets?: unknown;
    };
    const isBucket = (value: unknown): value is Bucket =>
      typeof value === "object" && value !== null && Number.isFinite((value as Bucket).tokens) &&
      Number.isFinite((value as Bucket).atMs);
    if (isBucket(saved.newContacts)) Object.assign(this.#newContacts, saved.newContacts);
    for (const entry of Array.isArray(saved.buckets) ? saved.buckets : []) {
      const [lane, bucket] = Array.isArray(entry) ? entry : [];
      if (typeof lane === "string" && isBucket(bucket)) this.#buckets.set(lane, { ...bucket });
    }
  }

  #level(bucket: Bucket): number {
    return refilled(bucket, this.options.limit, this.options.periodMs, this.options.clock.nowMs());
  }
}

/** The level now. A clock that went back fills nothing, but it fills from there on: nobody waits until it is as late again. */
function refilled(bucket: Bucket, size: number, periodMs: number, nowMs: number): number {
  bucket.atMs = Math.min(bucket.atMs, nowMs);
  return Math.min(size, bucket.tokens + (nowMs - bucket.atMs) * size / periodMs);
}
