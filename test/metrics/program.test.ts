/** Metrics, health and the log of requests of the real program on one machine, with a server elsewhere behind it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDefinitions, type ReadExposition, readExposition, seriesValue } from '../support/exposition.ts';
import { eventually } from '../support/local-process.ts';
import { type SdkServer, startStreamableV1 } from '../support/sdk-servers.ts';

const TOKEN = 'canary-token-of-the-metrics-test';
const KEY = `berth_${'canary'.repeat(8).slice(0, 43)}`;
const HEADERS = { Authorization: `Bearer ${KEY}` };
/** Loopback peers need no key, unless they speak for somebody else. */
const STRANGER = { 'X-Forwarded-For': '192.0.2.1' };
const SERVER = 'elsewhere';

let folder: string;
let gateway: ChildProcess;
let url = '';
let said = '';
let log = '';
let second = 0;
let server: SdkServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-metrics-'));
  server = await startStreamableV1();
  second = await freePort();
  gateway = spawn(process.execPath, [fileURLToPath(new URL('../../src/main.ts', import.meta.url))], {
    env: {
      ...process.env,
      BERTH_DATA_DIR: folder,
      BERTH_PORT: '0',
      BERTH_HOST: '127.0.0.1',
      BERTH_METRICS_PORT: String(second),
      BERTH_LOG_LEVEL: 'debug',
      BERTH_REMOTE_ALLOWED_HOSTS: '127.0.0.1',
      BERTH_KEYS: `tester:${createHash('sha256').update(KEY).digest('hex')}`,
      METRICS_TOKEN: TOKEN,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  gateway.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  gateway.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString('utf8');
  });
  url = await eventually('the gateway', () => /^Berth listens on (\S+)/m.exec(said)?.[1]);
  const response = await post('/api/v1/servers?wait=ready', {
    name: SERVER,
    source: { remote: { url: server.url, headers: { Authorization: { fromEnv: 'METRICS_TOKEN' } } } },
  });
  expect([response.status, await response.text()]).toEqual([201, expect.any(String)]);
});
afterAll(async () => {
  const ended = once(gateway, 'exit');
  gateway.kill('SIGTERM');
  await ended;
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

const post = (path: string, body: unknown, more: Record<string, string> = {}) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { ...HEADERS, 'Content-Type': 'application/json', ...more },
    body: JSON.stringify(body),
  });

const callInit = (headers: Record<string, string>) =>
  fetch(`${url}/servers/${SERVER}/mcp`, {
    method: 'POST',
    headers: {
      ...HEADERS,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  });

async function scrape(): Promise<ReadExposition> {
  const response = await fetch(`http://127.0.0.1:${second}/metrics`);
  const read = readExposition(await response.text(), 'prometheus');
  checkDefinitions(read);
  return read;
}

interface LogLine {
  readonly level: number;
  readonly requestId?: string;
  readonly traceId?: string;
  readonly method?: string;
  readonly endpoint?: string;
  readonly server?: string;
  readonly status?: number;
  readonly ms?: number;
}

const lines = (): LogLine[] =>
  log
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LogLine);

const lineOf = (requestId: string) =>
  eventually(`the line of ${requestId}`, () => lines().find((line) => line.requestId === requestId));

