/** A session that the server has forgotten is opened again, once for all, and nothing runs twice. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import {
  accept,
  event,
  events,
  type HttpPeer,
  json,
  type PeerRequest,
  RESULT,
  refuse,
  startPeer,
} from '../support/http-peer.ts';
import { eventually } from '../support/local-process.ts';
import { type Conversation, connect } from './http-conversation.ts';

const NOT_FOUND = { code: -32001, message: 'Session not found' };

let peer: HttpPeer;
let talk: Conversation;
/** The session that the server knows. */
let current = 1;
/** How it says that it does not know another one. */
let forget: (request: PeerRequest) => void;
/** What it answers to an `initialize` after the first. */
let reopen: (request: PeerRequest) => void;
const clock = new ManualClock();

const session = (n: number) => `session-${n}`;
const sessionsOf = (method: string) => peer.seen(method).map(({ headers }) => headers['mcp-session-id']);

beforeEach(async () => {
  current = 1;
  forget = (request) => refuse(request, 404, NOT_FOUND);
  reopen = (request) => json(request, RESULT, { 'mcp-session-id': session(current) });
  peer = await startPeer((request) => {
    const { message, headers, method, response } = request;
    if (message.method === 'initialize') return reopen(request);
    if (headers['mcp-session-id'] !== session(current)) return forget(request);
    if (method !== 'GET') return accept(request);
    events(response);
    response.write(event('', { id: '1' }));
  });
  talk = connect(peer, { clock });
  await talk.initialize();
  await eventually('the stream', () => peer.seen('GET').length === 1);
});
afterEach(async () => {
  await talk.channel.close();
  await peer.close();
});

it('one handshake serves all messages that were refused, which are sent again', async () => {
  current = 2;
  for (let id = 1; id <= 5; id++) talk.request(id, 'tools/call', { name: `tool-${id}` });
  talk.notify('notifications/roots/list_changed');
  for (let id = 1; id <= 5; id++) expect(await talk.answer(id)).toMatchObject({ result: {} });
  await eventually('the notification', () => sessionsOf('notifications/roots/list_changed').length === 2);
  expect(peer.seen('initialize')).toHaveLength(2);
  expect(peer.seen('initialize')[1]?.body).toBe(peer.seen('initialize')[0]?.body);
  expect(peer.seen('initialize')[1]?.headers).not.toHaveProperty('mcp-session-id');
  expect(sessionsOf('notifications/initialized')).toEqual([session(1), session(2)]);
  expect(sessionsOf('tools/call').filter((id) => id === session(2))).toHaveLength(5);
  await eventually('another stream', () => sessionsOf('GET').at(-1) === session(2));
  expect(talk.delivered.filter(({ message }) => message.id === 'init')).toHaveLength(1);
});

it('log level and subscriptions are taken along', async () => {
  talk.request(1, 'logging/setLevel', { level: 'debug' });
  talk.request(2, 'resources/subscribe', { uri: 'a:1' });
  talk.request(3, 'resources/subscribe', { uri: 'a:2' });
  for (const id of [1, 2, 3]) await talk.answer(id);
  talk.request(4, 'resources/unsubscribe', { uri: 'a:1' });
  await talk.answer(4);
  current = 2;
  talk.request(5, 'ping');
  await talk.answer(5);
  const again = peer.requests.filter(({ headers }) => headers['mcp-session-id'] === session(2));
  expect(again.map(({ message }) => message.params).filter((params) => params?.level || params?.uri)).toEqual(
    [{ level: 'debug' }, { uri: 'a:2' }],
  );
  expect(talk.delivered.filter(({ message }) => message.id === 3)).toHaveLength(1);
});

it.each([
  ['Bad Request: No valid session ID provided', -32_000],
  ['Bad Request: Server not initialized', -32_000],
])('a server that says it with 400 (%s) is understood', async (message, code) => {
  forget = (request) => refuse(request, 400, { code, message });
  current = 2;
  talk.request(1, 'ping');
  expect(await talk.answer(1)).toMatchObject({ result: {} });
});

