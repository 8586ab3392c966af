/** When a server whose processes keep failing is started again, and when no longer. */
import type { Clock } from '../clock.ts';
import type { BerthError } from '../errors.ts';

const FIRST_BACKOFF = 1_000;
const LONGEST_BACKOFF = 60_000;
const WINDOW = 10 * 60_000;
const MOST = 5;

/** The failures of one server: backoff from 1 s to 60 s, and after five within ten minutes no start until the window has passed. */
export class ProcessFailures {
  readonly #clock: Clock;
  #times: number[] = [];
  #inRow = 0;
  #last: BerthError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(reason: BerthError): void {
    this.#times.push(this.#clock.now());
    this.#times = this.#times.slice(-MOST);
    this.#inRow++;
    this.#last = reason;
  }

  /** A process has shown that the server runs. */
  clear(): void {
    this.#times = [];
    this.#inRow = 0;
    this.#last = undefined;
  }

  /** The newest failure since the last success. */
  get last(): BerthError | undefined {
    return this.#last;
  }

  /** Milliseconds until the server may be tried again; 0 unless it counts as failed. */
  get failedFor(): number {
    const oldest = this.#times[0];
    if (oldest === undefined || this.#times.length < MOST) return 0;
    return Math.max(0, oldest + WINDOW - this.#clock.now());
  }

  /** Milliseconds to wait before the next spare is started. */
  get backoff(): number {
    const wait = this.#inRow === 0 ? 0 : Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (this.#inRow - 1));
    return Math.max(wait, this.failedFor);
  }
}
