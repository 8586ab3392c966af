/**
 * One keep-alive HTTP/1.1 connection written by hand, so that the load client costs a fraction of what it measures.
 * It knows content-length and chunked bodies and nothing else.
 */
import { connect, type Socket } from 'node:net';

/** Receives one response; a failed connection calls `fail` instead of `end`. */
export interface ResponseHandler {
  head(status: number, headers: string): void;
  data(chunk: Buffer): void;
  end(): void;
  fail(error: Error): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');
const EMPTY = Buffer.alloc(0);

type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'until-close';

/** A connection that carries one request at a time; it connects again when the server has closed it between two. */
export class HttpConnection {
  readonly #port: number;
  readonly #address: string;
  #socket: Socket | undefined;
  #handler: ResponseHandler | undefined;
  #state: State = 'head';
  #rest: Buffer = EMPTY;
  #left = 0;

  constructor(port: number, address = '127.0.0.1') {
    this.#port = port;
    this.#address = address;
  }

  get busy(): boolean {
    return this.#handler !== undefined;
  }

  /** Sends one request: `head` with its headers and the start of the body, `tail` the rest of the body. */
  send(head: string, tail: Buffer, handler: ResponseHandler): void {
    if (this.#handler !== undefined) throw new Error('connection is busy');
    this.#handler = handler;
    const socket = this.#connected();
    if (tail.length === 0) return void socket.write(head, 'latin1');
    socket.cork();
    socket.write(head, 'latin1');
    socket.write(tail);
    socket.uncork();
  }

  /** Stops reading: the server's writes pile up on its own side. */
  pause(): void {
    this.#socket?.pause();
  }

  /** The client's port, to find its queues in the kernel's table. */
  get localPort(): number | undefined {
    return this.#socket?.localPort;
  }

  close(): void {
    this.#handler = undefined;
    this.#socket?.destroy();
  }

  #connected(): Socket {
    if (this.#socket !== undefined && !this.#socket.destroyed) return this.#socket;
    const socket = connect({ port: this.#port, host: this.#address, noDelay: true });
    this.#socket = socket;
    this.#state = 'head';
    this.#rest = EMPTY;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#closed(socket));
    return socket;
  }

  #closed(socket: Socket): void {
    if (this.#socket === socket) this.#socket = undefined;
    if (this.#state === 'until-close') this.#end();
    else this.#fail(new Error('connection closed before the answer'));
  }

  #fail(error: Error): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.fail(error);
  }

  #end(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#state = 'head';
    handler?.end();
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = EMPTY;
    while (bytes.length > 0) {
      const next = this.#step(bytes);
      if (next === undefined) {
        this.#rest = bytes;
        return;
      }
      bytes = next;
    }
  }

  /** Consumes what it can and returns what is left; undefined means that more bytes are needed first. */
  #step(bytes: Buffer): Buffer | undefined {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes);
      case 'length':
        return this.#readLength(bytes);
      case 'chunk-size':
        return this.#readChunkSize(bytes);
      case 'chunk-data':
        return this.#readChunkData(bytes);
      case 'chunk-end':
        if (bytes.length < 2) return undefined;
        this.#state = 'chunk-size';
        return bytes.subarray(2);
      case 'until-close':
        this.#handler?.data(bytes);
        return EMPTY;
    }
  }

  #readHead(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf(HEAD_END);
    if (end === -1) return undefined;
    const head = bytes.toString('latin1', 0, end + 2);
    const status = Number(head.slice(9, 12));
    const rest = bytes.subarray(end + 4);
    this.#handler?.head(status, head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    this.#left = Number(length ?? 0);
    if (status === 204 || length === '0') this.#end();
    else if (length !== undefined) this.#state = 'length';
    else this.#state = /\r\ntransfer-encoding: *chunked/i.test(head) ? 'chunk-size' : 'until-close';
    return rest;
  }

  #readLength(bytes: Buffer): Buffer {
    const part = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
    this.#left -= part.length;
    this.#handler?.data(part);
    if (this.#left === 0) this.#end();
    return bytes.subarray(part.length);
  }

  #readChunkSize(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf(LINE_END);
    if (end === -1) return undefined;
    this.#left = Number.parseInt(bytes.toString('latin1', 0, end), 16);
    if (this.#left > 0) {
      this.#state = 'chunk-data';
      return bytes.subarray(end + 2);
    }
    if (bytes.length < end + 4) return undefined;
    this.#end();
    return bytes.subarray(end + 4);
  }

  #readChunkData(bytes: Buffer): Buffer {
    const part = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
    this.#left -= part.length;
    this.#handler?.data(part);
    if (this.#left === 0) this.#state = 'chunk-end';
    return bytes.subarray(part.length);
  }
}
