import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { DEFAULT_LIMITS } from "../../lib/http/limits.ts";
import { METRICS_CONTENT_TYPE } from "../../lib/observe/metrics.ts";
import { CATALOGUE } from "../../lib/observe/catalogue.ts";
import { ManualClock } from "../support/recording.ts";
import { bearer, get, HERE, makeWorld, problemOf, TOKEN } from "./support.ts";

const PATHS = ["/healthz", "/readyz", "/health", "/metrics"] as const;

Deno.test("`/healthz` is ok while the main loop moves, else 503", async () => {
  const alive = await get(makeWorld(), "/healthz");
  assert.deepEqual([alive.status, await alive.text()], [200, "ok\n"]);
  const stalled = await get(makeWorld({}, { alive: () => false }), "/healthz");
  assert.deepEqual([stalled.status, await stalled.text()], [503, "stalled\n"]);
});

Deno.test("`/readyz` says why it is not ready", async () => {
  const ready = await get(makeWorld(), "/readyz");
  assert.deepEqual([ready.status, await ready.json()], [200, { ready: true, reasons: [] }]);
  const not = { ready: false, reasons: ["database_unreachable"] };
  const response = await get(makeWorld({}, { ready: () => not }), "/readyz");
  assert.deepEqual([response.status, await response.json()], [503, not]);
});

Deno.test("`/health` shows the snapshot; only unhealthy is 503", async () => {
  for (const [status, code] of [["healthy", 200], ["degraded", 200], ["unhealthy", 503]] as const) {
    const snapshot = {
      status,
      timestamp: "2026-01-15T12:00:00.000Z",
      version: "1.2.3",
      parts: { database: { state: "down", reason: "unreachable" } as const },
    };
    const response = await get(makeWorld({}, { health: () => snapshot }), "/health");
    assert.deepEqual([response.status, await response.json()], [code, snapshot]);
    assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
  }
});

Deno.test("`/metrics` is Prometheus text", async () => {
  const response = await get(makeWorld(), "/metrics");
  assert.equal(response.headers.get("content-type"), METRICS_CONTENT_TYPE);
  assert.equal(await response.text(), "# TYPE a counter\na 1\n");
});

Deno.test("HEAD answers as GET without a body", async () => {
  const world = makeWorld({}, { alive: () => false });
  for (const path of PATHS) {
    const [head, full] = [await get(world, path, { method: "HEAD" }), await get(world, path)];
    assert.equal(head.body, null, path);
    assert.equal(head.status, full.status);
    assert.deepEqual([...head.headers], [...full.headers]);
    await full.body?.cancel();
  }
  const unknown = await get(world, "/nothing", { method: "HEAD" });
  assert.deepEqual([unknown.status, unknown.body], [404, null]);
});

Deno.test("an unknown path is 404, a wrong method 405 with Allow, both as JSON", async () => {
  const world = makeWorld();
  for (const path of ["/", "/healthz/", "/HEALTHZ", "/v1", "/%zz", "/..%2fhealth"]) {
    const response = await get(world, path);
    assert.equal(response.status, 404, path);
    assert.equal(await problemOf(response), "not_found");
  }
  for (const path of PATHS) {
    for (const method of ["POST", "DELETE", "OPTIONS", "PROPFIND"]) {
      const response = await get(world, path, { method });
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
      assert.equal(await problemOf(response), "method_not_allowed");
    }
  }
  for (const method of ["GET", "HEAD", "PUT"]) {
    const response = await get(world, "/v1/wake", { method });
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST"]);
    await response.body?.cancel();
  }
});

Deno.test("`/v1/wake` is bounded in rate, and strangers do not use it up", async () => {
  const clock = new ManualClock();
  const world = makeWorld({ clock, limits: { wakeBurst: 2, wakePerSecond: 1 } });
  const call = async (token: string) => {
    const response = await get(world, "/v1/wake", { method: "POST", ...bearer(token) });
    await response.body?.cancel();
    return response;
  };
  for (let i = 0; i < 10; i++) assert.equal((await call("wrong")).status, 401);

  assert.deepEqual([(await call(TOKEN)).status, (await call(TOKEN)).status], [202, 202]);
  const refused = await call(TOKEN);
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "1"]);
  await clock.advance(1_000);
  assert.equal((await call(TOKEN)).status, 202);
  assert.equal(world.woken.times, 3);
});

Deno.test("a body that is too long is refused by its declared and by its real length, before and after the token", async () => {
  const world = makeWorld();
  const tooLong = new Uint8Array(DEFAULT_LIMITS.maxBodyBytes + 1);
  const declared = await get(world, "/v1/wake", {
    method: "POST",
    headers: { "content-length": String(tooLong.length) },
    body: tooLong,
  });
  assert.equal(declared.status, 413);
  assert.equal(await problemOf(declared), "body_too_large");
  const streamed = (size: number) =>
    get(world, "/v1/wake", { method: "POST", ...bearer(TOKEN), body: new Blob([tooLong.slice(0, size)]).stream() });
  assert.equal((await streamed(tooLong.length)).status, 413);
  assert.equal((await streamed(DEFAULT_LIMITS.maxBodyBytes)).status, 202);
  const nonsense = await get(world, "/healthz", { headers: { "content-length": "-1" } });
  assert.equal(nonsense.status, 400);
});

Deno.test("a target that is too long is refused", async () => {
  const response = await get(makeWorld(), `/healthz?${"a".repeat(DEFAULT_LIMITS.maxTargetLength)}`);
  assert.deepEqual([response.status, await problemOf(response)], [414, "target_too_long"]);
});

