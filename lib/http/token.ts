/**
 * The administrator's token, compared without telling by its time how much of it was right.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { ConfigError } from "../domain/errors.ts";

/** Shortest ADMIN_TOKEN, characters: it is the only thing between a stranger and the admin API. */
export const SHORTEST_TOKEN = 32;

/** `Authorization: Bearer …` (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1). */
const BEARER = /^bearer +(\S+) *$/i;

export type Authorization = "right" | "wrong" | "absent";

/**
 * Keeps a hash of the token, not the token. Both sides are hashed before they are compared, so neither the length nor a
 * common beginning shows in the time.
 * @throws {ConfigError} for a token that is too short
 */
export function makeTokenCheck(token: string): (header: string | null) => Authorization {
  if (token.length < SHORTEST_TOKEN) {
    throw new ConfigError("ADMIN_TOKEN", "is too short", `at least ${SHORTEST_TOKEN} characters`);
  }
  const expected = hash(new TextEncoder().encode(token));
  return (header) => {
    const given = header === null ? undefined : BEARER.exec(header)?.[1];
    if (given === undefined) return "absent";
    return timingSafeEqual(hash(headerBytes(given)), expected) ? "right" : "wrong";
  };
}

/** A header's text has one character per byte that was sent (Fetch, "isomorphic decode"): back to those bytes. */
function headerBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function hash(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
