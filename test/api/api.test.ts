import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { BerthError } from '../../src/errors.ts';
import { createFixture } from '../servers/doubles.ts';
import { underContract } from './contract.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Json = Record<string, any>;

const BASE = 'http://attacker.invalid';
const JSON_TYPE = { 'Content-Type': 'application/json' };
const MARK = { 'X-Berth-Request': '1' };

async function createClient() {
  const fixture = await createFixture();
  const reported: string[] = [];
  const stop = new AbortController();
  const api = underContract(
    createApi({
      manager: fixture.manager,
      templates: fixture.templates,
      calls: fixture.calls,
      discovery: fixture.discovery,
      report: (error) => reported.push(error.code),
      signal: stop.signal,
    }),
  );
  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return await api.request(`${BASE}${path}`, {
      method,
      ...(body !== undefined && { body: text }),
      headers: { ...(body === undefined ? MARK : JSON_TYPE), ...headers },
    });
  };
  const json = async (method: string, path: string, body?: unknown) => {
    const response = await send(method, path, body);
    return { status: response.status, body: (await response.json()) as Json };
  };
  return { ...fixture, api, send, json, reported, stop };
}

const everything = {
  name: 'everything',
  source: { npm: { name: '@modelcontextprotocol/server-everything', version: '2026.8.31' } },
  isolation: 'session',
};

