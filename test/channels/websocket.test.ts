/** The channel to a server that speaks WebSocket, where the contract says nothing. */
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import type { HttpOptions } from '../../src/channels/http-options.ts';
import { createWebSocketChannel } from '../../src/channels/websocket.ts';
import { PING_EVERY, SILENCE } from '../../src/channels/websocket-connection.ts';
import { OPCODE } from '../../src/channels/websocket-frames.ts';
import { ManualClock } from '../../src/clock.ts';
import { BerthError } from '../../src/errors.ts';
import { eventually } from '../support/local-process.ts';
import { serverFrame, startWsPeer, switchTo, type WsPeer } from '../support/ws-peer.ts';
import { type Conversation, converse } from './http-conversation.ts';

const SECRET = 'canary-token';

let peer: WsPeer;
let talk: Conversation;
let clock: ManualClock;
let sockets: WebSocket[];
let onMessage: (text: string, socket: WebSocket) => void;
let failures: string[];

beforeEach(async () => {
  clock = new ManualClock();
  sockets = [];
  failures = [];
  onMessage = () => {};
  peer = await startWsPeer((socket) => {
    sockets.push(socket);
    socket.on('message', (data) => onMessage(data.toString(), socket));
  });
});
afterEach(async () => {
  // A close that waits for a server that is silent is over when the server is gone.
  const closed = talk.channel.close();
  await peer.close();
  await closed;
});

function open(options: Partial<HttpOptions> = {}): void {
  talk = converse(
    createWebSocketChannel({
      endpoint: { ...peer.endpoint, headers: { authorization: `Bearer ${SECRET}` } },
      clock,
      maxLineBytes: 64 * 1024,
      scrub: (text) => text.replaceAll(SECRET, '[secret]'),
      onFailure: ({ error }) => failures.push(error.message),
      ...options,
    }),
  );
}

async function ended(): Promise<{ reason: string; message: string; hint: string }> {
  const end = await eventually('the end', () => talk.ends[0]);
  expect(talk.ends).toHaveLength(1);
  expect(end.cause).toBeInstanceOf(BerthError);
  const { message, code, details } = end.cause as BerthError;
  expect(code).toBe('remote-failed');
  return { reason: end.reason, message, hint: String(details.hint) };
}

const first = () => eventually('a connection', () => sockets[0]);
const answering = (text: string, socket: WebSocket): void => {
  const { id } = JSON.parse(text);
  if (id !== undefined) socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: {} }));
};

