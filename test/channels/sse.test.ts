/** The channel to a server of revision 2024-11-05, where the contract says nothing. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSseChannel } from '../../src/channels/sse.ts';
import { ManualClock } from '../../src/clock.ts';
import { event, events, type HttpPeer, type PeerRequest, refuse, startPeer } from '../support/http-peer.ts';
import { eventually } from '../support/local-process.ts';
import { type Conversation, converse } from './http-conversation.ts';

let peer: HttpPeer;
let talk: Conversation;
let clock: ManualClock;
let onPost: (request: PeerRequest) => void;
let onGet: (request: PeerRequest) => void;

/** Names the address for messages. */
const named =
  (address: string) =>
  ({ response }: PeerRequest): void => {
    events(response);
    response.write(event(address, { event: 'endpoint' }));
  };

beforeEach(async () => {
  clock = new ManualClock();
  onGet = named('/messages?sessionId=1');
  onPost = ({ response }) => void response.writeHead(202).end('Accepted');
  peer = await startPeer((request) => (request.method === 'GET' ? onGet(request) : onPost(request)));
});
afterEach(async () => {
  await talk.channel.close();
  await peer.close();
});

function open(): void {
  const endpoint = { ...peer.endpoint, headers: { authorization: 'Bearer token-1' } };
  talk = converse(createSseChannel({ endpoint, clock, maxLineBytes: 64 * 1024 }));
}

const cause = (message: string) => ({ code: 'remote-failed', message: expect.stringContaining(message) });

it.each(['/messages?sessionId=1', 'messages?sessionId=1', '?sessionId=1'])(
  'posts messages to the address that is named (%s), with the same credentials',
  async (address) => {
    onGet = named(address);
    open();
    talk.request(1, 'ping');
    await eventually('it arrived', () => peer.seen('ping').length === 1);
    expect(peer.seen('ping')[0]?.path).toBe(new URL(address, peer.url).href.slice(peer.url.origin.length));
    expect(peer.seen('GET')[0]?.headers.authorization).toBe('Bearer token-1');
    expect(peer.seen('ping')[0]?.headers.authorization).toBe('Bearer token-1');
    peer.seen('GET')[0]?.response.write(event('{"jsonrpc":"2.0","id":1,"result":{}}'));
    await talk.answer(1);
  },
);

it.each([
  'https://other.example.com/messages',
  '//other.example.com/',
  'http://127.0.0.1:1/',
  'ftp:x',
  'http://',
])('never sends anything to another place (%s)', async (address) => {
  onGet = named(address);
  open();
  talk.request(1, 'ping');
  await eventually('the end', () => talk.ends.length === 1);
  expect(talk.ends[0]).toMatchObject({ reason: 'failed', cause: cause('to another place') });
  expect(peer.requests).toHaveLength(1);
});

it('keeps to the first address', async () => {
  onGet = (request) => {
    named('/first')(request);
    request.response.write(event('/second', { event: 'endpoint' }));
    request.response.write(event('{"jsonrpc":"2.0","method":"n"}'));
  };
  open();
  await talk.message('n');
  talk.notify('x');
  await eventually('it arrived', () => peer.seen('x').length === 1);
  expect(peer.seen('x')[0]?.path).toBe('/first');
});

it.each<[string, (request: PeerRequest) => void, string]>([
  ['refuses', ({ response }) => void response.writeHead(404).end(), 'serves no MCP at this address (404)'],
  ['redirects', ({ response }) => void response.writeHead(302, { location: '/x' }).end(), 'redirects (302'],
  ['wants authorization', ({ response }) => void response.writeHead(401).end(), 'wants authorization'],
  ['answers with a page', ({ response }) => void response.writeHead(200).end('x'), 'with nothing instead'],
  [
    'names no address',
    ({ response }) => {
      events(response);
      response.end();
    },
    'names no address for messages',
  ],
])('fails when the server %s', async (_what, answer, message) => {
  onGet = answer;
  open();
  await eventually('the end', () => talk.ends.length === 1);
  expect(talk.ends[0]).toMatchObject({ reason: 'failed', cause: cause(message) });
});

it('fails when no address is named in time', async () => {
  onGet = ({ response }) => events(response);
  open();
  await eventually('the end', () => {
    if (peer.seen('GET').length === 1) clock.advance(1_000);
    return talk.ends.length === 1;
  });
  expect(talk.ends[0]).toMatchObject({ reason: 'failed', cause: cause('names no address') });
});

it('fails a request that the server does not take, and goes on', async () => {
  onPost = (request) =>
    request.message.method === 'first'
      ? refuse(request, 400, { code: -32_600, message: 'no' })
      : void request.response.writeHead(503).end('busy');
  open();
  talk.request(1, 'first');
  talk.request(2, 'second');
  talk.notify('third');
  expect((await talk.answer(1)).error).toMatchObject({ code: -32_600, message: 'no' });
  expect((await talk.answer(2)).error?.message).toBe('the remote server answered 503: busy');
  await eventually('the third', () => peer.seen('third').length === 1);
  expect(talk.ends).toEqual([]);
});
