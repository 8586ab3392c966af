/** Streamable HTTP: exact statuses, what never reaches a process, and the end of sessions (data-path.md 5.2, 5.5, 10). */
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { open } from '../support/http-client.ts';
import { eventually } from '../support/local-process.ts';
import { requestText } from '../support/mcp-client.ts';
import { RawStream } from '../support/raw-stream.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { called, type Front, startFront } from './front.ts';

const KEY = `berth_${'a'.repeat(43)}`;
const TYPES = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const PING = requestText('1', 'ping');
const INITIALIZE = requestText('1', 'initialize', { protocolVersion: '2025-11-25', capabilities: {} });

let front: Front;
beforeAll(async () => {
  front = await startFront({ limits_: { messageBytes: 100_000 } });
});
afterAll(() => front.close());

interface Answer {
  readonly status: number;
  readonly code: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
}

async function ask(
  body: string | undefined,
  options: { method?: string; headers?: Record<string, string>; url?: string } = {},
): Promise<Answer> {
  const { method = 'POST', headers = {}, url = `${front.base}/mcp` } = options;
  const response = await open(url, {
    method,
    headers: { ...TYPES, ...headers },
    ...(body !== undefined && { body }),
  });
  const text = response.isEvents ? '' : await response.text();
  if (response.isEvents) response.close();
  const code = text.startsWith('{')
    ? (JSON.parse(text) as { error?: { code: number } }).error?.code
    : undefined;
  return { status: response.status, code, headers: response.headers };
}

function without(name: string, otherwise?: string): Record<string, string> {
  const { [name]: _left, ...rest } = TYPES as Record<string, string>;
  return otherwise === undefined ? rest : { ...rest, [name]: otherwise };
}

describe('a request', () => {
  it.each([
    ['without a session id', PING, {}, 400, -32000],
    ['with a session id that is none', PING, { 'mcp-session-id': 'x'.repeat(40) }, 404, -32001],
    ['with an empty session id', PING, { 'mcp-session-id': '' }, 404, -32001],
    ['that is no JSON', '{"jsonrpc"', {}, 400, -32700],
    ['that is no JSON-RPC', '{"a":1}', {}, 400, -32600],
    ['that is empty', '', {}, 400, -32700],
    ['with a name twice', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', {}, 400, -32600],
    ['that is too large', requestText('1', 'ping', { x: 'x'.repeat(100_000) }), {}, 413, -32000],
    ['for a foreign host', PING, { host: 'evil.example' }, 421, -32000],
    ['from a foreign page', PING, { origin: 'https://evil.example' }, 403, -32001],
    ['from a page without an origin', PING, { origin: 'null' }, 403, -32001],
    ['with a wrong key', PING, { authorization: `Bearer ${KEY}` }, 401, -32001],
    ['through a proxy without a key', PING, { 'x-forwarded-for': '203.0.113.7' }, 401, -32001],
    ['in an unknown revision', PING, { 'mcp-protocol-version': '1999-01-01' }, 400, -32000],
  ])('%s is refused', async (_what, body, headers, status, code) => {
    expect(await ask(body, { headers: headers as Record<string, string> })).toMatchObject({ status, code });
  });

  it.each([
    ['no content type', without('content-type'), 415],
    ['a form', without('content-type', 'application/x-www-form-urlencoded'), 415],
    ['plain text', without('content-type', 'text/plain'), 415],
    ['a type that only begins like it', without('content-type', 'application/jsonx'), 415],
    ['nothing accepted', without('accept'), 406],
    ['JSON alone accepted', without('accept', 'application/json'), 406],
    ['event streams alone accepted', without('accept', 'text/event-stream'), 406],
    ['anything accepted', without('accept', '*/*'), 400],
    ['a coding of the body', { ...TYPES, 'content-encoding': 'gzip' }, 415],
    ['the coding identity', { ...TYPES, 'content-encoding': 'Identity' }, 400],
    ['a charset', without('content-type', 'Application/JSON; charset=utf-8'), 400],
  ])('with %s has its status', async (_what, headers, status) => {
    const response = await open(`${front.base}/mcp`, { method: 'POST', headers, body: PING });
    expect(response.status).toBe(status);
    response.close();
  });

  it.each(['PUT', 'PATCH', 'OPTIONS', 'HEAD'])(
    'of the method %s is refused with what is allowed',
    async (method) => {
      const { status, headers } = await ask(undefined, { method });
      expect([status, headers.allow]).toEqual([405, 'GET, POST, DELETE']);
    },
  );

  it.each([
    ['/servers/nobody/mcp', 404],
    ['/servers/memory/other', 404],
    ['/servers/memory', 404],
    ['/servers/memory/mcp/more', 404],
    ['/servers/', 404],
  ])('to %s finds nothing', async (path, status) => {
    expect((await ask(PING, { url: `http://127.0.0.1:${front.port}${path}` })).status).toBe(status);
  });

  it('answers the id that it came with, byte for byte, where it could be read', async () => {
    const response = await open(`${front.base}/mcp`, {
      method: 'POST',
      headers: TYPES,
      body: requestText('1.0', 'ping'),
    });
    expect(await response.text()).toContain('"id":1.0,');
  });

  it('that fails says what to do', async () => {
    const response = await open(`${front.base}/mcp`, { method: 'POST', headers: TYPES, body: PING });
    expect(JSON.parse(await response.text())).toMatchObject({
      error: { data: { code: 'missing-session', hint: expect.stringContaining('initialize') } },
    });
  });

  it('with two Host headers is refused', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = ['Host', `127.0.0.1:${front.port}`, 'Host', 'evil.example', 'Content-Length', '0'];
      const sent = httpRequest({
        port: front.port,
        host: '127.0.0.1',
        path: '/servers/memory/mcp',
        method: 'POST',
        headers,
        agent: false,
      });
      sent.on('response', (response) => resolve(response.resume().statusCode));
      sent.on('error', reject);
      sent.end();
    });
    expect([400, 421]).toContain(status);
  });
});

