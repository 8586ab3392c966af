/** How answers reach a Streamable HTTP client: JSON or events, priming, comments, resuming (data-path.md 3.2, 3.4). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerSide } from '../sessions/harness.ts';
import type { OpenResponse } from '../support/http-client.ts';
import { open } from '../support/http-client.ts';
import { eventually } from '../support/local-process.ts';
import { requestText } from '../support/mcp-client.ts';
import { RawStream } from '../support/raw-stream.ts';
import type { SseEvent } from '../support/sse-reader.ts';
import type { StreamableClient } from '../support/streamable-client.ts';
import { until } from '../support/trap.ts';
import { called, type Front, startFront } from './front.ts';

const CALL = requestText('1', 'tools/call', { _meta: { progressToken: 't' } });

let front: Front;
let client: StreamableClient;
let server: ServerSide;

beforeEach(async () => {
  front = await startFront();
  ({ client, server } = await front.session());
});
afterEach(() => front.close());

/** Every event of a response that ends. */
async function all(response: OpenResponse): Promise<SseEvent[]> {
  const events: SseEvent[] = [];
  for await (const event of response.events()) events.push(event);
  return events;
}

/** A GET of our own, whose events the test reads. */
function get(lastEventId?: string): Promise<OpenResponse> {
  const headers: Record<string, string> = { accept: 'text/event-stream', ...client.headers() };
  if (lastEventId !== undefined) headers['last-event-id'] = lastEventId;
  return open(client.url, { headers });
}

function progress(progressToken: unknown, value = 1): void {
  server.notify('notifications/progress', { progressToken, progress: value });
}

describe('an answer', () => {
  it('that comes within a second and alone is plain JSON, byte for byte', async () => {
    const response = client.post(CALL);
    const id = await called(server);
    front.harness.clock.advance(999);
    server.say(`{ "result":{"n":1.0,"big":9007199254740993} ,"id":${id},"jsonrpc":"2.0"}`);
    const { status, headers, isEvents } = await response;
    expect([status, isEvents, headers['content-type']]).toEqual([200, false, 'application/json']);
    expect(await (await response).text()).toBe(
      '{ "result":{"n":1.0,"big":9007199254740993} ,"id":1,"jsonrpc":"2.0"}',
    );
    expect(headers['mcp-session-id']).toBeUndefined();
  });

  it('that is an error is plain JSON with status 200, too', async () => {
    const response = client.post(CALL);
    server.say({
      jsonrpc: '2.0',
      id: await called(server),
      error: { code: -32602, message: 'm', data: { a: 1 } },
    });
    expect((await response).status).toBe(200);
    expect(await (await response).text()).toBe(
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"m","data":{"a":1}}}',
    );
  });

  it('that takes longer comes as an event, after an event that says where the client stands', async () => {
    const response = client.post(CALL);
    const id = await called(server);
    front.harness.clock.advance(1_000);
    const opened = await response;
    expect([opened.isEvents, opened.headers['cache-control'], opened.headers['x-accel-buffering']]).toEqual([
      true,
      'no-cache, no-transform',
      'no',
    ]);
    server.answer(id);
    const [primer, answer, ...more] = await all(opened);
    const [stream] = primer?.id?.split('.') ?? [];
    expect([primer?.data, primer?.id]).toEqual(['', `${stream}.0`]);
    expect(answer).toMatchObject({
      id: `${stream}.1`,
      event: 'message',
      data: '{"jsonrpc":"2.0","id":1,"result":{}}',
    });
    expect(more).toEqual([]);
  });

  it.each(['2025-03-26', '2025-06-18'])('to a client of %s has no such event before it', async (version) => {
    ({ client, server } = await front.session(version));
    const response = client.post(CALL);
    const id = await called(server);
    progress(id);
    server.answer(id);
    expect((await all(await response)).map(({ id }) => id?.split('.')[1])).toEqual(['1', '2']);
  });

  it('with something before it comes as an event, at once', async () => {
    const response = client.post(CALL);
    const id = await called(server);
    progress(id);
    expect((await response).isEvents).toBe(true);
    server.answer(id);
    expect((await all(await response)).map(({ id }) => id?.split('.')[1])).toEqual(['0', '1', '2']);
  });

  it('to a batch comes as events on one response', async () => {
    ({ client, server } = await front.session('2025-03-26'));
    const response = client.post(`[${requestText('1', 'a/b')},${requestText('2', 'a/b')}]`);
    await called(server, 'a/b', 2);
    for (const { id } of server.of('a/b')) server.answer(id);
    const datas = (await all(await response)).map(({ data }) => (JSON.parse(data) as { id: number }).id);
    expect(datas).toEqual([1, 2]);
  });

  it('that was cancelled is an empty stream', async () => {
    const response = client.post(CALL);
    await called(server);
    expect(await client.notify('notifications/cancelled', { requestId: 1 })).toBe(202);
    expect((await all(await response)).filter(({ data }) => data !== '')).toEqual([]);
  });

  it('that never came because the session was ended is an error', async () => {
    const response = client.post(CALL);
    await called(server);
    await client.delete();
    expect(JSON.parse(await (await response).text())).toMatchObject({
      id: 1,
      error: { data: { code: 'unknown-session' } },
    });
  });

  it('whose carriage returns stand between tokens is one event', async () => {
    const response = client.post(CALL);
    const id = await called(server);
    progress(id);
    server.say(`{"jsonrpc":"2.0",\r"id":${id},\r\r"result":{}}`);
    expect((await all(await response)).at(-1)?.data).toBe('{"jsonrpc":"2.0", "id":1,  "result":{}}');
  });
});

