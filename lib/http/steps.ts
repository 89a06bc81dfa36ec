/**
 * What every request goes through, whatever its route: recorded, guarded, bounded in time.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import type { Log } from "../runtime/log.ts";
import { isAddressedToUs, isLoopback } from "./host.ts";
import type { HttpLimits } from "./limits.ts";
import { Problem } from "./problem.ts";

/** What the steps and the routes of one request tell each other. */
export interface Env {
  Variables: {
    /** The pattern that matched; absent for an unknown path. */
    route?: string;
    /** The method, when the route has it; whatever else a client invents shares one label. */
    method?: string;
  };
}

/** For what a route does not know: label values are a closed set. */
const OTHER = "other";

/** Counts and logs the answer: the route's pattern, never the path; no query, no address, no header. */
export function recorded(
  { clock, counters, log }: { readonly clock: Clock; readonly counters: Counters; readonly log: Log },
): MiddlewareHandler<Env> {
  return async (c, next) => {
    const startMs = clock.monotonicMs();
    await next();
    const ms = clock.monotonicMs() - startMs;
    const route = c.get("route") ?? OTHER;
    const method = c.get("method") ?? OTHER;
    const { status } = c.res;
    counters.add("http_requests_total", 1, { route, method, status: `${Math.floor(status / 100)}xx` });
    counters.observeMs("http_request_seconds", ms);
    log.debug("HTTP request", { route, method, status, ms: Math.round(ms) });
  };
}

/** Turns away what is one too many, not meant for us, or no request that we would ever answer. */
export function guarded(limits: HttpLimits, host: string): MiddlewareHandler<Env> {
  const onLoopback = isLoopback(host);
  let inFlight = 0;
  return async (c, next) => {
    const request = c.req.raw;
    if (inFlight >= limits.maxInFlight) {
      // Closed, since a body may be under way that nobody reads.
      throw new Problem("busy", "Too many requests at once.", { "retry-after": "1", connection: "close" });
    }
    if (onLoopback && !isAddressedToUs(request, host)) {
      throw new Problem("wrong_host", "The Host header names another machine.");
    }
    if (request.url.length > limits.maxTargetLength) {
      throw new Problem("target_too_long", "The path is longer than any of this service.");
    }
    inFlight += 1;
    try {
      await next();
    } finally {
      inFlight -= 1;
    }
  };
}

/**
 * Runs `work` at most `requestTimeoutMs`. Its signal aborts then; work that does not look at it goes on, unheard.
 * @throws {Problem} `timeout`
 */
export async function inTime<T>(
  { requestTimeoutMs }: HttpLimits,
  clock: Clock,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const done = new AbortController();
  const late = clock.sleepMs(requestTimeoutMs, done.signal).then((): never => {
    const problem = new Problem("timeout", "This took too long.", { "retry-after": "5", connection: "close" });
    over.abort(problem);
    throw problem;
  });
  // Ends after the work has won as well; nobody listens then.
  late.catch(() => {});
  try {
    return await Promise.race([late, work(over.signal)]);
  } finally {
    done.abort();
  }
}
