/** Subscriptions to resources on one legacy process, counted over all who listen. */
import type { Upstream } from '../../upstream.ts';

type Done = (honoured: boolean) => void;

interface Held {
  listeners: number;
  /** Those who wait for the server's answer; undefined once it has come. */
  waiting: Done[] | undefined;
}

export class ResourceSubscriptions {
  readonly #held = new Map<string, Held>();

  /** Asks the server where nobody listened before, or nobody does any more. */
  change(upstream: Upstream, uri: string, wanted: boolean, done: Done): void {
    if (wanted) this.#subscribe(upstream, uri, done);
    else this.#unsubscribe(upstream, uri, done);
  }

  /** The process is gone, and its subscriptions with it. */
  clear(): void {
    this.#held.clear();
  }

  #subscribe(upstream: Upstream, uri: string, done: Done): void {
    const held = this.#held.get(uri);
    if (held) {
      held.listeners++;
      if (held.waiting) held.waiting.push(done);
      else done(true);
      return;
    }
    const fresh: Held = { listeners: 1, waiting: [done] };
    this.#held.set(uri, fresh);
    ask(upstream, 'resources/subscribe', uri, (honoured) => {
      const waiting = fresh.waiting ?? [];
      fresh.waiting = undefined;
      if (!honoured && this.#held.get(uri) === fresh) this.#held.delete(uri);
      for (const one of waiting) one(honoured);
    });
  }

  #unsubscribe(upstream: Upstream, uri: string, done: Done): void {
    const held = this.#held.get(uri);
    if (!held || --held.listeners > 0) return done(true);
    this.#held.delete(uri);
    ask(upstream, 'resources/unsubscribe', uri, done);
  }
}

function ask(upstream: Upstream, method: string, uri: string, done: Done): void {
  upstream.request(method, JSON.stringify({ uri }), {
    rawToken: undefined,
    answered: (_line, envelope) => done(envelope.kind === 'result'),
    progressed: () => {},
    failed: () => done(false),
  });
}
