/** Subscriptions to resources on one legacy process, counted over all who listen. */
import type { Upstream } from '../../upstream.ts';

export class ResourceSubscriptions {
  readonly #counts = new Map<string, number>();

  /** Asks the server where nobody listened before, or nobody does any more. */
  change(upstream: Upstream, uri: string, wanted: boolean, done: (honoured: boolean) => void): void {
    const before = this.#counts.get(uri) ?? 0;
    const after = wanted ? before + 1 : before - 1;
    if (after > 0) this.#counts.set(uri, after);
    else this.#counts.delete(uri);
    if (wanted ? before > 0 : after !== 0) return done(true);
    const method = wanted ? 'resources/subscribe' : 'resources/unsubscribe';
    const over = (honoured: boolean): void => {
      if (wanted && !honoured) this.#counts.delete(uri);
      done(honoured);
    };
    upstream.request(method, JSON.stringify({ uri }), {
      rawToken: undefined,
      answered: (_line, envelope) => over(envelope.kind === 'result'),
      progressed: () => {},
      failed: () => over(false),
    });
  }

  /** The process is gone, and its subscriptions with it. */
  clear(): void {
    this.#counts.clear();
  }
}
