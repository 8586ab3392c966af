import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { afterEach, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { ApiClient } from '../../src/cli/client.ts';
import { createFixture } from '../servers/doubles.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function createGateway() {
  const fixture = await createFixture();
  const stop = new AbortController();
  const app = new Hono();
  app.route('/', createApi({ ...fixture, signal: stop.signal }));
  const listening = await new Promise<{ server: ReturnType<typeof serve>; port: number }>((resolve) => {
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (info: AddressInfo) =>
      resolve({ server, port: info.port }),
    );
  });
  closing.push(async () => {
    stop.abort();
    await fixture.manager.close();
    const closed = new Promise((resolve) => listening.server.close(resolve));
    if ('closeAllConnections' in listening.server) listening.server.closeAllConnections();
    await closed;
  });
  const url = `http://127.0.0.1:${listening.port}`;
  return { ...fixture, url, stop, client: new ApiClient({ url, fetch }) };
}

describe('the API behind a real port', () => {
  it('creates, tells, lists and removes', async () => {
    const { client } = await createGateway();
    expect(await client.create({ template: 'time' })).toMatchObject({ name: 'time' });
    const types: string[] = [];
    for await (const event of client.events('time')) types.push(event.type);
    expect(types.at(-1)).toBe('running');
    expect((await client.list()).map(({ name }) => name)).toEqual(['time']);
    expect(await client.stop('time', true)).toMatchObject({ status: { state: 'stopped' } });
    await client.remove('time', false);
    await expect(client.get('time')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('answers errors as problems when it is mounted in another app', async () => {
    const { client, url } = await createGateway();
    await expect(client.create({ template: 'brave-search' })).rejects.toMatchObject({
      code: 'missing-input',
      details: { fields: [{ pointer: '/secrets/BRAVE_API_KEY' }] },
    });
    const response = await fetch(`${url}/api/v1/servers`, {
      method: 'POST',
      body: '{',
      headers: { 'Content-Type': 'application/json' },
    });
    expect([response.status, response.headers.get('Content-Type')]).toEqual([
      400,
      'application/problem+json',
    ]);
    const chunked = await fetch(`${url}/api/v1/servers`, {
      method: 'POST',
      body: new Blob(['x'.repeat(600 * 1024)]).stream(),
      duplex: 'half',
      headers: { 'Content-Type': 'application/json' },
    } as RequestInit);
    expect(chunked.status).toBe(413);
  });

  it('lets go of a log when its reader has gone, and of all readers when it stops', async () => {
    const { client, host, manager, stop } = await createGateway();
    await client.create({ template: 'time' });
    const { id } = await manager.start('time', { wait: true });
    const left = new AbortController();
    const reading = (async () => {
      for await (const line of client.logs('time', { tail: 10, follow: true, signal: left.signal }))
        if (line.text === 'last') left.abort();
    })();
    await expect.poll(() => host.readers(id)).toBe(1);
    host.write(id, 'last');
    await reading;
    await expect.poll(() => host.readers(id)).toBe(0);
    const other = (async () => {
      for await (const line of client.logs('time', { tail: 0, follow: true })) void line;
    })();
    await expect.poll(() => host.readers(id)).toBe(1);
    stop.abort();
    await other;
  });

  it('stops waiting for a start, not the start, when the time of the caller is over', async () => {
    const { url, packages, manager } = await createGateway();
    let open: () => void = () => undefined;
    packages.hold = new Promise<void>((resolve) => {
      open = resolve;
    });
    const answer = await fetch(`${url}/api/v1/servers?wait=ready&timeout=1`, {
      method: 'POST',
      body: JSON.stringify({ template: 'time' }),
      headers: { 'Content-Type': 'application/json' },
    });
    expect(await answer.json()).toMatchObject({
      code: 'request-timeout',
      detail: 'time did not become ready within 1 seconds',
      hint: 'The start goes on: GET /api/v1/servers/time tells how it fares.',
    });
    open();
    expect(await manager.start('time', { wait: true })).toMatchObject({ status: { state: 'running' } });
  });

  it('stops waiting for a start, not the start, when the caller goes away', async () => {
    const { url, packages, manager } = await createGateway();
    let open: () => void = () => undefined;
    packages.hold = new Promise<void>((resolve) => {
      open = resolve;
    });
    const left = new AbortController();
    const waiting = fetch(`${url}/api/v1/servers?wait=ready`, {
      method: 'POST',
      body: JSON.stringify({ template: 'time' }),
      headers: { 'Content-Type': 'application/json' },
      signal: left.signal,
    }).catch(() => 'gone');
    await expect.poll(() => packages.installed.length).toBe(1);
    left.abort();
    expect(await waiting).toBe('gone');
    open();
    expect(await manager.start('time', { wait: true })).toMatchObject({ status: { state: 'running' } });
  });
});
