/** Where a run writes what it measured: for each case and contestant one entry per round, a value or why there is none. */

export interface Failure {
  readonly failure: string;
}

function isFailure(entry: object): entry is Failure {
  return 'failure' in entry;
}

/** The name under which a case of one contestant is kept. */
function keyOf(cell: string, who: string): string {
  return `${cell} ${who}`;
}

export class Book<T extends object> {
  readonly #entries = new Map<string, (T | Failure)[]>();

  add(cell: string, who: string, entry: T | Failure): void {
    const key = keyOf(cell, who);
    this.#entries.set(key, [...(this.#entries.get(key) ?? []), entry]);
  }

  /** The rounds that gave a value. */
  values(cell: string, who: string): T[] {
    const entries = this.#entries.get(keyOf(cell, who)) ?? [];
    return entries.filter((entry): entry is T => !isFailure(entry));
  }

  /** Why some or all rounds gave none; undefined when all did. */
  failure(cell: string, who: string): string | undefined {
    return (this.#entries.get(keyOf(cell, who)) ?? []).find(isFailure)?.failure;
  }

  get size(): number {
    return this.#entries.size;
  }
}

/** Runs one measurement; a throw becomes a failure entry, so that one contestant never ends the run. */
export async function attempt<T extends object>(measure: () => Promise<T>): Promise<T | Failure> {
  try {
    return await measure();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { failure: text.split('\n').slice(-3).join(' ').slice(0, 300) };
  }
}
