/** What becomes of servers, over HTTP: as server-sent events and as JSON lines. */
import { createParser } from 'eventsource-parser';
import { describe, expect, it } from 'vitest';
import { createApiClient, type TestApi } from './client.ts';
import type { Json } from './contract.ts';

const EVENTS = { Accept: 'text/event-stream' };

interface Seen {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: Json;
}

/** Reads so many events, then leaves. */
async function take(response: Response, count: number): Promise<Seen[]> {
  expect(response.headers.get('Content-Type')).toBe('text/event-stream');
  const seen: Seen[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => seen.push({ id, event, data: JSON.parse(data) }),
  });
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  while (seen.length < count) {
    const { value, done } = (await reader?.read()) ?? { done: true };
    if (done) break;
    parser.feed(decoder.decode(value, { stream: true }));
  }
  await reader?.cancel();
  return seen;
}

async function positionOf({ json }: TestApi): Promise<string> {
  return (await json('GET', '/servers')).body.position;
}

const short = ({ event, data }: Seen): string => `${event} ${data.server.name}`;

describe('GET /api/v1/events', () => {
  it('tells what happens after a list, and goes on where a reader left', async () => {
    const client = await createApiClient();
    const { send, run, manager } = client;
    const position = await positionOf(client);
    await run('a');
    await run('b');
    await manager.remove('a');
    const all = await take(
      await send('GET', '/events', { headers: { ...EVENTS, 'Last-Event-ID': position } }),
      4,
    );
    expect(short(all[0] as Seen)).toBe('added a');
    expect(all.every(({ id, data }) => id === data.id)).toBe(true);
    for (const [at, { id = '' }] of all.slice(0, -1).entries()) {
      const rest = await take(
        await send('GET', '/events', { headers: { ...EVENTS, 'Last-Event-ID': id } }),
        all.length - at - 1,
      );
      expect(rest).toEqual(all.slice(at + 1));
    }
    const byQuery = await send('GET', `/events?after=${position}`, { headers: EVENTS });
    expect(await take(byQuery, 4)).toEqual(all);
  });

  it('tells from now on who gives no place', async () => {
    const { send, run } = await createApiClient();
    await run('a');
    const response = await send('GET', '/events', { headers: EVENTS });
    await run('b');
    expect((await take(response, 1)).map(short)).toEqual(['added b']);
  });

  it('tells only what is asked for', async () => {
    const client = await createApiClient();
    const { send, run } = client;
    const position = await positionOf(client);
    await run('a', { labels: { team: 'red' } });
    await run('b', { template: undefined, source: { npm: { name: 'b-mcp' } }, labels: { team: 'blue' } });
    await run('c', { labels: { team: 'blue' } });
    const first = async (query: string): Promise<string[]> => {
      const response = await send('GET', `/events?after=${position}&${query}`, { headers: EVENTS });
      return (await take(response, 1)).map(short);
    };
    expect(await first('label=team=blue')).toEqual(['added b']);
    expect(await first('label=team=blue&template=time')).toEqual(['added c']);
    expect(await first('server=c&server=nobody')).toEqual(['added c']);
    expect(await first('type=npm')).toEqual(['added b']);
  });

  it('is a stream of JSON lines for who does not ask for events', async () => {
    const client = await createApiClient();
    const { send, run } = client;
    const position = await positionOf(client);
    await run('a');
    const response = await send('GET', `/events?after=${position}`);
    expect(response.headers.get('Content-Type')).toBe('application/x-ndjson');
    const reader = response.body?.getReader();
    let text = '';
    while (!text.includes('}\n')) text += Buffer.from((await reader?.read())?.value ?? []).toString();
    expect(JSON.parse(text.trim().split('\n')[0] ?? '')).toMatchObject({
      type: 'added',
      server: { name: 'a' },
    });
    await reader?.cancel();
  });

  it('says 410 for a place that is not known any more, and 400 for what is none', async () => {
    const { json } = await createApiClient();
    const other = await positionOf(await createApiClient());
    const ask = (id: string) => json('GET', '/events', { headers: { ...EVENTS, 'Last-Event-ID': id } });
    expect(await ask(other)).toMatchObject({ status: 410, body: { code: 'position-expired' } });
    expect(await ask('nonsense')).toMatchObject({ status: 400, body: { code: 'bad-input' } });
  });

  it('tells a reader who has fallen behind, and ends', async () => {
    const { send, run, manager } = await createApiClient();
    await run('a');
    const response = await send('GET', '/events', { headers: EVENTS });
    for (let turn = 0; turn < 600; turn++) {
      await manager.stop('a');
      await manager.start('a', { wait: true });
    }
    const seen = await take(response, Number.POSITIVE_INFINITY);
    expect(seen.at(-1)).toMatchObject({
      id: undefined,
      event: 'failed',
      data: { problem: { status: 410, code: 'position-expired' } },
    });
    expect(seen.length).toBeLessThan(10);
  });

  it('ends when the gateway stops', async () => {
    const { send, stop } = await createApiClient();
    const response = await send('GET', '/events', { headers: EVENTS });
    stop.abort();
    expect(await take(response, 1)).toEqual([]);
  });
});