describe('a server that cannot serve', () => {
  it.each([
    ['stopped', undefined, 503, '1'],
    ['starting', undefined, 503, '1'],
    ['failed', new BerthError('start-failed', 'no token', { phase: 'handshake' }), 502, undefined],
  ])('because it is %s says so', async (state, failure, status, retryAfter) => {
    Object.assign(front.served, { state, failure });
    const answers = [
      await ask(INITIALIZE),
      await ask(undefined, { method: 'GET' }),
      await ask(undefined, { method: 'GET', url: `${front.base}/sse` }),
    ];
    Object.assign(front.served, { state: 'running', failure: undefined });
    for (const answer of answers)
      expect([answer.status, answer.headers['retry-after']]).toEqual([status, retryAfter]);
  });

  it('because it failed says phase, exit code, last lines and what to do, whatever the transport', async () => {
    const details = { phase: 'handshake', exitCode: 3, stderr: ['TOKEN is not set'] } as const;
    const failure = new BerthError('start-failed', 'the process ended', { ...details, hint: 'Set TOKEN.' });
    Object.assign(front.served, { state: 'failed', failure });
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const key = 'Sec-WebSocket-Key: dGVzdC10ZXN0LXRlc3Q9PQ==';
    const head = [...Object.entries(TYPES).map(([name, value]) => `${name}: ${value}`), 'Connection: close'];
    const length = `Content-Length: ${INITIALIZE.length}`;
    const streams = [
      await RawStream.open(`${front.base}/mcp`, ['POST', ...head, length], INITIALIZE),
      await RawStream.open(`${front.base}/mcp`, ['GET', ...head]),
      await RawStream.open(`${front.base}/sse`, ['GET', ...head]),
      await RawStream.open(`${front.base}/ws`, ['GET', ...upgrade, key]),
    ];
    for (const stream of streams) await stream.drain();
    Object.assign(front.served, { state: 'running', failure: undefined });
    for (const { seen } of streams) {
      expect(seen).toMatch(/^HTTP\/1\.1 502 /);
      expect(JSON.parse(seen.slice(seen.indexOf('\r\n\r\n')))).toMatchObject({
        error: {
          message: 'the process ended',
          data: { code: 'start-failed', ...details, hint: 'Set TOKEN.' },
        },
      });
    }
  });

  it('because no replica is ready says 503 and when to try again', async () => {
    const other = await startFront();
    other.unroute();
    const url = `${other.base}/mcp`;
    expect(await ask(INITIALIZE, { url })).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    await other.close();
  });

  it('because its sessions are used up says 429 and when to try again', async () => {
    const other = await startFront({ limits: { sessions: 1 } });
    await other.session();
    const refused = await ask(INITIALIZE, { url: `${other.base}/mcp` });
    expect(refused).toMatchObject({ status: 429, code: -32000, headers: { 'retry-after': '1' } });
    await other.close();
  });
});