async function linesOf(response: Response): Promise<Json[]> {
  return (await response.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

describe('GET /api/v1/servers/{name}/health', () => {
  it('makes a check and says how it came out', async () => {
    const { json, host } = await createClient();
    await json('POST', '/api/v1/servers?wait=ready', everything);
    expect(await json('GET', '/api/v1/servers/everything/health')).toMatchObject({
      status: 200,
      body: { state: 'running', health: 'healthy', lastCheck: { failures: 0, at: expect.any(String) } },
    });
    host.failure = new BerthError('start-failed', 'no answer', { exitCode: 3 });
    for (let check = 1; check <= 3; check++)
      expect(await json('GET', '/api/v1/servers/everything/health')).toMatchObject({
        status: 200,
        body: { health: 'unhealthy', lastCheck: { failures: check }, failure: { exitCode: 3 } },
      });
    const degraded = await json('GET', '/api/v1/servers?state=degraded');
    expect(degraded.body).toMatchObject({ total: 1, servers: [{ status: { state: 'degraded' } }] });
    // It can be called all the same, so nothing is still to come.
    expect((await json('POST', '/api/v1/servers', everything)).status).toBe(200);
    expect((await json('POST', '/api/v1/servers/everything/start')).status).toBe(200);
    expect((await json('GET', '/api/v1/servers/nobody/health')).status).toBe(404);
  });
});

describe('POST /api/v1/servers', () => {
  it('does not unpack a compressed body', async () => {
    const { send, packages } = await createClient();
    const response = await send('POST', '/api/v1/servers', everything, { 'Content-Encoding': 'gzip' });
    expect([response.status, response.headers.get('Accept-Encoding')]).toEqual([415, 'identity']);
    expect(await response.json()).toMatchObject({ code: 'unsupported-media-type' });
    expect(packages.resolved).toEqual([]);
    const plain = await send('POST', '/api/v1/servers?wait=ready', everything, {
      'Content-Encoding': 'identity',
    });
    expect(plain.status).toBe(201);
  });

  it('answers 201 with URLs, then 200 for the same, then 409 for another', async () => {
    const { json, send } = await createClient();
    const { status, body } = await json('POST', '/api/v1/servers?wait=ready', everything);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: 'everything',
      id: expect.any(String),
      spec: { source: everything.source, isolation: 'session' },
      status: {
        state: 'running',
        endpoints: [
          { transport: 'streamable-http', url: 'http://127.0.0.1:8053/servers/everything/mcp' },
          { transport: 'sse', url: 'http://127.0.0.1:8053/servers/everything/sse' },
          { transport: 'websocket', url: 'ws://127.0.0.1:8053/servers/everything/ws' },
        ],
      },
    });
    expect((await send('POST', '/api/v1/servers?wait=ready', everything)).status).toBe(200);
    expect(await json('POST', '/api/v1/servers', { ...everything, args: ['x'] })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
  });

  it('answers 202 without waiting, with the place to look', async () => {
    const { send, manager } = await createClient();
    const response = await send('POST', '/api/v1/servers', everything);
    expect([response.status, response.headers.get('Location')]).toEqual([202, '/api/v1/servers/everything']);
    await manager.start('everything', { wait: true });
  });

  it('knows no template of another name', async () => {
    const { json } = await createClient();
    expect(await json('POST', '/api/v1/servers', { template: 'nope' })).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  });

  it('says which inputs are missing, before anything starts', async () => {
    const { send, packages } = await createClient();
    const response = await send('POST', '/api/v1/servers?wait=ready', { template: 'brave-search' });
    expect(response.status).toBe(422);
    expect(response.headers.get('Content-Type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      type: 'urn:berth:error:missing-input',
      title: 'Missing input',
      status: 422,
      code: 'missing-input',
      detail: 'brave-search needs BRAVE_API_KEY (secret)',
      hint: expect.stringContaining('--secret BRAVE_API_KEY=env:BRAVE_API_KEY'),
      errors: [{ pointer: '/secrets/BRAVE_API_KEY', detail: 'is required' }],
      requestId: response.headers.get('X-Request-ID'),
    });
    expect(packages.resolved).toEqual([]);
  });

  it('says why a start failed', async () => {
    const { json, host, reported } = await createClient();
    host.failure = new BerthError('start-failed', 'failed in phase start, exit code 1 after 2.4 s', {
      phase: 'handshake',
      exitCode: 1,
      stderr: ['ValueError: COLLECTION_NAME is required'],
      hint: 'set it',
    });
    expect(await json('POST', '/api/v1/servers?wait=ready', everything)).toMatchObject({
      status: 502,
      body: {
        code: 'start-failed',
        phase: 'handshake',
        exitCode: 1,
        stderr: ['ValueError: COLLECTION_NAME is required'],
        hint: 'set it',
      },
    });
    expect(await json('GET', '/api/v1/servers/everything')).toMatchObject({
      status: 200,
      body: { status: { state: 'failed', failure: { exitCode: 1 } } },
    });
    expect(reported).toEqual(['start-failed']);
  });

  it('keeps what it does not know to itself', async () => {
    const { json, host } = await createClient();
    host.failure = new Error('/secret/path') as BerthError;
    const { status, body } = await json('POST', '/api/v1/servers?wait=ready', everything);
    expect([status, body.detail]).toEqual([500, 'internal error']);
    expect(JSON.stringify(body)).not.toContain('/secret/path');
  });
});

/** Bodies of the configuration-to-command advisories; none of them may reach anything that runs. */
const REPLAYS: Record<string, { path: string; body: unknown }[]> = {
  'CVE-2026-42271': [
    {
      path: '/api/v1/servers',
      body: {
        server_name: 'x',
        transport: 'stdio',
        command: 'bash',
        args: ['-c', 'id > /tmp/pwned'],
        env: {},
      },
    },
    { path: '/mcp-rest/test/connection', body: { transport: 'stdio', command: 'bash', args: ['-c', 'id'] } },
    {
      path: '/api/v1/servers/test/connection',
      body: { transport: 'stdio', command: 'bash', args: ['-c', 'id'] },
    },
    { path: '/mcp-rest/test/tools/list', body: { transport: 'stdio', command: 'bash', args: ['-c', 'id'] } },
  ],
  'CVE-2026-30623': [
    {
      path: '/api/v1/servers',
      body: { name: 'x', template: 'time', command: 'npx', args: ['-y', '-c', 'id'] },
    },
    { path: '/api/v1/servers', body: { mcpServers: { x: { command: 'sh', args: ['-c', 'id'] } } } },
  ],
  'CVE-2026-79538': [
    { path: '/api/v1/servers', body: { transportType: 'stdio', command: 'sh', args: '-c id', env: '{}' } },
    { path: '/api/v1/servers?transportType=stdio&command=sh&args=-c+id', body: {} },
  ],
  'CVE-2026-90898': [
    {
      path: '/api/v1/servers',
      body: {
        name: 'x',
        connection_type: 'stdio',
        stdio_config: { command: 'sh', args: ['-c', 'id'], envs: [] },
      },
    },
    {
      path: '/api/mcp/client',
      body: { name: 'x', connection_type: 'stdio', stdio_config: { command: 'sh' } },
    },
  ],
};

describe('bodies of known attacks', () => {
  it.each(Object.entries(REPLAYS))('%s is refused and starts nothing', async (_id, requests) => {
    const { send, packages, host, manager } = await createClient();
    for (const { path, body } of requests) {
      const response = await send('POST', path, body);
      expect([400, 404], `${path} answered ${response.status}`).toContain(response.status);
    }
    expect([packages.resolved, packages.installed, host.probed, manager.list()]).toEqual([[], [], [], []]);
  });

  it('name the field that is no field', async () => {
    const { json } = await createClient();
    const { status, body } = await json('POST', '/api/v1/servers', { template: 'time', command: 'sh' });
    expect([status, body.errors]).toEqual([
      400,
      [{ pointer: '/command', detail: 'is not a field of a server' }],
    ]);
  });

  it('cannot reach the prototype', async () => {
    const { send } = await createClient();
    for (const text of [
      '{"template":"time","__proto__":{"command":"sh"}}',
      '{"template":"time","constructor":{"prototype":{"x":1}}}',
      '{"template":"time","env":{"__proto__":"x"}}',
    ]) {
      expect((await send('POST', '/api/v1/servers', text)).status, text).toBe(400);
    }
    expect(({} as Record<string, unknown>).command).toBeUndefined();
  });
});

describe('requests that a web page could send', () => {
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
  ])('are refused as %s', async (type) => {
    const { send, manager } = await createClient();
    const response = await send('POST', '/api/v1/servers', everything, {
      'Content-Type': type,
      'Content-Length': '100',
    });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ code: 'unsupported-media-type' });
    expect(manager.list()).toEqual([]);
  });

  it('are refused without a body as well', async () => {
    const { api, manager, send } = await createClient();
    await send('POST', '/api/v1/servers?wait=ready', everything);
    for (const [method, path] of [
      ['POST', '/stop'],
      ['POST', '/start'],
      ['DELETE', ''],
    ] as const) {
      expect((await api.request(`${BASE}/api/v1/servers/everything${path}`, { method })).status).toBe(403);
    }
    expect(manager.get('everything').status.state).toBe('running');
  });
});

