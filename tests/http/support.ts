/**
 * A router on ports that a test sets, and requests as bytes on a real connection.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { HttpPorts } from "../../lib/http/port.ts";
import { makeRouter, type Router, type RouterOptions } from "../../lib/http/router.ts";
import { HttpServer, type HttpServerOptions } from "../../lib/http/server.ts";
import { systemClock, within } from "../../lib/runtime/clock.ts";
import { PATIENCE_MS } from "../support/recorder.ts";
import { RecordingCounters, RecordingLog } from "../support/recording.ts";

export const TOKEN = "correct-horse-battery-staple-0123456789";
export const HERE = "http://127.0.0.1:8787";

export interface World {
  readonly router: Router;
  readonly log: RecordingLog;
  readonly counters: RecordingCounters;
  readonly woken: { times: number };
}

/** @param ports what differs from a service that is well */
export function makeWorld(options: Partial<RouterOptions> = {}, ports: Partial<HttpPorts> = {}): World {
  const log = new RecordingLog();
  const counters = new RecordingCounters();
  const woken = { times: 0 };
  const router = makeRouter({
    health: () => ({ status: "healthy", timestamp: "2026-01-15T12:00:00.000Z", version: "1.2.3", parts: {} }),
    alive: () => true,
    ready: () => ({ ready: true, reasons: [] }),
    metrics: () => "# TYPE a counter\na 1\n",
    wake: () => void woken.times++,
    ...ports,
  }, { host: "127.0.0.1", adminToken: TOKEN, clock: systemClock, log, counters, ...options });
  return { router, log, counters, woken };
}

export function bearer(token: string): { headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${token}` } };
}

export function get(world: World, path: string, init: RequestInit = {}): Promise<Response> {
  return world.router(new Request(HERE + path, init));
}

/** The code of a refusal, whose form is checked. */
export async function problemOf(response: Response): Promise<string> {
  const body = await response.json();
  assert.deepEqual(Object.keys(body), ["error"]);
  assert.deepEqual(Object.keys(body.error), ["code", "message"]);
  return body.error.code;
}

export interface Listening extends World, AsyncDisposable {
  readonly server: HttpServer;
  readonly port: number;
}

/** A server on a free port of 127.0.0.1, stopped at the end of the test. */
export async function listen(
  options: Partial<RouterOptions> = {},
  ports: Partial<HttpPorts> = {},
  server: Partial<HttpServerOptions> = {},
): Promise<Listening> {
  const world = makeWorld(options, ports);
  const http = new HttpServer({
    host: "127.0.0.1",
    port: "any",
    handler: world.router,
    clock: systemClock,
    log: world.log,
    counters: world.counters,
    ...server,
  });
  await http.start();
  return { ...world, server: http, port: http.address()!.port, [Symbol.asyncDispose]: () => http.stop() };
}

/** Sends bytes and reads until the server closes, or until `wanted` was read. */
export async function exchange(port: number, text: string, wanted?: RegExp): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(text));
  return await readUntil(connection, wanted);
}

export async function readUntil(connection: Deno.TcpConn, wanted?: RegExp): Promise<string> {
  let answer = "";
  const bytes = new Uint8Array(16_384);
  while (wanted === undefined || !wanted.test(answer)) {
    const read = await within(connection.read(bytes), PATIENCE_MS, "reading an answer");
    if (read === null) break;
    answer += new TextDecoder().decode(bytes.subarray(0, read));
  }
  return answer;
}
