/** Requests whose lengths are not what they say (T-33). */
import { type RawBody, sendRaw } from './raw.ts';

export interface Lie {
  readonly what: string;
  readonly headers: readonly string[];
  readonly body: RawBody;
  /** The client ends its half of the connection after the body. */
  readonly half?: boolean;
  /** `closed`: the connection ends without an answer. */
  readonly wanted: readonly string[];
}

const PING = '{"jsonrpc":"2.0","id":"lie","method":"ping"}';
const CHUNKED = 'Transfer-Encoding: chunked';
const MIB = 2 ** 20;
const ENDLESS_MIB = 64;
const REFUSED = ['400', 'closed'];

/** Up to 64 MiB in chunks of one MiB; can be read again and again. */
const endless: RawBody = {
  *[Symbol.iterator]() {
    const chunk = Buffer.from(`100000\r\n${'x'.repeat(MIB)}\r\n`);
    for (let sent = 0; sent < ENDLESS_MIB; sent++) yield chunk;
  },
};

/** One chunk that says it has 4 GiB, of which up to 64 MiB come. */
const huge: RawBody = {
  *[Symbol.iterator]() {
    yield Buffer.from('FFFFFFFF\r\n');
    const part = Buffer.alloc(MIB, 'x');
    for (let sent = 0; sent < ENDLESS_MIB; sent++) yield part;
  },
};

export const LIES: readonly Lie[] = [
  {
    what: 'Content-Length of 10 GiB, one byte sent',
    headers: [`Content-Length: ${10 * 2 ** 30}`],
    body: '{',
    wanted: ['413'],
  },
  {
    what: 'Content-Length one too large, then the end',
    headers: [`Content-Length: ${PING.length + 1}`],
    body: PING,
    half: true,
    wanted: REFUSED,
  },
  { what: 'Content-Length too small', headers: ['Content-Length: 10'], body: PING, wanted: ['400'] },
  { what: 'Content-Length −1', headers: ['Content-Length: -1'], body: PING, wanted: ['400'] },
  {
    what: 'Content-Length beyond 64 bits',
    headers: [`Content-Length: ${'9'.repeat(30)}`],
    body: PING,
    wanted: ['400', '413'],
  },
  {
    what: 'two different Content-Lengths',
    headers: ['Content-Length: 5', `Content-Length: ${PING.length}`],
    body: PING,
    wanted: ['400'],
  },
  {
    what: 'Content-Length and chunked together',
    headers: [`Content-Length: ${PING.length}`, CHUNKED],
    body: `2c\r\n${PING}\r\n0\r\n\r\n`,
    wanted: ['400'],
  },
  { what: 'chunks without end, up to 64 MiB', headers: [CHUNKED], body: endless, wanted: ['413'] },
  { what: 'a chunk of 4 GiB, up to 64 MiB of it sent', headers: [CHUNKED], body: huge, wanted: ['413'] },
  {
    what: 'a chunk size that is no number',
    headers: [CHUNKED],
    body: `zz\r\n${PING}\r\n0\r\n\r\n`,
    wanted: ['400'],
  },
  {
    what: 'a chunk size beyond 64 bits',
    headers: [CHUNKED],
    body: `${'F'.repeat(20)}\r\n${PING}`,
    wanted: ['400'],
  },
  {
    what: 'a chunk extension of 64 KiB',
    headers: [CHUNKED],
    body: `2c;${'x'.repeat(65_536)}\r\n${PING}\r\n0\r\n\r\n`,
    wanted: ['400', '413'],
  },
];

/** Sends a body in chunks of one byte each; resolves with the status. */
export function bytewise(url: string, headers: readonly string[], body: string): Promise<string> {
  const parts = function* (): Generator<Buffer> {
    const STEP = 8_192;
    for (let from = 0; from < body.length; from += STEP) {
      yield Buffer.from([...body.slice(from, from + STEP)].map((letter) => `1\r\n${letter}\r\n`).join(''));
    }
    yield Buffer.from('0\r\n\r\n');
  };
  return sendRaw(url, [...headers, CHUNKED], parts());
}
