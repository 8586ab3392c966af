/**
 * Things by their reference on a link, which counts up. A `Map` through which every call passes leaves outgrown tables behind; one
 * that V8 has taken for long-lived keeps all that was in the later ones until the next full collection. Here an entry goes when its
 * place is cleared.
 */

const PLACES = 64;

interface Referenced {
  readonly ref: number;
}

export class RefTable<T extends Referenced> {
  readonly #places = new Array<T | undefined>(PLACES).fill(undefined);
  /** Those whose place a later one needed: they are the few that stay for long. */
  readonly #older = new Map<number, T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** As they are now, in the order of their references. */
  get values(): T[] {
    const all = [...this.#older.values(), ...this.#places.filter((one) => one !== undefined)];
    return all.sort((a, b) => a.ref - b.ref);
  }

  get(ref: number): T | undefined {
    const one = this.#places[ref % PLACES];
    if (one?.ref === ref) return one;
    return this.#older.size === 0 ? undefined : this.#older.get(ref);
  }

  /** In place of one with the same reference, if there is one. */
  add(one: T): void {
    this.delete(one.ref);
    const place = one.ref % PLACES;
    const before = this.#places[place];
    if (before) this.#older.set(before.ref, before);
    this.#places[place] = one;
    this.#size++;
  }

  /** Idempotent. */
  delete(ref: number): void {
    const place = ref % PLACES;
    if (this.#places[place]?.ref === ref) this.#places[place] = undefined;
    else if (!this.#older.delete(ref)) return;
    this.#size--;
  }
}
