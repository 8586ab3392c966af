/** Waiting for what a watch will show. */
import type { Clock } from '../../clock.ts';
import type { BerthError } from '../../errors.ts';

export interface WaitLimit {
  readonly signal: AbortSignal | undefined;
  readonly ms: number;
  /** What the wait ends with when it takes too long. */
  readonly late: () => BerthError;
}

export class Changes {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #watching = new Set<(name: string) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something about `name` is new. */
  tell(name: string): void {
    for (const look of [...(this.#waiting.get(name) ?? [])]) look();
    for (const listener of this.#watching) listener(name);
  }

  /** Calls `listener` after every change of anything; returns the unsubscribe. */
  watch(listener: (name: string) => void): () => void {
    this.#watching.add(listener);
    return () => this.#watching.delete(listener);
  }

  /** Calls `look` after every change of `name`; returns the unsubscribe. */
  listen(name: string, look: () => void): () => void {
    const set = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, set.add(look));
    return () => {
      set.delete(look);
      if (set.size === 0 && this.#waiting.get(name) === set) this.#waiting.delete(name);
    };
  }

  /** Resolves with the first value that `look` gives other than undefined; rejects with what it throws, the signal's reason, or `late`. */
  until<T>(name: string, look: () => T | undefined, { signal, ms, late }: WaitLimit): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const undo: (() => void)[] = [];
      const end = (settle: () => void): void => {
        for (const step of undo.splice(0)) step();
        settle();
      };
      const attempt = (): void => {
        try {
          const found = look();
          if (found !== undefined) end(() => resolve(found));
        } catch (error) {
          end(() => reject(error));
        }
      };
      const aborted = (): void => end(() => reject(signal?.reason));
      if (signal?.aborted) return reject(signal.reason);
      signal?.addEventListener('abort', aborted, { once: true });
      undo.push(
        () => signal?.removeEventListener('abort', aborted),
        this.listen(name, attempt),
        this.#clock.after(ms, () => end(() => reject(late()))),
      );
      attempt();
    });
  }
}
