/** What waits in those of a session's streams that nobody reads: bounded over all of them together (data-path.md 3.3). */
import type { EventKind, StreamEvent } from './reader.ts';

/** Answers are bounded by the session, which takes no further calls beyond them. */
type BoundedKind = Exclude<EventKind, 'answer'>;

/**
 * Kept of one session. No server has as many requests open; one that takes them back to ask anew must find a bound, too.
 */
const KEPT = {
  notification: { events: 256, bytes: 1024 * 1024 },
  request: { events: 2_048, bytes: 34 * 1024 * 1024 },
} as const;

/** A stream that holds unread events. */
export interface UnreadStream {
  /** Takes one out that has no place any more. */
  drop(event: StreamEvent): void;
}

interface Held {
  readonly stream: UnreadStream;
  readonly event: StreamEvent;
}

/** One kind's, in the order in which they came to be unread. */
class Queue {
  readonly #most: (typeof KEPT)[BoundedKind];
  #held: Held[] = [];
  #bytes = 0;

  constructor(most: (typeof KEPT)[BoundedKind]) {
    this.#most = most;
  }

  add(held: Held): void {
    this.#held.push(held);
    this.#bytes += held.event.bytes;
    while (this.#held.length > this.#most.events || this.#bytes > this.#most.bytes) {
      const { stream, event } = this.#held.shift() as Held;
      this.#bytes -= event.bytes;
      stream.drop(event);
    }
  }

  remove(stream: UnreadStream): void {
    this.#held = this.#held.filter((held) => held.stream !== stream);
    this.#bytes = this.#held.reduce((sum, { event }) => sum + event.bytes, 0);
  }
}

export class UnreadEvents {
  // An idle session has none, and there are many of those.
  #queues: Readonly<Record<BoundedKind, Queue>> | undefined;

  /** Holds an event of a stream without a reader; what is beyond the bounds is dropped, the oldest first. */
  add(stream: UnreadStream, event: StreamEvent): void {
    if (event.kind === 'answer') return;
    this.#queues ??= { notification: new Queue(KEPT.notification), request: new Queue(KEPT.request) };
    this.#queues[event.kind].add({ stream, event });
  }

  /** Somebody reads the stream, or it is gone. */
  remove(stream: UnreadStream): void {
    this.#queues?.notification.remove(stream);
    this.#queues?.request.remove(stream);
  }
}