it('a session whose own stream is gone is opened again without being asked for', async () => {
  current = 2;
  peer.seen('GET')[0]?.response.end();
  await eventually('another session', () => {
    clock.advance(1_000);
    return sessionsOf('GET').at(-1) === session(2);
  });
  expect(peer.seen('initialize')).toHaveLength(2);
});

it('an unknown method under 404 is an answer', async () => {
  current = 2;
  forget = (request) => refuse(request, 404, { code: -32_601, message: 'Method not found' });
  talk.request(1, 'tasks/list');
  expect((await talk.answer(1)).error?.code).toBe(-32_601);
  expect(peer.seen('initialize')).toHaveLength(1);
});

it('a server that forgets at once is not asked a third time', async () => {
  reopen = (request) => json(request, RESULT, { 'mcp-session-id': 'forgotten' });
  current = 2;
  talk.request(1, 'tools/call', { name: 'x' });
  expect((await talk.answer(1)).error).toMatchObject({ code: NOT_FOUND.code, message: NOT_FOUND.message });
  expect(peer.seen('tools/call')).toHaveLength(2);
});

it('a call that was called off meanwhile is not sent again', async () => {
  let opening: PeerRequest | undefined;
  current = 2;
  reopen = (request) => {
    opening = request;
  };
  talk.request(1, 'tools/call', { name: 'x' });
  await eventually('another session is asked for', () => opening);
  talk.notify('notifications/cancelled', { requestId: 1 });
  json(opening as unknown as PeerRequest, RESULT, { 'mcp-session-id': session(2) });
  await eventually('it was called off', () => sessionsOf('notifications/cancelled').includes(session(2)));
  talk.request(2, 'ping');
  await talk.answer(2);
  expect(sessionsOf('tools/call')).toEqual([session(1)]);
});

it('answers to requests of the lost session are not repeated', async () => {
  current = 2;
  talk.send({ id: 'asked', result: { roots: [] } });
  await eventually('another session', () => sessionsOf('notifications/initialized').length === 2);
  talk.request(1, 'ping');
  await talk.answer(1);
  expect(peer.requests.filter(({ message }) => message.id === 'asked')).toHaveLength(1);
});

it.each([
  ['refuses it', (request: PeerRequest) => refuse(request, 400, { code: -32_600, message: 'no more' })],
  ['is gone for good', (request: PeerRequest) => void request.response.writeHead(410).end()],
  [
    'has another revision now',
    (request: PeerRequest) =>
      json(request, { ...RESULT, protocolVersion: '2025-06-18' }, { 'mcp-session-id': session(2) }),
  ],
])('a server that %s ends the channel, so that the client opens another session', async (_how, answer) => {
  current = 2;
  reopen = answer;
  talk.request(1, 'tools/call', { name: 'x' });
  await eventually('the end', () => talk.ends.length === 1);
  const message = expect.stringContaining('the session with the remote server is lost');
  expect(talk.ends[0]).toMatchObject({ reason: 'peer-closed', cause: { code: 'remote-failed', message } });
  expect(talk.request(2, 'ping')).toBe(true);
  expect(peer.seen('ping')).toEqual([]);
});

it('a server that is down for a moment fails the calls, and the next one tries again', async () => {
  current = 2;
  reopen = (request) => void request.response.writeHead(503).end('starting');
  talk.request(1, 'tools/call', { name: 'x' });
  expect((await talk.answer(1)).error).toMatchObject({ code: -32_603 });
  reopen = (request) => json(request, RESULT, { 'mcp-session-id': session(current) });
  talk.request(2, 'tools/call', { name: 'x' });
  expect(await talk.answer(2)).toMatchObject({ result: {} });
  expect(talk.ends).toEqual([]);
});
