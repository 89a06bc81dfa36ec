/**
 * A request's body as bytes, bounded in size and time: what has no end or comes a byte at a time is refused.
 *
 * @module
 */
import type { Clock } from "../runtime/clock.ts";
import { Problem } from "./problem.ts";

export interface BodyBounds {
  readonly maxBodyBytes: number;
  readonly bodyTimeoutMs: number;
}

/** The connection cannot be used again after a body that was not read to its end. */
const CLOSE = { connection: "close" } as const;

/** @throws {Problem} `body_too_large`, `bad_request` by the declared length alone, before anything is read */
export function checkDeclaredSize(request: Request, { maxBodyBytes }: BodyBounds): void {
  const declared = request.headers.get("content-length");
  if (declared === null) return;
  if (!/^\d{1,15}$/.test(declared)) throw new Problem("bad_request", "Content-Length is no length.", CLOSE);
  if (Number(declared) > maxBodyBytes) throw tooLarge();
}

/**
 * @param signal ends the reading when the whole request has run out of time
 * @throws {Problem} `body_too_large`, `body_timeout`, or `bad_request` when the sender goes away in the middle
 */
export async function readBody(
  request: Request,
  { maxBodyBytes, bodyTimeoutMs }: BodyBounds,
  clock: Clock,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const done = new AbortController();
  const late = clock.sleepMs(bodyTimeoutMs, AbortSignal.any([done.signal, signal])).then(() => "late" as const);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    while (true) {
      const read = await Promise.race([nextChunk(reader), late]);
      if (read === "late") {
        throw signal.aborted ? signal.reason : new Problem("body_timeout", "The body did not arrive in time.", CLOSE);
      }
      if (read.done) return joined(chunks, size);
      size += read.value.byteLength;
      if (size > maxBodyBytes) throw tooLarge();
      chunks.push(read.value);
    }
  } catch (problem) {
    // Not waited for: a sender that is slow or gone must not hold the answer.
    reader.cancel().catch(() => {});
    throw problem;
  } finally {
    done.abort();
  }
}

async function nextChunk(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (cause) {
    // Whatever a broken connection throws says the same. The answer reaches nobody.
    throw Object.assign(new Problem("bad_request", "The body ended early.", CLOSE), { cause });
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

function tooLarge(): Problem {
  return new Problem("body_too_large", "The body is longer than this service takes.", CLOSE);
}
