/** The reader behind a GET: the standalone stream of a session, or a stream that a client comes back to. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import type { BerthError } from '../errors.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { EventSource } from './event-source.ts';
import { type LongStream, longStream } from './long-streams.ts';
import { sendRpcError } from './rpc-error.ts';

export interface GetReaderOptions {
  readonly response: ServerResponse;
  readonly clock: Clock;
  /** Position that the client has already. */
  readonly after: number;
  readonly primed: boolean;
}

export class GetReader implements StreamReader {
  readonly #options: GetReaderOptions;
  #source: EventSource | undefined;
  #gone = false;
  attachment: Attachment | undefined;

  constructor(options: GetReaderOptions) {
    this.#options = options;
    options.response.on('close', () => {
      this.#gone = true;
      this.attachment?.detach();
    });
  }

  accepted(stream: number): void {
    if (this.#gone) return;
    const { response, clock, after, primed } = this.#options;
    this.#source = new EventSource(response, clock);
    if (primed) this.#source.prime(stream, after);
  }

  refused(error: BerthError): void {
    sendRpcError(this.#options.response, error);
  }

  event(event: StreamEvent, stream: number): void {
    this.#source?.send(event, stream, this.#credit);
  }

  end(reason: ReaderEnd): void {
    if (reason === 'slow') this.#source?.destroy();
    else this.#source?.end();
  }

  /** A gateway that goes away ends it: the client comes back to another one, with the id of the last event. */
  get long(): LongStream {
    return longStream(() => this.#source);
  }

  readonly #credit: Attachment = {
    credit: (bytes, seq) => this.attachment?.credit(bytes, seq),
    detach: () => this.attachment?.detach(),
  };
}
