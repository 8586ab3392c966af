/** Streams that are made as fast as they are read, as server-sent events or as JSON lines. */
import { systemClock } from '../clock.ts';
import { toBerthError } from '../errors.ts';
import { toProblem } from './problem.ts';

/** Milliseconds between signs of life, by which a reader that has gone is noticed. */
const HEARTBEAT = 15_000;

/** One thing of a stream: JSON text, and for server-sent events its name and its id. */
export interface Item {
  readonly id: string;
  readonly type: string;
  readonly text: string;
}

/** How a stream is written. */
interface Form {
  readonly contentType: string;
  readonly begin: string;
  readonly heartbeat: string;
  item(item: Item): string;
}

const EVENTS: Form = {
  contentType: 'text/event-stream',
  // Milliseconds after which a browser comes back.
  begin: 'retry: 2000\n\n',
  heartbeat: ':\n\n',
  item: ({ id, type, text }) => `${id === '' ? '' : `id: ${id}\n`}event: ${type}\ndata: ${text}\n\n`,
};
const LINES: Form = {
  contentType: 'application/x-ndjson',
  begin: '\n',
  heartbeat: '\n',
  item: ({ text }) => `${text}\n`,
};

export interface PulledStreamOptions {
  /** Server-sent events, or JSON lines. */
  readonly events: boolean;
  readonly requestId: string;
  /** Ends what {@link open} has begun. */
  readonly leaving: AbortController;
  /** Ends the stream when the gateway stops. */
  readonly signal?: AbortSignal | undefined;
}

/** An item is taken from `source` only when the reader has room for it; a failure is the last event, `failed`. */
export function pulledResponse(
  source: AsyncGenerator<Item, void>,
  { events, requestId, leaving, signal }: PulledStreamOptions,
): Response {
  const form = events ? EVENTS : LINES;
  const end = (): void => leaving.abort();
  signal?.addEventListener('abort', end, { once: true });
  let stopHeartbeat = (): void => {};
  let over = false;
  const close = (): void => {
    over = true;
    stopHeartbeat();
    signal?.removeEventListener('abort', end);
    leaving.abort();
  };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(Buffer.from(form.begin));
      stopHeartbeat = systemClock.every(HEARTBEAT, () => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(Buffer.from(form.heartbeat));
      });
      if (signal?.aborted) end();
    },
    pull: async (controller) => {
      try {
        const { value, done } = await source.next();
        if (over) return;
        if (value) controller.enqueue(Buffer.from(form.item(value)));
        if (!done) return;
      } catch (thrown) {
        const problem = toProblem(toBerthError(thrown), requestId);
        const text = JSON.stringify({ type: 'failed', problem });
        controller.enqueue(Buffer.from(form.item({ id: '', type: 'failed', text })));
      }
      close();
      controller.close();
    },
    cancel: close,
  });
  return new Response(body, {
    headers: {
      'Content-Type': form.contentType,
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    },
  });
}
