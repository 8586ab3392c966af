/** Keys that need work: each is worked on by one at a time, soon after it was added, and again with backoff when that failed. */
import type { Cancel, Clock } from '../clock.ts';
import { apiStatusOf } from '../cluster/api-status.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** Resolves with the milliseconds after which to look again, if at all. */
  readonly work: (key: string, signal: AbortSignal) => Promise<number | undefined>;
  readonly onFault: (key: string, thrown: unknown) => void;
  /** Keys at one time. */
  readonly parallel?: number;
  /** 0 to 1, spreads waits. */
  readonly random?: () => number;
}

export interface QueueLengths {
  readonly waiting: number;
  readonly running: number;
  /** To be looked at again later. */
  readonly delayed: number;
}

export interface WorkQueue {
  readonly lengths: QueueLengths;
  /**
   * Idempotent; while the key is being worked on, it is worked on once more afterwards. Where the API server has asked to wait, not
   * before that is over.
   */
  add(key: string): void;
  /** Nothing is begun any more; resolves when what was under way has ended. Idempotent. */
  close(): Promise<void>;
}

const PARALLEL = 4;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 60_000;

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new Queue(options);
}

class Queue implements WorkQueue {
  readonly #options: Required<WorkQueueOptions>;
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, Cancel>();
  readonly #failures = new Map<string, number>();
  /** Until when (a clock reading) the API server wants to be left alone about a key. */
  readonly #heldUntil = new Map<string, number>();
  readonly #closing = new AbortController();

  constructor(options: WorkQueueOptions) {
    this.#options = { parallel: PARALLEL, random: Math.random, ...options };
  }

  get lengths(): QueueLengths {
    return { waiting: this.#waiting.size, running: this.#running.size, delayed: this.#timers.size };
  }

  add(key: string): void {
    if (this.#closing.signal.aborted) return;
    const held = (this.#heldUntil.get(key) ?? 0) - this.#options.clock.now();
    if (held > 0) return this.#addAfter(key, held);
    this.#stopTimer(key);
    this.#waiting.add(key);
    this.#begin();
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the queue is closed'));
    for (const key of [...this.#timers.keys()]) this.#stopTimer(key);
    this.#waiting.clear();
    await Promise.all(this.#running.values());
  }

  #begin(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.parallel) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      const running = this.#work(key).finally(() => {
        this.#running.delete(key);
        this.#begin();
      });
      this.#running.set(key, running);
    }
  }

  async #work(key: string): Promise<void> {
    const { work, onFault } = this.#options;
    const { signal } = this.#closing;
    try {
      const again = await work(key, signal);
      this.#failures.delete(key);
      this.#heldUntil.delete(key);
      if (again !== undefined) this.#addAfter(key, again);
    } catch (thrown) {
      if (signal.aborted) return;
      onFault(key, thrown);
      const asked = this.#hold(key, thrown);
      this.#addAfter(key, Math.max(this.#backoff(key), asked));
    }
  }

  /** Milliseconds that the API server asks to wait. */
  #hold(key: string, thrown: unknown): number {
    const asked = Math.min(apiStatusOf(thrown)?.retryAfter ?? 0, LONGEST_WAIT);
    if (asked === 0) this.#heldUntil.delete(key);
    else {
      this.#heldUntil.set(key, this.#options.clock.now() + asked);
      this.#waiting.delete(key);
    }
    return asked;
  }

  #backoff(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return Math.min(FIRST_WAIT * 2 ** failures, LONGEST_WAIT) * (0.5 + this.#options.random() / 2);
  }

  #addAfter(key: string, ms: number): void {
    if (this.#closing.signal.aborted || this.#waiting.has(key)) return;
    this.#stopTimer(key);
    this.#timers.set(
      key,
      this.#options.clock.after(ms, () => this.add(key)),
    );
  }

  #stopTimer(key: string): void {
    this.#timers.get(key)?.();
    this.#timers.delete(key);
  }
}
