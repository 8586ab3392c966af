/** Requests and connections that outlive their beginning: they end with the key that let them in. */
import type { Cancel } from '../clock.ts';
import type { KeyStore } from './keys.ts';

interface Held {
  readonly authorization: string;
  ended: (() => void) | undefined;
  before: Held | undefined;
  after: Held | undefined;
}

/**
 * A ring of links that are cut when a request leaves. Nearly every request comes through here: a Set would leave outgrown tables behind,
 * and one that V8 has taken for long-lived keeps the responses of all later requests until the next full collection.
 */
export class HeldRequests {
  readonly #isGood: (authorization: string) => boolean;
  readonly #first: Held = { authorization: '', ended: undefined, before: undefined, after: undefined };

  constructor(keys: KeyStore, isGood: (authorization: string) => boolean) {
    this.#isGood = isGood;
    keys.onChange(() => this.#check());
  }

  /** Until what it returns is called: `ended` is called once `authorization` is no longer good. */
  hold(authorization: string, ended: () => void): Cancel {
    const { after } = this.#first;
    const one: Held = { authorization, ended, before: this.#first, after };
    this.#first.after = one;
    if (after) after.before = one;
    return () => void release(one);
  }

  #check(): void {
    const good = new Map<string, boolean>();
    const ends: (() => void)[] = [];
    for (let one = this.#first.after; one; ) {
      const { authorization, after } = one;
      const isGood = good.get(authorization) ?? this.#isGood(authorization);
      good.set(authorization, isGood);
      const ended = isGood ? undefined : release(one);
      if (ended) ends.push(ended);
      one = after;
    }
    // Oldest first. Each may end others of them, so they are called when none is looked at any more.
    for (const ended of ends.reverse()) ended();
  }
}

/** Takes it out, and returns what was to be called of it; undefined when it was out. */
function release(one: Held): (() => void) | undefined {
  const { before, after, ended } = one;
  if (before) before.after = after;
  if (after) after.before = before;
  one.before = undefined;
  one.after = undefined;
  one.ended = undefined;
  return ended;
}
