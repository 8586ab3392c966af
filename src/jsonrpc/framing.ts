/** Newline framing on bytes: chunks are kept as they came and joined once per line, never once per chunk. */

import { ChunkList } from './chunk-list.ts';
import { SLOT } from './member-names.ts';
import { NO_LIMITS } from './scan-limits.ts';
import { Scanner } from './scanner.ts';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface LineReceiver {
  /** One complete line without its line break; may be empty. The buffer is the receiver's to keep. */
  line(bytes: Buffer): void;
  /**
   * A line passed the limit and was thrown away. `id`: raw text (latin1 of its bytes) of its top-level id, if the scan found one.
   * `asks`: it has a method, so that the id is the sender's own and no answer's.
   */
  oversized(id: string | undefined, bytes: number, asks: boolean): void;
}

/** Splits a byte stream into lines of at most `maxBytes`. */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #receiver: LineReceiver;
  readonly #parts = new ChunkList();
  #size = 0;
  #discard: Scanner | undefined;

  constructor(maxBytes: number, receiver: LineReceiver) {
    this.#maxBytes = maxBytes;
    this.#receiver = receiver;
  }

  /** False when none of the chunk was of use: it lies wholly inside a line that is thrown away, and its memory is free again. */
  push(chunk: Buffer): boolean {
    const discarding = this.#discard !== undefined;
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#take(chunk, from, at);
      this.#finish();
      from = at + 1;
    }
    if (from < chunk.length) this.#take(chunk, from, chunk.length);
    return !discarding || from > 0;
  }

  /** Ends the stream: what is left without a line break counts as a line. */
  end(): void {
    if (this.#size > 0) this.#finish();
  }

  #take(chunk: Buffer, from: number, to: number): void {
    this.#size += to - from;
    if (this.#discard) {
      this.#scanOn(this.#discard, chunk, from, to);
    } else if (this.#size > this.#maxBytes) {
      this.#startDiscard(chunk, from, to);
    } else if (to > from) {
      this.#parts.add(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
    }
  }

  /** The line is too long: from here it is only scanned for the id that tells whose answer it was. */
  #startDiscard(chunk: Buffer, from: number, to: number): void {
    const scanner = new Scanner();
    scanner.reset(NO_LIMITS, true);
    this.#discard = scanner;
    for (const part of this.#parts.takeParts()) this.#scanOn(scanner, part, 0, part.length);
    this.#scanOn(scanner, chunk, from, to);
  }

  #scanOn(scanner: Scanner, chunk: Buffer, from: number, to: number): void {
    if (scanner.fault === undefined && to > from) scanner.feed(chunk, from, to);
  }

  #finish(): void {
    const size = this.#size;
    this.#size = 0;
    if (this.#discard) {
      const { idText, starts } = this.#discard;
      this.#discard = undefined;
      const asks = (starts[SLOT.method] as number) >= 0;
      this.#receiver.oversized(idText === '' ? undefined : idText, size, asks);
      return;
    }
    const line = this.#parts.take();
    this.#receiver.line(line[line.length - 1] === CARRIAGE_RETURN ? line.subarray(0, -1) : line);
  }
}