describe('the beginning', () => {
  it('asks with the credentials, for the sub-protocol and for no extension', async () => {
    onMessage = answering;
    open();
    await talk.initialize();
    const [{ headers } = { headers: {} as Record<string, string> }] = peer.handshakes;
    expect(headers).toMatchObject({
      authorization: `Bearer ${SECRET}`,
      'sec-websocket-protocol': 'mcp',
      'sec-websocket-version': '13',
    });
    expect(headers).not.toHaveProperty('sec-websocket-extensions');
    expect(headers).not.toHaveProperty('origin');
    expect((await first()).protocol).toBe('mcp');
  });

  it('needs no sub-protocol of the server', async () => {
    peer.upgrade = (request, socket) => {
      switchTo(request, socket);
      // It comes with the head, in one packet.
      socket.write(serverFrame(OPCODE.text, Buffer.from('{"jsonrpc":"2.0","method":"n"}')));
    };
    open();
    await talk.message('n');
  });

  it.each<[string, Record<string, string>, string]>([
    ['another protocol', { upgrade: 'h2c' }, 'switched to another protocol'],
    ['the wrong key', { 'sec-websocket-accept': 'x' }, 'switched to another protocol'],
    ['another sub-protocol', { 'sec-websocket-protocol': 'other' }, 'another sub-protocol than mcp'],
    [
      'an extension',
      { 'sec-websocket-extensions': 'permessage-deflate' },
      'an extension that nobody offered',
    ],
  ])('is refused with %s', async (_what, headers, message) => {
    peer.upgrade = (request, socket) => switchTo(request, socket, headers);
    open();
    const end = await ended();
    expect(end.reason).toBe('failed');
    expect(end.message).toContain(message);
    expect(failures).toEqual([end.message]);
  });

  it.each<[string, string]>([
    [
      '302 Found\r\nlocation: http://127.0.0.1:1/elsewhere?x=1',
      'redirects (302 to http://127.0.0.1:1/elsewhere)',
    ],
    ['401 Unauthorized', 'wants authorization (401)'],
    ['403 Forbidden', 'forbids it (403)'],
    ['404 Not Found', 'serves no MCP at this address (404)'],
    ['503 Service Unavailable', 'answered 503'],
    ['200 OK', 'answered 200 when it was asked for a WebSocket'],
  ])('that is answered with %s fails, and nothing is followed', async (head, message) => {
    peer.upgrade = (_request, socket) => void socket.end(`HTTP/1.1 ${head}\r\ncontent-length: 0\r\n\r\n`);
    open();
    talk.request(1, 'ping');
    expect((await ended()).message).toContain(message);
    expect(peer.handshakes).toHaveLength(1);
  });

  it('that a server never answers is given up', async () => {
    peer.upgrade = () => {};
    open();
    await eventually('it was asked', () => peer.handshakes.length === 1);
    clock.advance(30_000);
    expect((await ended()).message).toContain('did not answer within 30 s');
  });

  it('is tried once more with a renewed credential', async () => {
    let authorization = 'Bearer old';
    const credential = {
      get authorization() {
        return authorization;
      },
      renew: async () => {
        authorization = 'Bearer new';
        return true;
      },
      failure: new BerthError('remote-failed', 'log in again'),
      secrets: [],
    };
    onMessage = answering;
    peer.upgrade = (_request, socket) => {
      peer.upgrade = undefined;
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    };
    open({ endpoint: { ...peer.endpoint, credential } });
    await talk.initialize();
    expect(peer.handshakes.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
  });
});

describe('a message', () => {
  it('of any length arrives whole, in one frame', async () => {
    const sizes: number[] = [];
    onMessage = (text) => sizes.push(text.length);
    open();
    const around = '{"jsonrpc":"2.0","method":"n","params":{"p":""}}'.length;
    const wanted = [60, 125, 126, 127, 65_535, 65_536, 65_537, 3_000_000];
    for (const size of wanted) talk.notify('n', { p: 'x'.repeat(size - around) });
    await eventually('all', () => sizes.length === wanted.length);
    expect(sizes).toEqual(wanted);
  });

  it('may be written over several lines, or hold several', async () => {
    open();
    (await first()).send('{\r\n  "jsonrpc": "2.0",\n  "method": "pretty"\n}\n');
    (await first()).send('[{"jsonrpc":"2.0","method":"a"},\n {"jsonrpc":"2.0","method":"b"}]');
    for (const method of ['pretty', 'a', 'b']) await talk.message(method);
  });

  it('that is too long is not kept, whatever it says of its length, and fails its call alone', async () => {
    peer.upgrade = (request, socket) => {
      switchTo(request, socket);
      socket.write(
        serverFrame(OPCODE.text, Buffer.from('{"jsonrpc":"2.0","id":7,"result":"'), { fin: false }),
      );
      for (let n = 0; n < 40; n++)
        socket.write(serverFrame(OPCODE.continuation, Buffer.alloc(100_000, 'x'), { fin: false }));
      socket.write(serverFrame(OPCODE.continuation, Buffer.from('"}')));
      socket.write(serverFrame(OPCODE.text, Buffer.from('{"jsonrpc":"2.0","method":"n"}')));
    };
    open();
    await talk.message('n');
    expect(talk.oversized).toEqual(['7']);
    expect(talk.ends).toEqual([]);
  });

  it('of bytes ends the connection, with the code that says so', async () => {
    const code = Promise.withResolvers<number>();
    open();
    const socket = await first();
    socket.once('close', (given) => code.resolve(given));
    socket.send(Buffer.from('{"jsonrpc":"2.0","method":"n"}'));
    expect((await ended()).message).toContain('sends binary messages');
    expect(await code.promise).toBe(1003);
  });
});

describe('the end', () => {
  it.each<[number, string, string]>([
    [1000, 'closed the connection (1000 normal end)', 'may have been carried out'],
    [1001, 'closed the connection (1001 going away)', 'Send initialize again'],
    [1008, '(1008 against its policy)', 'what credential'],
    [1009, '(1009 message too long)', 'send less at once'],
    [1011, '(1011 internal error)', 'state of the remote server'],
    [1013, '(1013 try again later)', 'later'],
    [4401, '(4401 unauthorized)', 'what credential'],
    [4999, 'closed the connection (4999)', 'state of the remote server'],
  ])('with code %i says what it means', async (code, message, hint) => {
    open();
    (await first()).close(code, `because of ${SECRET}`);
    const end = await ended();
    expect(end.reason).toBe('peer-closed');
    expect(end.message).toContain(message);
    expect(end.message).toContain(': because of [secret]');
    expect(end.hint).toContain(hint);
    expect(failures).toEqual([end.message]);
  });

  it('without a code, or without a close at all, says so too', async () => {
    open();
    (await first()).close();
    expect((await ended()).message).toContain('(without a code)');
    await talk.channel.close();
    open();
    (await eventually('another', () => sockets[1])).terminate();
    expect(await ended()).toMatchObject({ reason: 'failed', message: expect.stringContaining('broke off') });
  });

  it('is answered as the rules want it', async () => {
    const seen = Promise.withResolvers<Buffer>();
    let socket: Duplex | undefined;
    peer.upgrade = (request, given) => {
      socket = given;
      switchTo(request, given);
      given.write(serverFrame(OPCODE.close, Buffer.from([0x03, 0xe9])));
      const chunks: Buffer[] = [];
      given.on('data', (chunk: Buffer) => chunks.push(chunk));
      given.once('end', () => seen.resolve(Buffer.concat(chunks)));
    };
    open();
    await ended();
    const frame = await seen.promise;
    expect([frame[0], frame[1]]).toEqual([0x88, 0x82]);
    socket?.end();
  });

  it('of our own says goodbye with 1000, and waits no longer than it must', async () => {
    const code = Promise.withResolvers<number>();
    open();
    (await first()).once('close', (given) => code.resolve(given));
    await talk.channel.close();
    expect(await code.promise).toBe(1000);
    expect(talk.ends).toEqual([{ reason: 'closed' }]);
    expect(failures).toEqual([]);
  });

  it('of our own cuts off a server that does not answer it', async () => {
    let socket: Duplex | undefined;
    peer.upgrade = (request, given) => {
      socket = given.resume();
      switchTo(request, given);
    };
    open();
    await eventually('a connection', () => socket);
    talk.request(1, 'ping');
    await eventually('it is open', () => talk.channel.queued === 0);
    let isClosed = false;
    const closed = talk.channel.close().then(() => {
      isClosed = true;
    });
    await eventually('it is given up', () => {
      clock.advance(500);
      return isClosed;
    });
    await closed;
    expect(talk.ends).toEqual([{ reason: 'closed' }]);
  });
});

describe('a connection', () => {
  /** A server that counts pings and answers none by itself. */
  async function silent(): Promise<{ pings: number; socket: WebSocket }> {
    peer.answersPings = false;
    open();
    const socket = await first();
    const seen = { pings: 0, socket };
    socket.on('ping', () => seen.pings++);
    return seen;
  }

  it('is pinged, and kept while anything is heard', async () => {
    const seen = await silent();
    for (let n = 1; n <= 6; n++) {
      clock.advance(PING_EVERY);
      await eventually('a ping', () => seen.pings === n);
      seen.socket.send(`{"jsonrpc":"2.0","method":"n${n}"}`);
      await talk.message(`n${n}`);
    }
    expect(talk.ends).toEqual([]);
  });

  it('on which nothing is heard any more is given up', async () => {
    const seen = await silent();
    for (let at = PING_EVERY; at < SILENCE; at += PING_EVERY) clock.advance(PING_EVERY);
    await eventually('pings', () => seen.pings === SILENCE / PING_EVERY - 1);
    expect(talk.ends).toEqual([]);
    clock.advance(PING_EVERY);
    expect(await ended()).toMatchObject({
      reason: 'failed',
      message: 'the remote server has said nothing for 60 s, and answers no ping',
    });
  });

  it('that is not read is not taken for dead', async () => {
    await silent();
    talk.channel.pause();
    clock.advance(10 * SILENCE);
    expect(talk.ends).toEqual([]);
    talk.channel.resume();
    clock.advance(PING_EVERY);
    expect(talk.ends).toEqual([]);
  });

  it('answers pings with what they hold', async () => {
    open();
    const socket = await first();
    const pong = new Promise<string>((resolve) => socket.once('pong', (data) => resolve(data.toString())));
    socket.ping('are you there');
    expect(await pong).toBe('are you there');
  });

  it('keeps one answer for a server that pings and does not read', async () => {
    const PINGS = 200_000;
    peer.upgrade = (request, socket) => {
      switchTo(request, socket);
      socket.pause();
      const ping = serverFrame(OPCODE.ping, Buffer.alloc(125, 'x'));
      socket.write(Buffer.concat(Array.from({ length: PINGS }, () => ping)));
      socket.write(serverFrame(OPCODE.text, Buffer.from('{"jsonrpc":"2.0","method":"n"}')));
    };
    open();
    await talk.message('n');
    expect(talk.channel.queued).toBeLessThan(1024 * 1024);
  });
});
