import assert from "node:assert/strict";
import { ConfigError } from "../../lib/domain/errors.ts";
import { HttpServer } from "../../lib/http/server.ts";
import { systemClock } from "../../lib/runtime/clock.ts";
import { testServiceContract } from "../support/service_contract.ts";
import { exchange, listen, makeWorld, readUntil, TOKEN } from "./support.ts";

/**
 * Until when an answer that closes the connection is read. Deno 2.7 closes it at once; 2.9 only says that it will, and
 * leaves it to the client.
 */
const CLOSED = Deno.version.deno.startsWith("2.7.") ? undefined : /^connection: close\r\n[^]*\}\n$/im;
const WAKE = `POST /v1/wake HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${TOKEN}\r\n`;

function make(port: number | "any", host = "127.0.0.1") {
  const { router: handler, log, counters } = makeWorld();
  return { log, server: new HttpServer({ host, port, handler, clock: systemClock, log, counters }) };
}

testServiceContract("HttpServer", () => Promise.resolve({ service: make("any").server }));
testServiceContract("HttpServer that is off", () => Promise.resolve({ service: make(0).server }));

Deno.test("port 0 is off: nothing listens, and that is well", async () => {
  const { server, log } = make(0);
  await server.start();
  assert.equal(server.address(), undefined);
  assert.deepEqual(server.condition(), { state: "live" });
  assert.equal(log.at("info")[0]?.message, "HTTP is off");
  await server.stop();
});

Deno.test("a port that is taken is told as a setting that is wrong", async () => {
  await using first = await listen();
  const { server } = make(first.port);
  await assert.rejects(server.start(), (error: unknown) => {
    assert.ok(error instanceof ConfigError);
    assert.equal(error.where, "HTTP_PORT");
    assert.match(error.message, new RegExp(`${first.port} on 127\\.0\\.0\\.1 is taken .*a free port, or 0`));
    return true;
  });
  assert.deepEqual(server.condition(), { state: "down", reason: "stopped" });
  await first.server.stop();
  await server.start();
  await server.stop();
});

Deno.test("an address that this machine does not have is told as a setting that is wrong", async () => {
  // TEST-NET-1 (RFC 5737): nobody has it.
  for (const host of ["192.0.2.1", "no-such-name.invalid"]) {
    await assert.rejects(
      make("any", host).server.start(),
      (error: unknown) => error instanceof ConfigError && error.where === "HTTP_HOST",
    );
  }
});

