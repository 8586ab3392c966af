/** What registries answered, kept for a while. Failures are never kept; an old answer is better than none, and says that it is old. */
import { LRUCache } from 'lru-cache';
import { BerthError, toBerthError } from '../errors.ts';

/** How long an answer counts as current. */
export const ANSWER_TTL_MS = 3_600_000;
/** The same for "there is none": it may be published any minute. */
export const ABSENT_TTL_MS = 60_000;

const MOST_ANSWERS = 2_000;
const MOST_BYTES = 64 * 1024 * 1024;

interface Entry {
  readonly value: unknown;
  readonly etag: string | undefined;
  /** Milliseconds of the clock. */
  readonly at: number;
  readonly ttl: number;
}

export interface Loaded<T> {
  readonly value: T;
  readonly etag?: string | undefined;
  /** Bytes that it holds, or was made from. */
  readonly bytes: number;
  /** Milliseconds; {@link ANSWER_TTL_MS} unless given. */
  readonly ttl?: number;
}

export interface Kept<T> {
  readonly value: T;
  readonly ageMs: number;
  /** Why there is no newer one. */
  readonly stale?: BerthError;
}

/** Loads anew; `unchanged` when the registry has nothing newer than `etag`. */
export type Load<T> = (etag: string | undefined) => Promise<Loaded<T> | 'unchanged'>;

export class AnswerCache {
  readonly #entries: LRUCache<string, Entry>;
  readonly #loading = new Map<string, Promise<Kept<unknown>>>();
  readonly #pauses = new Map<string, number>();
  readonly #now: () => number;

  /** `mostBytes`: what all answers together may hold. */
  constructor(now: () => number = Date.now, mostBytes = MOST_BYTES) {
    this.#now = now;
    this.#entries = new LRUCache({ max: MOST_ANSWERS, maxSize: mostBytes });
  }

  /**
   * The kept answer while it is current, else a new one; parallel calls for one key load once. `host` is who is asked: one that
   * asked to be left alone for a time is. Rejects when loading fails and nothing is kept.
   */
  async get<T>(
    key: string,
    load: Load<T>,
    options: { readonly host: string; readonly refresh?: boolean },
  ): Promise<Kept<T>> {
    const entry = this.#entries.get(key);
    if (entry && options.refresh !== true && this.#now() - entry.at < entry.ttl) return this.#kept<T>(entry);
    const running = this.#loading.get(key);
    const joined = running && (await joinLoad<T>(running));
    if (joined) return joined;
    const loading = this.#load(key, { entry, load, host: options.host });
    this.#loading.set(key, loading);
    try {
      return await loading;
    } finally {
      if (this.#loading.get(key) === loading) this.#loading.delete(key);
    }
  }

  async #load<T>(
    key: string,
    { entry, load, host }: { entry: Entry | undefined; load: Load<T>; host: string },
  ): Promise<Kept<T>> {
    try {
      this.#checkPause(host);
      const loaded = await load(entry?.etag);
      const at = this.#now();
      if (loaded === 'unchanged') {
        if (!entry)
          throw new BerthError('registry-failed', `${host} answered that nothing has changed, unasked`);
        return this.#keep<T>(key, { ...entry, at }, 1_000);
      }
      const { value, etag, bytes, ttl = ANSWER_TTL_MS } = loaded;
      return this.#keep<T>(key, { value, etag, at, ttl }, bytes);
    } catch (thrown) {
      const error = toBerthError(thrown);
      this.#notePause(host, error);
      if (!entry) throw error;
      return { ...this.#kept<T>(entry), stale: error };
    }
  }

  #keep<T>(key: string, entry: Entry, bytes: number): Kept<T> {
    this.#entries.set(key, entry, { size: Math.max(bytes, 1) });
    return this.#kept<T>(entry);
  }

  #kept<T>(entry: Entry): Kept<T> {
    return { value: entry.value as T, ageMs: Math.max(0, this.#now() - entry.at) };
  }

  #notePause(host: string, error: BerthError): void {
    const seconds = error.details.data?.retryAfterSeconds;
    const until = this.#pauses.get(host) ?? 0;
    if (typeof seconds === 'number' && this.#now() >= until)
      this.#pauses.set(host, this.#now() + seconds * 1_000);
  }

  #checkPause(host: string): void {
    const left = Math.ceil(((this.#pauses.get(host) ?? 0) - this.#now()) / 1_000);
    if (left <= 0) return;
    throw new BerthError('registry-failed', `the registry asked to be left alone for ${left} s more`, {
      hint: 'Search again later.',
      data: { reason: 'busy', retryAfterSeconds: left },
    });
  }
}

/** Undefined when the time of whoever asked first ran out: ours has just begun. */
async function joinLoad<T>(running: Promise<Kept<unknown>>): Promise<Kept<T> | undefined> {
  try {
    const kept = (await running) as Kept<T>;
    return kept.stale?.details.data?.reason === 'slow' ? undefined : kept;
  } catch (thrown) {
    if (thrown instanceof BerthError && thrown.details.data?.reason === 'slow') return undefined;
    throw thrown;
  }
}
