/** Processes of one server that several conversations share, by key; one that nobody has used for a while is ended. */
import type { Upstream } from '../sessions/upstream.ts';
import { tooManyProcesses } from './room.ts';

export interface SharedUpstream {
  readonly upstream: Upstream;
  /** Clock reading since which nobody is on it. */
  idleSince: number | undefined;
}

export interface SharedUpstreamsOptions {
  /** Starts a process. */
  readonly open: () => Upstream;
  /** Beyond as many, the one that has been unused for longest goes, and there is no further one while all are used. */
  readonly most: number;
  /** Milliseconds without anybody after which a process ends. */
  readonly idle: number;
}

export class SharedUpstreams {
  readonly #options: SharedUpstreamsOptions;
  readonly #shared = new Map<string, SharedUpstream>();

  constructor(options: SharedUpstreamsOptions) {
    this.#options = options;
  }

  /** All that have not been ended, by key. */
  get entries(): ReadonlyMap<string, SharedUpstream> {
    return this.#shared;
  }

  /** The process of a key; a fresh one when there is none that runs. Throws `limit-reached`. */
  get(key: string): Upstream {
    const known = this.#shared.get(key);
    if (known && !known.upstream.failure) return known.upstream;
    if (!known && this.#shared.size >= this.#options.most) this.#makeRoom();
    const upstream = this.#options.open();
    this.#shared.set(key, { upstream, idleSince: undefined });
    return upstream;
  }

  sweep(now: number): void {
    for (const [key, shared] of this.#shared) {
      if (shared.upstream.members.size > 0) shared.idleSince = undefined;
      else if (shared.idleSince === undefined) shared.idleSince = now;
      else if (now - shared.idleSince >= this.#options.idle) this.#stop(key, shared);
    }
  }

  async close(options: { readonly force: boolean }): Promise<void> {
    const ending = [...this.#shared.values()];
    this.#shared.clear();
    await Promise.all(ending.map(({ upstream }) => upstream.stop(options)));
  }

  #makeRoom(): void {
    let oldest: [string, SharedUpstream] | undefined;
    for (const [key, shared] of this.#shared) {
      if (shared.upstream.members.size > 0) continue;
      if (!oldest || since(shared) < since(oldest[1])) oldest = [key, shared];
    }
    if (!oldest) throw tooManyProcesses(this.#shared.size);
    this.#stop(...oldest);
  }

  #stop(key: string, { upstream }: SharedUpstream): void {
    this.#shared.delete(key);
    void upstream.stop();
  }
}

function since({ idleSince }: SharedUpstream): number {
  return idleSince ?? Number.POSITIVE_INFINITY;
}
