/** A server in the test's hands that speaks WebSocket: through the library that most servers use, or byte by byte. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { createHttpAgent, type HttpEndpoint } from '../../src/channels/http-client.ts';

export interface WsPeer {
  /** As the channel takes it: its beginning is a request of HTTP. */
  readonly endpoint: HttpEndpoint;
  /** With `ws:`. */
  readonly url: string;
  readonly handshakes: readonly IncomingMessage[];
  /** Pings are answered; true unless the test says otherwise. */
  answersPings: boolean;
  /** Instead of the library: the socket is the test's. */
  upgrade: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | undefined;
  close(): Promise<void>;
}

/** Starts one on a free loopback port; `connected` gets each connection that the library has made. */
export async function startWsPeer(connected: (socket: WebSocket) => void = () => {}): Promise<WsPeer> {
  const sockets = new WebSocketServer({ noServer: true, autoPong: false, maxPayload: 64 * 1024 * 1024 });
  sockets.on('connection', (socket) => {
    socket.on('ping', (data) => peer.answersPings && socket.pong(data));
    connected(socket);
  });
  const handshakes: IncomingMessage[] = [];
  const opened = new Set<Duplex>();
  const server = createServer((_request, response) => response.writeHead(426).end());
  server.on('upgrade', (request, socket, head) => {
    handshakes.push(request);
    opened.add(socket);
    socket.on('error', () => {});
    if (peer.upgrade) peer.upgrade(request, socket, head);
    else sockets.handleUpgrade(request, socket, head, (made) => sockets.emit('connection', made));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const url = new URL(`http://127.0.0.1:${port}/ws`);
  const agent = createHttpAgent(url);
  const peer: WsPeer = {
    endpoint: { url, headers: {}, agent },
    url: `ws://127.0.0.1:${port}/ws`,
    handshakes,
    answersPings: true,
    upgrade: undefined,
    close: async () => {
      agent.destroy();
      for (const socket of opened) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return peer;
}

/** Switches as a server does that has no library; further headers may be wrong. */
export function switchTo(
  request: IncomingMessage,
  socket: Duplex,
  headers: Readonly<Record<string, string>> = {},
): void {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  const all = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-accept': accept, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
}

/** A frame as servers write them: not masked. `reserved`: bits of the first byte that mean an extension. */
export function serverFrame(
  opcode: number,
  payload: Buffer,
  { fin = true, reserved = 0 }: { readonly fin?: boolean; readonly reserved?: number } = {},
): Buffer {
  const first = (fin ? 0x80 : 0) | reserved | opcode;
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.from([first, length]), payload]);
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = first;
  head[1] = length < 65_536 ? 126 : 127;
  if (length < 65_536) head.writeUInt16BE(length, 2);
  else head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}
