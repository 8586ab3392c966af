/** The HTTP channel in a session of the legacy era. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import {
  accept,
  event,
  events,
  type HttpPeer,
  json,
  type PeerRequest,
  RESULT,
  startPeer,
  stuckWatch,
} from '../support/http-peer.ts';
import { eventually } from '../support/local-process.ts';
import { type Conversation, connect } from './http-conversation.ts';

let peer: HttpPeer;
let talk: Conversation;
beforeEach(async () => {
  peer = await startPeer();
});
afterEach(async () => {
  peer.answer = accept;
  await talk.channel.close();
  await peer.close();
});

/** Time that remembers what it was asked to wait for. */
class RecordingClock extends ManualClock {
  readonly waits: number[] = [];

  override after(ms: number, fn: () => void): () => void {
    this.waits.push(ms);
    return super.after(ms, fn);
  }
}

/** Answers requests of one method otherwise than the peer does. */
function on(method: string, answer: (request: PeerRequest) => void): void {
  const { answer: before } = peer;
  peer.answer = (request) =>
    request.method === method || request.message.method === method ? answer(request) : before(request);
}

describe('a session', () => {
  it('is opened by initialize, and its id and revision go with every message after it', async () => {
    talk = connect(peer, { endpoint: { ...peer.endpoint, headers: { authorization: 'Bearer token-1' } } });
    await talk.initialize();
    talk.request(2, 'tools/list');
    await talk.answer(2);
    const [first, ...others] = peer.requests;
    expect(first?.headers).toMatchObject({
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      authorization: 'Bearer token-1',
      'user-agent': 'berth',
    });
    expect(first?.headers).not.toHaveProperty('mcp-session-id');
    expect(first?.headers).not.toHaveProperty('mcp-protocol-version');
    await eventually('the stream is asked for', () => peer.seen('GET').length === 1);
    for (const { headers } of [...others, ...peer.seen('GET')])
      expect(headers).toMatchObject({
        'mcp-session-id': 'session',
        'mcp-protocol-version': '2025-11-25',
        authorization: 'Bearer token-1',
      });
  });

  it('may have no id', async () => {
    on('initialize', (request) => json(request, { ...RESULT, protocolVersion: '2025-03-26' }));
    talk = connect(peer);
    await talk.initialize();
    talk.request(2, 'ping');
    await talk.answer(2);
    expect(peer.seen('ping')[0]?.headers).not.toHaveProperty('mcp-session-id');
    expect(peer.seen('ping')[0]?.headers['mcp-protocol-version']).toBe('2025-03-26');
    await talk.channel.close();
    expect(peer.seen('DELETE')).toEqual([]);
  });

  it('with an id that could not be sent back is refused', async () => {
    on('initialize', (request) => json(request, RESULT, { 'mcp-session-id': 'ses sion' }));
    talk = connect(peer);
    talk.request('init', 'initialize');
    expect((await talk.answer('init')).error?.message).toContain('visible ASCII');
  });

  it('is ended at the server when the channel is closed', async () => {
    talk = connect(peer);
    await talk.initialize();
    await talk.channel.close();
    expect(peer.seen('DELETE').map(({ headers }) => headers['mcp-session-id'])).toEqual(['session']);
    expect(talk.ends).toEqual([{ reason: 'closed' }]);
  });

  it('that hangs is left behind all the same', async () => {
    const clock = new ManualClock();
    talk = connect(peer, { clock });
    await talk.initialize();
    on('DELETE', () => {});
    const closed = talk.channel.close();
    await eventually('the session is being ended', () => peer.seen('DELETE').length === 1);
    clock.advance(2_000);
    await closed;
    expect(talk.ends).toEqual([{ reason: 'closed' }]);
  });
});

