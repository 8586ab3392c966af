/** Answers that nobody has come for: they are kept as long as their session (data-path.md 3.3), so a client that leaves them makes no further calls. */
import type { EventStream } from './event-stream.ts';

/** Bytes of one session's. */
const MOST_BYTES = 64 * 1024 * 1024;

export class UnreadAnswers {
  readonly #streams = new Map<EventStream, number>();
  #bytes = 0;

  get size(): number {
    return this.#streams.size;
  }

  /** No further answer is to be waited for. */
  get full(): boolean {
    return this.#bytes >= MOST_BYTES;
  }

  /** Everything of `stream` is there, and its reader is not. */
  add(stream: EventStream): void {
    if (this.#streams.has(stream)) return;
    const bytes = stream.heldBytes;
    if (bytes === 0) return;
    this.#streams.set(stream, bytes);
    this.#bytes += bytes;
  }

  /** It was read, or is forgotten. */
  delete(stream: EventStream): void {
    this.#bytes -= this.#streams.get(stream) ?? 0;
    this.#streams.delete(stream);
  }
}
