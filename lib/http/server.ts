/**
 * The socket under the router.
 *
 * Deno's own drain (`server.shutdown()`) waits for ever for a client that sent half a request, and cannot be cut short
 * afterwards (Deno 2.7: aborting then throws `BadResource`). So a stop drains by its own count and then ends the server
 * by its signal, which closes every connection.
 *
 * @module
 */
import { ConfigError } from "../domain/errors.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Counters } from "../runtime/counters.ts";
import { describeError, type Log } from "../runtime/log.ts";
import { type Condition, LIVE, type Service } from "../runtime/service.ts";
import { Problem, problemResponse } from "./problem.ts";
import type { Router } from "./router.ts";

/** How long a stop waits for answers under way, milliseconds: a part of the 10 s that the whole stop may take. */
export const DRAIN_MS = 2_000;
/** Deno calls an answer completed when the connection has it, before it is on the wire; so long for the wire. */
const FLUSH_MS = 50;

export interface HttpServerOptions {
  /** HTTP_HOST. */
  readonly host: string;
  /** HTTP_PORT; 0 is off, `any` one that is free. */
  readonly port: number | "any";
  readonly handler: Router;
  /** Default {@link DRAIN_MS}. */
  readonly drainMs?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
}

interface Running {
  readonly server: Deno.HttpServer<Deno.NetAddr>;
  readonly abort: AbortController;
  /** Requests whose answer has not left yet. */
  readonly open: Set<Promise<void>>;
  stopping?: Promise<void>;
  /** The server is gone already: aborting it would throw. */
  ended: boolean;
}

export class HttpServer implements Service {
  readonly name = "http";
  #running: Running | undefined;
  #condition: Condition = { state: "down", reason: "stopped" };
  #offAndStarted = false;

  constructor(private readonly options: HttpServerOptions) {}

  /** @throws {ConfigError} naming HTTP_PORT or HTTP_HOST when it cannot listen there */
  start(): Promise<void> {
    return Promise.resolve().then(() => this.#start());
  }

  /** Answers what is under way, at most `drainMs`, then closes every connection. */
  async stop(): Promise<void> {
    this.#offAndStarted = false;
    const running = this.#running;
    if (running === undefined) return;
    running.stopping ??= this.#drainAndClose(running);
    await running.stopping;
  }

  /** Where it listens; `undefined` while it does not. */
  address(): { readonly host: string; readonly port: number } | undefined {
    const address = this.#running?.server.addr;
    return address === undefined ? undefined : { host: address.hostname, port: address.port };
  }

  /** For health; `live` when switched off too. */
  condition(): Condition {
    return this.options.port === 0 ? LIVE : this.#condition;
  }

  #start(): void {
    if (this.#running !== undefined || this.#offAndStarted) throw new Error(`${this.name} is already started`);
    const { log, host, port } = this.options;
    if (port === 0) {
      this.#offAndStarted = true;
      log.info("HTTP is off");
      return;
    }
    const abort = new AbortController();
    const open = new Set<Promise<void>>();
    const server = this.#listen(abort.signal, open);
    const running: Running = { server, abort, open, ended: false };
    this.#running = running;
    this.#condition = LIVE;
    server.finished.catch(() => {}).then(() => {
      running.ended = true;
      if (running.stopping !== undefined) return;
      this.#condition = { state: "down", reason: "ended" };
      log.critical("The HTTP server ended by itself");
    });
    log.info("HTTP listens", { host, port: server.addr.port });
  }

  #listen(signal: AbortSignal, open: Set<Promise<void>>): Deno.HttpServer<Deno.NetAddr> {
    const { host, port, log, counters } = this.options;
    try {
      return Deno.serve({
        hostname: host,
        port: port === "any" ? 0 : port,
        signal,
        onListen: () => {},
        onError: (error) => {
          counters.add("bugs_total", 1, { room: "http" });
          log.error("An HTTP answer could not be given", { error: describeError(error) });
          return problemResponse(new Problem("internal", "Something went wrong here; the log has more."));
        },
      }, (request, { completed }) => {
        if (this.#running?.stopping !== undefined) {
          return problemResponse(new Problem("stopping", "The service is stopping.", { connection: "close" }));
        }
        // A client that went away rejects it, which is as good an end as any.
        const sent = completed.catch(() => {}).finally(() => open.delete(sent));
        open.add(sent);
        return this.options.handler(request);
      });
    } catch (error) {
      throw listenProblem(error, host, port);
    }
  }

  async #drainAndClose(running: Running): Promise<void> {
    const { clock, log, drainMs = DRAIN_MS } = this.options;
    const drained = new AbortController();
    await Promise.race([Promise.all(running.open), clock.sleepMs(drainMs, drained.signal)]);
    drained.abort();
    if (running.open.size > 0) log.warn("HTTP requests were cut off", { count: running.open.size });
    await clock.sleepMs(FLUSH_MS);
    if (!running.ended) running.abort.abort();
    await running.server.finished.catch(() => {});
    this.#running = undefined;
    this.#condition = { state: "down", reason: "stopped" };
  }
}

function listenProblem(cause: unknown, host: string, port: number | "any"): unknown {
  if (cause instanceof Deno.errors.AddrInUse) {
    const problem = `${port} on ${host} is taken by another program`;
    return new ConfigError("HTTP_PORT", problem, "a free port, or 0 to switch HTTP off", { cause });
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    const problem = `the service's user may not listen on ${port}`;
    return new ConfigError("HTTP_PORT", problem, "a port from 1024 on, or 0 to switch HTTP off", { cause });
  }
  if (cause instanceof Deno.errors.NotCapable) {
    const problem = `this program was built without the permission to listen on ${host}:${port}`;
    return new ConfigError("HTTP_HOST", problem, "an address and port that it was built for", { cause });
  }
  // An address of another machine, or a name that leads nowhere (which has no class of its own).
  return new ConfigError("HTTP_HOST", `${host} is no address of this machine`, "127.0.0.1, or one that it has", {
    cause,
  });
}
