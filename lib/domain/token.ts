/**
 * Affiliate tokens.
 *
 * @module
 */

/** The alphabet of the original system: what `{token}` in a link may hold. */
export const TOKEN_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/**
 * A token of `length` characters of A–Z0–9, each with equal probability.
 * @param randomBytes fills the array with cryptographically strong bytes (`crypto.getRandomValues`)
 */
export function mintToken(length: number, randomBytes: (into: Uint8Array<ArrayBuffer>) => void): string {
  // 252 is the largest multiple of 36 in a byte; above it the first letters would come up more often.
  const limit = 256 - (256 % TOKEN_ALPHABET.length);
  const pool = new Uint8Array(length * 2);
  let token = "";
  while (token.length < length) {
    randomBytes(pool);
    for (const byte of pool) {
      if (byte < limit && token.length < length) token += TOKEN_ALPHABET[byte % TOKEN_ALPHABET.length];
    }
  }
  return token;
}
