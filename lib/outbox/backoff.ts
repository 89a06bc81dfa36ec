/**
 * When to try again. Pure: the date is stored with the row, nobody sleeps on it.
 *
 * @module
 */
import type { Random } from "../runtime/random.ts";

/** Waits before the tries after a message fault (design §4), milliseconds. The last one repeats if MAX_RETRIES is larger. */
export const MESSAGE_RETRY_DELAYS_MS = [5_000, 30_000, 120_000] as const;

/** The first pause of an account after a channel fault, milliseconds; each further one in a row doubles it. */
export const CHANNEL_PAUSE_FIRST_MS = 1_000;
/** The longest pause that we choose ourselves. The other side may name a longer one. */
export const CHANNEL_PAUSE_LONGEST_MS = 60_000;

/** Share of a wait that is random, so that several instances or lanes do not come back in step. */
export const JITTER = 0.2;

/** @param attempts tries that failed so far, 1 or more */
export function messageRetryDelayMs(attempts: number, random: Random): number {
  const index = Math.min(Math.max(1, attempts), MESSAGE_RETRY_DELAYS_MS.length) - 1;
  return jittered(MESSAGE_RETRY_DELAYS_MS[index]!, random);
}

/** @param inARow channel faults since the last accepted message, 1 or more */
export function channelPauseMs(inARow: number, random: Random): number {
  const doublings = Math.min(Math.max(1, inARow) - 1, 16);
  return jittered(Math.min(CHANNEL_PAUSE_FIRST_MS * 2 ** doublings, CHANNEL_PAUSE_LONGEST_MS), random);
}

/** `ms`, at least, and up to a fifth more: never earlier than promised. */
function jittered(ms: number, random: Random): number {
  return Math.round(ms * (1 + JITTER * random.fraction()));
}