describe('the order of messages', () => {
  it('is kept behind initialize and notifications/initialized, and nowhere else', async () => {
    const held = new Map<string, PeerRequest>();
    peer.answer = (request) => {
      const { method = request.method } = request.message;
      if (method === 'GET') accept(request);
      else held.set(method, request);
    };
    talk = connect(peer);
    talk.request('init', 'initialize');
    talk.notify('notifications/initialized');
    talk.request(1, 'tools/call', { name: 'slow' });
    talk.request(2, 'tools/list');
    const release = async (method: string, then: string): Promise<void> => {
      accept((await eventually(method, () => held.get(method))) as PeerRequest);
      await eventually(then, () => held.has(then));
    };
    await eventually('initialize', () => held.has('initialize'));
    expect([...held.keys()]).toEqual(['initialize']);
    await release('initialize', 'notifications/initialized');
    expect(held.has('tools/call')).toBe(false);
    await release('notifications/initialized', 'tools/list');
    await eventually('both calls', () => held.has('tools/call'));
    accept(held.get('tools/list') as PeerRequest);
    await talk.answer(2);
    expect(talk.delivered.some(({ message }) => message.id === 1)).toBe(false);
    accept(held.get('tools/call') as PeerRequest);
    await talk.answer(1);
  });

  it('waits for the stream of the server too, which may ask something on it during the first call', async () => {
    let stream: PeerRequest | undefined;
    on('GET', (request) => {
      stream = request;
    });
    talk = connect(peer, { clock: new ManualClock() });
    await talk.initialize();
    talk.request(1, 'tools/call', { name: 'asks' });
    await eventually('the stream is asked for', () => stream);
    expect(peer.seen('tools/call')).toEqual([]);
    events((stream as unknown as PeerRequest).response);
    await talk.answer(1);
  });

  it('waits no longer when the server says nothing before it has something to say', async () => {
    const clock = new ManualClock();
    on('GET', () => {});
    talk = connect(peer, { clock });
    await talk.initialize();
    talk.request(1, 'ping');
    await eventually('the stream is asked for', () => peer.seen('GET').length === 1);
    await eventually('the answer', () => {
      clock.advance(100);
      return talk.delivered.some(({ message }) => message.id === 1);
    });
  });

  it('lets a server ask before it answers initialize', async () => {
    let init: PeerRequest | undefined;
    on('initialize', (request) => {
      init = request;
      events(request.response, { 'mcp-session-id': 'session' });
      request.response.write(event('{"jsonrpc":"2.0","id":"p","method":"ping"}'));
    });
    talk = connect(peer);
    talk.request('init', 'initialize');
    await talk.message('ping');
    talk.send({ id: 'p', result: {} });
    await eventually('the answer', () => peer.requests.some(({ message }) => message.id === 'p'));
    const answer = { jsonrpc: '2.0', id: 'init', result: RESULT };
    init?.response.end(event(JSON.stringify(answer)));
    await talk.answer('init');
  });
});

describe('what a server sends', () => {
  it('on the stream of a call comes with its id, on its own stream without', async () => {
    on('GET', ({ response }) => {
      events(response);
      response.write(event('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'));
    });
    on('tools/call', ({ message, response }) => {
      events(response);
      response.write(event('{"jsonrpc":"2.0","id":9,"method":"roots/list"}'));
      response.end(event(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { content: [] } })));
    });
    talk = connect(peer);
    await talk.initialize();
    talk.request(2, 'tools/call', { name: 'x' });
    await talk.answer(2);
    expect((await talk.message('roots/list')).call).toBe('2');
    expect((await talk.message('notifications/tools/list_changed')).call).toBeUndefined();
  });

  it('as a batch comes one by one, pretty-printed comes as one', async () => {
    on('ping', ({ message, response }) => {
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
      const note = { jsonrpc: '2.0', method: 'n' };
      response.end(
        JSON.stringify([note, { jsonrpc: '2.0', id: message.id, result: {} }, note], undefined, 2),
      );
    });
    talk = connect(peer);
    await talk.initialize();
    talk.request(2, 'ping');
    await talk.answer(2);
    expect(talk.delivered.filter(({ message }) => message.method === 'n')).toHaveLength(2);
  });
});

