/**
 * The one form of an answer that is a refusal: `{ "error": { "code", "message" } }`.
 *
 * @module
 */

/** Closed: also a metric label. */
export type ProblemCode =
  | "bad_request"
  | "unauthorized"
  | "token_not_configured"
  | "not_found"
  | "method_not_allowed"
  | "body_timeout"
  | "body_too_large"
  | "target_too_long"
  | "wrong_host"
  | "too_many_requests"
  | "internal"
  | "busy"
  | "stopping"
  | "timeout";

const STATUS: Readonly<Record<ProblemCode, number>> = {
  bad_request: 400,
  unauthorized: 401,
  token_not_configured: 403,
  not_found: 404,
  method_not_allowed: 405,
  body_timeout: 408,
  body_too_large: 413,
  target_too_long: 414,
  wrong_host: 421,
  too_many_requests: 429,
  internal: 500,
  busy: 503,
  stopping: 503,
  timeout: 503,
};

/**
 * Thrown by a step of a request to refuse it; becomes the answer. The message is a constant sentence for the caller: it
 * quotes nothing of the request and tells nothing of our inside.
 */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly code: ProblemCode,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }
  get status(): number {
    return STATUS[this.code];
  }
}

export function problemResponse({ code, message, status, headers }: Problem): Response {
  return jsonResponse({ error: { code, message } }, status, headers);
}

export function jsonResponse(body: object, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
  });
}

export function textResponse(body: string, status = 200): Response {
  return new Response(body, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}
