/** Keys of accepted messages, so that a repeated one is not passed on twice. */

/** Keys that are remembered at one time; the oldest go first. */
const MOST_KEYS = 1_024;

export class RecentKeys {
  readonly #keys = new Set<string>();

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  /** False when this key has been added already. */
  add(key: string): boolean {
    if (this.#keys.has(key)) return false;
    this.#keys.add(key);
    if (this.#keys.size > MOST_KEYS) this.#keys.delete(this.#keys.values().next().value as string);
    return true;
  }
}
