/** What a server over HTTP may answer instead of an answer: the call fails with words that help, and the channel goes on. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttpAgent, IDLE_MS } from '../../src/channels/http-client.ts';
import { ManualClock } from '../../src/clock.ts';
import {
  accept,
  event,
  events,
  type HttpPeer,
  type PeerRequest,
  refuse,
  startPeer,
} from '../support/http-peer.ts';
import { eventually } from '../support/local-process.ts';
import { messageFault } from '../support/message-schema.ts';
import { type Conversation, connect } from './http-conversation.ts';

const SECRET = 'canary-token';
const scrub = (text: string) => text.replaceAll(SECRET, '[secret]');

let peer: HttpPeer;
let talk: Conversation;
let onCall: (request: PeerRequest) => void;

beforeEach(async () => {
  peer = await startPeer((request) =>
    request.message.method === 'tools/call' ? onCall(request) : accept(request),
  );
  talk = connect(peer, { scrub });
  await talk.initialize();
});
afterEach(async () => {
  await talk.channel.close();
  await peer.close();
});

async function failed(answer: (request: PeerRequest) => void) {
  onCall = answer;
  talk.request(1, 'tools/call', { name: 'x' });
  const failure = await talk.answer(1);
  expect(messageFault('2025-11-25', failure, 'tools/call')).toBeUndefined();
  const { error } = failure;
  talk.request(2, 'ping');
  expect(await talk.answer(2)).toMatchObject({ result: {} });
  expect(talk.ends).toEqual([]);
  return { ...error, hint: String(error?.data?.hint) };
}

function status(code: number, body = '', headers: Record<string, string> = {}) {
  return ({ response }: PeerRequest) => void response.writeHead(code, headers).end(body);
}

describe('a refusal', () => {
  it.each([301, 302, 303, 307, 308])('that redirects (%i) is not followed', async (code) => {
    const elsewhere = `${peer.url.origin}/elsewhere?token=${SECRET}`;
    const { message, hint } = await failed(status(code, '', { location: elsewhere }));
    expect(message).toBe(`the remote server redirects (${code} to ${peer.url.origin}/elsewhere)`);
    expect(hint).toContain('not followed');
    expect(peer.requests.some(({ path }) => path.startsWith('/elsewhere'))).toBe(false);
  });

  it('for want of authorization says so, whatever its body is', async () => {
    const error = { code: -32_001, message: `${SECRET} is not valid` };
    const { code, message, hint } = await failed((request) => refuse(request, 401, error));
    expect(code).toBe(-32_603);
    expect(message).toContain('the remote server wants authorization (401)');
    expect(message).not.toContain(SECRET);
    expect(hint).toContain('--header');
  });

  it('of a caller without rights says so', async () => {
    const { message } = await failed(status(403, 'not yours'));
    expect(message).toBe('the remote server forbids it (403): not yours');
  });

  it('with a JSON-RPC error is that error, under the id of the request', async () => {
    const own = { code: -32_005, message: 'over quota', data: { until: 5 } };
    expect(await failed((request) => refuse(request, 429, own))).toMatchObject(own);
  });

  it.each([
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}',
    '{"jsonrpc":"2.0","id":"other","error":{"code":-32600,"message":"no"}}',
    '{"error":{"code":-32600,"message":"no"}}',
  ])('with the error %s is for the request all the same', async (body) => {
    expect(await failed(status(400, body))).toMatchObject({ code: -32_600, message: 'no' });
  });

  it('of another kind is told with its status and the beginning of its words', async () => {
    const words = `down \u001b[31m${SECRET}\n${'for maintenance '.repeat(100)}`;
    const { code, message } = await failed(status(503, words));
    expect(code).toBe(-32_603);
    expect(message).toMatch(/^the remote server answered 503: down +\[31m\[secret\] for maintenance /);
    expect(message?.length).toBeLessThan(300);
  });

  it('with a page for browsers is told without it', async () => {
    expect(await failed(status(404, '<!DOCTYPE html><html>'))).toMatchObject({
      message: 'the remote server serves no MCP at this address (404)',
    });
  });

  it('with a body that never ends is cut off', async () => {
    const endless = ({ response }: PeerRequest): void => {
      response.writeHead(500, { 'content-type': 'text/plain' });
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    };
    expect((await failed(endless)).message).toContain('answered 500');
    await eventually('the connection is dropped', () => peer.seen('tools/call')[0]?.dropped);
  });
});

it('a refusal that never comes to its end is given up', async () => {
  const clock = new ManualClock();
  await talk.channel.close();
  talk = connect(peer, { clock });
  await talk.initialize();
  onCall = ({ response }) => {
    response.writeHead(503, { 'content-type': 'text/plain' });
    response.write('so sorry');
  };
  talk.request(1, 'tools/call', { name: 'x' });
  await eventually('the failure', () => {
    if (peer.seen('tools/call').length > 0) clock.advance(1_000);
    return talk.delivered.some(({ message }) => message.id === 1);
  });
  expect((await talk.answer(1)).error?.message).toBe('the remote server answered 503: so sorry');
});

describe('a success without an answer', () => {
  it.each<[string, (request: PeerRequest) => void]>([
    ['202 with nothing', status(202)],
    ['200 with text/html', status(200, '<html>', { 'content-type': 'text/html' })],
    ['200 with something else', status(200, '{"ok":true}', { 'content-type': 'application/json' })],
    ['200 with something else', status(200, '', { 'content-type': 'application/json' })],
  ])('(%s) fails the call', async (what, answer) => {
    expect((await failed(answer)).message).toBe(
      `the remote server answered ${what} instead of a JSON-RPC message`,
    );
  });

  it('but with an error for nobody is that error', async () => {
    const body = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}';
    const { code } = await failed(status(200, body, { 'content-type': 'application/json' }));
    expect(code).toBe(-32_700);
  });
});

describe('an answer that is too long', () => {
  const long = JSON.stringify({ jsonrpc: '2.0', result: 'x'.repeat(70_000), id: 1 });

  it.each<[string, (request: PeerRequest) => void]>([
    ['as JSON', status(200, long, { 'content-type': 'application/json' })],
    [
      'as an event',
      ({ response }) => {
        events(response);
        response.end(event(long));
      },
    ],
  ])('%s is thrown away, and its call is named', async (_how, answer) => {
    onCall = answer;
    talk.request(1, 'tools/call', { name: 'x' });
    await eventually('it is told', () => talk.oversized.length === 1);
    expect(talk.oversized).toEqual(['1']);
    expect(talk.channel.stats.oversized).toBe(1);
    talk.request(2, 'ping');
    await talk.answer(2);
    expect(talk.delivered.some(({ message }) => message.id === 1)).toBe(false);
  });
});

describe('a server that cannot be reached', () => {
  it('fails each call, and is found again when it is back', async () => {
    const gone = await startPeer();
    const url = new URL(gone.url);
    await gone.close();
    talk = connect(peer, { endpoint: { url, headers: {}, agent: createHttpAgent(url) } });
    talk.request('init', 'initialize');
    const { error } = await talk.answer('init');
    expect(error).toMatchObject({ code: -32_603, message: `cannot reach ${url.host}: ECONNREFUSED` });
    expect(error?.data?.hint).toContain('Nothing listens');
    expect(talk.ends).toEqual([]);
  });

  it('is given up when it does not take the connection', async () => {
    const clock = new ManualClock();
    const url = new URL(`http://localhost:${peer.url.port}`);
    // A name that nobody ever finds is as good as a connection that is neither taken nor refused.
    const agent = createHttpAgent(url, { lookup: () => {} });
    talk = connect(peer, { clock, endpoint: { url, headers: {}, agent } });
    talk.request('init', 'initialize');
    await eventually('the failure', () => {
      clock.advance(5_000);
      return talk.delivered.length === 1;
    });
    expect((await talk.answer('init')).error?.message).toContain('ETIMEDOUT');
  });
});

it('a notification that the server never takes holds up no other', async () => {
  const clock = new ManualClock();
  await talk.channel.close();
  talk = connect(peer, { clock });
  await talk.initialize();
  peer.answer = (request) => {
    if (request.message.method !== 'hangs') accept(request);
  };
  talk.notify('hangs');
  talk.notify('goes');
  await eventually('it arrived', () => peer.seen('hangs').length === 1);
  await eventually('the next one', () => {
    clock.advance(5_000);
    return peer.seen('goes').length === 1;
  });
});

it('an answer may be silent for longer than an idle connection is kept', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  onCall = ({ response, message: { id } }) => {
    events(response);
    setTimeout(() => {
      response.end(event(JSON.stringify({ jsonrpc: '2.0', id, result: { late: true } })));
      resolve();
    }, IDLE_MS + 500);
  };
  talk.request(1, 'tools/call', { name: 'x' });
  await promise;
  expect(await talk.answer(1)).toMatchObject({ result: { late: true } });
});
