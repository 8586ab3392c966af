/**
 * The WebSocket transport, which no revision defines: one message a text frame, one session a connection, subprotocol `mcp`
 * or none.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Cancel } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { Conversation } from '../sessions/conversation.ts';
import type { ClientMessage } from '../sessions/message.ts';
import type { Attachment, ReaderEnd, StreamEvent, StreamReader } from '../sessions/reader.ts';
import { STANDALONE } from '../sessions/session.ts';
import { BodyError, idOf, legacyBody, parseBody } from './client-body.ts';
import type { Caller, DataPlane, ServedServer } from './context.ts';
import { cut, join } from './flow.ts';
import { rpcErrorText } from './rpc-error.ts';
import { acceptanceReader } from './sse.ts';

/** Milliseconds between pings; a connection that is silent from one to the next is dead. */
export const PING_EVERY = 20_000;
/** Bytes of a message's fragment: each that has left shows that a slow client still reads. Most messages are one frame. */
const FRAGMENT = 256 * 1024;
/** Fragments of one message (ws's own default is 16 times as much). */
const MOST_FRAGMENTS = 1_024;
/** Milliseconds in which a client answers the close of a gateway that goes away. */
export const CLOSE_WITHIN = 1_000;
const SUBPROTOCOL = 'mcp';
const METHOD_NOT_FOUND = -32601;

/** Close codes: RFC 6455 section 7.4.1, and one of the private range. */
const CLOSE = {
  goingAway: 1001,
  unsupportedData: 1003,
  tryAgainLater: 1013,
  tooSlow: 4408,
  failed: 1011,
} as const;

export interface WebSocketUpgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly server: ServedServer;
  readonly principal: Caller;
}

export interface WebSocketFront {
  /** Serves an upgrade that has passed the guard. */
  upgrade(upgrade: WebSocketUpgrade): void;
  /** Ends every connection. */
  close(): void;
}

export function createWebSocketFront(plane: DataPlane): WebSocketFront {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: true,
    perMessageDeflate: false,
    maxPayload: plane.limits.messageBytes,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    // Options of ws 8.23 that its types do not name yet.
    ...({ maxFragments: MOST_FRAGMENTS } as object),
  });
  return {
    upgrade: ({ request, socket, head, server, principal }) => {
      const nonce = plane.nextNonce();
      const link = plane.router.route(server.id, nonce)?.link;
      if (!link) throw new BerthError('busy', 'no replica of this server is ready');
      const conversation = link.conversation({
        server: server.id,
        kind: 'session',
        key: nonce,
        principal: principal.id,
      });
      sockets.handleUpgrade(
        request,
        socket,
        head,
        (ws) => void new WebSocketConnection(plane, { ws, socket }, conversation),
      );
    },
    close: () => {
      for (const ws of sockets.clients) ws.close(CLOSE.goingAway, 'the gateway is going away');
      plane.clock.after(CLOSE_WITHIN, () => {
        for (const ws of sockets.clients) ws.terminate();
      });
      sockets.close();
    },
  };
}

class WebSocketConnection implements StreamReader {
  readonly #plane: DataPlane;
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #conversation: Conversation;
  readonly #attachment: Attachment | undefined;
  readonly #stopPing: Cancel;
  #heard = true;
  #untaken = 0;
  #corked = false;

  constructor(
    plane: DataPlane,
    { ws, socket }: { ws: WebSocket; socket: Duplex },
    conversation: Conversation,
  ) {
    this.#plane = plane;
    this.#ws = ws;
    this.#socket = socket;
    this.#conversation = conversation;
    this.#stopPing = plane.clock.every(PING_EVERY, () => this.#ping());
    ws.on('message', (data, isBinary) => this.#message(data as Buffer, isBinary));
    ws.on('pong', () => {
      this.#heard = true;
    });
    // ws closes with the code that fits; ending the socket here would make the client's kernel throw that frame away.
    ws.on('error', () => {});
    ws.on('close', () => this.#closed());
    this.#attachment = this.#conversation.attach({ stream: STANDALONE }, this, { delivery: 'single' });
  }

  accepted(): void {}

  refused(error: BerthError): void {
    const later = error.status === 429 || error.status === 503;
    this.#ws.close(later ? CLOSE.tryAgainLater : CLOSE.failed, error.message.slice(0, 100));
  }

  event(event: StreamEvent): void {
    this.#corkForThisTurn();
    const pieces = cut([join(event.parts, event.bytes)], FRAGMENT);
    pieces.forEach((piece, index) => {
      const last = index === pieces.length - 1;
      this.#ws.send(piece, { binary: false, fin: last }, (error) => {
        if (!error) this.#attachment?.credit(piece.length, last ? event.seq : undefined);
      });
    });
  }

  end(reason: ReaderEnd): void {
    if (reason === 'slow') this.#ws.terminate();
    else
      this.#ws.close(
        reason === 'lost' ? CLOSE.failed : CLOSE.goingAway,
        reason === 'lost' ? 'the server cannot be reached' : 'the session has ended',
      );
  }

  #message(data: Buffer, isBinary: boolean): void {
    this.#heard = true;
    if (isBinary) return this.#ws.close(CLOSE.unsupportedData, 'text frames only');
    try {
      const body = legacyBody(parseBody(data, this.#plane.limits));
      const [first] = body.messages;
      if (first === undefined) return;
      if (body.requests > 0) this.#call(body.messages, body.batch, body.batch ? 'null' : idOf(first));
      else for (const message of body.messages) this.#note(message);
    } catch (thrown) {
      const error = thrown instanceof BodyError ? thrown : new BodyError(toBerthError(thrown));
      // An unknown method is what modern WebSocket clients take as "not modern".
      const code = error.error.code === 'unsupported-version' ? METHOD_NOT_FOUND : error.error.rpc;
      this.#ws.send(rpcErrorText(error.error, error.id, code));
    }
  }

  #call(messages: readonly ClientMessage[], batch: boolean, id: string): void {
    this.#untaken++;
    const reader = acceptanceReader((error) => {
      this.#taken();
      if (error) this.#ws.send(rpcErrorText(error, id));
    });
    this.#conversation.call({ key: this.#plane.nextKey(), messages, batch }, reader);
    this.#holdUntilTaken();
  }

  #note(message: ClientMessage): void {
    this.#untaken++;
    this.#conversation.note(this.#plane.nextKey(), message, () => this.#taken());
    this.#holdUntilTaken();
  }

  /** A message that is not taken at once stops the reading of further ones: that is the client's back-pressure. */
  #holdUntilTaken(): void {
    if (this.#untaken > 0 && !this.#ws.isPaused) this.#ws.pause();
  }

  #taken(): void {
    if (--this.#untaken === 0 && this.#ws.isPaused) this.#ws.resume();
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

  #ping(): void {
    // Nothing heard since the last ping, neither a pong nor a message: the peer is gone though nobody said so.
    if (!this.#heard && !this.#ws.isPaused) return this.#ws.terminate();
    this.#heard = false;
    this.#ws.ping();
  }

  #closed(): void {
    this.#stopPing();
    this.#conversation.end(() => {});
  }
}
