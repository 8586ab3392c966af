/** How a modern call's answer reaches its client: JSON or events, statuses, and what leaving means (2026-07-28, Streamable HTTP; data-path.md 8). */
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OpenResponse } from '../support/http-client.ts';
import { eventually } from '../support/local-process.ts';
import { RawStream } from '../support/raw-stream.ts';
import type { SseEvent } from '../support/sse-reader.ts';
import {
  headersFor,
  type ModernFront,
  modernText,
  refusalOf,
  startModernFront,
  TYPES,
} from './modern-front.ts';

const CALL = ['tools/call', { name: 't' }] as const;
const PROGRESS = { progressToken: 'p', progress: 1 };

let front: ModernFront;
beforeEach(async () => {
  front = await startModernFront();
});
afterEach(() => front.close());

/** Every event of a response that ends. */
async function all(response: OpenResponse): Promise<SseEvent[]> {
  const events: SseEvent[] = [];
  for await (const event of response.events()) events.push(event);
  return events;
}

function rawHead(body: string): string[] {
  const headers = { ...TYPES, ...headersFor(...CALL), 'content-length': `${Buffer.byteLength(body)}` };
  return ['POST', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)];
}

describe('an answer', () => {
  it('that comes within a second and alone is plain JSON, byte for byte', async () => {
    const response = front.request(...CALL);
    const call = await front.link.call();
    front.harness.clock.advance(999);
    const text = '{"result":{"n":1.0,"ü":9007199254740993},"jsonrpc":"2.0","id":1}';
    call.event('answer', [text.slice(0, 20), text.slice(20)]);
    call.end('complete');
    const { status, headers } = await response;
    expect([status, headers['content-type'], headers['mcp-session-id']]).toEqual([
      200,
      'application/json',
      undefined,
    ]);
    expect(await (await response).text()).toBe(text);
    await eventually(
      'its credit',
      () => call.credited === Buffer.byteLength(text) && call.acknowledged === 1,
    );
  });

  it('that is large leaves in pieces and is credited whole', async () => {
    const response = front.request(...CALL);
    const call = await front.link.call();
    const text = `{"jsonrpc":"2.0","id":1,"result":"${'x'.repeat(300_000)}"}`;
    call.event('answer', text);
    call.end('complete');
    expect(await (await response).text()).toBe(text);
    await eventually('its credit', () => call.credited === text.length && call.acknowledged === 1);
  });

  it.each([
    [-32601, 404],
    [-32020, 400],
    [-32021, 400],
    [-32022, 400],
    [-32602, 200],
    [-32603, 200],
    [-32700, 200],
    [1, 200],
  ])('with the error %i has the status %i', async (code, status) => {
    const response = front.request(...CALL);
    (await front.link.call()).answer({ code, message: 'm' }, 'error');
    expect(await refusalOf(await response)).toMatchObject({ status, code, id: 1 });
  });

  it.each([
    { error: { code: -32601 } },
    { text: '"error":{"code":-32601}' },
    { error: null, isError: true, content: [] },
  ])('that only looks like an error is none: %j', async (result) => {
    const response = front.request(...CALL);
    (await front.link.call()).answer(result);
    expect((await response).status).toBe(200);
  });

  it('that takes longer comes as an event without an id, and nothing before it', async () => {
    const response = front.request(...CALL);
    const call = await front.link.call();
    front.harness.clock.advance(1_000);
    const opened = await response;
    expect(opened.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    call.answer({ code: -32601, message: 'm' }, 'error');
    const events = await all(opened);
    expect([opened.status, events.length, events[0]?.id]).toEqual([200, 1, undefined]);
    expect(events[0]?.data).toContain('-32601');
    await eventually('its credit', () => call.acknowledged === 1);
  });

  it('with something before it comes as an event, at once', async () => {
    const response = front.request(...CALL);
    const call = await front.link.call();
    call.notify('notifications/progress', PROGRESS);
    const opened = await response;
    expect(opened.isEvents).toBe(true);
    call.answer();
    const events = await all(opened);
    expect(events.map(({ id, data }) => [id, JSON.parse(data)])).toMatchObject([
      [undefined, { method: 'notifications/progress' }],
      [undefined, { id: 1, result: {} }],
    ]);
  });

  it('to a client that takes no event streams is JSON, and what came before it is dropped', async () => {
    const response = front.post(modernText(...CALL), { ...headersFor(...CALL), accept: 'application/json' });
    const call = await front.link.call();
    call.notify('notifications/progress', PROGRESS);
    front.harness.clock.advance(60_000);
    await eventually('the credit of what was dropped', () => call.acknowledged === 1);
    call.answer();
    expect((await response).headers['content-type']).toBe('application/json');
    expect(JSON.parse(await (await response).text())).toMatchObject({ result: {} });
  });
});

describe('a subscription', () => {
  it('is an event stream whose first event is its acknowledgement, kept alive by comments', async () => {
    const body = modernText('subscriptions/listen', { notifications: {} }, '"s"');
    const headers = Object.entries({ ...TYPES, ...headersFor('subscriptions/listen') });
    const lines = headers.map(([name, value]) => `${name}: ${value}`);
    front.link.onCall = (call) => call.notify('notifications/subscriptions/acknowledged');
    const stream = await RawStream.open(
      `${front.base}/mcp`,
      ['POST', ...lines, `Content-Length: ${Buffer.byteLength(body)}`],
      body,
    );
    await eventually('the first event', () => stream.seen.includes('acknowledged'));
    for (let comment = 1; comment <= 2; comment++) {
      front.harness.clock.advance(15_000);
      await eventually(
        `comment ${comment}`,
        () => stream.seen.split(': keep-alive\n\n').length - 1 === comment,
      );
    }
    const call = await front.link.call();
    expect(stream.seen).not.toMatch(/^id:/m);
    call.answer();
    await eventually('the answer', () => stream.seen.includes('"id":"s","result"'));
    stream.close();
  });

  it('that is refused in its first event has that status', async () => {
    front.link.onCall = (call) => call.answer({ code: -32601, message: 'm' }, 'error');
    expect((await front.request('subscriptions/listen')).status).toBe(404);
  });
});

describe('a client that leaves', () => {
  it('before the answer has cancelled its call', async () => {
    const stream = await RawStream.open(
      `${front.base}/mcp`,
      rawHead(modernText(...CALL)),
      modernText(...CALL),
    );
    const call = await front.link.call();
    expect(call.detached).toBe(0);
    stream.close();
    await eventually('the call is cancelled', () => call.detached > 0);
  });

  it('in the middle of a stream has, too', async () => {
    const response = front.request(...CALL);
    const call = await front.link.call();
    call.notify('notifications/progress', PROGRESS);
    (await response).close();
    await eventually('the call is cancelled', () => call.detached > 0);
    // what comes afterwards goes nowhere, and harms nothing
    call.answer();
  });

  it('with requests that wait behind one another has cancelled each of them', async () => {
    const body = modernText(...CALL);
    const { port } = front;
    const head = rawHead(body).slice(1).join('\r\n');
    const one = `POST /servers/memory/mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${head}\r\n\r\n${body}`;
    const socket = connect(port, '127.0.0.1');
    socket.write(one + one);
    const calls = [await front.link.call(1), await front.link.call(2)];
    socket.destroy();
    await eventually('both are cancelled', () => calls.every(({ detached }) => detached > 0));
  });
});

describe('a call that ends without an answer', () => {
  it('because it was lost, before anything was sent, is a 503', async () => {
    const response = front.request(...CALL);
    (await front.link.call()).end('lost');
    expect((await response).headers['retry-after']).toBe('1');
    expect(await refusalOf(await response)).toMatchObject({ status: 503, code: -32000, id: 1 });
  });

  it('because it was ended is a 502 that nobody is told to try again: it may have been carried out', async () => {
    const response = front.request(...CALL);
    (await front.link.call()).end('ended');
    expect((await response).headers['retry-after']).toBeUndefined();
    expect(await refusalOf(await response)).toMatchObject({ status: 502, code: -32603, id: 1 });
  });

  it.each([
    ['lost', -32000],
    ['ended', -32603],
  ] as const)('because it was %s says so in its stream', async (reason, code) => {
    const response = front.request(...CALL);
    const call = await front.link.call();
    call.notify('notifications/progress', PROGRESS);
    call.end(reason);
    const [, error, ...more] = await all(await response);
    expect(JSON.parse(error?.data ?? '')).toMatchObject({ id: 1, error: { code } });
    expect(more).toEqual([]);
  });

  it.each(['complete', 'superseded'] as const)('by being %s just ends', async (reason) => {
    const response = front.request(...CALL);
    (await front.link.call()).end(reason);
    expect(await all(await response)).toEqual([]);
  });

  it('because its client did not read loses the connection', async () => {
    const response = front.request(...CALL);
    const call = await front.link.call();
    call.notify('notifications/progress', PROGRESS);
    const opened = await response;
    call.end('slow');
    await opened.gone();
  });
});
