/**
 * The channel to a server that speaks WebSocket, of both eras: one message a text frame, as a line is on a server's standard streams. It
 * ends with its connection: another connection is another session.
 */
import { systemClock } from '../clock.ts';
import { type BerthError, toBerthError } from '../errors.ts';
import { byteLength } from '../jsonrpc/edit.ts';
import { LineSplitter } from '../jsonrpc/framing.ts';
import { eachMessage } from './answer-batch.ts';
import type { Channel, ChannelEnd, ChannelHandler, ChannelStats } from './channel.ts';
import type { HttpOptions } from './http-options.ts';
import { HttpTraffic } from './http-traffic.ts';
import { Inbound } from './inbound.ts';
import { CLOSE_MS } from './remote-channel.ts';
import { WebSocketConnection } from './websocket-connection.ts';
import { OPCODE, toFrame } from './websocket-frames.ts';
import { openWebSocket } from './websocket-handshake.ts';

/** Bytes queued towards the server from which `send` returns false. */
const QUEUE_MARK = 1024 * 1024;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const END = Buffer.from('\n');

/** Opens its connection when it is started. */
export function createWebSocketChannel(options: HttpOptions): Channel {
  return new WebSocketChannel(options);
}

class WebSocketChannel implements Channel {
  readonly #options: HttpOptions;
  readonly #traffic: HttpTraffic;
  readonly #inbound = new Inbound();
  readonly #message: LineSplitter;
  readonly #ended = Promise.withResolvers<void>();
  #connection: WebSocketConnection | undefined;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Frames that wait for the connection. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  #isFull = false;
  #isEnded = false;

  constructor(options: HttpOptions) {
    this.#options = options;
    const { endpoint, maxLineBytes, clock = systemClock, scrub = (text) => text } = options;
    this.#traffic = new HttpTraffic({ endpoint, clock, maxBytes: maxLineBytes, scrub });
    this.#message = new LineSplitter(maxLineBytes, {
      line: (bytes) => eachMessage(bytes, (one) => this.#inbound.line(one)),
      oversized: (id, bytes, asks) => this.#inbound.oversized(id, bytes, asks),
    });
  }

  get stats(): ChannelStats {
    return this.#inbound.stats;
  }

  get queued(): number {
    return this.#waitingBytes + (this.#connection?.queued ?? 0);
  }

  start(handler: ChannelHandler): void {
    this.#inbound.handler = handler;
    this.#opening = this.#open().catch((thrown: unknown) => this.#fail(toBerthError(thrown)));
  }

  send(parts: readonly Uint8Array[], alone = false): boolean {
    if (this.#isEnded || this.#closing) return true;
    const bytes = byteLength(parts);
    this.#inbound.messagesOut++;
    this.#inbound.bytesOut += bytes;
    const frame = toFrame(OPCODE.text, parts, bytes);
    if (this.#connection) this.#connection.write(frame, alone);
    else {
      this.#waiting.push(frame);
      this.#waitingBytes += frame.length;
    }
    if (this.queued < QUEUE_MARK) return true;
    this.#isFull = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
    this.#connection?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#connection?.resume();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #open(): Promise<void> {
    const { socket, refusal } = await openWebSocket(this.#traffic);
    if (refusal) {
      this.#options.onFailure?.(refusal);
      return this.#end({ reason: 'failed', cause: refusal.error });
    }
    if (this.#isEnded) return void socket.destroy();
    const { clock = systemClock, scrub = (text) => text } = this.#options;
    const connection = new WebSocketConnection(socket, {
      clock,
      scrub,
      text: (piece) => this.#text(piece),
      textEnd: () => this.#textEnd(),
      drain: () => this.#drained(),
      ended: (error, isClose) => this.#over(error, isClose),
    });
    this.#connection = connection;
    for (const frame of this.#waiting.splice(0)) connection.write(frame);
    this.#waitingBytes = 0;
    if (this.#isPaused) connection.pause();
  }

  #text(piece: Buffer): void {
    if (this.#closing) return;
    // A pretty-printed message is one message; line breaks stand between its tokens.
    for (let at = piece.indexOf(LINE_FEED); at >= 0; at = piece.indexOf(LINE_FEED, at))
      piece[at] = CARRIAGE_RETURN;
    this.#message.push(piece);
  }

  #textEnd(): void {
    if (!this.#closing) this.#message.push(END);
  }

  #drained(): void {
    if (!this.#isFull || this.queued >= QUEUE_MARK) return;
    this.#isFull = false;
    this.#inbound.handler?.drain();
  }

  /** What a connection could not be opened for. */
  #fail(error: BerthError): void {
    if (this.#isEnded) return;
    this.#options.onFailure?.({ error });
    this.#end({ reason: 'failed', cause: error });
  }

  #over(error: BerthError, isClose: boolean): void {
    if (!this.#closing) this.#options.onFailure?.({ error });
    this.#end({ reason: isClose ? 'peer-closed' : 'failed', cause: error });
  }

  async #close(): Promise<void> {
    if (this.#isEnded) return;
    // What was sent before it was open still goes.
    await Promise.race([this.#opening, this.#traffic.wait(CLOSE_MS)]);
    this.#connection?.close();
    if (this.#connection) await Promise.race([this.#ended.promise, this.#traffic.wait(CLOSE_MS)]);
    this.#end({ reason: 'closed' });
  }

  /** Only the first end counts. */
  #end(end: ChannelEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#connection?.release();
    this.#traffic.end();
    this.#ended.resolve();
    this.#options.onEnd?.();
    this.#inbound.handler?.end(this.#closing ? { reason: 'closed' } : end);
  }
}
