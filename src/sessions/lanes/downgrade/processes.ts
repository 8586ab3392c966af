/** Which process serves a call: the session's own, one that several sessions share, one of clients without a session, or one for each call. */
import type { BerthError } from '../../../errors.ts';
import type { Upstream } from '../../upstream.ts';

/**
 * `private`: one for this session alone, ended with it. `shared`: others use it too, and it outlives the session.
 * `sessionless`: one for all calls of a principal's clients without a session, replaced when it has ended. `per-call`: a fresh one each.
 */
export type Use = 'private' | 'shared' | 'sessionless' | 'per-call';

export class Processes {
  readonly #use: Use;
  readonly #open: () => Upstream;
  readonly #live = new Set<Upstream>();
  #common: Upstream | undefined;
  #closed = false;

  constructor(use: Use, open: () => Upstream) {
    this.#use = use;
    this.#open = open;
    if (this.hasSession) this.#common = open();
  }

  /** The lane serves one session; else there is none, and nothing that needs one. */
  get hasSession(): boolean {
    return this.#use === 'private' || this.#use === 'shared';
  }

  /** What serves every call of the session; absent without one. */
  get own(): Upstream | undefined {
    return this.hasSession ? this.#common : undefined;
  }

  /** All that serve calls now. */
  get live(): Upstream[] {
    return this.#common ? [this.#common, ...this.#live] : [...this.#live];
  }

  /** A common process that has ended is replaced with the next call, where there is no session that has ended with it. */
  get refusal(): BerthError | undefined {
    return this.#common?.failure && !this.hasSession ? undefined : this.#common?.refusal;
  }

  /** The process for a call. */
  take(): Upstream {
    const common = this.#common;
    if (common && (this.hasSession || !common.failure)) return common;
    const upstream = this.#open();
    if (this.#use === 'sessionless') this.#common = upstream;
    else this.#live.add(upstream);
    if (this.#closed) void upstream.stop();
    return upstream;
  }

  /** A call on it is over. */
  release(upstream: Upstream): void {
    if (this.#live.delete(upstream)) void upstream.stop();
  }

  async close(options: { readonly force: boolean }): Promise<void> {
    this.#closed = true;
    if (this.#use !== 'shared') await Promise.all(this.live.map((upstream) => upstream.stop(options)));
  }
}