Deno.test("over a socket: GET, HEAD without a body, no Server header", async () => {
  await using world = await listen();
  const head = (method: string) => `${method} /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
  const got = await exchange(world.port, head("GET"));
  assert.match(got, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(got, /\r\n\r\nok\n$/);
  assert.doesNotMatch(got, /^server:/im);
  const headed = await exchange(world.port, head("HEAD"));
  assert.match(headed, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(headed, /\r\n\r\n$/);
  assert.match(await exchange(world.port, head("TRACE")), /^HTTP\/1\.1 405 /);
  assert.match(await exchange(world.port, "GET /healthz HTTP/1.0\r\n\r\n"), /^HTTP\/1\.0 200 /);
});

Deno.test("over a socket: a foreign Host, also in an absolute target, and one that is no name", async () => {
  await using world = await listen();
  const ask = (target: string, host: string) =>
    exchange(world.port, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  assert.match(await ask("/health", "evil.example"), /^HTTP\/1\.1 421 /);
  assert.match(await ask("http://evil.example/health", "127.0.0.1"), /^HTTP\/1\.1 421 /);
  assert.match(await ask("/health", "a b<"), /^HTTP\/1\.1 421 /);
  // Two Host headers: since 2.9 Deno itself refuses them.
  const twice = await ask("/health", "127.0.0.1\r\nHost: evil.example");
  assert.match(twice, /^HTTP\/1\.1 4(?:21|00) /);
  const refused = twice.startsWith("HTTP/1.1 421") ? 4 : 3;
  assert.equal(world.counters.total("http_refusals_total", { reason: "wrong_host" }), refused);
});

Deno.test("over a socket: a body that is declared too long or has no end is refused, and the connection closed", async () => {
  await using world = await listen({ limits: { maxBodyBytes: 1_000 } });
  const declared = await exchange(world.port, `${WAKE}Content-Length: 1001\r\n\r\nabc`, CLOSED);
  assert.match(declared, /^HTTP\/1\.1 413 /);
  const chunk = `400\r\n${"a".repeat(1024)}\r\n`;
  const chunked = await exchange(world.port, `${WAKE}Transfer-Encoding: chunked\r\n\r\n${chunk}`, CLOSED);
  assert.match(chunked, /^HTTP\/1\.1 413 /);
  assert.equal(world.woken.times, 0);
});

Deno.test("over a socket: a body that stops halfway is refused in time", async () => {
  await using world = await listen({ limits: { bodyTimeoutMs: 100 } });
  const answer = await exchange(world.port, `${WAKE}Content-Length: 10\r\n\r\nabc`, /\}\n$/);
  assert.match(answer, /^HTTP\/1\.1 408 [^]*"body_timeout"/);
  assert.equal(world.woken.times, 0);
});

Deno.test("over a socket: a stranger's body is not waited for, and the connection closed", async () => {
  await using world = await listen();
  const head = WAKE.replace(TOKEN, "wrong");
  assert.match(await exchange(world.port, `${head}Content-Length: 10\r\n\r\nabc`, CLOSED), /^HTTP\/1\.1 401 /);
});

Deno.test("over a socket: a sender that goes away in the middle leaves no bug behind", async () => {
  await using world = await listen();
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: world.port });
  await connection.write(new TextEncoder().encode(`${WAKE}Content-Length: 10\r\n\r\nabc`));
  connection.close();
  const { measurements } = world.counters;
  await measurements.waitFor(({ name }) => name === "http_requests_total", "the request's end");
  assert.equal(world.counters.total("http_refusals_total", { reason: "bad_request" }), 1);
  assert.equal(world.counters.total("bugs_total"), 0);
});

Deno.test("`stop` lets what is under way finish, and turns away what comes meanwhile", async () => {
  await using world = await listen();
  using slow = await Deno.connect({ hostname: "127.0.0.1", port: world.port });
  using other = await Deno.connect({ hostname: "127.0.0.1", port: world.port });
  const send = (connection: Deno.TcpConn, text: string) => connection.write(new TextEncoder().encode(text));
  // The 100 shows that our side has begun to read.
  await send(slow, `${WAKE}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`);
  assert.match(await readUntil(slow, /100 Continue\r\n\r\n/), /100/);
  const stopped = world.server.stop();
  await send(other, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  assert.match(await readUntil(other, CLOSED), /^HTTP\/1\.1 503 [^]*"stopping"/);
  await send(slow, "abc");
  assert.match(await readUntil(slow), /^HTTP\/1\.1 202 [^]*\{"woken":true\}/);
  await stopped;
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: world.port }), Deno.errors.ConnectionRefused);
});

Deno.test("`stop` does not wait for ever for a client that sent half a request, half a body or nothing more", async () => {
  const world = await listen({}, {}, { drainMs: 50 });
  const texts = ["GET /healthz HTTP/1.1\r\nHo", `${WAKE}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`, ""];
  const connections = await Promise.all(texts.map(async (text) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: world.port });
    await connection.write(new TextEncoder().encode(text));
    return connection;
  }));
  await readUntil(connections[1]!, /100 Continue/);
  await world.server.stop();
  for (const connection of connections) {
    assert.equal(await readUntil(connection), "");
    connection.close();
  }
  assert.equal(world.log.at("warn")[0]?.message, "HTTP requests were cut off");
});
