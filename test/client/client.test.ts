/** The client library against the API, every answer of which is held against the document. */
import { describe, expect, it } from 'vitest';
import { BerthApiError, BerthClient } from '../../src/client/client.ts';
import { createLog } from '../../src/log/log.ts';
import { LogBook } from '../../src/log/log-book.ts';
import { createApiClient } from '../api/client.ts';
import { fetchOf } from './in-process.ts';

async function open(more: { key?: string; retries?: number } = {}) {
  const logBook = new LogBook();
  const log = createLog({ level: 'info', destination: { write: () => {} }, book: logBook });
  const world = await createApiClient({ logBook });
  const answer = fetchOf(world);
  const sent: Request[] = [];
  /** Takes the place of answers, one after the other. */
  const instead: (() => Response | Promise<Response>)[] = [];
  const berth = new BerthClient({
    url: 'http://127.0.0.1:8053/',
    ...more,
    fetch: async (input, init) => {
      sent.push(new Request(input, init));
      const other = instead.shift();
      return other ? await other() : await answer(input, init);
    },
  });
  return { ...world, berth, sent, instead, log };
}

const busy =
  (headers: Record<string, string> = {}) =>
  () =>
    Response.json(
      {
        type: 'urn:berth:error:busy',
        title: 'Busy',
        status: 503,
        code: 'busy',
        detail: 'later',
        hint: 'wait',
        requestId: 'r',
      },
      { status: 503, headers },
    );

describe('a call', () => {
  it('goes through the life of a server, by the names of the document', async () => {
    const { berth, peer } = await open();
    const made = await berth.call('createServer', { body: { template: 'time' }, query: { wait: 'ready' } });
    expect(made.status.state).toBe('running');
    const { servers, total } = await berth.call('listServers', { query: { state: 'running', label: [] } });
    expect([servers.map(({ name }) => name), total]).toEqual([['time'], 1]);
    peer.give('tools/call', { content: [{ type: 'text', text: 'noon' }] });
    const outcome = await berth.call('callTool', { params: { name: 'time' }, body: { tool: 'now' } });
    expect(outcome).toMatchObject({ status: 'complete', result: { content: [{ text: 'noon' }] } });
    expect((await berth.call('stopServer', { params: { name: 'time' } })).status.state).toBe('stopped');
    expect(await berth.call('deleteServer', { params: { name: 'time' } })).toBeUndefined();
    await expect(berth.call('getServer', { params: { name: 'time' } })).rejects.toMatchObject({
      name: 'BerthApiError',
      code: 'not-found',
      status: 404,
      problem: { detail: expect.stringContaining('time') },
    });
  });

  it('sends the key, the mark and what it is given, and takes no redirect', async () => {
    const { berth, sent } = await open({ key: 'berth_secret' });
    await berth.call('listTemplates', { query: { tag: ['a', 'b'], limit: 1 } });
    await berth
      .call('restartServer', { params: { name: 'a/b' }, headers: { 'If-Match': '"x"' } })
      .catch(() => {});
    const [list, restart] = sent;
    expect(list?.url).toBe('http://127.0.0.1:8053/api/v1/templates?tag=a&tag=b&limit=1');
    expect(list?.headers.get('Authorization')).toBe('Bearer berth_secret');
    expect([restart?.method, restart?.url]).toEqual([
      'POST',
      'http://127.0.0.1:8053/api/v1/servers/a%2Fb/restart',
    ]);
    expect(restart?.headers.get('If-Match')).toBe('"x"');
    expect(restart?.headers.get('X-Berth-Request')).toBe('1');
    expect(restart?.redirect).toBe('error');
  });

  it('is tried again where that can do no harm', async () => {
    const { berth, sent, instead } = await open();
    const away = (): never => {
      throw new TypeError('fetch failed');
    };
    instead.push(busy({ 'Retry-After': '0' }), away);
    expect((await berth.call('listServers')).total).toBe(0);
    expect(sent).toHaveLength(3);
    instead.push(busy({ 'Retry-After': '0' }));
    await expect(
      berth.call('createServer', { body: { template: 'time' }, query: { wait: 'ready' } }),
    ).rejects.toMatchObject({ code: 'busy', status: 503 });
    expect(sent).toHaveLength(4);
    instead.push(busy({ 'Retry-After': '0' }));
    await berth.call('createServer', {
      body: { template: 'time' },
      query: { wait: 'ready' },
      headers: { 'Idempotency-Key': 'once' },
    });
    expect(sent).toHaveLength(6);
  });

  it('says when nobody is there, when it is no gateway, and what was wrong', async () => {
    const { berth, instead } = await open({ retries: 0 });
    instead.push(() => {
      throw new TypeError('fetch failed');
    });
    await expect(berth.call('listServers')).rejects.toMatchObject({ code: 'unreachable', status: 0 });
    instead.push(() => new Response('<html>'));
    await expect(berth.call('listServers')).rejects.toThrow(/no Berth gateway/);
    instead.push(() => new Response('<html>', { status: 404 }));
    await expect(berth.call('listServers')).rejects.toThrow(/no Berth gateway \(status 404\)/);
    const wrong = berth.call('createServer', { body: { name: 'Not A Name', template: 'time' } });
    await expect(wrong).rejects.toBeInstanceOf(BerthApiError);
    await expect(wrong).rejects.toMatchObject({
      code: 'bad-input',
      problem: { errors: [{ pointer: '/name' }] },
    });
    const left = new AbortController();
    left.abort(new Error('left'));
    await expect(berth.call('listServers', { signal: left.signal })).rejects.toThrow('left');
  });
});

