/** One HTTP/2 stream of a link as a stream of records. */
import type { Http2Stream } from 'node:http2';
import { byteLength } from '../jsonrpc/edit.ts';
import { type LinkRecord, RecordSplitter } from './record.ts';

/** What is written in one turn is copied together up to this size; above, its buffers pass as they are. */
const COPY_BELOW = 64 * 1024;

export interface RecordHandler {
  record(record: LinkRecord): void;
  /** Called once: nothing comes or goes any more. */
  closed(): void;
}

export class RecordStream {
  readonly #stream: Http2Stream;
  readonly #handler: RecordHandler;
  #queued: Buffer[] = [];
  #scheduled = false;
  /** What leaves at the latest by then, on the clock of `performance.now`. */
  #late: { readonly timer: NodeJS.Timeout; readonly by: number } | undefined;
  #closed = false;

  constructor(stream: Http2Stream, handler: RecordHandler) {
    this.#stream = stream;
    this.#handler = handler;
    const splitter = new RecordSplitter((record) => {
      if (!this.#closed) handler.record(record);
    });
    stream.on('data', (chunk: Buffer) => {
      try {
        splitter.push(chunk);
      } catch {
        // A peer that breaks the protocol cannot be understood any further.
        stream.session?.destroy();
      }
    });
    stream.once('end', () => this.end());
    stream.on('error', () => {});
    stream.once('close', () => this.#close());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Queues a record; everything of one turn of the event loop leaves together. */
  send(parts: readonly Buffer[]): void {
    if (this.#closed) return;
    this.#queued.push(...parts);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  /** Queues a record that nobody waits for: it leaves with the next one, or by itself after so many milliseconds. */
  sendLater(parts: readonly Buffer[], within: number): void {
    if (this.#closed) return;
    this.#queued.push(...parts);
    if (this.#scheduled) return;
    const by = performance.now() + within;
    if (this.#late !== undefined && this.#late.by <= by) return;
    clearTimeout(this.#late?.timer);
    this.#late = { timer: setTimeout(this.#flush, within), by };
  }

  /** Sends what is queued and ends this side. Idempotent. */
  end(): void {
    this.#flush();
    if (this.#stream.writable) this.#stream.end();
  }

  /** Stops at once; what is still on its way is not looked at. Idempotent. */
  cut(): void {
    this.#close();
    this.#stream.destroy();
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    clearTimeout(this.#late?.timer);
    this.#late = undefined;
    const queued = this.#queued;
    if (queued.length === 0) return;
    this.#queued = [];
    if (!this.#stream.writable) return;
    const size = byteLength(queued);
    if (queued.length === 1 || size > COPY_BELOW) this.#writeAll(queued);
    else this.#stream.write(Buffer.concat(queued, size));
  };

  #writeAll(queued: readonly Buffer[]): void {
    this.#stream.cork();
    for (const part of queued) this.#stream.write(part);
    this.#stream.uncork();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queued = [];
    this.#handler.closed();
  }
}
