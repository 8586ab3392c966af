/** The channel over a process's standard input and output: one JSON text a line. */
import type { Readable, Writable } from 'node:stream';
import { byteLength } from '../jsonrpc/edit.ts';
import { LineSplitter } from '../jsonrpc/framing.ts';
import type { Channel, ChannelEnd, ChannelHandler, ChannelStats } from './channel.ts';
import { Inbound } from './inbound.ts';

/** Bytes queued towards the server from which `send` returns false. */
const QUEUE_MARK = 1024 * 1024;
/** Up to this size, what one turn wrote is copied into one buffer; above, the parts are handed over as they are. */
const JOIN_BELOW = 64 * 1024;
const NEWLINE = Buffer.from('\n');

export interface StdioOptions {
  readonly maxLineBytes: number;
  /** Gets every line that is no message, for the server's log. */
  readonly onNoise?: (line: Buffer) => void;
}

class StdioChannel implements Channel {
  readonly #input: Writable;
  readonly #output: Readable;
  readonly #inbound: Inbound;
  readonly #splitter: LineSplitter;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #scheduled = false;
  #full = false;
  #ended = false;
  #closed = false;

  constructor(input: Writable, output: Readable, options: StdioOptions) {
    this.#input = input;
    this.#output = output;
    this.#inbound = new Inbound(options.onNoise);
    this.#splitter = new LineSplitter(options.maxLineBytes, this.#inbound);
  }

  get stats(): ChannelStats {
    return this.#inbound.stats;
  }

  get queued(): number {
    return this.#pendingBytes + this.#input.writableLength;
  }

  start(handler: ChannelHandler): void {
    this.#inbound.handler = handler;
    this.#output.on('data', (chunk: Buffer) => {
      if (!this.#closed && !this.#splitter.push(chunk)) free(chunk);
    });
    this.#output.on('end', () => this.#end({ reason: 'peer-closed' }));
    this.#output.on('close', () => this.#end({ reason: 'peer-closed' }));
    this.#output.on('error', (cause) => this.#end({ reason: 'failed', cause }));
    this.#input.on('drain', () => this.#drained());
    // A write to a server that has gone fails here; its end is reported by its output.
    this.#input.on('error', () => {});
  }

  send(parts: readonly Uint8Array[], alone = false): boolean {
    if (this.#ended || this.#closed || !this.#input.writable) return true;
    this.#inbound.messagesOut++;
    for (const part of parts) this.#pending.push(part);
    this.#pending.push(NEWLINE);
    const bytes = byteLength(parts);
    this.#inbound.bytesOut += bytes;
    this.#pendingBytes += bytes + 1;
    if (alone && !this.#scheduled) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flush);
    }
    if (this.queued < QUEUE_MARK) return true;
    this.#full = true;
    return false;
  }

  pause(): void {
    this.#output.pause();
  }

  resume(): void {
    this.#output.resume();
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#flush();
      this.#closed = true;
      this.#input.end();
      // What the server still says is read and dropped, so that it can end.
      this.#output.resume();
    }
    return Promise.resolve();
  }

  /** Everything that one turn of the event loop queued leaves in one write. */
  readonly #flush = (): void => {
    this.#scheduled = false;
    const parts = this.#pending;
    const bytes = this.#pendingBytes;
    if (bytes === 0) return;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (bytes <= JOIN_BELOW) this.#input.write(Buffer.concat(parts, bytes));
    else {
      this.#input.cork();
      for (const part of parts) this.#input.write(part);
      this.#input.uncork();
    }
    if (this.#full && !this.#input.writableNeedDrain) this.#drained();
  };

  #drained(): void {
    if (!this.#full || this.queued >= QUEUE_MARK) return;
    this.#full = false;
    this.#inbound.handler?.drain();
  }

  #end(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#closed) this.#splitter.end();
    this.#inbound.handler?.end(this.#closed ? { reason: 'closed' } : end);
  }
}

/**
 * Gives the memory of a chunk back at once. A server that writes a line without end fills a gigabyte a second, and the collector
 * first looks at buffers when tens of megabytes of them are garbage. Only for a chunk that has its memory to itself.
 */
function free({ buffer, byteLength: length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && length === buffer.byteLength) buffer.transfer(0);
}

/** Joins the two pipes of a process into a {@link Channel}. */
export function createStdioChannel(input: Writable, output: Readable, options: StdioOptions): Channel {
  return new StdioChannel(input, output, options);
}
