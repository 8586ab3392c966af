/** `Idempotency-Key`: what is sent again is not done again. */
import { describe, expect, it } from 'vitest';
import { createApiClient } from './client.ts';

const key = (name: string) => ({ 'Idempotency-Key': name });

/** A tool whose calls are counted, and held as long as a test wants. */
async function createTool() {
  const client = await createApiClient();
  let calls = 0;
  const hold = { until: Promise.resolve() };
  client.peer.answers.set('tools/call', async ({ params, signal, onNotification }) => {
    const count = ++calls;
    onNotification?.('notifications/progress', { progress: 1, total: 2 });
    await Promise.race([
      hold.until,
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    ]);
    return { result: { content: [{ type: 'text', text: `call ${count} of ${params.name}` }] } };
  });
  const call = (
    headers: Record<string, string>,
    more: { tool?: string; as?: string; signal?: AbortSignal } = {},
  ) =>
    client.json('POST', '/servers/any/call', {
      body: { tool: more.tool ?? 'echo' },
      headers,
      ...(more.as !== undefined && { as: more.as }),
      ...(more.signal && { signal: more.signal }),
    });
  return { ...client, call, hold, calls: () => calls };
}

describe('a POST with a key', () => {
  it('is done once, and answered as often as it is sent', async () => {
    const { call, calls } = await createTool();
    const first = await call(key('k'));
    expect(first.headers.get('Idempotency-Replayed')).toBeNull();
    const again = await call(key('k'));
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect(again.headers.get('Idempotency-Replayed')).toBe('true');
    expect(again.headers.get('X-Request-ID')).not.toBe(first.headers.get('X-Request-ID'));
    expect(calls()).toBe(1);
    await call(key('other'));
    await call({});
    expect(calls()).toBe(3);
  });

  it('of another caller is another one', async () => {
    const { call, calls } = await createTool();
    await call(key('k'), { as: 'key:ada' });
    await call(key('k'), { as: 'key:bob' });
    expect(calls()).toBe(2);
  });

  it('with another body, path or query is refused', async () => {
    const { call, calls, json } = await createTool();
    await call(key('k'));
    expect(await call(key('k'), { tool: 'other' })).toMatchObject({
      status: 422,
      body: { code: 'key-reused' },
    });
    for (const path of ['/servers/other/call', '/servers/any/call?x=1'])
      expect((await json('POST', path, { body: { tool: 'echo' }, headers: key('k') })).status).toBe(422);
    expect(calls()).toBe(1);
  });

  it('that is still being carried out is not begun again', async () => {
    const { call, calls, hold } = await createTool();
    const { promise, resolve } = Promise.withResolvers<void>();
    hold.until = promise;
    const first = call(key('k'));
    await expect.poll(calls).toBe(1);
    const second = await call(key('k'));
    expect([second.status, second.body.code, second.headers.get('Retry-After')]).toEqual([
      409,
      'in-progress',
      '1',
    ]);
    resolve();
    expect((await call(key('k')).then(() => first)).status).toBe(200);
    expect(calls()).toBe(1);
  });

  it('goes on when its caller has gone, who gets the answer later', async () => {
    const { call, calls, hold } = await createTool();
    const { promise, resolve } = Promise.withResolvers<void>();
    hold.until = promise;
    const leaving = new AbortController();
    const first = call(key('k'), { signal: leaving.signal });
    await expect.poll(calls).toBe(1);
    leaving.abort();
    first.catch(() => undefined);
    resolve();
    await expect.poll(async () => (await call(key('k'))).status).toBe(200);
    expect((await call(key('k'))).body.result.content[0].text).toBe('call 1 of echo');
    expect(calls()).toBe(1);
  });

  it('makes a server once, whatever has become of it since', async () => {
    const { json, manager, packages } = await createApiClient();
    const make = () =>
      json('POST', '/servers?wait=ready', { body: { name: 'a', template: 'time' }, headers: key('k') });
    const first = await make();
    await manager.remove('a');
    const again = await make();
    expect([first.status, again.status, again.body]).toEqual([201, 201, first.body]);
    expect([again.headers.get('Location'), again.headers.get('ETag')]).toEqual([
      '/api/v1/servers/a',
      first.headers.get('ETag'),
    ]);
    expect([manager.list().length, packages.resolved.length]).toEqual([0, 1]);
  });

  it('keeps a failure that may have had effects, and forgets one that says to try again', async () => {
    const { json, peer, run, manager } = await createApiClient();
    await run('a');
    const failed = { error: { code: -32000, message: 'broken' } };
    let calls = 0;
    peer.answers.set('tools/call', async () => {
      calls++;
      return failed;
    });
    const call = () => json('POST', '/servers/a/call', { body: { tool: 'x' }, headers: key('f') });
    expect([(await call()).status, (await call()).status, calls]).toEqual([502, 502, 1]);
    await manager.close();
    const start = () => json('POST', '/servers/a/start', { headers: key('s') });
    expect((await start()).status).toBe(503);
    expect((await start()).headers.get('Idempotency-Replayed')).toBeNull();
  });

  it('that answers with a stream is answered with the same one', async () => {
    const { send, calls } = await createTool();
    const read = async () => {
      const headers = { ...key('k'), Accept: 'application/x-ndjson' };
      const response = await send('POST', '/servers/any/call', { body: { tool: 'echo' }, headers });
      return await response.text();
    };
    const first = await read();
    expect(first).toContain('"type":"progress"');
    await expect.poll(read).toBe(first);
    expect(calls()).toBe(1);
  });

  it('is not done again either when its answer was too long to keep', async () => {
    const { peer, json } = await createApiClient();
    let calls = 0;
    peer.answers.set('tools/call', async () => {
      calls++;
      return { result: { content: [{ type: 'text', text: 'x'.repeat(1_200_000) }] } };
    });
    const call = () => json('POST', '/servers/any/call', { body: { tool: 'x' }, headers: key('k') });
    expect((await call()).status).toBe(200);
    expect(await call()).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect(calls).toBe(1);
  });

  it.each(['', 'a b', 'x'.repeat(256)])('needs a key, which %j is not', async (given) => {
    const { call, calls } = await createTool();
    expect(await call(key(given))).toMatchObject({ status: 400, body: { code: 'bad-input' } });
    expect(calls()).toBe(0);
  });
});
