/**
 * The form of a route: a group of routes is a list of these, made from its port.
 *
 * @module
 */

/**
 * Who may call. `open`: whoever reaches the port. `local`: without a token when the service listens on loopback and the
 * request comes from this machine, otherwise with it. `token`: always with it.
 */
export type Access = "open" | "local" | "token";

/** A request that passed method, size, token and, where it has one, the reading of its body. */
export interface Call {
  readonly request: Request;
  /** The body's bytes as they came, for signatures; empty for GET and HEAD. */
  readonly body: Uint8Array;
  /** The caller may see details: from this machine, or with the right token. */
  readonly trusted: boolean;
  /** Aborts when the request has run out of time. */
  readonly signal: AbortSignal;
}

/** @throws {Problem} to refuse the call; anything else is a bug and answered by 500 */
export type Handle = (call: Call) => Response | Promise<Response>;

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Route {
  /** Path as Hono reads it (`/v1/dlq/:id`); it is also the label in metrics and log. */
  readonly pattern: string;
  readonly access: Access;
  /** HEAD is answered where GET is. */
  readonly methods: Readonly<Partial<Record<Method, Handle>>>;
}
