/** An in-memory channel with the server's end in the caller's hands: for tests and for servers inside our own program. */
import { byteLength } from '../jsonrpc/edit.ts';
import { LineSplitter } from '../jsonrpc/framing.ts';
import type { Channel, ChannelEnd, ChannelHandler, ChannelStats } from './channel.ts';
import { Inbound } from './inbound.ts';

const NEWLINE = Buffer.from('\n');
const QUEUE_MARK = 1024 * 1024;

/** The server's end of the pair. */
export interface MemoryServerEnd {
  /** Sends one line (a string, bytes, or a value to serialise) to whoever holds the channel. */
  send(message: string | Buffer | object): void;
  /** Receives what the channel sends; messages wait until it is set. */
  receive(listener: (message: Buffer) => void): void;
  /** Stops taking messages, as a process does that no longer reads its input. */
  pause(): void;
  resume(): void;
  /** The channel's holder has paused its reading. */
  readonly paused: boolean;
  /** Ends the stream, as a process does that exits. */
  end(): void;
  /** Called once when the channel's holder has closed it and everything before has been received. */
  onClose(listener: () => void): void;
}

class MemoryChannel implements Channel, MemoryServerEnd {
  readonly #inbound = new Inbound();
  readonly #splitter: LineSplitter;
  #toServer: Buffer[] = [];
  #toClient: (() => void)[] = [];
  #listener: ((message: Buffer) => void) | undefined;
  #closeListener: (() => void) | undefined;
  #serverPaused = false;
  #queuedBytes = 0;
  #full = false;
  #closed = false;
  #ended = false;
  paused = false;

  constructor(maxLineBytes: number) {
    this.#splitter = new LineSplitter(maxLineBytes, this.#inbound);
  }

  get stats(): ChannelStats {
    return this.#inbound.stats;
  }

  get queued(): number {
    return this.#queuedBytes;
  }

  start(handler: ChannelHandler): void {
    this.#inbound.handler = handler;
    this.#pump();
  }

  /** Both ends have a `send`: the holder's takes parts, the server's takes one message. */
  send(message: readonly Uint8Array[] | string | Buffer | object): boolean {
    return Array.isArray(message)
      ? this.#sendToServer(message as readonly Uint8Array[])
      : this.#sendToClient(message as string | Buffer | object);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#pump();
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#toClient = [];
      this.#pump();
      this.#finish({ reason: 'closed' });
    }
    return Promise.resolve();
  }

  receive(listener: (message: Buffer) => void): void {
    this.#listener = listener;
    this.#pump();
  }

  onClose(listener: () => void): void {
    this.#closeListener = listener;
    this.#pump();
  }

  end(): void {
    this.#toClient.push(() => this.#finish({ reason: 'peer-closed' }));
    this.#pump();
  }

  setServerPaused(paused: boolean): void {
    this.#serverPaused = paused;
    if (!paused) this.#pump();
  }

  #sendToServer(parts: readonly Uint8Array[]): boolean {
    if (this.#closed || this.#ended) return true;
    this.#inbound.messagesOut++;
    this.#toServer.push(Buffer.concat(parts));
    this.#inbound.bytesOut += byteLength(parts);
    this.#queuedBytes += byteLength(parts);
    this.#pump();
    if (this.#queuedBytes < QUEUE_MARK) return true;
    this.#full = true;
    return false;
  }

  #sendToClient(message: string | Buffer | object): boolean {
    const bytes = Buffer.isBuffer(message)
      ? message
      : Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
    this.#toClient.push(() => {
      this.#splitter.push(bytes);
      this.#splitter.push(NEWLINE);
    });
    this.#pump();
    return true;
  }

  /** Delivery is never in the sender's own turn, as with a real pipe. */
  #pump(): void {
    setImmediate(() => {
      while (this.#toServer.length > 0 && this.#listener && !this.#serverPaused) this.#deliverToServer();
      if (this.#closed && this.#toServer.length === 0) this.#tellClosed();
      while (this.#toClient.length > 0 && this.#inbound.handler && !this.paused) this.#toClient.shift()?.();
    });
  }

  /** The end of its input reaches a server behind what was sent before. */
  #tellClosed(): void {
    const tell = this.#closeListener;
    this.#closeListener = undefined;
    tell?.();
  }

  #deliverToServer(): void {
    const message = this.#toServer.shift() as Buffer;
    this.#queuedBytes -= message.length;
    this.#listener?.(message);
    if (this.#full && this.#queuedBytes < QUEUE_MARK) {
      this.#full = false;
      this.#inbound.handler?.drain();
    }
  }

  #finish(end: ChannelEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#inbound.handler?.end(end);
  }
}

/** Makes a channel and the server's end of it. */
export function createMemoryChannel(options: { readonly maxLineBytes?: number } = {}): {
  channel: Channel;
  server: MemoryServerEnd;
} {
  const pair = new MemoryChannel(options.maxLineBytes ?? 16 * 1024 * 1024);
  const server: MemoryServerEnd = {
    send: (message) => void pair.send(message),
    receive: (listener) => pair.receive(listener),
    pause: () => pair.setServerPaused(true),
    resume: () => pair.setServerPaused(false),
    get paused() {
      return pair.paused;
    },
    end: () => pair.end(),
    onClose: (listener) => pair.onClose(listener),
  };
  return { channel: pair, server };
}
