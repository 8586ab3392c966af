/** Load client of WebSocket, of either era, on a bare socket: text frames out with an all-zero mask, unfragmented frames in. */
import { connect, type Socket } from 'node:net';
import { discoverBody } from './modern-session.ts';
import { awaitAnswer, Pending } from './pending.ts';
import { type BenchSession, type CallBody, INITIALIZE, INITIALIZED, nextId, type Target } from './session.ts';

const CONTINUATION = 0x0;
const TEXT = 0x1;
const CONTROL = 0x8;
const PING = 0x9;
const PONG = 0xa;
const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');
const TIMEOUT_MS = 30_000;

/** The header of a final client frame; its mask is zero, so that the payload goes out as it is. */
export function frameHead(opcode: number, length: number): Buffer {
  const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extra + 4);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (extra === 0 ? length : extra === 2 ? 126 : 127);
  if (extra === 2) head.writeUInt16BE(length, 2);
  if (extra === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

/** Reads unmasked frames and joins fragments. */
export class FrameReader {
  readonly #emit: (opcode: number, payload: Buffer) => void;
  #parts: Buffer[] = [];
  #held = 0;
  #need = 2;
  #opcode = 0;
  #fragments: Buffer[] = [];

  constructor(emit: (opcode: number, payload: Buffer) => void) {
    this.#emit = emit;
  }

  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#need) return;
    let bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    for (let size = this.#frameSize(bytes); size <= bytes.length; size = this.#frameSize(bytes)) {
      this.#take(bytes.subarray(0, size));
      bytes = bytes.subarray(size);
    }
    this.#need = this.#frameSize(bytes);
    this.#parts = bytes.length === 0 ? [] : [bytes];
    this.#held = bytes.length;
  }

  /** Bytes of the frame that starts here, as far as its header is known. */
  #frameSize(bytes: Buffer): number {
    if (bytes.length < 2) return 2;
    const short = (bytes[1] ?? 0) & 0x7f;
    if (short < 126) return 2 + short;
    if (short === 126) return bytes.length < 4 ? 4 : 4 + bytes.readUInt16BE(2);
    return bytes.length < 10 ? 10 : 10 + Number(bytes.readBigUInt64BE(2));
  }

  #take(frame: Buffer): void {
    const first = frame[0] ?? 0;
    const short = (frame[1] ?? 0) & 0x7f;
    const payload = frame.subarray(short < 126 ? 2 : short === 126 ? 4 : 10);
    const opcode = first & 0x0f;
    const last = (first & 0x80) !== 0;
    if (opcode >= CONTROL || (last && opcode !== CONTINUATION)) return this.#emit(opcode, payload);
    if (opcode !== CONTINUATION) this.#opcode = opcode;
    this.#fragments.push(payload);
    if (last) this.#emit(this.#opcode, Buffer.concat(this.#fragments.splice(0)));
  }
}

export class WsSession implements BenchSession {
  readonly #target: Target;
  readonly #modernCapabilities: string | undefined;
  readonly #pending = new Pending();
  readonly #frames = new FrameReader((opcode, payload) => this.#frame(opcode, payload));
  #socket: Socket | undefined;
  #upgraded = false;
  #head: Buffer = EMPTY;

  /** `modernCapabilities`: what a client of revision 2026-07-28 declares, JSON text; without them it is a legacy client. */
  constructor(target: Target, modernCapabilities?: string) {
    this.#target = target;
    this.#modernCapabilities = modernCapabilities;
  }

  async open(): Promise<void> {
    await this.#connect();
    const capabilities = this.#modernCapabilities;
    const first = capabilities === undefined ? INITIALIZE : discoverBody(capabilities);
    await awaitAnswer((done) => this.call(nextId(), first, done), TIMEOUT_MS);
    if (capabilities === undefined) this.#send(INITIALIZED, EMPTY);
  }

  call(id: number, body: CallBody, done: (answer: Buffer | Error) => void): void {
    this.#pending.add(id, body, done);
    if (body.large) this.#send(body.before + id, body.afterBytes);
    else this.#send(body.before + id + body.after, EMPTY);
  }

  pause(): void {
    this.#socket?.pause();
  }

  get localPorts(): number[] {
    return this.#socket?.localPort === undefined ? [] : [this.#socket.localPort];
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
  }

  #connect(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('no upgrade')), TIMEOUT_MS);
    const { port, path } = this.#target;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    const fail = (error: Error): void => {
      reject(error);
      this.#pending.fail(error);
    };
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('connection closed')));
    socket.on('data', (chunk) => (this.#upgraded ? this.#read(chunk) : this.#upgrade(chunk, resolve, fail)));
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVuY2gtYmVuY2gtYmVuYw==\r\n\r\n`,
    );
    return promise.finally(() => clearTimeout(timer));
  }

  #upgrade(chunk: Buffer, done: () => void, fail: (error: Error) => void): void {
    this.#head = Buffer.concat([this.#head, chunk]);
    const end = this.#head.indexOf(HEAD_END);
    if (end === -1) return;
    const status = this.#head.toString('latin1', 9, 12);
    if (status !== '101') return void fail(new Error(`upgrade: status ${status}`));
    this.#upgraded = true;
    done();
    if (this.#head.length > end + 4) this.#read(this.#head.subarray(end + 4));
  }

  #read(chunk: Buffer): void {
    // The answers in one chunk start their next calls in one write.
    this.#socket?.cork();
    this.#frames.push(chunk);
    this.#socket?.uncork();
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === TEXT) this.#pending.settle(payload);
    else if (opcode === PING) this.#socket?.write(Buffer.concat([frameHead(PONG, payload.length), payload]));
  }

  #send(start: string, tail: Buffer): void {
    const head = frameHead(TEXT, start.length + tail.length);
    const first = Buffer.concat([head, Buffer.from(start, 'latin1')]);
    this.#socket?.cork();
    this.#socket?.write(first);
    if (tail.length > 0) this.#socket?.write(tail);
    this.#socket?.uncork();
  }
}
