/**
 * HTTP as a function from Request to Response: no socket, no state but counts and the bucket of `/v1/wake`.
 *
 * Order of checks: room for one more, addressed to us, path, method, declared size, token, bytes of the body; then the
 * route's own: signature, JSON, accept, answer.
 *
 * @module
 */
import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import { type AccessOptions, makeAccess } from "./access.ts";
import { checkDeclaredSize, readBody } from "./body.ts";
import { DEFAULT_LIMITS, type HttpLimits } from "./limits.ts";
import type { HttpPorts } from "./port.ts";
import { Problem, problemResponse } from "./problem.ts";
import type { Access, Handle, Route } from "./route.ts";
import { stateRoutes } from "./routes/state.ts";
import { wakeRoutes } from "./routes/wake.ts";
import { type Env, guarded, inTime, recorded } from "./steps.ts";

export interface RouterOptions extends AccessOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
  /** Those that differ from {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<HttpLimits>;
}

/** Never rejects: whatever happens is a Response. */
export type Router = (request: Request) => Promise<Response>;

/** What a route needs besides itself. */
interface Ground {
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly mayCall: (access: Access, request: Request) => boolean;
}

const NO_BYTES = new Uint8Array();

/** @throws {ConfigError} for an ADMIN_TOKEN that is too short */
export function makeRouter(ports: HttpPorts, options: RouterOptions): Router {
  const { clock, counters, log, host } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const ground: Ground = { limits, clock, mayCall: makeAccess(options) };

  const refuse = (error: unknown): Response => {
    const problem = asProblem(error, log, counters);
    counters.add("http_refusals_total", 1, { reason: problem.code });
    return problemResponse(problem);
  };
  const app = new Hono<Env>();
  app.use(recorded({ clock, counters, log }));
  app.use(secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    xFrameOptions: "DENY",
    // Whether a name is https for good knows the proxy that ends TLS.
    strictTransportSecurity: false,
  }));
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("cache-control", "no-store");
  });
  app.use(guarded(limits, host));
  const routes = [...stateRoutes(ports), ...wakeRoutes(ports, limits, clock)];
  for (const route of routes) addRoute(app, route, ground);
  app.notFound(() => refuse(new Problem("not_found", "There is nothing here.")));
  app.onError(refuse);

  return async (request) => {
    try {
      return await app.fetch(request);
    } catch (error) {
      // What fails here failed outside every step: a request that the library itself cannot read.
      return refuse(error);
    }
  };
}

function addRoute(app: Hono<Env>, { pattern, access, methods }: Route, ground: Ground): void {
  const run = (handle: Handle) => async (c: Context<Env>): Promise<Response> => {
    const request = c.req.raw;
    c.set("route", pattern);
    c.set("method", request.method);
    const { limits, clock } = ground;
    checkDeclaredSize(request, limits);
    const trusted = ground.mayCall(access, request);
    return await inTime(limits, clock, async (signal) => {
      const withBody = request.method !== "GET" && request.method !== "HEAD";
      const body = withBody ? await readBody(request, limits, clock, signal) : NO_BYTES;
      return await handle({ request, body, trusted, signal });
    });
  };
  const allowed: string[] = [];
  for (const [method, handle] of Object.entries(methods)) {
    // The library answers HEAD by what answers GET, and drops the body.
    allowed.push(...(method === "GET" ? ["GET", "HEAD"] : [method]));
    app.on(method, pattern, run(handle));
  }
  app.all(pattern, (c) => {
    c.set("route", pattern);
    throw new Problem("method_not_allowed", "This path has no such method.", { allow: allowed.join(", ") });
  });
}

/** What is no {@link Problem} is a bug: counted and logged, and the caller learns nothing of it. */
function asProblem(error: unknown, log: Log, counters: Counters): Problem {
  if (error instanceof Problem) return error;
  counters.add("bugs_total", 1, { room: "http" });
  log.error("An HTTP request failed", { error: describeError(error) });
  return new Problem("internal", "Something went wrong here; the log has more.");
}