describe('an open stream', () => {
  it('carries a comment every 15 s while nothing else comes', async () => {
    const headers = Object.entries(client.headers()).map(([name, value]) => `${name}: ${value}`);
    const raw = await RawStream.open(client.url, ['GET', 'Accept: text/event-stream', ...headers]);
    await eventually('the primer', () => raw.seen.includes('id: 0.0'));
    for (let comment = 1; comment <= 3; comment++) {
      front.harness.clock.advance(15_000);
      await eventually(`comment ${comment}`, () => raw.seen.split(': keep-alive\n\n').length - 1 === comment);
    }
    raw.close();
  });

  it('of a session is superseded by the newest GET, and ends', async () => {
    const first = await get();
    const second = await get();
    expect((await all(first)).filter(({ data }) => data !== '')).toEqual([]);
    server.notify('acme/n', { n: 1 });
    const events = second.events();
    await events.next();
    expect((await events.next()).value).toMatchObject({ id: '0.1', data: expect.stringContaining('acme/n') });
    second.close();
  });

  it('ends with the session', async () => {
    const stream = await get();
    await client.delete();
    expect((await all(stream)).filter(({ data }) => data !== '')).toEqual([]);
  });
});

describe('a client that comes back', () => {
  it('gets what it missed of the standalone stream, from its position', async () => {
    for (let n = 1; n <= 3; n++) server.notify('acme/n', { n });
    const stream = await get('0.1');
    const events = stream.events();
    const ids: (string | undefined)[] = [];
    for (let at = 0; at < 3; at++) ids.push(((await events.next()).value as SseEvent).id);
    expect(ids).toEqual(['0.1', '0.2', '0.3']);
    stream.close();
  });

  it('finds the stream of its call by event id, and the answer there', async () => {
    const response = await Promise.all([client.post(CALL), called(server).then(progress)]).then(
      ([opened]) => opened,
    );
    const events = response.events();
    await events.next();
    const { id: position } = (await events.next()).value as SseEvent;
    response.close();
    server.answer(server.id('tools/call'), { late: true });
    const resumed = await all(await get(position));
    expect(resumed.map(({ id, data }) => [id, data])).toEqual([
      [position, ''],
      [`${position?.split('.')[0]}.2`, '{"jsonrpc":"2.0","id":1,"result":{"late":true}}'],
    ]);
  });

  it('by GET takes a stream over from a POST that is still open', async () => {
    const response = client.post(CALL);
    const id = await called(server);
    progress(id);
    const opened = await response;
    const events = opened.events();
    const { id: primer } = (await events.next()).value as SseEvent;
    const resumed = await get(primer);
    server.answer(id);
    expect((await all(resumed)).at(-1)?.data).toContain('"result"');
    let rest = 0;
    for await (const { data } of events) if (data.includes('"result"')) rest++;
    expect(rest).toBe(0);
  });

  it('by repeating its POST gets the one answer', async () => {
    const first = await Promise.all([client.post(CALL), called(server).then(progress)]).then(
      ([opened]) => opened,
    );
    first.close();
    server.answer(server.id('tools/call'), { once: true });
    let again = '';
    // 400 until the gateway has noticed that the first connection is gone
    await until('taken over', async () => {
      const response = await client.post(CALL);
      again = await response.text();
      return response.status === 200;
    });
    expect(again).toBe('{"jsonrpc":"2.0","id":1,"result":{"once":true}}');
    expect(server.of('tools/call')).toHaveLength(1);
  });

  it.each(['x', '1', '1.x', '-1.0', '99.1', '0.1.2', '99999999999999999999.1'])(
    'with the position %s is refused',
    async (position) => {
      const response = await get(position);
      expect(response.status).toBe(400);
      expect(JSON.parse(await response.text())).toMatchObject({
        error: { data: { code: 'unknown-stream' } },
      });
    },
  );
});

it('a GET that does not accept event streams is refused with 406', async () => {
  expect(
    (await open(client.url, { headers: { ...client.headers(), accept: 'application/json' } })).status,
  ).toBe(406);
});
