/** Standard error of a command: passed on within bounds, its last bytes kept for whoever has to explain the end. */
import type { Clock } from '../clock.ts';

/** Bytes that are passed on in one period; what a command says beyond them is dropped. */
const PER_PERIOD = 64 * 1024;
const PERIOD = 60_000;
/** Bytes of the end that are kept. */
const TAIL = 2 * 1024;
const MOST_LINES = 20;

export class ExecStderr {
  readonly #clock: Clock;
  readonly #take: (bytes: Buffer) => void;
  #tail: Buffer = Buffer.alloc(0);
  #periodEnds = 0;
  #left = PER_PERIOD;

  constructor(clock: Clock, take: (bytes: Buffer) => void = () => {}) {
    this.#clock = clock;
    this.#take = take;
  }

  push(bytes: Buffer): void {
    const joined = Buffer.concat([this.#tail, bytes.subarray(-TAIL)]);
    this.#tail = Buffer.from(joined.subarray(-TAIL));
    const passed = bytes.subarray(0, this.#allowance());
    this.#left -= passed.length;
    if (passed.length > 0) this.#take(passed);
  }

  /** The last lines, oldest first. */
  get lines(): readonly string[] {
    const lines = this.#tail.toString('utf8').split('\n');
    return lines.filter((line) => line.trim() !== '').slice(-MOST_LINES);
  }

  #allowance(): number {
    const now = this.#clock.now();
    if (now >= this.#periodEnds) {
      this.#periodEnds = now + PERIOD;
      this.#left = PER_PERIOD;
    }
    return this.#left;
  }
}