describe('/metrics', () => {
  it('is there without a key on the second port, in the format that is asked for', async () => {
    const address = `http://127.0.0.1:${second}/metrics`;
    const plain = await fetch(address);
    expect(plain.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const read = readExposition(await plain.text(), 'prometheus');
    checkDefinitions(read);
    const open = await fetch(address, { headers: { Accept: 'application/openmetrics-text; version=1.0.0' } });
    expect(open.headers.get('Content-Type')).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    );
    checkDefinitions(readExposition(await open.text(), 'openmetrics'));
    expect(seriesValue(read, 'process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
    expect(seriesValue(read, 'berth_build_info')).toBe(1);
  });

  it('is there for those who may call on the first port, and for nobody else', async () => {
    expect((await fetch(`${url}/metrics`, { headers: STRANGER })).status).toBe(401);
    const response = await fetch(`${url}/metrics`, { headers: HEADERS });
    readExposition(await response.text(), 'prometheus');
  });

  it('counts requests by the pattern of their path, whatever clients make up', async () => {
    await fetch(`${url}/api/v1/servers/${SERVER}`, { headers: HEADERS });
    await fetch(`${url}/api/v1/servers/nobody`, { headers: HEADERS });
    for (let at = 0; at < 20; at++) await fetch(`${url}/made-up/${at}`, { headers: HEADERS });
    for (let at = 0; at < 20; at++) await fetch(`${url}/servers/none-${at}/mcp`, { headers: HEADERS });
    const read = await scrape();
    const of = (endpoint: string, status: string) =>
      seriesValue(read, 'http_requests_total', { method: 'GET', endpoint, status });
    expect(of('/api/v1/servers/{name}', '200')).toBe(1);
    expect(of('/api/v1/servers/{name}', '404')).toBe(1);
    expect(of('other', '404')).toBe(20);
    expect(of('/servers/{name}/mcp', '404')).toBe(20);
    const servers = read.samples.flatMap(({ labels }) => labels.server ?? []);
    expect([...new Set(servers)]).toEqual([SERVER]);
  });

  it('has the server, its start and its calls, and a stream for as long as it is open', async () => {
    const before = await scrape();
    expect(seriesValue(before, 'berth_servers', { state: 'running' })).toBe(1);
    expect(seriesValue(before, 'active_deployments')).toBe(1);
    expect(seriesValue(before, 'berth_server_starts_total', { result: 'running' })).toBe(1);
    expect(
      seriesValue(before, 'berth_server_start_phase_duration_seconds_count', { phase: 'handshake' }),
    ).toBe(1);
    expect(seriesValue(before, 'mcp_tools_total', { server: SERVER })).toBeGreaterThan(0);
    expect(seriesValue(before, 'mcp_capabilities_total', { server: SERVER })).toBeGreaterThan(0);
    const open = await fetch(`${url}/servers/${SERVER}/sse`, { headers: HEADERS });
    const during = await scrape();
    expect(seriesValue(during, 'mcp_active_connections', { server: SERVER })).toBe(1);
    const stream = { method: 'GET', endpoint: '/servers/{name}/sse' };
    expect(seriesValue(during, 'http_requests_in_progress', stream)).toBe(1);
    expect(seriesValue(during, 'http_requests_total', stream)).toBeUndefined();
    await open.body?.cancel();
    await eventually('the end of the stream', async () => {
      const after = await scrape();
      return (
        seriesValue(after, 'mcp_active_connections', { server: SERVER }) === undefined &&
        seriesValue(after, 'http_requests_total', { ...stream, status: '200' }) === 1
      );
    });
  });

  it('counts WebSocket connections and their messages', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/servers/${SERVER}/ws`, {
      headers: HEADERS,
    } as never);
    await once(socket, 'open');
    socket.send('{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
    await once(socket, 'message');
    const during = await scrape();
    expect(seriesValue(during, 'websocket_connections_active')).toBe(1);
    expect(seriesValue(during, 'websocket_messages_total', { direction: 'received' })).toBe(1);
    expect(seriesValue(during, 'websocket_messages_total', { direction: 'sent' })).toBe(1);
    socket.close();
    await eventually('the end of the connection', async () => {
      const after = await scrape();
      const upgrades = { endpoint: '/servers/{name}/ws', status: '101' };
      return (
        seriesValue(after, 'websocket_connections_active') === 0 &&
        seriesValue(after, 'http_requests_total', upgrades) === 1
      );
    });
  });

  it('counts a start that fails by its phase and reason', async () => {
    const response = await post('/api/v1/servers?wait=ready', {
      name: 'nowhere',
      source: { remote: { url: `http://127.0.0.1:${await freePort()}/mcp` } },
    });
    expect(response.ok).toBe(false);
    const read = await scrape();
    expect(seriesValue(read, 'berth_server_starts_total', { result: 'failed' })).toBe(1);
    expect(seriesValue(read, 'berth_server_start_failures_total', { phase: 'handshake' })).toBe(1);
    expect(seriesValue(read, 'berth_servers', { state: 'failed' })).toBe(1);
    await fetch(`${url}/api/v1/servers/nowhere`, {
      method: 'DELETE',
      headers: { ...HEADERS, 'X-Berth-Request': '1' },
    });
  });
});

