/**
 * Every number that bounds what a request can take from the service.
 *
 * @module
 */
export interface HttpLimits {
  /** Longest body, bytes. What the design's routes take (a message, a webhook's batch) is far below. */
  readonly maxBodyBytes: number;
  /** Longest path with its query, characters. */
  readonly maxTargetLength: number;
  /** From the end of the headers to the end of the body, milliseconds. */
  readonly bodyTimeoutMs: number;
  /** From the end of the headers to our answer, milliseconds. Above the one for the body. */
  readonly requestTimeoutMs: number;
  /** Requests answered at the same time; one more is turned away (503). With `maxBodyBytes` it bounds the memory. */
  readonly maxInFlight: number;
  /** `POST /v1/wake`: calls that may come at once, and how many come back per second. */
  readonly wakeBurst: number;
  readonly wakePerSecond: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  maxBodyBytes: 256 * 1024,
  maxTargetLength: 2_048,
  bodyTimeoutMs: 10_000,
  requestTimeoutMs: 20_000,
  maxInFlight: 64,
  wakeBurst: 100,
  wakePerSecond: 50,
};
