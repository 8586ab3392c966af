/** Streams of JSON lines (`application/x-ndjson`). */
import { systemClock } from '../clock.ts';

/** Milliseconds between blank lines, by which a reader that has gone is noticed. */
const HEARTBEAT = 15_000;

/** Lines that wait for a slow reader; further ones are dropped. */
const MAX_WAITING = 1_000;

export interface LineFeed {
  /** Sends one value as one line. */
  send(value: unknown): void;
  /** Ends the stream. */
  end(): void;
}

/**
 * Answers with what `open` feeds until it ends, the reader leaves or the signal aborts; then calls the function that
 * `open` gave back, once.
 */
export function ndjsonResponse(open: (feed: LineFeed) => () => void, signal?: AbortSignal): Response {
  let close: () => void = () => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let closed = false;
        const write = (text: string) => {
          if (!closed && (controller.desiredSize ?? 0) > 0) controller.enqueue(Buffer.from(text));
        };
        const beat = systemClock.every(HEARTBEAT, () => write('\n'));
        let leave: () => void = () => undefined;
        close = () => {
          if (closed) return;
          closed = true;
          beat();
          signal?.removeEventListener('abort', end);
          leave();
        };
        const end = () => {
          if (closed) return;
          close();
          controller.close();
        };
        leave = open({ send: (value) => write(`${JSON.stringify(value)}\n`), end });
        if (closed) leave();
        if (signal?.aborted) end();
        else signal?.addEventListener('abort', end, { once: true });
      },
      cancel() {
        close();
      },
    },
    { highWaterMark: MAX_WAITING },
  );
  return new Response(body, {
    headers: {
      'Content-Type': 'application/x-ndjson',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    },
  });
}
