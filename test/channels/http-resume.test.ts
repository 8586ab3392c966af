/** A stream that ends before the answer of its call is gone on with where that is possible, and fails the call where it is not. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { accept, event, events, type HttpPeer, type PeerRequest, startPeer } from '../support/http-peer.ts';
import { eventually } from '../support/local-process.ts';
import { type Conversation, connect } from './http-conversation.ts';

let peer: HttpPeer;
let talk: Conversation;
let clock: ManualClock;
let onCall: (request: PeerRequest) => void;
let onGet: (request: PeerRequest) => void;

const resumes = () => peer.seen('GET').filter(({ headers }) => headers['last-event-id'] !== undefined);
const answerOf = (id: unknown) => event(JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } }));

beforeEach(async () => {
  clock = new ManualClock();
  onGet = ({ response }) => void response.writeHead(405).end();
  peer = await startPeer((request) => {
    if (request.message.method === 'tools/call') return onCall(request);
    if (request.method === 'GET') return onGet(request);
    accept(request);
  });
  talk = connect(peer, { clock });
  await talk.initialize();
  await eventually('the stream was asked for', () => peer.seen('GET').length === 1);
});
afterEach(async () => {
  await talk.channel.close();
  await peer.close();
});

/** Ends the call's stream behind an event with an id. */
function primed({ response }: PeerRequest): void {
  events(response);
  response.write(event('', { id: 'event-1', retry: 500 }));
  response.end(event('{"jsonrpc":"2.0","method":"notifications/progress"}', { id: 'event-2' }));
}

async function passUntil<T>(what: string, value: () => T | undefined | false): Promise<T> {
  return await eventually(what, () => {
    clock.advance(250);
    return value();
  });
}

describe('a stream with event ids', () => {
  beforeEach(() => {
    onCall = primed;
  });

  it('is gone on with behind its last event, not before the server wishes', async () => {
    onGet = ({ response }) => {
      events(response);
      response.end(answerOf(1));
    };
    talk.request(1, 'tools/call', { name: 'x' });
    await talk.message('notifications/progress');
    await eventually('the stream ended', () => peer.seen('tools/call')[0]?.response.writableFinished);
    clock.advance(499);
    expect(resumes()).toEqual([]);
    await eventually('it goes on', () => {
      clock.advance(1);
      return resumes().length === 1;
    });
    expect(resumes()[0]?.headers).toMatchObject({ 'last-event-id': 'event-2', 'mcp-session-id': 'session' });
    expect(await talk.answer(1)).toMatchObject({ result: { content: [] } });
    expect(talk.delivered.at(-1)?.call).toBe('1');
    expect(peer.seen('tools/call')).toHaveLength(1);
  });

  it('may end again and again', async () => {
    onGet = ({ response }) => {
      events(response);
      const n = resumes().length;
      response.end(n < 12 ? event('', { id: `again-${n}` }) : answerOf(1));
    };
    talk.request(1, 'tools/call', { name: 'x' });
    await passUntil('the answer', () => talk.delivered.some(({ message }) => message.id === 1));
    expect(resumes().at(-1)?.headers['last-event-id']).toBe('again-11');
  });

  it('is tried again when the server cannot be reached, for a while', async () => {
    onGet = ({ response }) => void response.writeHead(502).end();
    talk.request(1, 'tools/call', { name: 'x' });
    await passUntil('the failure', () => talk.delivered.some(({ message }) => message.id === 1));
    expect(resumes()).toHaveLength(6);
    expect((await talk.answer(1)).error).toMatchObject({ code: -32_603, data: { code: 'remote-failed' } });
  });

  it('that the server does not go on with fails the call', async () => {
    talk.request(1, 'tools/call', { name: 'x' });
    await passUntil('the failure', () => talk.delivered.some(({ message }) => message.id === 1));
    expect(resumes()).toHaveLength(1);
    expect((await talk.answer(1)).error?.message).toContain('broke off before its answer');
  });

  it('is left alone once the call is cancelled', async () => {
    talk.request(1, 'tools/call', { name: 'x' });
    await talk.message('notifications/progress');
    talk.notify('notifications/cancelled', { requestId: 1 });
    await eventually('it arrived', () => peer.seen('notifications/cancelled').length === 1);
    talk.request(2, 'ping');
    await talk.answer(2);
    clock.advance(60_000);
    talk.request(3, 'ping');
    await talk.answer(3);
    expect(resumes()).toEqual([]);
    expect(talk.delivered.some(({ message }) => message.id === 1)).toBe(false);
  });

  it('is not waited for when the answer comes on another one', async () => {
    onCall = (request) => {
      onGet = ({ response }) => {
        events(response);
        response.write(answerOf(request.message.id));
      };
      primed(request);
    };
    talk.request(1, 'tools/call', { name: 'x' });
    await passUntil('the answer', () => talk.delivered.some(({ message }) => message.id === 1));
    await eventually('the stream is dropped', () => resumes()[0]?.dropped);
  });
});

it.each<[string, (request: PeerRequest) => void]>([
  [
    'an event stream without ids',
    ({ response }) => {
      events(response);
      response.end(event('{"jsonrpc":"2.0","method":"n"}'));
    },
  ],
  [
    'an event stream that is cut',
    ({ response }) => {
      events(response);
      response.socket?.resetAndDestroy();
    },
  ],
  [
    'a JSON text that is cut',
    ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"jsonrpc":"2.0","id":1,"result":{}}', () => response.destroy());
    },
  ],
])('%s fails its call, and nothing else', async (_what, answer) => {
  onCall = answer;
  talk.request(1, 'tools/call', { name: 'x' });
  const { error } = await talk.answer(1);
  expect(error).toMatchObject({ code: -32_603, data: { code: 'remote-failed', phase: 'run' } });
  talk.request(2, 'ping');
  expect(await talk.answer(2)).toMatchObject({ result: {} });
  expect(talk.delivered.filter(({ message }) => message.id === 1)).toHaveLength(1);
});

it('a stream that the server leaves open behind the answer is closed after a while', async () => {
  onCall = ({ message, response }) => {
    events(response);
    response.write(answerOf(message.id));
  };
  talk.request(1, 'tools/call', { name: 'x' });
  await talk.answer(1);
  await passUntil('it is dropped', () => peer.seen('tools/call')[0]?.dropped);
});
