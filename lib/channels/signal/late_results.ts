/**
 * Who takes the result of a request that was given up, should it come after all.
 *
 * @module
 */

/** Of more requests than this the oldest is forgotten. */
const MAX_AWAITED = 1_000;

export class LateResults {
  readonly #awaited = new Map<number, (result: unknown) => void>();

  /** @param take called once at most; must not throw */
  await(id: number, take: (result: unknown) => void): void {
    this.#awaited.set(id, take);
    const [oldest] = this.#awaited.keys();
    if (this.#awaited.size > MAX_AWAITED) this.#awaited.delete(oldest!);
  }

  /** It came, with an error when there is none. */
  came(id: number, result: { readonly value: unknown } | undefined): void {
    const take = this.#awaited.get(id);
    this.#awaited.delete(id);
    if (result !== undefined) take?.(result.value);
  }

  clear(): void {
    this.#awaited.clear();
  }
}
