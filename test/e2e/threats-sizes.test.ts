/** Huge, deep and endless input from either side costs its sender, not the gateway (T-33, T-34, T-39; reduced sizes). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { requestText } from '../support/mcp-client.ts';
import { RawStream } from '../support/raw-stream.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { trapLaunch } from '../support/trap.ts';
import { WsClient } from '../support/ws-client.ts';

const KIB = 1024;
const MIB = KIB * KIB;
const LIMIT = 4 * MIB;

let gateway: Awaited<ReturnType<typeof startGateway>>;
let client: StreamableClient;

beforeAll(async () => {
  gateway = await startGateway({
    servers: [
      { name: 'trap', launch: trapLaunch() },
      { name: 'short', launch: trapLaunch(), limits: { lineBytes: 256 * KIB } },
    ],
  });
  client = new StreamableClient(`${gateway.url('trap')}/mcp`, { protocolVersion: '2025-03-26' });
  await client.initialize();
});
afterAll(async () => {
  await client?.close();
  await gateway?.close();
});

let lastId = 1_000;

/** An id of its own for each request: an id may not come back while its answer is kept. */
function fresh(): string {
  return String(++lastId);
}

/** A call of exactly `bytes` bytes whose answer is small. */
function padded(bytes: number): string {
  const id = fresh();
  const empty = requestText(id, 'tools/call', { name: 'state', arguments: { pad: '' } });
  return requestText(id, 'tools/call', {
    name: 'state',
    arguments: { pad: 'x'.repeat(bytes - empty.length) },
  });
}

async function status(body: string): Promise<number> {
  const response = await client.post(body);
  await response.body();
  return response.status;
}

async function alive(): Promise<void> {
  expect((await client.request(fresh(), 'ping')).message.result).toEqual({});
}

