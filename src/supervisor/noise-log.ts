/** Lines on a server's standard output that are no messages, put into its log: as many as help, not as many as come. */
import type { Clock } from '../clock.ts';

const WINDOW = 60_000;
const LINES_PER_WINDOW = 20;
/** Bytes of one line that are shown. */
const LINE_BYTES = 500;

export class NoiseLog {
  readonly #clock: Clock;
  readonly #write: (text: string, cut: boolean) => void;
  #windowEnd = 0;
  #lines = 0;
  #left = 0;

  /** `write` gets the text of one line; `cut` when more of it followed. */
  constructor(clock: Clock, write: (text: string, cut: boolean) => void) {
    this.#clock = clock;
    this.#write = write;
  }

  line(bytes: Buffer): void {
    const now = this.#clock.now();
    if (now >= this.#windowEnd) this.#newWindow(now);
    if (++this.#lines > LINES_PER_WINDOW) {
      this.#left++;
      return;
    }
    const cut = bytes.length > LINE_BYTES;
    this.#write(`[stdout, no message] ${bytes.toString('utf8', 0, LINE_BYTES)}`, cut);
  }

  #newWindow(now: number): void {
    if (this.#left > 0) this.#write(`[berth: ${this.#left} further lines of stdout were no messages]`, false);
    this.#windowEnd = now + WINDOW;
    this.#lines = 0;
    this.#left = 0;
  }
}
