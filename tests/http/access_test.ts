import assert from "node:assert/strict";
import { bearer, get, HERE, makeWorld, problemOf, TOKEN } from "./support.ts";

Deno.test("`POST /v1/wake` wakes with the right token only", async () => {
  const world = makeWorld();
  const { headers } = bearer(TOKEN);
  const woken = await get(world, "/v1/wake", { method: "POST", headers });
  assert.deepEqual([woken.status, await woken.json()], [202, { woken: true }]);
  const lower = { authorization: headers.authorization!.replace("Bearer", "bearer") };
  assert.equal((await get(world, "/v1/wake", { method: "POST", headers: lower })).status, 202);
  assert.equal(world.woken.times, 2);

  const wrong: [string | undefined, string][] = [
    [undefined, 'Bearer realm="signal-automation"'],
    ["Basic Zm9vOmJhcg==", 'Bearer realm="signal-automation"'],
    ["Bearer", 'Bearer realm="signal-automation"'],
    ["Bearer x", 'Bearer realm="signal-automation", error="invalid_token"'],
    [`${headers.authorization}x`, 'Bearer realm="signal-automation", error="invalid_token"'],
    [headers.authorization!.slice(0, -1), 'Bearer realm="signal-automation", error="invalid_token"'],
  ];
  for (const [authorization, challenge] of wrong) {
    const init = authorization === undefined ? {} : { headers: { authorization } };
    const response = await get(world, "/v1/wake", { method: "POST", ...init });
    assert.equal(response.status, 401, String(authorization));
    assert.equal(response.headers.get("www-authenticate"), challenge);
    assert.equal(await problemOf(response), "unauthorized");
  }
  assert.equal(world.woken.times, 2);
  assert.equal(world.counters.total("http_refusals_total", { reason: "unauthorized" }), wrong.length);
});

Deno.test("without ADMIN_TOKEN `/v1/wake` is off, whatever comes", async () => {
  const world = makeWorld({ adminToken: undefined });
  for (const init of [{}, bearer(""), bearer("undefined")]) {
    const response = await get(world, "/v1/wake", { method: "POST", ...init });
    assert.equal(response.status, 403);
    assert.equal(await problemOf(response), "token_not_configured");
  }
  assert.equal(world.woken.times, 0);
});

Deno.test("on loopback, a Host that is not this machine is refused", async () => {
  const world = makeWorld({ host: "127.0.0.1" });
  const ask = async (url: string, host?: string) => {
    const response = await world.router(new Request(url, host === undefined ? {} : { headers: { host } }));
    await response.body?.cancel();
    return response.status;
  };
  for (
    const host of ["127.0.0.1:8787", "127.0.0.1", "localhost:8787", "LOCALHOST", "localhost.", "[::1]:1", "127.9.9.9"]
  ) {
    assert.equal(await ask(`${HERE}/healthz`, host), 200, host);
  }
  const foreign = [
    "evil.example",
    "evil.example:8787",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "192.0.2.1",
  ];
  for (const host of [...foreign, "127.0.0.1, evil.example", "a@127.0.0.1", "", "127.0.0.1:8787:1", "[::1", "::1"]) {
    assert.equal(await ask(`${HERE}/healthz`, host), 421, host);
  }
  assert.equal(await ask("http://evil.example/healthz"), 421, "HTTP/2 and absolute targets carry it in the URL");
  assert.equal(await ask("http://evil.example/healthz", "127.0.0.1"), 421);
  assert.equal((await makeWorld({ host: "localhost" }).router(new Request("http://localhost/healthz"))).status, 200);
});

Deno.test("not on loopback, details need the token, and no Host is foreign", async () => {
  const world = makeWorld({ host: "0.0.0.0" }, { ready: () => ({ ready: false, reasons: ["database_timeout"] }) });
  const url = "http://shop.example:8787";
  for (const path of ["/health", "/metrics"]) {
    assert.equal((await world.router(new Request(url + path))).status, 401, path);
    assert.equal((await world.router(new Request(url + path, bearer(TOKEN)))).status, 200, path);
  }
  assert.equal((await world.router(new Request(`${url}/healthz`))).status, 200);
  assert.deepEqual(await (await world.router(new Request(`${url}/readyz`))).json(), { ready: false });
  const told = await world.router(new Request(`${url}/readyz`, bearer(TOKEN)));
  assert.deepEqual(await told.json(), { ready: false, reasons: ["database_timeout"] });

  const closed = makeWorld({ adminToken: undefined, host: "::" });
  for (const path of ["/health", "/metrics"]) assert.equal((await closed.router(new Request(url + path))).status, 403);
});

Deno.test("what a proxy on this machine forwards does not count as this machine", async () => {
  const world = makeWorld();
  const headers = ["x-forwarded-for", "X-Forwarded-Proto", "x-forwarded-port", "forwarded", "x-real-ip", "via"];
  for (const header of headers) {
    const headers = { [header]: "127.0.0.1" };
    assert.equal((await get(world, "/metrics", { headers })).status, 401, header);
    assert.equal((await get(world, "/healthz", { headers })).status, 200);
    assert.deepEqual(await (await get(world, "/readyz", { headers })).json(), { ready: true });
  }
});