it('a paused channel reads none of its streams, and all of them afterwards', async () => {
  const calls: PeerRequest[] = [];
  on('tools/call', (request) => {
    events(request.response);
    calls.push(request);
  });
  talk = connect(peer);
  await talk.initialize();
  for (const id of [1, 2, 3]) talk.request(id, 'tools/call', { name: 'x' });
  await eventually('all streams are open', () => calls.length === 3);
  talk.channel.pause();
  talk.request(4, 'tools/call', { name: 'late' });
  await eventually('another one', () => calls.length === 4);
  const note = event(JSON.stringify({ jsonrpc: '2.0', method: 'n', params: { pad: 'x'.repeat(60_000) } }));
  const isStuck = stuckWatch();
  for (const { response } of calls) for (let n = 0; n < 200; n++) response.write(note);
  await eventually('the last one cannot be written on', () => isStuck(calls[3]?.response));
  expect(talk.delivered.filter(({ message }) => message.method === 'n').length).toBeLessThan(800);
  for (const { message, response } of calls)
    response.end(event(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} })));
  talk.channel.resume();
  for (const id of [1, 2, 3, 4]) await talk.answer(id);
  expect(talk.delivered.filter(({ message }) => message.method === 'n')).toHaveLength(800);
});

describe('a cancellation', () => {
  it('is posted, and the stream of the call is dropped', async () => {
    on('tools/call', ({ response }) => events(response));
    talk = connect(peer);
    await talk.initialize();
    talk.request(2, 'tools/call', { name: 'x' });
    talk.notify('notifications/cancelled', { requestId: 2 });
    await eventually('it arrived', () => peer.seen('notifications/cancelled').length === 1);
    await eventually('the call was dropped', () => peer.seen('tools/call')[0]?.dropped);
    talk.request(3, 'ping');
    await talk.answer(3);
    expect(talk.delivered.some(({ message }) => message.id === 2)).toBe(false);
  });
});

describe('the stream of its own', () => {
  it('is opened again where it was left, after the time that the server wishes', async () => {
    const clock = new ManualClock();
    on('GET', ({ response }) => {
      events(response);
      const n = peer.seen('GET').length;
      response.end(event(`{"jsonrpc":"2.0","method":"n${n}"}`, { id: `event-${n}`, retry: 700 }));
    });
    talk = connect(peer, { clock });
    await talk.initialize();
    await talk.message('n1');
    for (const n of [2, 3]) {
      clock.advance(699);
      expect(peer.seen('GET')).toHaveLength(n - 1);
      await eventually(`the stream is opened again, ${n}`, () => {
        clock.advance(1);
        return peer.seen('GET').length === n;
      });
      await talk.message(`n${n}`);
    }
    expect(peer.seen('GET').map(({ headers }) => headers['last-event-id'])).toEqual([
      undefined,
      'event-1',
      'event-2',
    ]);
  });

  it('is asked for with growing pauses while the server cannot give it', async () => {
    const clock = new RecordingClock();
    on('GET', ({ response }) => void response.writeHead(503).end());
    talk = connect(peer, { clock });
    await talk.initialize();
    await eventually('five more', () => {
      clock.advance(60_000);
      return peer.seen('GET').length >= 6;
    });
    const growing = [2_000, 4_000, 8_000, 16_000];
    expect(clock.waits.filter((ms) => growing.includes(ms)).slice(0, 4)).toEqual(growing);
  });

  it.each([405, 404, 400])('is not missed where there is none (%i)', async (status) => {
    const clock = new ManualClock();
    on('GET', ({ response }) => void response.writeHead(status).end());
    talk = connect(peer, { clock });
    await talk.initialize();
    await eventually('it was asked for', () => peer.seen('GET').length === 1);
    talk.request(2, 'ping');
    await talk.answer(2);
    clock.advance(3_600_000);
    talk.request(3, 'ping');
    await talk.answer(3);
    expect(peer.seen('GET')).toHaveLength(1);
    expect(peer.seen('initialize')).toHaveLength(1);
  });
});
