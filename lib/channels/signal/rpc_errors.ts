/**
 * How a JSON-RPC request can fail.
 *
 * @module
 */

/**
 * The peer answered with an error. `remoteMessage` and `data` are the peer's own: they can hold phone numbers and
 * names, so they are read for classification and never logged; the text of this error holds only the code.
 */
export class RpcError extends Error {
  override readonly name = "RpcError";
  // Private, so that printing or serialising the error cannot show them.
  readonly #remoteMessage: string;
  readonly #data: unknown;
  constructor(readonly method: string, readonly code: number, remoteMessage: string, data: unknown) {
    super(`signal-cli answered ${method} with error ${code}`);
    this.#remoteMessage = remoteMessage;
    this.#data = data;
  }
  get remoteMessage(): string {
    return this.#remoteMessage;
  }
  get data(): unknown {
    return this.#data;
  }
}

/** No answer came. */
export class RpcUnanswered extends Error {
  override readonly name = "RpcUnanswered";
  /**
   * @param why `disconnected`: the peer is gone; `deadline`: it took too long; `aborted`: the caller's signal
   * @param written whether the request had been handed to the stream: if not, the peer certainly does not know it
   */
  constructor(
    readonly method: string,
    readonly why: "disconnected" | "deadline" | "aborted",
    readonly written: boolean,
  ) {
    super(`${method}: no answer (${why}${written ? "" : ", not sent"})`);
  }
}

/** JSON-RPC's own "internal error", for an error object that names no code. */
const INTERNAL_ERROR = -32603;

/** The `error` of an answer to `method`, whatever it holds. */
export function readRpcError(method: string, error: unknown): RpcError {
  const { code, message, data } = (typeof error === "object" ? error : {}) as Record<string, unknown>;
  return new RpcError(
    method,
    typeof code === "number" ? code : INTERNAL_ERROR,
    typeof message === "string" ? message : "",
    data ?? undefined,
  );
}
