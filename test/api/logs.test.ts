/** The gateway's own log over the API, and logs of servers with what others say of them. */
import { describe, expect, it } from 'vitest';
import { createLog } from '../../src/log/log.ts';
import { LogBook } from '../../src/log/log-book.ts';
import type { LogLine } from '../../src/servers/host.ts';
import { createApiClient } from './client.ts';
import type { Json } from './contract.ts';

async function open() {
  const logBook = new LogBook();
  const log = createLog({ level: 'debug', destination: { write: () => {} }, book: logBook });
  const client = await createApiClient({ logBook, gatewayName: 'berth-gateway-1' });
  return { ...client, log, logBook };
}

/** Whole things of a stream, as they come. */
async function* things(response: Response): AsyncGenerator<Json, void> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const json = line.replace(/^data: /, '');
      if (json.startsWith('{')) yield JSON.parse(json) as Json;
    }
  }
}

describe('GET /api/v1/logs', () => {
  it('has the newest entries, of a level, of a server', async () => {
    const { json, log } = await open();
    log.debug({ server: 'a' }, 'one');
    log.warn({ server: 'b', requestId: 'r' }, 'two');
    const { status, body } = await json('GET', '/logs');
    expect([status, body]).toMatchObject([
      200,
      {
        entries: [
          { level: 'debug', message: 'one', server: 'a' },
          { level: 'warn', message: 'two', server: 'b', requestId: 'r' },
        ],
        position: expect.any(String),
        gateway: 'berth-gateway-1',
      },
    ]);
    expect((await json('GET', '/logs?level=warn')).body.entries).toMatchObject([{ message: 'two' }]);
    expect((await json('GET', '/logs?server=a&tail=5')).body.entries).toMatchObject([{ message: 'one' }]);
    expect((await json('GET', '/logs?level=loud')).status).toBe(400);
    expect((await json('GET', '/logs?tail=1001')).status).toBe(400);
  });

  it('is followed as server-sent events, and gone on with after a break', async () => {
    const { send, log } = await open();
    log.info('before');
    const response = await send('GET', '/logs', { headers: { Accept: 'text/event-stream' } });
    expect(response.headers.get('Content-Type')).toBe('text/event-stream');
    const read = things(response);
    const first = (await read.next()).value;
    expect(first).toMatchObject({ message: 'before' });
    log.info('live');
    expect((await read.next()).value).toMatchObject({ message: 'live' });
    await read.return();
    log.info('while away');
    const again = await send('GET', '/logs', {
      headers: { Accept: 'text/event-stream', 'Last-Event-ID': String(first?.id) },
    });
    const rest = things(again);
    expect((await rest.next()).value).toMatchObject({ message: 'live' });
    expect((await rest.next()).value).toMatchObject({ message: 'while away' });
    await rest.return();
    const other = await open();
    const lost = await other.json('GET', `/logs?follow=true&after=${first?.id}`);
    expect([lost.status, lost.body.code]).toEqual([410, 'position-expired']);
  });

  it('is followed as JSON lines, until the gateway stops', async () => {
    const { send, log, stop } = await open();
    log.info('one');
    const response = await send('GET', '/logs?follow=true&level=info');
    log.debug('not wanted');
    log.info('two');
    const read = things(response);
    expect((await read.next()).value).toMatchObject({ message: 'one' });
    expect((await read.next()).value).toMatchObject({ message: 'two' });
    stop.abort();
    expect(await read.next()).toEqual({ done: true, value: undefined });
  });

  it('is not for those who may only use servers', async () => {
    const { json, log, run } = await open();
    await run('a');
    log.info({ server: 'a' }, 'of somebody else');
    for (const path of ['/logs', '/logs?follow=true', '/servers/a/logs?also=gateway', '/settings']) {
      const { status, body } = await json('GET', path, { as: 'use' });
      expect([status, body.code]).toEqual([403, 'forbidden']);
    }
    expect((await json('DELETE', '/logs', { as: 'use' })).status).toBe(403);
    expect((await json('GET', '/servers/a/logs', { as: 'use' })).status).toBe(200);
  });

  it('is cleared', async () => {
    const { json, log } = await open();
    log.info('one');
    expect((await json('DELETE', '/logs')).status).toBe(204);
    log.info('two');
    expect((await json('GET', '/logs')).body.entries).toMatchObject([{ message: 'two' }]);
  });
});

describe('GET /api/v1/servers/{name}/logs?also=', () => {
  it('merges what the gateway says of the server, by time', async () => {
    const { json, run, host, manager, log } = await open();
    await run('a');
    host.write(manager.get('a').id, 'hello');
    log.warn({ server: 'a' }, 'a check failed');
    log.warn({ server: 'b' }, 'of another one');
    const plain = await json('GET', '/servers/a/logs');
    expect(plain.body.lines.map(({ text }: Json) => text)).toEqual(['hello']);
    const { lines } = (await json('GET', '/servers/a/logs?also=gateway&also=events')).body;
    expect(lines.map(({ text }: Json) => text).sort()).toEqual(['a check failed', 'hello']);
    expect(lines.find(({ source }: Json) => source === 'gateway')).toMatchObject({ level: 'warn', pid: 0 });
    expect((await json('GET', '/servers/a/logs?also=nonsense')).status).toBe(400);
    expect((await json('GET', '/servers/nobody/logs?also=gateway')).status).toBe(404);
  });

  it('merges what the cluster says of it, where there is one', async () => {
    const { json, run, manager, host, send, stop } = await open();
    await run('a');
    host.write(manager.get('a').id, 'between');
    const [{ at = 0 } = {}] = manager.logs('a', 1);
    const event = (when: number, text: string): LogLine => ({
      at: when,
      pid: 0,
      text,
      source: 'event',
      replica: 'p',
    });
    let tell: (line: LogLine) => void = () => {};
    Object.assign(manager, {
      happenings: async () => [event(at - 1, 'pulled'), event(at + 1, 'killed')],
      followHappenings: (_name: string, line: (line: LogLine) => void) => {
        tell = line;
        return () => {};
      },
    });
    const texts = async (query: string) =>
      (await json('GET', `/servers/a/logs?${query}`)).body.lines.map(({ text }: Json) => text);
    expect(await texts('also=events')).toEqual(['pulled', 'between', 'killed']);
    expect(await texts('also=events&tail=2')).toEqual(['between', 'killed']);
    expect(await texts('tail=2')).toEqual(['between']);
    const read = things(await send('GET', '/servers/a/logs?also=events&follow=true&tail=1'));
    expect((await read.next()).value).toMatchObject({ text: 'killed' });
    tell(event(at + 2, 'again'));
    expect((await read.next()).value).toMatchObject({ text: 'again', source: 'event' });
    stop.abort();
    expect((await read.next()).done).toBe(true);
  });

  it('follows the gateway beside the server', async () => {
    const { run, host, manager, log, send, stop } = await open();
    await run('a');
    const read = things(await send('GET', '/servers/a/logs?also=gateway&follow=true'));
    log.info({ server: 'a' }, 'from the gateway');
    expect((await read.next()).value).toMatchObject({ text: 'from the gateway', source: 'gateway' });
    host.write(manager.get('a').id, 'from the server');
    expect((await read.next()).value).toMatchObject({ text: 'from the server' });
    stop.abort();
    await read.return();
  });
});
