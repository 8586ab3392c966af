/**
 * Event streams and connections that stay open until somebody ends them. A gateway that goes away ends them one after the other, so
 * that their clients do not all come back in the same moment.
 */
import type { Cancel, Clock } from '../clock.ts';

export interface LongStream {
  /** Calls are in flight on it, or it does not stand yet: it is let alone as long as there is time. */
  readonly busy: boolean;
  /** Ends it so that its client understands and comes back. Idempotent. */
  end(): void;
}

/** An event stream from its request on. One that is told to end before there is anything to end would begin afterwards, and be cut. */
export function longStream(source: () => { end(): void } | undefined): LongStream {
  return {
    get busy() {
      return source() === undefined;
    },
    end: () => source()?.end(),
  };
}

/** Milliseconds between two looks, each of which ends a few. */
const LOOK_EVERY = 20;
/** Milliseconds over which all of them are spread, however many there are; fewer than a thousand are fifty a second. */
const SPREAD = 20_000;
/** Milliseconds that clients have for their side of the last one's end. */
const GRACE = 1_000;

export class LongStreams {
  readonly #clock: Clock;
  readonly #open = new Set<LongStream>();
  /** Of these, those that have been told. */
  readonly #ended = new Set<LongStream>();
  #empty: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Until what it returns is called: the stream is gone. */
  add(stream: LongStream): Cancel {
    this.#open.add(stream);
    return () => {
      this.#open.delete(stream);
      this.#ended.delete(stream);
      if (this.#open.size === 0) this.#empty();
    };
  }

  /** That have not been told to end. */
  get waiting(): number {
    return this.#open.size - this.#ended.size;
  }

  /** Ends all, those included that come meanwhile. Resolves when none is left that has not been ended, after `ms` at the latest. */
  async leave(ms: number): Promise<void> {
    if (this.waiting === 0) return;
    const over = Promise.withResolvers<void>();
    this.#empty = over.resolve;
    const aLook = Math.ceil((this.#open.size * LOOK_EVERY) / SPREAD);
    let last = this.#clock.now();
    const stop = this.#clock.every(LOOK_EVERY, () => {
      this.#endSome(aLook);
      const now = this.#clock.now();
      if (this.waiting > 0) last = now;
      else if (now - last >= GRACE) over.resolve();
    });
    const cancel = this.#clock.after(ms, over.resolve);
    await over.promise;
    stop();
    cancel();
  }

  #endSome(most: number): void {
    let left = most;
    for (const stream of this.#open) {
      if (left === 0) return;
      if (this.#ended.has(stream) || stream.busy) continue;
      this.#ended.add(stream);
      stream.end();
      left--;
    }
  }
}
