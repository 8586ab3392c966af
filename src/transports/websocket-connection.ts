/** One WebSocket connection: frames, pings and back-pressure of a client of either era. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Cancel } from '../clock.ts';
import type { BerthError } from '../errors.ts';
import type { ReaderEnd } from '../sessions/reader.ts';
import type { DataPlane } from './context.ts';
import { DuplexClient } from './duplex-client.ts';
import type { LongStream } from './long-streams.ts';
import type { ModernCaller } from './modern/route.ts';
import type { SilentConnections } from './silent-connections.ts';
import { FrameSender } from './websocket-frames.ts';
import type { WebSocketHost } from './websocket-session.ts';

/** Milliseconds between pings; a connection that is silent from one to the next is dead. */
export const PING_EVERY = 20_000;

/** Milliseconds in which a client answers the close of a gateway that goes away, or that it may no longer call. */
export const CLOSE_WITHIN = 1_000;

/** Close codes: RFC 6455 section 7.4.1; those from 4000 on are an application's own. */
export const CLOSE = {
  goingAway: 1001,
  unsupportedData: 1003,
  policy: 1008,
  failed: 1011,
  tryAgainLater: 1013,
  unauthorized: 4401,
} as const;

/** Of a gateway that goes away. */
export const LEAVING = 'the gateway is going away';

export class WebSocketConnection implements WebSocketHost, LongStream {
  readonly #plane: DataPlane;
  readonly #ws: WebSocket;
  readonly #client: DuplexClient;
  readonly #stopPing: Cancel;
  /** It has said something, or is gone. */
  readonly #spoke: Cancel;
  readonly frames: FrameSender;
  #heard = true;
  #untaken = 0;

  constructor(
    plane: DataPlane,
    caller: ModernCaller,
    {
      ws,
      socket,
      silent,
    }: { readonly ws: WebSocket; readonly socket: Duplex; readonly silent: SilentConnections },
  ) {
    this.#plane = plane;
    this.#ws = ws;
    const { websockets } = plane.traffic;
    websockets.active++;
    this.frames = new FrameSender(ws, socket, websockets);
    this.#client = new DuplexClient(plane, caller, this);
    this.#stopPing = plane.clock.every(PING_EVERY, () => this.#ping());
    this.#spoke = silent.add(caller.principal.id, () => ws.close(CLOSE.policy, 'no message came'));
    ws.on('message', (data, isBinary) => this.#message(data as Buffer, isBinary));
    ws.on('pong', () => {
      this.#heard = true;
    });
    // ws closes with the code that fits; ending the socket here would make the client's kernel throw that frame away.
    ws.on('error', () => {});
    ws.on('close', () => this.#closed());
  }

  get busy(): boolean {
    return this.#client.busy;
  }

  /** The gateway goes away. */
  end(): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#client.leave();
    this.#ws.close(CLOSE.goingAway, LEAVING);
  }

  get nextKey(): () => string {
    return this.#plane.nextKey;
  }

  say(text: string): void {
    this.tell(text);
  }

  tell(text: string): void {
    this.held();
    this.frames.text(text, () => this.released());
  }

  held(): void {
    this.#untaken++;
  }

  released(): void {
    if (--this.#untaken === 0 && this.#ws.isPaused) this.#ws.resume();
  }

  refused(error: BerthError): void {
    const later = error.status === 429 || error.status === 503;
    this.#ws.close(later ? CLOSE.tryAgainLater : CLOSE.failed, error.message.slice(0, 100));
  }

  ended(reason: ReaderEnd): void {
    if (reason === 'slow') this.#ws.terminate();
    else if (reason === 'lost') this.#ws.close(CLOSE.failed, 'the server cannot be reached');
    else this.#ws.close(CLOSE.goingAway, 'the session has ended');
  }

  /** The key that let it in is no longer good. */
  unauthorized(): void {
    this.#client.close();
    this.#ws.close(CLOSE.unauthorized, 'the key is not valid any more');
    // One that does not answer, or whose reading is paused, has nothing more to say.
    this.#plane.clock.after(CLOSE_WITHIN, () => this.#ws.terminate());
  }

  #message(data: Buffer, isBinary: boolean): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#heard = true;
    this.#spoke();
    this.#plane.traffic.websockets.received++;
    if (isBinary) return this.#ws.close(CLOSE.unsupportedData, 'text frames only');
    this.#client.take(data);
    // A message that is not taken at once stops the reading of further ones: that is the client's back-pressure.
    if (this.#untaken > 0 && !this.#ws.isPaused) this.#ws.pause();
  }

  #ping(): void {
    // Nothing heard since the last ping, neither a pong nor a message: the peer is gone though nobody said so.
    if (!this.#heard && !this.#ws.isPaused) return this.#ws.terminate();
    this.#heard = false;
    this.#ws.ping();
  }

  #closed(): void {
    this.#plane.traffic.websockets.active--;
    this.#stopPing();
    this.#spoke();
    this.#client.close();
  }
}
