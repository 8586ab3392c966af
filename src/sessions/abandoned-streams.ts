/** Streams that cannot be resumed and whose reader's link broke: their calls are given up unless the reader comes back. */
import { BerthError } from '../errors.ts';
import type { EventStream } from './event-stream.ts';

/** Milliseconds that a call outlives the link to its reader (data-path.md 8). */
export const LOST_GRACE = 10_000;

export class AbandonedStreams {
  /** With the clock reading since which nobody reads. */
  readonly #streams = new Map<EventStream, number>();

  add(stream: EventStream, now: number): void {
    this.#streams.set(stream, now);
  }

  /** Streams whose time is up. */
  takeLate(now: number): EventStream[] {
    const late: EventStream[] = [];
    for (const [stream, since] of this.#streams) {
      const isBack = stream.reader !== undefined || stream.complete;
      if (!isBack && now - since < LOST_GRACE) continue;
      this.#streams.delete(stream);
      if (!isBack) late.push(stream);
    }
    return late;
  }
}

/** What is told of a call that was given up because nobody could be reached who wanted its answer. */
export function givenUp(): BerthError {
  const seconds = LOST_GRACE / 1_000;
  return new BerthError(
    'request-timeout',
    `the gateway lost the server for more than ${seconds} s, so the call was cancelled; it is not known whether it was carried out`,
    { hint: 'Find out whether it was before you make the call again.' },
  );
}
