/** Streams of JSON lines (`application/x-ndjson`). */
import { systemClock } from '../clock.ts';

/** Milliseconds between blank lines, by which a reader that has gone is noticed. */
const HEARTBEAT = 15_000;

/** Lines that wait for a slow reader; further ones are dropped. */
const MAX_WAITING = 1_000;

const HEADERS = {
  'Content-Type': 'application/x-ndjson',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
};

export interface LineFeed {
  /** Sends one value as one line. */
  send(value: unknown): void;
  /** Ends the stream, with a last value that a slow reader gets as well. */
  end(last?: unknown): void;
}

/**
 * Answers with what `open` feeds until it ends, the reader leaves or the signal aborts; then calls the function that
 * `open` gave back, once.
 */
export function ndjsonResponse(open: (feed: LineFeed) => () => void, signal?: AbortSignal): Response {
  const lines = new Lines(open, signal);
  const body = new ReadableStream<Uint8Array>(
    { start: (controller) => lines.start(controller), cancel: () => lines.close() },
    { highWaterMark: MAX_WAITING },
  );
  return new Response(body, { headers: HEADERS });
}

class Lines {
  readonly #open: (feed: LineFeed) => () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #undo: (() => void)[] = [];
  #closed = false;

  constructor(open: (feed: LineFeed) => () => void, signal: AbortSignal | undefined) {
    this.#open = open;
    this.#signal = signal;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const write = (text: string) => {
      if (!this.#closed && (controller.desiredSize ?? 0) > 0) controller.enqueue(Buffer.from(text));
    };
    const end = (last?: unknown) => {
      if (this.#closed) return;
      this.close();
      if (last !== undefined) controller.enqueue(Buffer.from(`${JSON.stringify(last)}\n`));
      controller.close();
    };
    const stop = () => end();
    this.#signal?.addEventListener('abort', stop, { once: true });
    this.#undo.push(
      () => this.#signal?.removeEventListener('abort', stop),
      systemClock.every(HEARTBEAT, () => write('\n')),
    );
    const leave = this.#open({ send: (value) => write(`${JSON.stringify(value)}\n`), end });
    if (this.#closed) leave();
    else this.#undo.push(leave);
    if (this.#signal?.aborted) end();
  }

  close(): void {
    this.#closed = true;
    for (const undo of this.#undo.splice(0)) undo();
  }
}
