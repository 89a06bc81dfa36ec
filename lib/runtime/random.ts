/**
 * Randomness, handed in so that tests can fix it.
 *
 * @module
 */

export interface Random {
  /** Uniform in [0, 1); for jitter. */
  fraction(): number;
  /** Fills with cryptographically strong bytes; for tokens and ids. */
  bytes(into: Uint8Array<ArrayBuffer>): void;
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (into) => {
    crypto.getRandomValues(into);
  },
};
