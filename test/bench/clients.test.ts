import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { HttpConnection } from '../../bench/clients/http-connection.ts';
import { exchange } from '../../bench/clients/http-session.ts';
import { answerFault, answerId, callBody } from '../../bench/clients/session.ts';
import { EventSplitter } from '../../bench/clients/sse-session.ts';
import { FrameReader, frameHead } from '../../bench/clients/ws-session.ts';

let server: Server | undefined;

afterEach(() => {
  server?.close();
  server = undefined;
});

/** Answers every request with the given bytes, cut in two at `at`. */
function rawServer(response: string, at: number): Promise<number> {
  const listening = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', () => {
      socket.write(response.slice(0, at));
      setImmediate(() => socket.write(response.slice(at)));
    });
  });
  server = listening;
  return new Promise((resolve) => {
    listening.listen(0, '127.0.0.1', () => {
      const address = listening.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

function ask(connection: HttpConnection): Promise<string> {
  return new Promise((resolve, reject) => {
    exchange(connection, { head: 'GET / HTTP/1.1\r\n\r\n', tail: Buffer.alloc(0) }, (reply) =>
      reply instanceof Error ? reject(reply) : resolve(`${reply.status} ${reply.body.toString()}`),
    );
  });
}

const RESPONSES = {
  'content length': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n',
};

for (const [name, response] of Object.entries(RESPONSES)) {
  test(`a ${name} response is read wherever it is cut, twice on one connection`, async () => {
    for (let at = 1; at < response.length; at += 1) {
      const connection = new HttpConnection(await rawServer(response, at));
      expect(await ask(connection)).toBe('200 hello');
      expect(await ask(connection)).toBe('200 hello');
      connection.close();
      server?.close();
    }
  });
}

test('an event stream is split wherever it is cut', () => {
  const stream = 'event: message\ndata: {"id":1}\n\n: comment\n\nid: 7\ndata: {"id":2}\n\n';
  for (let at = 1; at < stream.length; at += 1) {
    const events: string[] = [];
    const splitter = new EventSplitter((data) => events.push(data.toString()));
    splitter.push(Buffer.from(stream.slice(0, at)));
    splitter.push(Buffer.from(stream.slice(at)));
    expect(events).toEqual(['{"id":1}', '{"id":2}']);
  }
});

test('frames of every length form are read wherever they are cut', () => {
  const lengths = [5, 200, 70_000];
  const frames = lengths.map((length) => {
    const masked = frameHead(1, length);
    const head = Buffer.from(masked.subarray(0, masked.length - 4));
    head[1] = (head[1] ?? 0) & 0x7f;
    return Buffer.concat([head, Buffer.alloc(length, 'x')]);
  });
  const stream = Buffer.concat(frames);
  for (const at of [1, 2, 3, 7, 8, 9, 10, 11, 12, 300, stream.length - 1]) {
    const seen: number[] = [];
    const reader = new FrameReader((_, payload) => seen.push(payload.length));
    reader.push(stream.subarray(0, at));
    reader.push(stream.subarray(at));
    expect(seen).toEqual(lengths);
  }
});

test('an answer counts only with its own id, without an error and with its whole payload', () => {
  const body = callBody('echo', { text: 'x' }, 20);
  const answer = (text: string): Error | undefined => answerFault(Buffer.from(text), 123456789, body);
  expect(answerId(Buffer.from('{"result":{},"id":123456789}'))).toBe(123456789);
  expect(answerId(Buffer.from('{"method":"notifications/message"}'))).toBeUndefined();
  expect(answer('{"jsonrpc":"2.0","id":123456789,"result":{}}')).toBeUndefined();
  expect(answer('{"jsonrpc":"2.0","id":123456780,"result":{}}')).toBeInstanceOf(Error);
  expect(answer('{"jsonrpc":"2.0","id":123456789,"error":{}}')).toBeInstanceOf(Error);
  expect(answer('{"id":123456789}')).toBeInstanceOf(Error);
});
