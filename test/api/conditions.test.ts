/** Entity tags: who asks again gets nothing when nothing is new, and who changes something changes what was meant. */
import { describe, expect, it } from 'vitest';
import { createApiClient, type TestApi } from './client.ts';

async function tagOf({ json }: TestApi, path: string): Promise<string> {
  const { status, headers } = await json('GET', path);
  expect(status).toBe(200);
  const tag = headers.get('ETag') ?? '';
  expect(tag).toMatch(/^"[^"]+"$/);
  return tag;
}

describe('a server', () => {
  it('is told again only when something about it is new', async () => {
    const client = await createApiClient();
    const { run, send, host, manager } = client;
    await run('a');
    const tag = await tagOf(client, '/servers/a');
    const again = async (headers: Record<string, string>) => await send('GET', '/servers/a', { headers });
    for (const asked of [tag, `"other", ${tag}`, '*']) {
      const response = await again({ 'If-None-Match': asked });
      expect([response.status, response.headers.get('ETag'), await response.text()]).toEqual([304, tag, '']);
    }
    expect((await again({ 'If-None-Match': '"other"' })).status).toBe(200);
    // A session more is something new to who reads.
    host.activity = () => ({ sessions: 3, processes: 1, inUse: true, lastActivity: 0 });
    expect((await again({ 'If-None-Match': tag })).status).toBe(200);
    await manager.stop('a');
    expect((await again({ 'If-None-Match': tag })).status).toBe(200);
  });

  it.each([
    ['POST', '/servers/a/stop', 200],
    ['POST', '/servers/a/start', 200],
    ['POST', '/servers/a/restart?wait=ready', 200],
    ['DELETE', '/servers/a', 204],
  ])(
    '%s %s is done for the tag that was read, and refused for an older one',
    async (method, path, status) => {
      const client = await createApiClient();
      const { run, json, manager } = client;
      await run('a');
      const old = await tagOf(client, '/servers/a');
      await json('POST', '/servers/a/restart?wait=ready');
      const before = manager.get('a');
      for (const wrong of [old, '"other"', `W/${await tagOf(client, '/servers/a')}`, '', '"']) {
        const refused = await json(method, path, { headers: { 'If-Match': wrong } });
        expect(refused, wrong).toMatchObject({ status: 412, body: { code: 'precondition-failed' } });
      }
      expect(manager.get('a')).toEqual(before);
      const tag = await tagOf(client, '/servers/a');
      expect((await json(method, path, { headers: { 'If-Match': `"other", ${tag}` } })).status).toBe(status);
    },
  );

  it('is scaled under the same condition', async () => {
    const client = await createApiClient();
    await client.run('a');
    const tag = await tagOf(client, '/servers/a');
    const scale = (replicas: number) =>
      client.json('POST', '/servers/a/scale', { body: { replicas }, headers: { 'If-Match': tag } });
    expect((await scale(0)).body.status.state).toBe('stopped');
    expect((await scale(1)).status).toBe(412);
  });

  it('of the same name that was made anew is another one', async () => {
    const client = await createApiClient();
    const { run, json } = client;
    await run('a');
    const tag = await tagOf(client, '/servers/a');
    await json('DELETE', '/servers/a');
    await run('a');
    expect((await json('DELETE', '/servers/a', { headers: { 'If-Match': tag } })).status).toBe(412);
    expect((await json('DELETE', '/servers/a', { headers: { 'If-Match': '*' } })).status).toBe(204);
    expect((await json('DELETE', '/servers/a', { headers: { 'If-Match': '*' } })).status).toBe(404);
  });

  it('that only has other sessions by now is still the one that was meant', async () => {
    const client = await createApiClient();
    await client.run('a');
    const tag = await tagOf(client, '/servers/a');
    client.host.activity = () => ({ sessions: 9, processes: 1, inUse: true, lastActivity: 0 });
    expect((await client.json('POST', '/servers/a/stop', { headers: { 'If-Match': tag } })).status).toBe(200);
  });

  it('keeps its revision over a restart of the gateway', async () => {
    const { run, manager, again } = await createApiClient();
    await run('a');
    await manager.stop('a');
    await manager.start('a', { wait: true });
    const { revision } = manager.get('a');
    await manager.close();
    const next = again();
    await next.restore();
    expect(next.get('a').revision).toBe(revision);
    await next.close();
  });

  it('is changed by one of two that mean the same version', async () => {
    const client = await createApiClient();
    await client.run('a');
    const tag = await tagOf(client, '/servers/a');
    const stop = () => client.json('POST', '/servers/a/stop', { headers: { 'If-Match': tag } });
    const statuses = (await Promise.all([stop(), stop()])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 412]);
  });
});

describe('a template', () => {
  const own = { slug: 'own', source: { npm: { name: 'own-mcp', version: '1.0.0' } } };
  const newer = { ...own, source: { npm: { name: 'own-mcp', version: '1.1.0' } } };

  it('is told again only when it is another one', async () => {
    const client = await createApiClient();
    const tag = await tagOf(client, '/templates/time');
    const asked = { headers: { 'If-None-Match': tag } };
    expect((await client.json('GET', '/templates/time', asked)).status).toBe(304);
  });

  it('is replaced and removed as it was read, or not at all', async () => {
    const client = await createApiClient();
    const { json } = client;
    const made = await json('POST', '/templates', { body: own });
    const first = await tagOf(client, '/templates/own');
    expect(made.headers.get('ETag')).toBe(first);
    const put = (tag: string) => json('PUT', '/templates/own', { body: newer, headers: { 'If-Match': tag } });
    const replaced = await put(first);
    expect(replaced.status).toBe(200);
    expect(replaced.headers.get('ETag')).toBe(await tagOf(client, '/templates/own'));
    expect((await put(first)).body).toMatchObject({ code: 'precondition-failed' });
    const remove = (tag: string) => json('DELETE', '/templates/own', { headers: { 'If-Match': tag } });
    expect((await remove(first)).status).toBe(412);
    expect((await remove(replaced.headers.get('ETag') ?? '')).status).toBe(204);
  });
});