describe('bodies that are no specification', () => {
  it.each(['', '{', '[1', 'null', '[]', '"x"', '{}'])(
    '%j is answered with a problem of 400',
    async (text) => {
      const { send } = await createClient();
      const response = await send('POST', '/api/v1/servers', text);
      expect([response.status, response.headers.get('Content-Type')]).toEqual([
        400,
        'application/problem+json',
      ]);
    },
  );

  it('are refused when they are too large or no UTF-8', async () => {
    const { send, api } = await createClient();
    expect(
      (await send('POST', '/api/v1/servers', { template: 'time', args: ['x'.repeat(600 * 1024)] })).status,
    ).toBe(413);
    const response = await api.request(`${BASE}/api/v1/servers`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: Buffer.from([0x7b, 0xff, 0x7d]),
    });
    expect([response.status, ((await response.json()) as Json).code]).toEqual([400, 'parse-error']);
  });
});

describe('reading', () => {
  it('lists with filters, pages and the total', async () => {
    const { json, manager } = await createClient();
    for (const name of ['b', 'a', 'c'])
      await json('POST', '/api/v1/servers?wait=ready', { name, template: 'time' });
    await json('POST', '/api/v1/servers?wait=ready', everything);
    await manager.stop('a');
    const names = async (query: string) => {
      const { body } = await json('GET', `/api/v1/servers${query}`);
      return [body.servers.map((server: { name: string }) => server.name), body.total];
    };
    expect(await names('')).toEqual([['a', 'b', 'c', 'everything'], 4]);
    expect(await names('?template=time&limit=1&offset=1')).toEqual([['b'], 3]);
    expect(await names('?state=stopped')).toEqual([['a'], 1]);
    expect((await json('GET', '/api/v1/servers?state=sleeping')).status).toBe(400);
    expect((await json('GET', '/api/v1/servers?limit=-1')).status).toBe(400);
  });

  it('shows the catalogue', async () => {
    const { json } = await createClient();
    const { body } = await json('GET', '/api/v1/templates');
    expect(body.total).toBeGreaterThanOrEqual(58);
    expect(
      body.templates.find((template: { slug: string }) => template.slug === 'brave-search'),
    ).toMatchObject({
      package: { type: 'npm', name: '@brave/brave-search-mcp-server', version: '2.1.4' },
      variables: expect.arrayContaining([
        expect.objectContaining({ name: 'BRAVE_API_KEY', required: true, secret: true }),
      ]),
    });
    expect((await json('GET', '/api/v1/templates/time')).body).toMatchObject({
      slug: 'time',
      server: { name: 'dev.berth/time' },
      readme: expect.stringContaining('# Time'),
    });
    expect((await json('GET', '/api/v1/templates/nothing')).status).toBe(404);
  });
});

