/** Writing to one WebSocket: one message a text frame, credit as it leaves. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { byteLength } from '../jsonrpc/edit.ts';
import type { Attachment, StreamEvent } from '../sessions/reader.ts';
import { cut, join } from './flow.ts';

/** Bytes of a message's fragment: each that has left shows that a slow client still reads. Most messages are one frame. */
const FRAGMENT = 256 * 1024;

export class FrameSender {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  #corked = false;
  readonly #count: { sent: number };

  /** `count`: messages that were sent. */
  constructor(ws: WebSocket, socket: Duplex, count: { sent: number }) {
    this.#ws = ws;
    this.#count = count;
    this.#socket = socket;
  }

  /** A message of our own; `left` is called when it has left, or never will. */
  text(text: string, left: () => void): void {
    this.#count.sent++;
    this.#ws.send(text, left);
  }

  /** A server's message; what was inserted into it costs no credit. */
  event(event: StreamEvent, attachment: Attachment): void {
    this.#count.sent++;
    this.#corkForThisTurn();
    const pieces = cut([join(event.parts, byteLength(event.parts))], FRAGMENT);
    let left = event.bytes;
    pieces.forEach((piece, index) => {
      const last = index === pieces.length - 1;
      const share = last ? left : Math.min(left, piece.length);
      left -= share;
      this.#ws.send(piece, { binary: false, fin: last }, (error) => {
        if (!error) attachment.credit(share, last ? event.seq : undefined);
      });
    });
  }

  /** What one turn of the event loop says leaves in one write. */
  #corkForThisTurn(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#corked = false;
      this.#socket.uncork();
    });
  }
}