Deno.test("every answer has the security headers and is not to be stored", async () => {
  const world = makeWorld();
  for (const [path, init] of [["/healthz", {}], ["/nothing", {}], ["/v1/wake", { method: "POST" }]] as const) {
    const { headers } = await get(world, path, init);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.equal(headers.get("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("cache-control"), "no-store");
    for (const absent of ["server", "x-powered-by", "strict-transport-security", "access-control-allow-origin"]) {
      assert.equal(headers.get(absent), null, absent);
    }
  }
});

Deno.test("a body that does not come in time is refused by the clock", async () => {
  const clock = new ManualClock();
  const world = makeWorld({ clock });
  let cancelled = false;
  const body = new ReadableStream({ cancel: () => void (cancelled = true) });
  const answer = get(world, "/v1/wake", { method: "POST", ...bearer(TOKEN), body });
  await clock.untilSleeping(2);
  await clock.advance(DEFAULT_LIMITS.bodyTimeoutMs);
  const response = await answer;
  assert.deepEqual([response.status, response.headers.get("connection")], [408, "close"]);
  assert.equal(await problemOf(response), "body_timeout");
  assert.equal(cancelled, true);
});

Deno.test("a request that takes too long is answered all the same", async () => {
  const clock = new ManualClock();
  const world = makeWorld({ clock, limits: { bodyTimeoutMs: 60_000 } });
  const body = new ReadableStream({});
  const answer = get(world, "/v1/wake", { method: "POST", ...bearer(TOKEN), body });
  await clock.untilSleeping(2);
  await clock.advance(DEFAULT_LIMITS.requestTimeoutMs);
  const response = await answer;
  assert.deepEqual([response.status, await problemOf(response)], [503, "timeout"]);
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  assert.equal(world.counters.total("http_refusals_total"), 1);
});

Deno.test("more requests at once than allowed are turned away, and the place comes back", async () => {
  const world = makeWorld({ limits: { maxInFlight: 1 } });
  let sender!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (sender = controller) });
  const first = get(world, "/v1/wake", { method: "POST", ...bearer(TOKEN), body });
  const refused = await get(world, "/healthz");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  assert.equal(await problemOf(refused), "busy");
  sender.close();
  assert.equal((await first).status, 202);
  assert.equal((await get(world, "/healthz")).status, 200);
});

Deno.test("a bug in a port is a 500 that tells nothing, counted and logged", async () => {
  const world = makeWorld({}, {
    metrics: () => {
      throw new Error("secret inside");
    },
  });
  const response = await get(world, "/metrics");
  assert.equal(response.status, 500);
  assert.equal((await response.text()).includes("secret"), false);
  assert.equal(world.counters.total("bugs_total", { room: "http" }), 1);
  assert.equal(world.log.at("error").length, 1);
  assert.equal(world.log.text().includes("secret"), false);
});

Deno.test("log lines and labels carry the route's pattern, never what the client wrote", async () => {
  const world = makeWorld();
  await get(world, "/health?phone=+33612345678");
  await get(world, "/private-path?q=private-query", { method: "PROPFIND", ...bearer("private-token") });
  await get(world, "/metrics", { method: "PROPFIND" });
  assert.deepEqual(world.log.lines.items.map(({ level, message, fields }) => [level, message, { ...fields, ms: 0 }]), [
    ["debug", "HTTP request", { route: "/health", method: "GET", status: 200, ms: 0 }],
    ["debug", "HTTP request", { route: "other", method: "other", status: 404, ms: 0 }],
    ["debug", "HTTP request", { route: "/metrics", method: "other", status: 405, ms: 0 }],
  ]);
  const labels = { route: "/metrics", method: "other", status: "4xx" };
  assert.equal(world.counters.total("http_requests_total", labels), 1);
  for (const { name } of world.counters.measurements.items) assert.ok(CATALOGUE[name], name);
  const written = world.log.text() + JSON.stringify(world.counters.measurements.items);
  assert.equal(/private|33612345678/.test(written), false);
});

Deno.test("whatever comes, there is a Response, no bug and no wake", async () => {
  const world = makeWorld({ limits: { maxInFlight: 1_000 } });
  const header = fc.tuple(
    fc.constantFrom("host", "authorization", "content-length", "content-type", "x-forwarded-for", "expect", "x"),
    fc.string(),
  );
  const path = fc.oneof(
    fc.constantFrom(...PATHS, "/v1/wake", "//", "/v1/wake/", "/%", "/%00", "/*", "/:id"),
    fc.webPath(),
    fc.string().map((text) => `/${text}`),
  );
  const method = fc.oneof(
    fc.constantFrom("GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH"),
    fc.stringMatching(/^[A-Za-z!#$%&'*+.^_`|~-]{1,12}$/),
  );
  await fc.assert(
    fc.asyncProperty(path, method, fc.array(header), fc.uint8Array(), async (path, method, headers, body) => {
      const request = requestOf(path, method, headers, body);
      if (request === undefined) return;
      const response = await world.router(request);
      assert.ok(response instanceof Response);
      assert.ok([200, 400, 401, 404, 405, 413, 414, 421].includes(response.status), String(response.status));
      if (response.status >= 400 && request.method !== "HEAD") await problemOf(response);
      else await response.body?.cancel();
    }),
    { numRuns: 2_000 },
  );
  assert.equal(world.counters.total("bugs_total"), 0);
  assert.equal(world.woken.times, 0);
});

/** `undefined` for what cannot even be written as a Request (forbidden methods, header values with line breaks). */
function requestOf(path: string, method: string, headers: [string, string][], body: Uint8Array): Request | undefined {
  try {
    const withBody = !/^(get|head)$/i.test(method) && body.length > 0;
    return new Request(HERE + path, { method, headers, ...(withBody ? { body: body.slice() } : {}) });
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return undefined;
  }
}