describe('verbs', () => {
  it('stop, start and remove', async () => {
    const { json, send, host } = await createClient();
    await json('POST', '/api/v1/servers?wait=ready', everything);
    expect(await json('POST', '/api/v1/servers/everything/stop?force=true')).toMatchObject({
      status: 200,
      body: { status: { state: 'stopped' } },
    });
    expect(host.undefined.at(-1)?.force).toBe(true);
    expect(await json('POST', '/api/v1/servers/everything/start?wait=ready')).toMatchObject({
      status: 200,
      body: { status: { state: 'running' } },
    });
    expect((await send('DELETE', '/api/v1/servers/everything')).status).toBe(204);
    expect((await send('DELETE', '/api/v1/servers/everything')).status).toBe(404);
    expect(await json('GET', '/api/v1/servers/everything')).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
  });

  it('restart and scale as far as one machine can', async () => {
    const { json, host } = await createClient();
    await json('POST', '/api/v1/servers?wait=ready', everything);
    const restarted = await json('POST', '/api/v1/servers/everything/restart?wait=ready');
    expect([restarted.status, restarted.body.status.state]).toEqual([200, 'running']);
    expect(host.undefined).toHaveLength(1);
    const path = '/api/v1/servers/everything/scale';
    const down = await json('POST', path, { replicas: 0 });
    expect([down.status, down.body.status.state]).toEqual([200, 'stopped']);
    const up = await json('POST', `${path}?wait=ready`, { replicas: 1 });
    expect([up.status, up.body.status.state]).toEqual([200, 'running']);
    const two = await json('POST', path, { replicas: 2 });
    expect(two).toMatchObject({ status: 403, body: { code: 'not-allowed' } });
    expect(two.body.hint).toContain('Kubernetes');
    expect((await json('POST', '/api/v1/servers/nobody/scale', { replicas: 2 })).status).toBe(404);
  });

  it.each([true, '3', 1.5, -1, 11, null, undefined])('scale to %j is refused', async (replicas) => {
    const { json } = await createClient();
    await json('POST', '/api/v1/servers?wait=ready', everything);
    const { status, body } = await json('POST', '/api/v1/servers/everything/scale', { replicas });
    expect(status).toBe(400);
    expect(body.errors).toEqual([{ pointer: '/replicas', detail: 'must be a whole number from 0 to 10' }]);
  });

  it('answer other methods with what is allowed, and other paths with 404', async () => {
    const { send } = await createClient();
    const response = await send('PUT', '/api/v1/servers', {});
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'POST, GET']);
    expect((await send('PATCH', '/api/v1/servers/x', {})).headers.get('Allow')).toBe('GET, DELETE');
    expect((await send('GET', '/api/v2/servers')).status).toBe(404);
  });
});

describe('request ids', () => {
  it('come back, and are made when there is none that can be used', async () => {
    const { send } = await createClient();
    expect(
      (await send('GET', '/api/v1/servers', undefined, { 'X-Request-ID': 'abc-1' })).headers.get(
        'X-Request-ID',
      ),
    ).toBe('abc-1');
    expect(
      (await send('GET', '/api/v1/nothing', undefined, { 'X-Request-ID': 'abc-2' })).headers.get(
        'X-Request-ID',
      ),
    ).toBe('abc-2');
    expect(
      (await send('GET', '/api/v1/servers', undefined, { 'X-Request-ID': 'a b' })).headers.get(
        'X-Request-ID',
      ),
    ).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('streams', () => {
  it('tell the whole start, also to those who come later', async () => {
    const { send } = await createClient();
    await send('POST', '/api/v1/servers', everything);
    for (const response of [
      await send('GET', '/api/v1/servers/everything/events'),
      await send('GET', '/api/v1/servers/everything/events'),
    ]) {
      const events = await linesOf(response);
      expect(events[0]).toMatchObject({
        type: 'phase',
        phase: 'resolve',
        state: 'started',
        at: expect.any(Number),
      });
      expect(events.at(-1)).toMatchObject({ type: 'running' });
    }
  });

  it('follow the log from its tail on until the reader leaves', async () => {
    const { send, host, manager } = await createClient();
    await send('POST', '/api/v1/servers?wait=ready', everything);
    const { id } = manager.get('everything');
    for (const text of ['one', 'two', 'three']) host.write(id, text);
    expect(await (await send('GET', '/api/v1/servers/everything/logs?tail=2')).json()).toEqual({
      lines: [expect.objectContaining({ text: 'two' }), expect.objectContaining({ text: 'three', pid: 77 })],
    });
    const reader = (
      await send('GET', '/api/v1/servers/everything/logs?tail=1&follow=true')
    ).body?.getReader();
    const next = async () => JSON.parse(Buffer.from((await reader?.read())?.value ?? []).toString()).text;
    expect(await next()).toBe('three');
    host.write(id, 'four');
    expect(await next()).toBe('four');
    expect(host.readers(id)).toBe(1);
    await reader?.cancel();
    expect(host.readers(id)).toBe(0);
  });

  it('end when the gateway stops, and keep no more than their bound for a reader that does not read', async () => {
    const { send, host, manager, stop } = await createClient();
    await send('POST', '/api/v1/servers?wait=ready', everything);
    const { id } = manager.get('everything');
    const response = await send('GET', '/api/v1/servers/everything/logs?follow=true');
    for (let i = 0; i < 1_500; i++) host.write(id, `line ${i}`);
    stop.abort();
    expect(host.readers(id)).toBe(0);
    expect((await linesOf(response)).length).toBe(1_000);
  });
});