describe('health', () => {
  it('says no more than ok to those without a key', async () => {
    for (const base of [url, `http://127.0.0.1:${second}`]) {
      for (const path of ['/livez', '/readyz']) {
        const response = await fetch(`${base}${path}`, { headers: STRANGER });
        expect([response.status, await response.text()]).toEqual([200, 'ok\n']);
      }
      const response = await fetch(`${base}/health`, { headers: STRANGER });
      expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
    }
    expect((await fetch(`${url}/api/v1/health`, { headers: STRANGER })).status).toBe(401);
  });

  it('has parts, ages and servers for those who may call', async () => {
    const response = await fetch(`${url}/api/v1/health`, { headers: HEADERS });
    expect(response.status).toBe(200);
    const report = (await response.json()) as Record<string, unknown>;
    expect(report).toMatchObject({
      status: 'ok',
      runtime: 'local',
      components: [
        { name: 'store', state: 'ok' },
        { name: 'data-folder', state: 'ok' },
      ],
      servers: { total: 1, healthy: 1, states: { running: 1, failed: 0 } },
    });
    expect(report.ageSeconds).toBeGreaterThanOrEqual(0);
    expect(JSON.stringify(report)).not.toContain(folder);
  });
});

describe('a request', () => {
  it('of the API has one line in the log, under the id that it came with', async () => {
    const response = await fetch(`${url}/api/v1/servers/${SERVER}`, {
      headers: { ...HEADERS, 'X-Request-ID': 'from-the-client' },
    });
    expect(response.headers.get('X-Request-ID')).toBe('from-the-client');
    await response.text();
    const line = await lineOf('from-the-client');
    expect(line).toMatchObject({ level: 20, method: 'GET', endpoint: '/api/v1/servers/{name}', status: 200 });
    expect(lines().filter(({ requestId }) => requestId === 'from-the-client')).toHaveLength(1);
  });

  it('gets an id of its own for one that is no plain word, or too long', async () => {
    for (const given of ['two words', 'x'.repeat(129), '"quoted"', '']) {
      const response = await fetch(`${url}/api/v1/servers`, {
        headers: { ...HEADERS, 'X-Request-ID': given },
      });
      await response.text();
      expect(response.headers.get('X-Request-ID')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('that changes something is told at info', async () => {
    const response = await post(`/api/v1/servers/${SERVER}/start`, {}, { 'X-Request-ID': 'a-change' });
    await response.text();
    expect(await lineOf('a-change')).toMatchObject({ level: 30, endpoint: '/api/v1/servers/{name}/start' });
  });

  it('of an MCP client keeps its id, is told at debug, and gets an id when it is refused', async () => {
    const refused = await callInit({ 'X-Request-ID': 'a-call' });
    await refused.text();
    expect([refused.status, refused.headers.get('X-Request-ID')]).toEqual([400, 'a-call']);
    expect(await lineOf('a-call')).toMatchObject({
      level: 20,
      method: 'POST',
      endpoint: '/servers/{name}/mcp',
      server: SERVER,
      status: 400,
    });
    const trace = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${trace}-b7ad6b7169203331-01`;
    await (await callInit({ 'X-Request-ID': 'traced', Traceparent: traceparent })).text();
    expect(await lineOf('traced')).toMatchObject({ traceId: trace });
    await (await callInit({ 'X-Request-ID': 'untraced', Traceparent: `${traceparent}x` })).text();
    expect(await lineOf('untraced')).not.toHaveProperty('traceId');
    const nameless = await callInit({});
    await nameless.text();
    await lineOf(nameless.headers.get('X-Request-ID') ?? '');
  });

  it('keeps its id when it is answered well', async () => {
    const response = await fetch(`${url}/servers/${SERVER}/mcp`, {
      method: 'POST',
      headers: {
        ...HEADERS,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        'X-Request-ID': 'well',
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
    });
    await response.text();
    expect([response.status, response.headers.get('X-Request-ID')]).toEqual([200, 'well']);
    expect(response.headers.get('Mcp-Session-Id')).not.toBeNull();
  });
});

describe('the log over the API', () => {
  const read = async (query: string) => {
    const response = await fetch(`${url}/api/v1/logs?${query}`, { headers: HEADERS });
    expect(response.status).toBe(200);
    return ((await response.json()) as { entries: Record<string, unknown>[] }).entries;
  };

  it('has the lines that were written, of servers and of requests', async () => {
    await (await fetch(`${url}/api/v1/servers`, { headers: { ...HEADERS, 'X-Request-ID': 'both' } })).text();
    const line = await lineOf('both');
    const [entry] = (await read('tail=1000')).filter(({ requestId }) => requestId === 'both');
    expect(entry).toMatchObject({
      level: 'debug',
      message: 'a request is over',
      details: { endpoint: line.endpoint, status: line.status, ms: line.ms },
    });
    const states = (await read(`server=${SERVER}&level=info`)).filter(({ message }) =>
      String(message).startsWith('a server is'),
    );
    expect(states).toMatchObject([{ message: 'a server is running', details: { state: 'running' } }]);
    expect(JSON.stringify(await read('tail=1000'))).not.toContain('canary');
  });

  it('is followed live, and is not for strangers', async () => {
    const left = new AbortController();
    const response = await fetch(`${url}/api/v1/logs?tail=0`, {
      headers: { ...HEADERS, Accept: 'text/event-stream' },
      signal: left.signal,
    });
    await (await fetch(`${url}/api/v1/servers`, { headers: { ...HEADERS, 'X-Request-ID': 'live' } })).text();
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      if (text.includes('"requestId":"live"')) break;
    }
    left.abort();
    expect(text).toMatch(/^id: \S+\nevent: entry\ndata: \{.*"requestId":"live"/m);
    expect((await fetch(`${url}/api/v1/logs`, { headers: STRANGER })).status).toBe(401);
  });
});

it('what it runs with is told over the API, without a secret', async () => {
  const response = await fetch(`${url}/api/v1/settings`, { headers: HEADERS });
  const text = await response.text();
  const { settings } = JSON.parse(text) as { settings: { key: string; value: unknown; source: string }[] };
  expect(settings).toContainEqual({
    key: 'logLevel',
    value: 'debug',
    source: 'environment variable BERTH_LOG_LEVEL',
  });
  expect(settings).toContainEqual({
    key: 'keys',
    value: ['tester'],
    source: 'environment variable BERTH_KEYS',
  });
  expect(settings.find(({ key }) => key === 'usage.keepDays')).toMatchObject({
    value: 90,
    source: 'default',
  });
  expect(text).not.toMatch(/canary|[0-9a-f]{64}/);
  expect((await fetch(`${url}/api/v1/settings`, { headers: STRANGER })).status).toBe(401);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const refused = await fetch(`${url}/api/v1/settings`, {
      method,
      headers: { ...HEADERS, 'Content-Type': 'application/json' },
      body: JSON.stringify({ 'usage.keepDays': 1 }),
    });
    expect(refused.status).toBe(405);
  }
});

it('nothing that is exposed, answered or logged holds a secret, a session or an address of a client', async () => {
  const session = await fetch(`${url}/servers/${SERVER}/mcp`, {
    method: 'POST',
    headers: {
      ...HEADERS,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}',
  });
  await session.text();
  const metrics = await (await fetch(`http://127.0.0.1:${second}/metrics`)).text();
  const health = await (await fetch(`${url}/api/v1/health`, { headers: HEADERS })).text();
  const everything = metrics + health + log;
  for (const secret of [TOKEN, KEY, session.headers.get('Mcp-Session-Id') ?? 'none'])
    expect(everything).not.toContain(secret);
  expect(metrics).not.toContain('tester');
  expect(metrics).not.toContain('127.0.0.1');
});
