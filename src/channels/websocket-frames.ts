/**
 * Frames of RFC 6455 as a client sees them: masked on their way out, read in whatever pieces they come. What a text message holds is passed
 * on as it comes, so that one that is too long is never kept.
 */
import { randomFillSync } from 'node:crypto';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Close codes with which a client leaves a server that breaks the rules (RFC 6455, section 7.4.1). */
const PROTOCOL_ERROR = 1002;
const UNSUPPORTED_DATA = 1003;

export interface FrameReceiver {
  /** A piece of a text message; the buffer is the receiver's to keep. */
  text(piece: Buffer): void;
  /** The text message is whole. */
  textEnd(): void;
  /** A close, a ping or a pong. */
  control(opcode: number, payload: Buffer): void;
  /** The server broke the rules: nothing is read any more. `code` is that of the close frame that says so. */
  fault(code: number, text: string): void;
}

const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const MASK_BYTES = 4;
/** Lengths that say where the real length stands. */
const TWO_BYTES = 126;
const EIGHT_BYTES = 127;
const LONGEST_HEAD = 10;
const LONGEST_CONTROL = 125;
const FIRST_CONTROL = 8;
/** Upper half of a length beyond which it is no exact number. */
const TOO_LONG = 2 ** 21;

/** One whole frame around the parts, masked. */
export function toFrame(opcode: number, parts: readonly Uint8Array[], bytes: number): Buffer {
  const head = bytes < TWO_BYTES ? 2 : bytes < 2 ** 16 ? 4 : LONGEST_HEAD;
  const frame = Buffer.allocUnsafe(head + MASK_BYTES + bytes);
  frame[0] = FIN | opcode;
  frame[1] = MASKED | (head === 2 ? bytes : head === 4 ? TWO_BYTES : EIGHT_BYTES);
  if (head === 4) frame.writeUInt16BE(bytes, 2);
  if (head === LONGEST_HEAD) frame.writeBigUInt64BE(BigInt(bytes), 2);
  randomFillSync(frame, head, MASK_BYTES);
  let at = head + MASK_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  mask(frame, head);
  return frame;
}

/** The payload of a close frame. */
export function closePayload(code: number): Buffer {
  const payload = Buffer.allocUnsafe(2);
  payload.writeUInt16BE(code);
  return payload;
}

/** Everything behind the key at `key`. */
function mask(frame: Buffer, key: number): void {
  const start = key + MASK_BYTES;
  for (let at = start; at < frame.length; at++)
    frame[at] = (frame[at] as number) ^ (frame[key + ((at - start) & 3)] as number);
}

export class FrameReader {
  readonly #receiver: FrameReceiver;
  readonly #head = Buffer.alloc(LONGEST_HEAD);
  #headBytes = 0;
  /** Bytes of the frame's payload that are still to come; undefined while its head is read. */
  #left: number | undefined;
  #opcode = 0;
  #isLast = false;
  /** A text message has begun, and its last frame has not been read. */
  #inText = false;
  #control: Buffer[] = [];
  #done = false;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (!this.#done) {
      if (this.#left === undefined) at = this.#readHead(chunk, at);
      if (this.#left === undefined || this.#done) return;
      const end = Math.min(at + this.#left, chunk.length);
      if (end > at) this.#payload(chunk.subarray(at, end));
      this.#left -= end - at;
      at = end;
      if (this.#left > 0) return;
      this.#left = undefined;
      this.#endFrame();
    }
  }

  /** The position behind the head, or the end of the chunk. */
  #readHead(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      this.#head[this.#headBytes++] = chunk[at++] as number;
      if (this.#headBytes < this.#headLength()) continue;
      this.#headBytes = 0;
      this.#begin();
      break;
    }
    return at;
  }

  #headLength(): number {
    if (this.#headBytes < 2) return 2;
    const short = (this.#head[1] as number) & ~MASKED;
    return short === TWO_BYTES ? 4 : short === EIGHT_BYTES ? LONGEST_HEAD : 2;
  }

  #begin(): void {
    const first = this.#head[0] as number;
    this.#isLast = (first & FIN) !== 0;
    this.#opcode = first & 0x0f;
    this.#left = this.#length();
    if (this.#opcode === OPCODE.binary) return this.#fail(UNSUPPORTED_DATA, 'sends binary messages');
    const text = this.#broken(first);
    if (text !== undefined) return this.#fail(PROTOCOL_ERROR, text);
    if (this.#opcode === OPCODE.text) this.#inText = true;
  }

  #length(): number {
    const short = (this.#head[1] as number) & ~MASKED;
    if (short === TWO_BYTES) return this.#head.readUInt16BE(2);
    return short === EIGHT_BYTES ? this.#head.readUInt32BE(2) * 2 ** 32 + this.#head.readUInt32BE(6) : short;
  }

  /** The rule that the frame breaks, if it does. */
  #broken(first: number): string | undefined {
    const isControl = this.#opcode >= FIRST_CONTROL;
    if ((first & RESERVED) !== 0) return 'uses an extension that nobody offered';
    if (((this.#head[1] as number) & MASKED) !== 0) return 'masks its frames';
    if (this.#opcode > OPCODE.pong || (this.#opcode > OPCODE.binary && !isControl))
      return 'sends frames of an unknown kind';
    if (isControl && (!this.#isLast || (this.#left ?? 0) > LONGEST_CONTROL))
      return 'sends control frames that are none';
    if (this.#opcode === OPCODE.text && this.#inText) return 'begins a message within another one';
    if (this.#opcode === OPCODE.continuation && !this.#inText)
      return 'goes on with a message that never began';
    return (this.#left ?? 0) >= TOO_LONG * 2 ** 32 ? 'sends frames without end' : undefined;
  }

  #payload(piece: Buffer): void {
    if (this.#opcode >= FIRST_CONTROL) this.#control.push(piece);
    else this.#receiver.text(piece);
  }

  #endFrame(): void {
    if (this.#opcode >= FIRST_CONTROL) {
      const payload = Buffer.concat(this.#control);
      this.#control = [];
      // Behind a close nothing counts.
      if (this.#opcode === OPCODE.close) this.#done = true;
      this.#receiver.control(this.#opcode, payload);
    } else if (this.#isLast) {
      this.#inText = false;
      this.#receiver.textEnd();
    }
  }

  #fail(code: number, text: string): void {
    this.#done = true;
    this.#receiver.fault(code, text);
  }
}
