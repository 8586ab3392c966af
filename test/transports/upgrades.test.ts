/** Upgrades of HTTP connections: which are taken, and what is left of those that are refused. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createHttpFront } from '../../src/transports/http-server.ts';
import { FIRST_MESSAGE_WITHIN, MOST_SILENT } from '../../src/transports/silent-connections.ts';
import { CLOSE_WITHIN, PING_EVERY } from '../../src/transports/websocket-connection.ts';
import { eventually } from '../support/local-process.ts';
import { RawStream } from '../support/raw-stream.ts';
import { type Front, startFront } from './front.ts';

let front: Front;
beforeEach(async () => {
  front = await startFront();
});
afterEach(() => front.close());

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}';
const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];

/** A client that never closes its own half. */
async function stubborn(
  url: string,
  head: readonly string[],
): Promise<{ socket: Socket; seen: () => string }> {
  const { hostname, port, host, pathname } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  let seen = '';
  socket.on('data', (chunk) => {
    seen += chunk;
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(`${[`GET ${pathname} HTTP/1.1`, `Host: ${host}`, ...head].join('\r\n')}\r\n\r\n`);
  return { socket, seen: () => seen };
}

it.each(['h2c', 'h2c, TLS/1.0', 'websocketish'])(
  'an offer of %s is declined by serving the request as it is',
  async (protocol) => {
    const head = [
      'POST',
      'Connection: Upgrade, HTTP2-Settings',
      `Upgrade: ${protocol}`,
      'HTTP2-Settings: AAEAAEAA',
      'Content-Type: application/json',
      'Accept: application/json, text/event-stream',
      `Content-Length: ${INITIALIZE.length}`,
    ];
    const stream = await RawStream.open(`${front.base}/mcp`, head, INITIALIZE);
    await eventually('an answer', () => stream.seen.includes('"protocolVersion"'));
    expect(stream.seen).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    stream.close();
  },
);

it.each(['websocket', 'WebSocket'])('an offer of %s is taken at /ws', async (protocol) => {
  const head = WEBSOCKET.map((line) => (line.startsWith('Upgrade:') ? `Upgrade: ${protocol}` : line));
  const { socket, seen } = await stubborn(`${front.base}/ws`, head);
  await eventually('an answer', () => seen().startsWith('HTTP/1.1 101'));
  socket.destroy();
});

it('a refused upgrade leaves no half-open socket behind', async () => {
  const { socket, seen } = await stubborn(`${front.base}/nowhere`, WEBSOCKET);
  await once(socket, 'end');
  expect(seen()).toMatch(/^HTTP\/1.1 404 /);
  // A socket that is gone answers further bytes with a reset.
  await eventually('the end of the socket', () => {
    if (!socket.closed) socket.write('x');
    return socket.closed;
  });
});

it('a gateway that goes away does not wait for clients that do not answer its close', async () => {
  const { socket, seen } = await stubborn(`${front.base}/ws`, WEBSOCKET);
  await eventually('the upgrade', () => seen().startsWith('HTTP/1.1 101'));
  const closed = front.close();
  front.harness.clock.advance(CLOSE_WITHIN);
  await closed;
  socket.destroy();
});

it('a WebSocket on which nothing is said is closed with 1008 in a minute, though it answers pings', async () => {
  const ws = new WebSocket(`${front.base.replace('http', 'ws')}/ws`);
  await once(ws, 'open');
  const closed = once(ws, 'close');
  for (let passed = PING_EVERY; passed < FIRST_MESSAGE_WITHIN; passed += PING_EVERY) {
    front.harness.clock.advance(PING_EVERY);
    await once(ws, 'ping');
    // What comes back for a ping of our own shows that the answer to the gateway's has arrived before it.
    ws.ping();
    await once(ws, 'pong');
  }
  expect(ws.readyState).toBe(WebSocket.OPEN);
  front.harness.clock.advance(PING_EVERY);
  expect((await closed)[0]).toBe(1008);
});

it('one caller has few WebSockets that said nothing; those that spoke are not counted', async () => {
  const open = async (message?: string): Promise<WebSocket> => {
    const ws = new WebSocket(`${front.base.replace('http', 'ws')}/ws`);
    await once(ws, 'open');
    if (message === undefined) return ws;
    ws.send(message);
    await once(ws, 'message');
    return ws;
  };
  const spoken = await Promise.all([open('no message'), open('no message')]);
  const silent = await Promise.all(Array.from({ length: MOST_SILENT }, () => open()));
  const refused = await stubborn(`${front.base}/ws`, WEBSOCKET);
  await eventually('the refusal', () => refused.seen().includes('have sent no message'));
  expect(refused.seen()).toMatch(/^HTTP\/1.1 429 /);
  silent[0]?.send('no message');
  await once(silent[0] as WebSocket, 'message');
  silent[1]?.terminate();
  await eventually('room', async () => {
    const { socket, seen } = await stubborn(`${front.base}/ws`, WEBSOCKET);
    await eventually('an answer', () => seen() !== '');
    socket.destroy();
    return seen().startsWith('HTTP/1.1 101');
  });
  for (const ws of [...spoken, ...silent]) ws.terminate();
});

it('a server that cannot accept a connection goes on', async () => {
  const dataPlane = {
    handle: () => false,
    upgrade: () => false,
    leave: async () => {},
    streams: () => 0,
    close: () => {},
  };
  const { server, listen, close } = createHttpFront({
    dataPlane,
    control: (_request, response) => response.end(),
    headers: 10,
    connections: 10,
  });
  await listen(0, '127.0.0.1');
  for (let again = 0; again < 3; again++) server.emit('error', new Error('accept ENFILE'));
  await close();
});
