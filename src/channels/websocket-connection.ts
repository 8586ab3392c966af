/** One open WebSocket to a server: frames in both directions, pings, and the way in which it ends. */
import type { Socket } from 'node:net';
import type { Cancel, Clock } from '../clock.ts';
import type { BerthError } from '../errors.ts';
import { closedByServer, connectionLost, connectionSilent, protocolBroken } from './websocket-end.ts';
import { closePayload, FrameReader, OPCODE, toFrame } from './websocket-frames.ts';

/** Milliseconds between pings. */
export const PING_EVERY = 20_000;
/** Milliseconds without a byte from the server after which it is gone. Longer than a ping's turn: a busy program answers late. */
export const SILENCE = 3 * PING_EVERY;
/** Milliseconds in which the other side ends a connection that has been closed. */
const LINGER_MS = 2_000;
const NORMAL = 1000;

export interface ConnectionOptions {
  readonly clock: Clock;
  /** Takes secrets out of what the server says in its close frame. */
  readonly scrub: (text: string) => string;
  /** A piece of a text message; the buffer is the receiver's to keep. */
  text(piece: Buffer): void;
  textEnd(): void;
  /** What was written has left. */
  drain(): void;
  /** Called once, and then it must be {@link WebSocketConnection.release}d. `isClose`: the server has closed it, and was not lost. */
  ended(error: BerthError, isClose: boolean): void;
}

export class WebSocketConnection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader;
  readonly #stopPing: Cancel;
  #lastHeard: number;
  #isPaused = false;
  #isCorked = false;
  #isClosing = false;
  #isOver = false;
  #cause: Error | undefined;
  /** The newest ping that could not be answered at once; older ones need no answer (RFC 6455, section 5.5.3). */
  #owedPong: Buffer | undefined;

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { clock } = options;
    this.#lastHeard = clock.now();
    this.#reader = new FrameReader({
      text: (piece) => options.text(piece),
      textEnd: () => options.textEnd(),
      control: (opcode, payload) => this.#control(opcode, payload),
      fault: (code, what) =>
        this.#leave(toFrame(OPCODE.close, [closePayload(code)], 2), protocolBroken(what)),
    });
    this.#stopPing = clock.every(PING_EVERY, () => this.#ping());
    socket.setTimeout(0).setNoDelay(true);
    socket.on('error', (cause) => {
      this.#cause = cause;
    });
    socket.on('drain', () => this.#drained());
    socket.on('close', () => this.#over(connectionLost(this.#cause), false));
    socket.on('data', (chunk: Buffer) => {
      this.#lastHeard = clock.now();
      if (!this.#isOver) this.#reader.push(chunk);
    });
  }

  /** Bytes of frames that have not left. */
  get queued(): number {
    return this.#socket.writableLength;
  }

  /** What one turn of the event loop writes leaves in one write; `alone` says that nothing more is to be expected. */
  write(frame: Buffer, alone = false): void {
    if (this.#isOver) return;
    if (!alone && !this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame);
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#lastHeard = this.#options.clock.now();
    this.#socket.resume();
  }

  /** Says goodbye behind what was written before; it is over when the server has said so, too, or is cut off. */
  close(): void {
    if (this.#isClosing || this.#isOver) return;
    this.#isClosing = true;
    this.write(toFrame(OPCODE.close, [closePayload(NORMAL)], 2));
    this.resume();
  }

  /** Lets go of it: what was written still leaves, if the server takes it soon. */
  release(): void {
    this.#stopPing();
    this.#isOver = true;
    if (this.#socket.destroyed) return;
    this.#socket.end();
    this.#socket.resume();
    const cut = this.#options.clock.after(LINGER_MS, () => this.#socket.destroy());
    this.#socket.once('close', cut);
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.close) {
      const echo = payload.length < 2 ? payload.subarray(0, 0) : payload.subarray(0, 2);
      const answer = this.#isClosing ? undefined : toFrame(OPCODE.close, [echo], echo.length);
      this.#leave(answer, closedByServer(payload, this.#options.scrub), true);
    } else if (opcode === OPCODE.ping) this.#pong(payload);
  }

  /** A server that pings and does not read would otherwise fill our memory. */
  #pong(payload: Buffer): void {
    if (this.#socket.writableNeedDrain) this.#owedPong = payload;
    else this.write(toFrame(OPCODE.pong, [payload], payload.length));
  }

  #drained(): void {
    const owed = this.#owedPong;
    this.#owedPong = undefined;
    if (owed) this.#pong(owed);
    this.#options.drain();
  }

  #ping(): void {
    // While nothing is read nothing can be heard.
    if (this.#isPaused) return;
    if (this.#options.clock.now() - this.#lastHeard >= SILENCE) {
      this.#socket.destroy();
      return this.#over(connectionSilent(SILENCE), false);
    }
    this.write(toFrame(OPCODE.ping, [], 0), true);
  }

  #leave(last: Buffer | undefined, error: BerthError, isClose = false): void {
    if (last) this.#socket.write(last);
    this.#over(error, isClose);
  }

  #over(error: BerthError, isClose: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopPing();
    this.#options.ended(error, isClose);
  }
}
