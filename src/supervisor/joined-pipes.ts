/** The two pipes of an exec as one byte stream, with the connection to the `join` that holds them open. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Cancel, Clock } from '../clock.ts';

/** Said to `join` when its standard input was silent for too long. */
const IDLE = 'I';
/** Small writes that leave as they come within a millisecond, and what is small. */
const WRITES_AT_ONCE = 2;
const SMALL = 4 * 1024;
/** Bytes under way from which on a writer has to wait. */
const WRITE_MARK = 64 * 1024;

export interface JoinedPipesOptions {
  readonly input: Socket;
  readonly output: Socket;
  /** Its end is the end of the exec, and ours ends the exec. */
  readonly control: Socket;
  /** Milliseconds without a byte of input after which the exec is ended: its gateway sends pings more often. */
  readonly idleMs: number;
  readonly clock: Clock;
}

export class JoinedPipes extends Duplex {
  readonly #input: Socket;
  readonly #output: Socket;
  readonly #control: Socket;
  readonly #idleMs: number;
  readonly #clock: Clock;
  #heard: number;
  #cancelIdle: Cancel = () => {};
  #queued: Buffer[] = [];
  #size = 0;
  #scheduled = false;
  /** Millisecond of the last write, and the small writes in it. */
  #wroteAt = -1;
  #writes = 0;
  #held: (() => void) | undefined;
  #ending: (() => void) | undefined;

  constructor({ input, output, control, idleMs, clock }: JoinedPipesOptions) {
    super({ allowHalfOpen: false, writableHighWaterMark: WRITE_MARK });
    this.#input = input;
    this.#output = output;
    this.#control = control;
    this.#idleMs = idleMs;
    this.#clock = clock;
    this.#heard = clock.now();
    input.pause();
    input.on('data', (chunk) => {
      this.#heard = clock.now();
      if (!this.push(chunk)) input.pause();
    });
    input.once('end', () => this.push(null));
    for (const pipe of [input, output]) pipe.on('error', (error) => this.destroy(error));
    control.once('close', () => this.destroy());
    control.resume();
    // Whoever reads gets it; before anybody does, it must not end the program.
    this.on('error', () => {});
    this.#watch();
  }

  override _read(): void {
    this.#input.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#take([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  /** Whoever reads at the other end sees it once `join` has closed its end of the pipe as well. */
  override _final(done: () => void): void {
    this.#ending = done;
    this.#flush();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#cancelIdle();
    this.#queued = [];
    for (const socket of [this.#input, this.#output, this.#control]) socket.destroy();
    done(error);
  }

  /** One write is taken beyond the mark: HTTP/2 reads nothing while a write of its own is unfinished. */
  #take(chunks: readonly Buffer[], done: () => void): void {
    const full = this.#size + this.#output.writableLength >= WRITE_MARK;
    for (const chunk of chunks) {
      this.#queued.push(chunk);
      this.#size += chunk.length;
    }
    this.#schedule();
    if (full) this.#held = done;
    else done();
  }

  /**
   * Each write becomes a frame that costs the container runtime, the kubelet and the API server as much as hundreds of messages
   * inside it. After some of them the output waits for the next millisecond, and what comes meanwhile leaves together.
   */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const flush = (): void => {
      this.#scheduled = false;
      this.#flush();
    };
    const waits = this.#writes >= WRITES_AT_ONCE && this.#wroteAt === Math.floor(this.#clock.now());
    if (waits) this.#clock.after(1, flush);
    else queueMicrotask(flush);
  }

  #flush(): void {
    if (this.destroyed) return;
    if (this.#queued.length > 0) {
      const bytes = this.#queued.length === 1 ? this.#queued[0] : Buffer.concat(this.#queued, this.#size);
      const size = this.#size;
      this.#queued = [];
      this.#size = 0;
      this.#count(size);
      this.#output.write(bytes as Buffer, () => this.#sent());
    }
    if (this.#ending && !this.#scheduled) {
      const done = this.#ending;
      this.#ending = undefined;
      this.#output.end(() => {
        this.#control.end();
        done();
      });
    }
  }

  #count(size: number): void {
    const now = Math.floor(this.#clock.now());
    if (size >= SMALL) this.#writes = 0;
    else this.#writes = this.#wroteAt === now ? this.#writes + 1 : 1;
    this.#wroteAt = now;
  }

  #sent(): void {
    const held = this.#held;
    if (held === undefined || this.#size + this.#output.writableLength >= WRITE_MARK) return;
    this.#held = undefined;
    held();
  }

  #watch(): void {
    const left = this.#heard + this.#idleMs - this.#clock.now();
    if (left > 0) {
      this.#cancelIdle = this.#clock.after(left, () => this.#watch());
      return;
    }
    this.#control.write(IDLE, () => this.destroy());
  }
}
