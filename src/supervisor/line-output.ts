/**
 * Lines on standard output that nobody may be reading: while the runtime of a node is away, the pipe of a container's log fills up, and
 * a plain write would stop the program that holds all sessions.
 */
import { write } from 'node:fs';
import { type Clock, systemClock } from '../clock.ts';

export interface LineOutputOptions {
  /** A descriptor. */
  readonly fd: number;
  /** Bytes that wait to be written; what does not find room is counted and left out. */
  readonly most?: number;
  readonly clock?: Clock;
  /** The line that says how many were left out. */
  readonly leftOut: (lines: number) => string;
}

const MOST = 1024 * 1024;
/** Milliseconds until a full pipe is tried again. */
const AGAIN_AFTER = 100;

export class LineOutput {
  readonly #options: LineOutputOptions;
  readonly #most: number;
  readonly #clock: Clock;
  #waiting: Buffer[] = [];
  #size = 0;
  #lost = 0;
  #busy = false;

  constructor(options: LineOutputOptions) {
    this.#options = options;
    this.#most = options.most ?? MOST;
    this.#clock = options.clock ?? systemClock;
  }

  /** Without its newline. */
  add(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#size + bytes.length > this.#most) {
      this.#lost++;
      return;
    }
    if (this.#lost > 0) {
      const told = Buffer.from(`${this.#options.leftOut(this.#lost)}\n`);
      this.#lost = 0;
      this.#take(told);
    }
    this.#take(bytes);
    if (!this.#busy) this.#next();
  }

  #take(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#size += bytes.length;
  }

  /** All that waits in one write, which a thread of the pool makes: only that one stands still while nobody reads. */
  #next(): void {
    if (this.#waiting.length === 0) return;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#busy = true;
    this.#write(bytes);
  }

  #write(bytes: Buffer): void {
    write(this.#options.fd, bytes, (error, written) => {
      if (error && error.code !== 'EAGAIN') {
        // Nobody will ever read it.
        this.#size -= bytes.length;
        return this.#done();
      }
      this.#size -= written ?? 0;
      const rest = error ? bytes : bytes.subarray(written);
      if (rest.length === 0) return this.#done();
      this.#clock.after(error ? AGAIN_AFTER : 0, () => this.#write(rest));
    });
  }

  #done(): void {
    this.#busy = false;
    this.#next();
  }
}
