/**
 * A request that failed: the code on the wire, its text, and what the result would have been.
 * Codes: facts, signal.md §4.5.
 */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  constructor(readonly code: number, message: string, readonly data: unknown = null) {
    super(message);
  }
}

/** Bad input of the user: exit 1. */
export const USER_ERROR = -1;
export const IO_ERROR = -3;
export const UNTRUSTED_KEY = -4;
export const RATE_LIMIT = -5;
export const CAPTCHA_REJECTED = -6;
export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;

/** The process ends here as after kill -9. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** What a method hands back when no answer may ever leave. */
export const NO_ANSWER: unique symbol = Symbol("no answer");
