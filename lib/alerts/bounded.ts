import { type Clock, DeadlineExceeded } from "../runtime/clock.ts";

/**
 * Runs `work` at most `ms` long and no longer than `stop` allows; its signal aborts at either.
 * @throws {DeadlineExceeded} when it was cut short
 */
export async function bounded<T>(
  clock: Clock,
  operation: string,
  ms: number,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const done = new AbortController();
  const deadline = clock.sleepMs(ms, AbortSignal.any([done.signal, stop])).then((): never => {
    over.abort();
    throw new DeadlineExceeded(operation, ms);
  });
  // Ends after the work has won as well; nobody listens then.
  deadline.catch(() => {});
  try {
    return await Promise.race([work(AbortSignal.any([over.signal, stop])), deadline]);
  } finally {
    done.abort();
  }
}
