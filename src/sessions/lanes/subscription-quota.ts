/** What one session may remember of resources on a shared process: so many URIs, and so many letters of them together. */
import type { UpstreamMember } from '../upstream.ts';

/** Letters of all URIs that one session is subscribed to. */
const MOST_LETTERS = 1024 * 1024;

interface Used {
  uris: number;
  letters: number;
}

export class SubscriptionQuota {
  readonly #most: number;
  readonly #used = new WeakMap<UpstreamMember, Used>();

  /** URIs of one session. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes a place for a further URI of `member`; false when it has no room for it. */
  take(member: UpstreamMember, uri: string): boolean {
    const used = this.#used.get(member) ?? { uris: 0, letters: 0 };
    if (used.uris >= this.#most || used.letters + uri.length > MOST_LETTERS) return false;
    this.#used.set(member, { uris: used.uris + 1, letters: used.letters + uri.length });
    return true;
  }

  /** Gives back the place of a URI that was taken. */
  give(member: UpstreamMember, uri: string): void {
    const used = this.#used.get(member);
    if (!used) return;
    used.uris--;
    used.letters -= uri.length;
  }
}
