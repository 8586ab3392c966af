/** One WebSocket connection of either era, told apart message by message (data-path.md 5.5): modern calls, and a session from the first `initialize` on. */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Cancel } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { ReaderEnd } from '../sessions/reader.ts';
import { notOpened } from '../sessions/session.ts';
import { BodyError, type ClientBody, idOf, parseBody } from './client-body.ts';
import type { DataPlane } from './context.ts';
import { hasEnvelope } from './modern/envelope.ts';
import type { ModernCaller } from './modern/route.ts';
import { ModernCalls } from './modern/websocket-calls.ts';
import { rpcErrorText } from './rpc-error.ts';
import { newSession } from './session-route.ts';
import { FrameSender } from './websocket-frames.ts';
import { type WebSocketHost, WebSocketSession } from './websocket-session.ts';

/** Milliseconds between pings; a connection that is silent from one to the next is dead. */
export const PING_EVERY = 20_000;

/** Close codes: RFC 6455 section 7.4.1. */
export const CLOSE = {
  goingAway: 1001,
  unsupportedData: 1003,
  failed: 1011,
  tryAgainLater: 1013,
} as const;

export class WebSocketConnection implements WebSocketHost {
  readonly #plane: DataPlane;
  readonly #caller: ModernCaller;
  readonly #ws: WebSocket;
  readonly #calls: ModernCalls;
  readonly #stopPing: Cancel;
  readonly frames: FrameSender;
  #session: WebSocketSession | undefined;
  #heard = true;
  #untaken = 0;

  constructor(
    plane: DataPlane,
    caller: ModernCaller,
    { ws, socket }: { readonly ws: WebSocket; readonly socket: Duplex },
  ) {
    this.#plane = plane;
    this.#caller = caller;
    this.#ws = ws;
    this.frames = new FrameSender(ws, socket);
    this.#calls = new ModernCalls(plane, caller, this);
    this.#stopPing = plane.clock.every(PING_EVERY, () => this.#ping());
    ws.on('message', (data, isBinary) => this.#message(data as Buffer, isBinary));
    ws.on('pong', () => {
      this.#heard = true;
    });
    // ws closes with the code that fits; ending the socket here would make the client's kernel throw that frame away.
    ws.on('error', () => {});
    ws.on('close', () => this.#closed());
  }

  get nextKey(): () => string {
    return this.#plane.nextKey;
  }

  say(text: string): void {
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

  #message(data: Buffer, isBinary: boolean): void {
    this.#heard = true;
    if (isBinary) return this.#ws.close(CLOSE.unsupportedData, 'text frames only');
    let body: ClientBody | undefined;
    try {
      body = parseBody(data, this.#plane.limits);
      this.#take(body);
    } catch (thrown) {
      const [first] = body?.messages ?? [];
      const id = thrown instanceof BodyError ? thrown.id : first && !body?.batch ? idOf(first) : undefined;
      this.say(rpcErrorText(thrown instanceof BodyError ? thrown.error : toBerthError(thrown), id));
    }
    // A message that is not taken at once stops the reading of further ones: that is the client's back-pressure.
    if (this.#untaken > 0 && !this.#ws.isPaused) this.#ws.pause();
  }

  #take(body: ClientBody): void {
    const [first] = body.messages;
    if (!first) return;
    if (body.batch) {
      if (body.modern) throw new BerthError('invalid-request', 'this protocol revision has no batches');
      return this.#takeLegacy(body);
    }
    const { kind, method } = first.envelope;
    const cancels = kind === 'notification' && method === 'notifications/cancelled';
    if (cancels && this.#calls.cancel(first)) return;
    const isCall = kind === 'request' || kind === 'notification';
    if (!isCall || !hasEnvelope(first)) return this.#takeLegacy(body, first);
    // Modern notifications are for calls that are over, or for nobody.
    if (kind === 'request') this.#calls.start(first);
  }

  #takeLegacy(body: ClientBody, single?: ClientMessage): void {
    if (single?.envelope.kind === 'request' && single.envelope.method === 'initialize') this.#open();
    if (this.#session) this.#session.take(body);
    else if (body.requests > 0) throw notOpened();
  }

  /** A client that initializes again starts over: some programs probe a connection before they hand it to their client. */
  #open(): void {
    if (this.#session && !this.#session.answered) return;
    const { conversation } = newSession(this.#plane, this.#caller);
    this.#session?.close();
    this.#session = new WebSocketSession(this, conversation);
  }

  #ping(): void {
    // Nothing heard since the last ping, neither a pong nor a message: the peer is gone though nobody said so.
    if (!this.#heard && !this.#ws.isPaused) return this.#ws.terminate();
    this.#heard = false;
    this.#ws.ping();
  }

  #closed(): void {
    this.#stopPing();
    this.#calls.close();
    this.#session?.close();
  }
}