describe('a message from a client', () => {
  it.each([LIMIT - 1, LIMIT])('of %i bytes is taken', async (bytes) => {
    expect(await status(padded(bytes))).toBe(200);
  });

  it('of one byte more is refused with 413', async () => {
    const response = await client.post(padded(LIMIT + 1));
    expect(response.status).toBe(413);
    await alive();
  });

  it.each([
    [99, 200],
    [100, 200],
    [101, 431],
  ])('with %i header fields has status %i', async (count, wanted) => {
    const body = requestText(fresh(), 'ping');
    const fields = [
      'Content-Type: application/json',
      'Accept: application/json, text/event-stream',
      `Mcp-Session-Id: ${client.session}`,
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    // Host is one more.
    const more = Array.from({ length: count - fields.length - 1 }, (_, index) => `X-${index}: 1`);
    const stream = await RawStream.open(client.url, ['POST', ...more, ...fields], body);
    await stream.drain();
    expect(stream.seen).toMatch(new RegExp(`^HTTP/1\\.1 ${wanted} `));
    await alive();
  });

  it('is refused by its announced length, before its bytes come', async () => {
    const head = ['POST', 'Content-Type: application/json', 'Accept: application/json, text/event-stream'];
    const session = `Mcp-Session-Id: ${client.session}`;
    const stream = await RawStream.open(
      client.url,
      [...head, session, `Content-Length: ${LIMIT + 1}`, 'Connection: close'],
      '{',
    );
    await stream.drain();
    expect(stream.seen).toMatch(/^HTTP\/1\.1 413 /);
    await alive();
  });

  it('is refused so that a client reads it that sends everything first and wants the connection closed', async () => {
    const head = ['POST', 'Content-Type: application/json', 'Accept: application/json, text/event-stream'];
    const headers = [...head, `Mcp-Session-Id: ${client.session}`, `Content-Length: ${6 * MIB}`];
    const whole = 'x'.repeat(6 * MIB);
    const stream = await RawStream.open(client.url, [...headers, 'Connection: close'], whole);
    await stream.drain();
    expect(stream.seen).toMatch(/^HTTP\/1\.1 413 /);
    await alive();
  });

  it('is refused when it grows beyond the limit in chunks of unknown number', async () => {
    const head = ['POST', 'Content-Type: application/json', 'Accept: application/json, text/event-stream'];
    const session = `Mcp-Session-Id: ${client.session}`;
    const chunk = `100000\r\n${'x'.repeat(MIB)}\r\n`;
    const headers = [...head, session, 'Transfer-Encoding: chunked', 'Connection: close'];
    const stream = await RawStream.open(
      client.url,
      headers,
      `10\r\n{"jsonrpc":"2.0"\r\n${chunk.repeat(6)}0\r\n\r\n`,
    );
    await stream.drain();
    expect(stream.seen).toMatch(/^HTTP\/1\.1 413 /);
    await alive();
  });

  it('that is shorter than its length says is no message', async () => {
    const head = ['POST', 'Content-Type: application/json', 'Accept: application/json, text/event-stream'];
    const headers = [...head, `Mcp-Session-Id: ${client.session}`, 'Content-Length: 10', 'Connection: close'];
    const stream = await RawStream.open(client.url, headers, requestText(fresh(), 'ping'));
    await stream.drain();
    expect(stream.seen).toMatch(/^HTTP\/1\.1 400 /);
    await alive();
  });

  it('with more than 16 KiB of headers is refused', async () => {
    const response = await client.post(requestText(fresh(), 'ping'), { 'x-big': 'x'.repeat(17 * KIB) });
    expect(response.status).toBe(431);
    await alive();
  });

  it.each([
    ['deep beyond reason', 60, 2_000_000],
    ['a little too deep', 60, 80],
  ])('that is %s is refused, one of depth %i is taken', async (_name, good, bad) => {
    const nested = (depth: number) =>
      requestText(fresh(), 'trap/log', `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect(await status(nested(good))).toBe(200);
    expect([400, 413]).toContain(await status(nested(bad)));
    await alive();
  });

  it('with too many elements is refused', async () => {
    const wide = (elements: number) =>
      requestText(fresh(), 'trap/log', `{"a":[${'1,'.repeat(elements - 1)}1]}`);
    expect(await status(wide(90_000))).toBe(200);
    expect([400, 413]).toContain(await status(wide(110_000)));
    expect([400, 413]).toContain(
      await status(requestText(fresh(), 'trap/log', `{"a":[${'{},'.repeat(500_000)}1]}`)),
    );
    await alive();
  });

  it('in a batch: a hundred are taken, one more is refused, and so is none', async () => {
    const batch = (size: number) =>
      `[${Array.from({ length: size }, () => requestText(fresh(), 'ping')).join(',')}]`;
    expect(await status(batch(100))).toBe(200);
    expect(await status(batch(101))).toBe(400);
    expect(await status('[]')).toBe(400);
    await alive();
  });

  it('in a batch is refused in a revision that has no batches', async () => {
    const newer = new StreamableClient(client.url, { protocolVersion: '2025-06-18' });
    await newer.initialize();
    const response = await newer.post(`[${requestText(fresh(), 'ping')}]`);
    expect(response.status).toBe(400);
    expect(JSON.parse(await response.text())).toMatchObject({ error: { code: -32600 } });
    await newer.close();
  });

  it('over websocket ends the socket when it is too large', async () => {
    const socket = await WsClient.connect(`${gateway.url('trap')}/ws`);
    await socket.initialize();
    await socket.send(padded(LIMIT + 1)).catch(() => 0);
    expect(await socket.closed).toBe(1009);
    await alive();
  });
});

describe.each(TRANSPORTS)('a server, over %s,', (transport) => {
  it('whose line is too long fails that call only', async () => {
    const talker = await session(transport, gateway.url('short'));
    const { message } = await talker.tool('long', { own: true, bytes: 8 * MIB });
    expect(message.error).toMatchObject({ code: -32603, data: { code: 'message-too-large' } });
    expect(await talker.toolText('long', { bytes: 8 * MIB })).toBe('after a long line');
    expect(await talker.toolText('size', { bytes: 128 * KIB })).toHaveLength(128 * KIB);
    await talker.close();
  });

  it('that floods its stderr is still answered for', async () => {
    const talker = await session(transport, gateway.url('trap'));
    expect(await talker.toolText('stderr', { bytes: 8 * MIB })).toBe('wrote to stderr');
    expect((await talker.request('1', 'ping')).message.result).toEqual({});
    await talker.close();
  });
});
