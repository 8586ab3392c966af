/** A local picture of objects in the cluster: listed once, then watched; level-based, so that nothing is lost over any break. */
import { type Clock, pause, systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { Selection } from './api-call.ts';
import type { ApiClient } from './api-client.ts';
import { apiStatusOf, isExpired } from './api-status.ts';
import { listAll } from './list-all.ts';
import { type ObjectHandler, ObjectStore } from './object-store.ts';
import type { KubeObject, ObjectName, Resource } from './resources.ts';
import { readWatch, type WatchEvent } from './watch-events.ts';

/** Seconds after which the server ends a watch, and how much longer it may be; watches that began together end apart. */
const WATCH_SECONDS = 300;
/** Milliseconds of a watch that is no failure even if it brought nothing. */
const SOME_TIME = 1_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly resource: Resource;
  readonly selection?: Selection;
  readonly handler?: ObjectHandler<T>;
  readonly clock?: Clock;
  /** 0 to 1, spreads waits. */
  readonly random?: () => number;
  /** An attempt failed (it goes on by itself), or a handler threw. */
  readonly onFault?: (error: BerthError) => void;
}

export interface Reflector<T> {
  /** Resolves when everything has been listed once; rejects when it is closed before. */
  readonly synced: Promise<void>;
  get(name: ObjectName): T | undefined;
  readonly items: T[];
  /** Milliseconds since the API server last said something: how old the picture may be. */
  readonly silence: number;
  /** Stops; nothing is told any more. Idempotent. */
  close(): Promise<void>;
}

/** Starts at once, and goes on until it is closed. */
export function createReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector<T> {
  return new RunningReflector(options);
}

class RunningReflector<T extends KubeObject> implements Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #store: ObjectStore<T>;
  readonly #closing = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  readonly #running: Promise<void>;
  /** Where to go on watching; undefined: list anew. */
  #version: string | undefined;
  #failures = 0;
  #heardAt: number;

  constructor(options: ReflectorOptions<T>) {
    const { clock = systemClock, random = Math.random, handler = {} } = options;
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#heardAt = clock.now();
    this.#store = new ObjectStore(handler, (thrown) => this.#report(thrown));
    this.#synced.promise.catch(() => {});
    this.#running = this.#run();
  }

  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get items(): T[] {
    return this.#store.items;
  }

  get silence(): number {
    return this.#clock.now() - this.#heardAt;
  }

  get(name: ObjectName): T | undefined {
    return this.#store.get(name);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the reflector is closed'));
    this.#synced.reject(this.#closing.signal.reason);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let wait = 0;
      try {
        if (this.#version === undefined) await this.#list();
        else await this.#watch(this.#version);
      } catch (error) {
        if (signal.aborted) return;
        wait = this.#failed(error);
      }
      // Called off only when it is closed, and then the loop ends.
      await pause(wait, this.#clock, signal).catch(() => {});
    }
  }

  async #list(): Promise<void> {
    const { client, resource, selection } = this.#options;
    const { signal } = this.#closing;
    const { items, resourceVersion } = await listAll<T>(client, resource, { ...selection, signal });
    if (signal.aborted) return;
    this.#heard();
    this.#store.replace(items);
    this.#version = resourceVersion;
    this.#synced.resolve();
  }

  async #watch(resourceVersion: string): Promise<void> {
    const { client, resource, selection } = this.#options;
    const { signal } = this.#closing;
    const timeoutSeconds = WATCH_SECONDS + Math.floor(WATCH_SECONDS * this.#random());
    const began = this.#clock.now();
    const answer = await client.watch(resource, { ...selection, resourceVersion, timeoutSeconds }, signal);
    let events = 0;
    await readWatch<T>(answer, this.#clock, (event) => {
      if (signal.aborted) return;
      events++;
      this.#failures = 0;
      this.#take(event);
    });
    if (events === 0 && this.#clock.now() - began < SOME_TIME)
      throw new BerthError('busy', 'a watch ended at once');
    this.#failures = 0;
  }

  #take({ type, object }: WatchEvent<T>): void {
    this.#heard();
    this.#version = object.metadata.resourceVersion ?? this.#version;
    if (type === 'DELETED') this.#store.remove(object);
    else if (type !== 'BOOKMARK') this.#store.put(object);
  }

  #heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /** Milliseconds to wait. The first time that a position has expired it is simply listed anew. */
  #failed(error: unknown): number {
    const expired = isExpired(error);
    if (!expired) this.#report(error);
    // What could not be read would come again from the same position.
    if (expired || toBerthError(error).code === 'internal') this.#version = undefined;
    this.#failures++;
    if (expired && this.#failures === 1) return 0;
    const wait = Math.min(FIRST_WAIT * 2 ** (this.#failures - 1), LONGEST_WAIT) * (0.5 + this.#random() / 2);
    return Math.max(wait, Math.min(apiStatusOf(error)?.retryAfter ?? 0, LONGEST_WAIT));
  }

  #report(error: unknown): void {
    this.#options.onFault?.(toBerthError(error));
  }
}
