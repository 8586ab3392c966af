/** Time as a dependency, so that tests move it by hand. */

/** Ends a timer; calling it again does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds; only differences mean something. */
  now(): number;
  /** Calls `fn` once after `ms`; the timer never keeps the program alive. */
  after(ms: number, fn: () => void): Cancel;
  /** Calls `fn` every `ms` until cancelled; never keeps the program alive. */
  every(ms: number, fn: () => void): Cancel;
}

/** The real clock: monotonic, with unref'd timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms).unref();
    return () => clearTimeout(timer);
  },
  every(ms, fn) {
    const timer = setInterval(fn, ms).unref();
    return () => clearInterval(timer);
  },
};

interface Due {
  at: number;
  readonly every: number | undefined;
  readonly fn: () => void;
}

/** A clock that moves only when told. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #due = new Set<Due>();

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): Cancel {
    return this.#add({ at: this.#now + ms, every: undefined, fn });
  }

  every(ms: number, fn: () => void): Cancel {
    return this.#add({ at: this.#now + ms, every: ms, fn });
  }

  /** Moves time forward and runs what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#now = next.at;
      if (next.every === undefined) this.#due.delete(next);
      else next.at += next.every;
      next.fn();
    }
    this.#now = end;
  }

  #next(end: number): Due | undefined {
    let first: Due | undefined;
    for (const due of this.#due) if (due.at <= end && (!first || due.at < first.at)) first = due;
    return first;
  }

  #add(due: Due): Cancel {
    this.#due.add(due);
    return () => this.#due.delete(due);
  }
}

/** Resolves after `ms`, at once for none; rejects with the signal's reason when that comes first. */
export function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    if (ms <= 0) return resolve();
    const aborted = (): void => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', aborted);
      resolve();
    });
    signal.addEventListener('abort', aborted, { once: true });
  });
}