describe('a stream', () => {
  it('is read thing by thing, until its reader leaves', async () => {
    const { berth, run, log, host, manager } = await open();
    await run('a');
    const left = new AbortController();
    const kinds: string[] = [];
    for await (const event of berth.stream('readServerEvents', { params: { name: 'a' } }))
      kinds.push(event.type);
    expect([kinds[0], kinds.at(-1)]).toEqual(['phase', 'running']);
    log.info('before');
    const messages: string[] = [];
    for await (const entry of berth.stream('readGatewayLog', { signal: left.signal })) {
      messages.push(entry.message);
      if (messages.length === 1) log.info('live');
      else break;
    }
    expect(messages).toEqual(['before', 'live']);
    host.write(manager.get('a').id, 'hello');
    for await (const line of berth.stream('readLog', { params: { name: 'a' }, query: { tail: 1 } })) {
      expect(line.text).toBe('hello');
      break;
    }
    const watching = berth.stream('watchServers', { signal: left.signal });
    const next = watching.next();
    left.abort();
    expect(await next.catch((error: unknown) => error)).toEqual({ done: true, value: undefined });
  });

  it('throws what it fails with', async () => {
    const { berth, instead } = await open({ retries: 0 });
    const problem = { code: 'position-expired', status: 410, detail: 'too old', hint: 'list anew' };
    instead.push(() => new Response(`\n{"type":"failed","problem":${JSON.stringify(problem)}}`));
    const read = berth.stream('watchServers');
    await expect(read.next()).rejects.toMatchObject({ code: 'position-expired', message: 'too old' });
    await expect(berth.stream('readLog', { params: { name: 'nobody' } }).next()).rejects.toMatchObject({
      code: 'not-found',
    });
    instead.push(() => new Response('{"type":"added"'));
    await expect(berth.stream('watchServers').next()).rejects.toMatchObject({ code: 'unreachable' });
  });
});

describe('waiting for a gateway', () => {
  it('looks until it takes clients, and gives up in time', async () => {
    const { berth, instead } = await open();
    const not = (): Response => new Response('no', { status: 503 });
    const ok = (): Response => new Response('ok');
    instead.push(not, ok);
    expect([await berth.isAvailable(), await berth.isAvailable()]).toEqual([false, true]);
    instead.push(not, not, ok);
    await berth.waitUntilAvailable({ interval: 1 });
    instead.push(...Array.from({ length: 5 }, () => not));
    await expect(berth.waitUntilAvailable({ timeout: 1, interval: 2 })).rejects.toMatchObject({
      code: 'unreachable',
    });
    const left = new AbortController();
    left.abort(new Error('left'));
    await expect(berth.waitUntilAvailable({ signal: left.signal, interval: 1 })).rejects.toThrow('left');
  });
});
