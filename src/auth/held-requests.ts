/** Requests and connections that outlive their beginning: they end with the key that let them in. */
import type { Cancel } from '../clock.ts';
import type { KeyStore } from './keys.ts';

interface Held {
  readonly authorization: string;
  readonly ended: () => void;
}

export class HeldRequests {
  readonly #isGood: (authorization: string) => boolean;
  readonly #held = new Set<Held>();

  constructor(keys: KeyStore, isGood: (authorization: string) => boolean) {
    this.#isGood = isGood;
    keys.onChange(() => this.#check());
  }

  /** Until what it returns is called: `ended` is called once `authorization` is no longer good. */
  hold(authorization: string, ended: () => void): Cancel {
    const one = { authorization, ended };
    this.#held.add(one);
    return () => void this.#held.delete(one);
  }

  #check(): void {
    const bad = new Map<string, boolean>();
    for (const one of [...this.#held]) {
      const isBad = bad.get(one.authorization) ?? !this.#isGood(one.authorization);
      bad.set(one.authorization, isBad);
      if (!isBad || !this.#held.delete(one)) continue;
      one.ended();
    }
  }
}
