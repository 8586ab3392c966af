/** Starting a process again for those who still listen to it (data-path.md section 8). */
import type { Cancel, Clock } from '../../../clock.ts';

const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;
const MOST_TRIES = 6;
/** Milliseconds after which a process counts as one that runs. */
const SETTLED = 60_000;

export class Restarts {
  readonly #clock: Clock;
  readonly #start: () => void;
  readonly #exhausted: () => void;
  #tries = 0;
  #waiting: Cancel | undefined;
  #settling: Cancel | undefined;

  /** `start` is called after each delay; `exhausted` once, instead of a further try. */
  constructor(clock: Clock, start: () => void, exhausted: () => void) {
    this.#clock = clock;
    this.#start = start;
    this.#exhausted = exhausted;
  }

  /** The process is gone. */
  died(): void {
    this.#settling?.();
    if (this.#waiting) return;
    if (this.#tries >= MOST_TRIES) {
      this.#tries = 0;
      this.#exhausted();
      return;
    }
    const delay = Math.min(FIRST_DELAY * 2 ** this.#tries++, LONGEST_DELAY);
    this.#waiting = this.#clock.after(delay, () => {
      this.#waiting = undefined;
      this.#start();
    });
  }

  /** The process runs. */
  started(): void {
    this.#settling?.();
    this.#settling = this.#clock.after(SETTLED, () => {
      this.#tries = 0;
    });
  }

  stop(): void {
    this.#waiting?.();
    this.#settling?.();
    this.#waiting = undefined;
  }
}
