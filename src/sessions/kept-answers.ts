/** Answers that a client has got, kept a while for the client that lost them on the way (data-path.md 3.3). */
import type { Clock } from '../clock.ts';
import type { EventStream } from './event-stream.ts';

/** Milliseconds that an acknowledged answer is kept. */
export const ANSWER_KEPT = 60_000;
/**
 * Acknowledged answers of one session that are kept at most, if no more calls were in flight at one time; beyond, the oldest go
 * before their time.
 */
const MOST_KEPT = 64;
const MOST_KEPT_BYTES = 1024 * 1024;
/** What a connection can lose when it breaks is what was in flight on it: as many answers stay, up to this many bytes. */
const MOST_IN_FLIGHT_BYTES = 16 * 1024 * 1024;

interface Kept {
  readonly stream: EventStream;
  readonly until: number;
  readonly bytes: number;
}

export class KeptAnswers {
  readonly #clock: Clock;
  readonly #forget: (stream: EventStream) => void;
  readonly #kept = new Map<EventStream, Kept>();
  #bytes = 0;
  /** Calls that were in flight at one time since nothing was kept. */
  #mostInFlight = 0;

  constructor(clock: Clock, forget: (stream: EventStream) => void) {
    this.#clock = clock;
    this.#forget = forget;
  }

  get size(): number {
    return this.#kept.size;
  }

  has(stream: EventStream): boolean {
    return this.#kept.has(stream);
  }

  /** So many calls are in flight. */
  inFlight(calls: number): void {
    if (calls > this.#mostInFlight) this.#mostInFlight = calls;
  }

  /** The time of `stream` runs from now: all of it was acknowledged, or only a gateway can come back for it. */
  add(stream: EventStream): void {
    if (this.#kept.has(stream)) return;
    const bytes = stream.heldBytes;
    this.#kept.set(stream, { stream, until: this.#clock.now() + ANSWER_KEPT, bytes });
    this.#bytes += bytes;
    // The newest stays whatever its size: somebody may just be coming back for it.
    while (this.#kept.size > 1 && this.#isFull) this.#dropFirst();
  }

  /** `inFlight`: calls that are in flight now. */
  sweep(now: number, inFlight: number): void {
    for (const { until } of this.#kept.values()) {
      if (until > now) return;
      this.#dropFirst();
    }
    this.#mostInFlight = inFlight;
  }

  get #isFull(): boolean {
    const { size } = this.#kept;
    const isBeyond = size > this.#mostInFlight;
    return (
      (isBeyond && size > MOST_KEPT) || this.#bytes > (isBeyond ? MOST_KEPT_BYTES : MOST_IN_FLIGHT_BYTES)
    );
  }

  #dropFirst(): void {
    const first = this.#kept.values().next().value as Kept;
    this.#kept.delete(first.stream);
    this.#bytes -= first.bytes;
    // A client is just reading it again: its acknowledgement brings it back here.
    if (first.stream.reader === undefined) this.#forget(first.stream);
  }
}
