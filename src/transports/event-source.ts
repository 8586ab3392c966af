/** A response as a server-sent event stream. */
import type { ServerResponse } from 'node:http';
import type { Cancel, Clock } from '../clock.ts';
import type { Attachment, StreamEvent } from '../sessions/reader.ts';
import { writeFlow } from './flow.ts';

/** Milliseconds between comments on a silent stream, so that proxies and clients keep it open. */
export const KEEP_ALIVE = 15_000;
const COMMENT = ': keep-alive\n\n';
const END = Buffer.from('\n\n');

const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  Connection: 'keep-alive',
  // Some reverse proxies buffer a response until it ends unless they are told not to.
  'X-Accel-Buffering': 'no',
};

export class EventSource {
  readonly #response: ServerResponse;
  readonly #stopTimer: Cancel;
  #closed = false;

  /** Sends the head at once. */
  constructor(response: ServerResponse, clock: Clock, headers: Readonly<Record<string, string>> = {}) {
    this.#response = response;
    response.writeHead(200, { ...HEADERS, ...headers });
    response.flushHeaders();
    this.#stopTimer = clock.every(KEEP_ALIVE, () => {
      // A comment behind a full buffer would only add to it.
      if (!this.#closed && !response.writableNeedDrain) response.write(COMMENT);
    });
    response.once('close', () => this.#stop());
  }

  /** An event without data that only tells the client where it stands. */
  prime(stream: number, seq: number): void {
    this.#response.write(`id: ${stream}.${seq}\ndata: \n\n`);
  }

  /** A named event with text of our own. */
  say(event: string, data: string): void {
    this.#response.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** A message as an event, with its id when the stream can be resumed. */
  send(event: StreamEvent, stream: number | undefined, attachment: Attachment | undefined): void {
    const id = stream === undefined ? '' : `id: ${stream}.${event.seq}\n`;
    const parts = [Buffer.from(`event: message\n${id}data: `, 'latin1'), ...event.parts, END];
    writeFlow(this.#response, parts, { attachment, bytes: event.bytes, seq: event.seq });
  }

  end(): void {
    this.#stop();
    this.#response.end();
  }

  /** For a client that does not read: what is buffered for it goes with the connection. */
  destroy(): void {
    this.#stop();
    this.#response.destroy();
  }

  #stop(): void {
    this.#closed = true;
    this.#stopTimer();
  }
}