describe('notifications and answers', () => {
  it('are taken with 202 and no body', async () => {
    const { client, server } = await front.session();
    const response = await client.post('{"jsonrpc":"2.0","method":"acme/note"}');
    expect([response.status, await response.text()]).toEqual([202, '']);
    expect((await client.post('{"jsonrpc":"2.0","id":99,"result":{}}')).status).toBe(202);
    await called(server, 'acme/note');
    await client.close();
  });

  it('are taken only once the supervisor has accepted them, and refused with its reason', async () => {
    const held: ((error?: BerthError) => void)[] = [];
    const other = await startFront({
      link: (link) => ({
        close: () => link.close(),
        conversation: (target) => {
          const real = link.conversation(target);
          return {
            call: (request, reader, open) => real.call(request, reader, open),
            attach: (request, reader, open) => real.attach(request, reader, open),
            end: (done) => real.end(done),
            note: (_key, message, done) => {
              if (message.bytes.includes('acme/')) held.push(done);
              else real.note(_key, message, done);
            },
          };
        },
      }),
    });
    const { client, server } = await other.session();
    const statuses: number[] = [];
    const post = async (method: string): Promise<void> => {
      const { status } = await client.post(`{"jsonrpc":"2.0","method":"acme/${method}"}`);
      statuses.push(status);
    };
    const both = [post('one'), post('two')];
    await eventually('both at the supervisor', () => held.length === 2);
    // Another request goes all the way meanwhile: an answer that did not wait would be here by now.
    const answer = client.request('2', 'ping');
    await called(server, 'ping');
    server.answer(server.id('ping'));
    expect((await answer).message.result).toEqual({});
    expect(statuses).toEqual([]);
    held[0]?.();
    held[1]?.(new BerthError('busy', 'the queue is full'));
    await Promise.all(both);
    expect(statuses.toSorted()).toEqual([202, 503]);
    await other.close();
  });

  it('of a session that does not exist are not', async () => {
    const client = new StreamableClient(`${front.base}/mcp`);
    expect((await client.post('{"jsonrpc":"2.0","method":"acme/note"}')).status).toBe(400);
    client.session = 'nonsense';
    expect((await client.post('{"jsonrpc":"2.0","method":"acme/note"}')).status).toBe(404);
  });
});

describe('a session', () => {
  it('gets its id with the answer to initialize, and no id when the server refuses', async () => {
    const { client } = await front.session();
    expect(client.session).toMatch(/^[\x21-\x7e]{22,}$/);
    await client.close();
    const refusing = await startFront({
      answers: { initialize: () => ({ error: { code: 1, message: 'no' } }) },
    });
    const refused = await ask(INITIALIZE, { url: `${refusing.base}/mcp` });
    expect([refused.status, refused.code, refused.headers['mcp-session-id']]).toEqual([200, 1, undefined]);
    await refusing.close();
  });

  it('ends with DELETE: 204, and 404 for everything afterwards, initialize under the old id included', async () => {
    const { client, server } = await front.session();
    expect(await client.delete()).toBe(204);
    await eventually('the process is stopped', () => server.process.stopping);
    expect(await client.delete()).toBe(404);
    const before = front.harness.servers.length;
    const statuses = [await client.post(PING), await client.get(), await client.post(INITIALIZE)].map(
      ({ status }) => status,
    );
    expect(statuses).toEqual([404, 404, 404]);
    expect(front.harness.servers).toHaveLength(before);
  });

  it('is initialized once', async () => {
    const { client } = await front.session();
    const again = await client.post(INITIALIZE);
    expect([again.status, JSON.parse(await again.text())]).toMatchObject([400, { error: { code: -32600 } }]);
    await client.close();
  });

  it.each([{ sessions: 'none' as const }, { isolation: 'call' as const }])(
    'that is not kept (%j) has no id, no GET and no DELETE',
    async (options) => {
      const other = await startFront(options);
      const url = `${other.base}/mcp`;
      const opened = await ask(INITIALIZE, { url });
      expect([opened.status, opened.headers['mcp-session-id']]).toEqual([200, undefined]);
      for (const method of ['GET', 'DELETE']) {
        const { status, headers } = await ask(undefined, { url, method });
        expect([status, headers.allow]).toEqual([405, 'POST']);
      }
      expect((await ask(PING, { url, headers: { 'mcp-session-id': 'of another server' } })).status).toBe(200);
      await other.close();
    },
  );
});

it('a page of an allowed origin may call, and read the session id', async () => {
  const origin = 'https://ide.example';
  const other = await startFront({ allowedOrigins: [origin] });
  const url = `${other.base}/mcp`;
  const preflight = await ask(undefined, {
    url,
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST' },
  });
  expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, origin]);
  const { status, headers } = await ask(INITIALIZE, { url, headers: { origin } });
  expect(status).toBe(200);
  expect(String(headers['access-control-expose-headers']).toLowerCase()).toContain('mcp-session-id');
  await other.close();
});
