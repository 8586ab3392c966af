/** The HTTP channel with a server of revision 2026-07-28. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  event,
  events,
  type HttpPeer,
  json,
  type PeerRequest,
  refuse,
  startPeer,
} from '../support/http-peer.ts';
import { eventually } from '../support/local-process.ts';
import { messageFault } from '../support/message-schema.ts';
import { type Conversation, connect } from './http-conversation.ts';

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

let peer: HttpPeer;
let talk: Conversation;
beforeEach(async () => {
  peer = await startPeer((request) => json(request, { resultType: 'complete' }, { 'mcp-session-id': 'no' }));
  talk = connect(peer);
});
afterEach(async () => {
  await talk.channel.close();
  await peer.close();
});

function ask(id: unknown, method: string, params: object = {}): void {
  talk.request(id, method, { ...params, _meta: META });
}

const tool = (annotation: string) => ({
  name: 'tool',
  inputSchema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': annotation } } },
});

it('says in headers what its body says, and knows no session', async () => {
  ask(1, 'server/discover');
  ask(2, 'tools/call', { name: 'tool', arguments: {} });
  await talk.answer(1);
  await talk.answer(2);
  expect(peer.seen('server/discover')[0]?.headers).toMatchObject({
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'server/discover',
  });
  expect(peer.seen('tools/call')[0]?.headers).toMatchObject({
    'mcp-method': 'tools/call',
    'mcp-name': 'tool',
  });
  await talk.channel.close();
  expect(peer.requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  for (const { headers } of peer.requests) expect(headers).not.toHaveProperty('mcp-session-id');
});

it('passes an error of the server on, whatever its status', async () => {
  const error = { code: -32_022, message: 'Unsupported', data: { supported: ['2026-07-28'] } };
  peer.answer = (request) => refuse(request, 400, error);
  ask(1, 'tools/list');
  expect((await talk.answer(1)).error).toEqual(error);
});

describe('a cancellation', () => {
  it('drops the connection of its call and is not sent', async () => {
    peer.answer = (request) => {
      if (request.message.method === 'tools/call') events(request.response);
      else json(request, {});
    };
    ask(1, 'tools/call', { name: 'tool' });
    await eventually('the call', () => peer.seen('tools/call').length === 1);
    talk.notify('notifications/cancelled', { requestId: 1, reason: 'no more' });
    await eventually('it is dropped', () => peer.seen('tools/call')[0]?.dropped);
    talk.notify('notifications/cancelled', { requestId: 77 });
    ask(2, 'tools/list');
    await talk.answer(2);
    expect(peer.requests).toHaveLength(2);
    expect(talk.delivered.map(({ message }) => message.id)).toEqual([2]);
    expect(talk.channel.queued).toBe(0);
  });

  it('before there is a response does the same', async () => {
    peer.answer = () => {};
    ask(1, 'tools/call', { name: 'tool' });
    await eventually('the call', () => peer.seen('tools/call').length === 1);
    talk.notify('notifications/cancelled', { requestId: 1 });
    await eventually('it is dropped', () => peer.seen('tools/call')[0]?.dropped);
    expect(talk.delivered).toEqual([]);
  });
});

describe('subscriptions', () => {
  it('run beside each other and beside calls, as long as they are wanted', async () => {
    const open = new Map<unknown, PeerRequest>();
    peer.answer = (request) => {
      if (request.message.method !== 'subscriptions/listen') return json(request, {});
      events(request.response);
      open.set(request.message.id, request);
    };
    const said = (id: unknown, method: string) =>
      open.get(id)?.response.write(event(JSON.stringify({ jsonrpc: '2.0', method })));
    for (const id of ['a', 'b', 'c']) ask(id, 'subscriptions/listen', { notifications: {} });
    await eventually('all are open', () => open.size === 3);
    said('a', 'notifications/of-a');
    said('c', 'notifications/of-c');
    expect((await talk.message('notifications/of-a')).call).toBe('"a"');
    expect((await talk.message('notifications/of-c')).call).toBe('"c"');
    ask(1, 'tools/list');
    await talk.answer(1);
    talk.notify('notifications/cancelled', { requestId: 'b' });
    await eventually('one is dropped', () => open.get('b')?.dropped);
    open.get('c')?.response.end(event(JSON.stringify({ jsonrpc: '2.0', id: 'c', result: {} })));
    await talk.answer('c');
    said('a', 'notifications/later');
    await talk.message('notifications/later');
    expect(open.get('a')?.dropped).toBe(false);
  });

  it('that end without an answer fail, and are not gone on with', async () => {
    peer.answer = ({ response }) => {
      events(response);
      response.end(event('{"jsonrpc":"2.0","method":"n"}', { id: 'event-1', retry: 1 }));
    };
    ask(1, 'subscriptions/listen');
    expect((await talk.answer(1)).error).toMatchObject({ code: -32_603, data: { code: 'remote-failed' } });
    expect(peer.seen('GET')).toEqual([]);
  });
});

describe('the headers of arguments', () => {
  it('follow from the list of tools that has passed, without the tools that may not be offered', async () => {
    const bad = { ...tool('not good'), name: 'bad' };
    peer.answer = (request) =>
      json(request, request.message.method === 'tools/list' ? { tools: [tool('Region'), bad] } : {});
    ask(1, 'tools/list');
    expect((await talk.answer(1)).result).toEqual({ tools: [tool('Region')] });
    ask(2, 'tools/call', { name: 'tool', arguments: { region: 'Zürich' } });
    await talk.answer(2);
    expect(peer.seen('tools/call')[0]?.headers['mcp-param-region']).toBe('=?base64?WsO8cmljaA==?=');
  });

  it('are learned when the server misses them, from all pages, and the call is sent once more', async () => {
    peer.answer = (request) => {
      const { message, headers } = request;
      if (message.method === 'tools/list') {
        const first = message.params?.cursor === undefined;
        return json(request, first ? { tools: [], nextCursor: 'two' } : { tools: [tool('Region')] });
      }
      if (headers['mcp-param-region'] === 'eu') return json(request, { content: [] });
      refuse(request, 400, { code: -32_020, message: 'Header mismatch' });
    };
    const meta = { ...META, progressToken: 5 };
    for (const id of [1, 2])
      talk.request(id, 'tools/call', { name: 'tool', arguments: { region: 'eu' }, _meta: meta });
    expect(await talk.answer(1)).toMatchObject({ result: { content: [] } });
    expect(await talk.answer(2)).toMatchObject({ result: { content: [] } });
    expect(peer.seen('tools/list')[0]?.message.params).toEqual({ _meta: META });
    expect(messageFault('2026-07-28', peer.seen('tools/list')[0]?.message ?? {})).toBeUndefined();
    expect(peer.seen('tools/list')[0]?.headers['mcp-method']).toBe('tools/list');
    expect(talk.delivered).toHaveLength(2);
    ask(3, 'tools/call', { name: 'tool', arguments: { region: 'eu' } });
    await talk.answer(3);
    expect(peer.seen('tools/call')).toHaveLength(5);
  });

  it('that stay wrong fail the call with the words of the server', async () => {
    const error = { code: -32_020, message: 'Header mismatch' };
    peer.answer = (request) =>
      request.message.method === 'tools/list' ? json(request, { tools: [] }) : refuse(request, 400, error);
    ask(1, 'tools/call', { name: 'tool', arguments: {} });
    expect((await talk.answer(1)).error).toEqual(error);
    expect(peer.seen('tools/call')).toHaveLength(2);
  });
});

it('leaves the tools of a legacy server as they are', async () => {
  const bad = { ...tool('not good'), name: 'bad' };
  peer.answer = (request) => json(request, { tools: [bad] });
  talk.request(1, 'tools/list');
  expect((await talk.answer(1)).result).toEqual({ tools: [bad] });
});
