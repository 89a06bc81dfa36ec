/**
 * How the service is, for people and for programs: `/healthz`, `/readyz`, `/health`, `/metrics`.
 *
 * @module
 */
import { METRICS_CONTENT_TYPE } from "../../observe/metrics.ts";
import type { HttpPorts } from "../port.ts";
import { jsonResponse, textResponse } from "../problem.ts";
import type { Route } from "../route.ts";

export function stateRoutes(ports: Pick<HttpPorts, "alive" | "ready" | "health" | "metrics">): Route[] {
  return [
    {
      pattern: "/healthz",
      access: "open",
      methods: { GET: () => ports.alive() ? textResponse("ok\n") : textResponse("stalled\n", 503) },
    },
    {
      pattern: "/readyz",
      access: "open",
      methods: {
        GET({ trusted }) {
          const { ready, reasons } = ports.ready();
          return jsonResponse(trusted ? { ready, reasons } : { ready }, ready ? 200 : 503);
        },
      },
    },
    {
      pattern: "/health",
      access: "local",
      methods: {
        GET() {
          const snapshot = ports.health();
          return jsonResponse(snapshot, snapshot.status === "unhealthy" ? 503 : 200);
        },
      },
    },
    {
      pattern: "/metrics",
      access: "local",
      methods: {
        GET: () => new Response(ports.metrics(), { headers: { "content-type": METRICS_CONTENT_TYPE } }),
      },
    },
  ];
}
