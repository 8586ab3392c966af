/** Who may read the registry behind a real port: pages of any origin, and elsewhere than on loopback only those with a key. */
import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { createControlListener } from '../../src/api/control-listener.ts';
import { createFixture } from '../servers/doubles.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { underContract } from './contract.ts';

const KEY = `berth_${'a'.repeat(43)}`;
const PAGE = { Origin: 'https://page.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' };

let gateway: TestGateway | undefined;
afterEach(() => gateway?.close());

async function open(): Promise<number> {
  const fixture = await createFixture();
  gateway = await startGateway({
    servers: [],
    keys: { ada: KEY },
    control: ({ guard, calls }) =>
      createControlListener({
        app: underContract(createApi({ ...fixture, calls })),
        guard,
        ready: () => true,
      }),
  });
  return gateway.port;
}

/** As it is typed: `fetch` would make the path plain and keep some headers to itself. */
function send(port: number, path: string, { method = 'GET', headers = {} as Record<string, string> } = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>(
    (resolve, reject) => {
      const sent = request({ port, host: '127.0.0.1', path, method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      });
      sent.on('error', reject).end();
    },
  );
}

describe('the registry behind a port', () => {
  it('is read by pages of any origin, after a preflight without a key', async () => {
    const port = await open();
    const preflight = await send(port, '/v0.1/servers', {
      method: 'OPTIONS',
      headers: {
        ...PAGE,
        'Access-Control-Request-Method': 'GET',
        'Access-Control-Request-Headers': 'authorization',
      },
    });
    expect([preflight.status, preflight.headers]).toEqual([
      204,
      expect.objectContaining({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, OPTIONS',
        'access-control-allow-headers': 'Authorization, Content-Type',
      }),
    ]);
    const read = await send(port, '/v0.1/servers?limit=1', { headers: PAGE });
    expect([read.status, read.headers['access-control-allow-origin']]).toEqual([200, '*']);
  });

  it.each([
    ['the API', '/api/v1/templates'],
    ['the API by a way round', '/v0.1/../api/v1/templates'],
    ['the API by an encoded way round', '/v0.1/%2e%2E/api/v1/templates'],
    ['the API by a dot', '/v0.1/./../api/v1/templates'],
  ])('opens nothing of %s', async (_what, path) => {
    expect((await send(await open(), path, { headers: PAGE })).status).toBe(403);
  });

  it('is nothing that a page may change', async () => {
    const port = await open();
    expect((await send(port, '/v0.1/publish', { method: 'POST', headers: PAGE })).status).toBe(403);
    expect((await send(port, '/v0.1/publish', { method: 'POST' })).status).toBe(501);
  });

  it('is refused under another host name, and with a key that is none, in its own shape', async () => {
    const port = await open();
    expect((await send(port, '/v0.1/servers', { headers: { Host: 'attacker.example' } })).status).toBe(421);
    const refused = await send(port, '/v0.1/servers', {
      headers: { ...PAGE, Authorization: 'Bearer nobody' },
    });
    expect([refused.status, Object.keys(JSON.parse(refused.text))]).toEqual([401, ['error']]);
    expect(refused.headers['access-control-allow-origin']).toBe('*');
  });

  it('asks for a key where the caller is not on this machine', async () => {
    const port = await open();
    const forwarded = { 'X-Forwarded-For': '203.0.113.9' };
    expect((await send(port, '/v0.1/servers', { headers: forwarded })).status).toBe(401);
    const withKey = { ...forwarded, Authorization: `Bearer ${KEY}` };
    expect((await send(port, '/v0.1/servers', { headers: withKey })).status).toBe(200);
  });
});
