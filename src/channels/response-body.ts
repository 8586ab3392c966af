/** The body of a server's response, as JSON or as server-sent events, message by message. */
import type { IncomingMessage } from 'node:http';
import { LineSplitter } from '../jsonrpc/framing.ts';
import { eachMessage } from './answer-batch.ts';
import type { ChannelHandler } from './channel.ts';
import { EventReader } from './event-reader.ts';

export interface BodyReceiver extends Pick<ChannelHandler, 'oversized'> {
  /** The text of one message, or of what stands in the place of one. The buffer is the receiver's to keep. */
  message(bytes: Buffer): void;
  /** An event that is no message; only of event streams. */
  event?(type: string, data: Buffer): void;
}

export type BodyKind = 'json' | 'events' | 'other';

/** Bytes of a body that is only shown to people. */
const TEXT_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const END = Buffer.from('\n');

/** What a response carries, by its content type. */
export function bodyKind(response: IncomingMessage): BodyKind {
  const [type = ''] = (response.headers['content-type'] ?? '').split(';');
  switch (type.trim().toLowerCase()) {
    case 'application/json':
      return 'json';
    case 'text/event-stream':
      return 'events';
    default:
      return 'other';
  }
}

export class ResponseBody {
  /** How the body ended: with its last byte, or with its connection. Never rejects. */
  readonly ended: Promise<'whole' | 'cut'>;
  readonly #response: IncomingMessage;
  readonly #receiver: BodyReceiver;
  readonly #events: EventReader | undefined;
  readonly #json: LineSplitter;

  /** Reads at once. `response` is JSON or events. */
  constructor(response: IncomingMessage, maxBytes: number, receiver: BodyReceiver) {
    this.#response = response;
    this.#receiver = receiver;
    const oversized = receiver.oversized.bind(receiver);
    this.#json = new LineSplitter(maxBytes, { line: (bytes) => this.#message(bytes), oversized });
    if (bodyKind(response) === 'events')
      this.#events = new EventReader(maxBytes, {
        event: (data, type) => (type === 'message' ? this.#message(data) : receiver.event?.(type, data)),
        oversized,
      });
    response.on('data', (chunk: Buffer) => this.#take(chunk));
    this.ended = this.#end();
  }

  get isEvents(): boolean {
    return this.#events !== undefined;
  }

  get lastEventId(): string | undefined {
    return this.#events?.lastEventId;
  }

  get retryMs(): number | undefined {
    return this.#events?.retryMs;
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#events) return this.#events.push(chunk);
    // A pretty-printed body is one message; line breaks stand between its tokens.
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, at))
      chunk[at] = CARRIAGE_RETURN;
    this.#json.push(chunk);
  }

  #end(): Promise<'whole' | 'cut'> {
    return new Promise((resolve) => {
      this.#response.once('end', () => {
        if (!this.#events) this.#json.push(END);
        resolve('whole');
      });
      this.#response.once('close', () => resolve('cut'));
      // What went wrong with the connection matters less than that the body is not whole.
      this.#response.on('error', () => resolve('cut'));
    });
  }

  #message(bytes: Buffer): void {
    eachMessage(bytes, (one) => this.#receiver.message(one));
  }
}

/** The beginning of a body of whatever kind; what is left of it is thrown away with its connection. */
export async function readText(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size >= TEXT_BYTES) break;
    }
  } catch {
    // What came before the cut is better than nothing.
  }
  return Buffer.concat(chunks).subarray(0, TEXT_BYTES);
}