describe('GET /api/v1/servers/{name}/events', () => {
  it('tells what becomes of one server to who asks for events', async () => {
    const client = await createApiClient();
    const { send, run, json } = client;
    const position = await positionOf(client);
    await run('a');
    await run('b');
    const path = `/servers/b/events?after=${position}`;
    expect((await take(await send('GET', path, { headers: EVENTS }), 1)).map(short)).toEqual(['added b']);
    expect((await json('GET', '/servers/nobody/events', { headers: EVENTS })).status).toBe(404);
  });
});

describe('the list of servers', () => {
  it('is filtered by label and type', async () => {
    const { json, run } = await createApiClient();
    await run('a', { labels: { team: 'red', 'example.com/tier': '1' } });
    await run('b', { template: undefined, source: { npm: { name: 'b-mcp' } }, labels: { team: 'blue' } });
    await run('c');
    const names = async (query: string): Promise<string[]> => {
      const { body } = await json('GET', `/servers?${query}`);
      expect(body.total).toBe(body.servers.length);
      return body.servers.map(({ name }: Json) => name);
    };
    expect(await names('label=team')).toEqual(['a', 'b']);
    expect(await names('label=team=red')).toEqual(['a']);
    expect(await names('label=team&label=example.com/tier=1')).toEqual(['a']);
    expect(await names('label=team=')).toEqual([]);
    expect(await names('type=pypi')).toEqual(['a', 'c']);
    expect(await names('type=npm&state=running')).toEqual(['b']);
    expect((await json('GET', '/servers/a')).body.labels).toEqual({ team: 'red', 'example.com/tier': '1' });
    for (const labels of [{ 'kubernetes.io/x': '1' }, { 'a b': '1' }, { a: 'x y' }, { a: 1 }])
      expect((await run('d', { labels })).status).toBe(400);
    expect((await json('GET', '/servers?type=cargo')).status).toBe(400);
  });

  it('has pages by cursor, which nothing that comes or goes moves', async () => {
    const { json, run, manager } = await createApiClient();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await run(name);
    const page = async (query: string) => (await json('GET', `/servers?limit=2${query}`)).body;
    const first = await page('');
    expect([first.servers.map(({ name }: Json) => name), first.total]).toEqual([['a', 'b'], 5]);
    await manager.remove('a');
    await run('aa');
    const second = await page(`&cursor=${first.next}`);
    expect(second.servers.map(({ name }: Json) => name)).toEqual(['c', 'd']);
    const third = await page(`&cursor=${second.next}`);
    expect([third.servers.map(({ name }: Json) => name), third.next]).toEqual([['e'], undefined]);
    expect((await json('GET', '/servers?cursor=x')).status).toBe(400);
  });
});
