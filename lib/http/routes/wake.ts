/**
 * `POST /v1/wake`: the shop says that it inserted an order, so nobody waits for the next look.
 *
 * @module
 */
import type { Clock } from "../../runtime/clock.ts";
import type { HttpLimits } from "../limits.ts";
import type { HttpPorts } from "../port.ts";
import { jsonResponse, Problem } from "../problem.ts";
import { Bucket } from "../rate.ts";
import type { Route } from "../route.ts";

export function wakeRoutes(ports: Pick<HttpPorts, "wake">, limits: HttpLimits, clock: Clock): Route[] {
  const bucket = new Bucket(clock, limits.wakeBurst, limits.wakePerSecond);
  return [{
    pattern: "/v1/wake",
    access: "token",
    methods: {
      POST() {
        const waitSeconds = bucket.take();
        if (waitSeconds > 0) {
          const message = "Too many calls. Orders are found without them, at the next look.";
          throw new Problem("too_many_requests", message, { "retry-after": String(waitSeconds) });
        }
        ports.wake();
        return jsonResponse({ woken: true }, 202);
      },
    },
  }];
}
