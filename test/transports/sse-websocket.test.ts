/** HTTP+SSE and WebSocket: their own statuses, frames and ways to die (data-path.md 5.5; design.md 5). */
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { open } from '../support/http-client.ts';
import { eventually } from '../support/local-process.ts';
import { requestText } from '../support/mcp-client.ts';
import { RawStream } from '../support/raw-stream.ts';
import { SseClient } from '../support/sse-client.ts';
import { WsClient } from '../support/ws-client.ts';
import { called, type Front, type FrontOptions, startFront } from './front.ts';

const META = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
const JSON_TYPE = { 'content-type': 'application/json' };

let front: Front;
afterEach(() => front.close());

async function start(options: FrontOptions = {}): Promise<void> {
  front = await startFront(options);
}

describe('sse', () => {
  async function connectSse(): Promise<SseClient> {
    const client = await SseClient.connect(`${front.base}/sse`);
    await client.initialize();
    return client;
  }

  async function post(
    url: string,
    body: string,
    headers: Record<string, string> = JSON_TYPE,
    method = 'POST',
  ) {
    const response = await open(url, { method, headers, ...(method === 'POST' && { body }) });
    return { status: response.status, text: await response.text(), allow: response.headers.allow };
  }

  it('names the address to post to as a path, never built from the Host header', async () => {
    await start();
    const stream = await open(`${front.base}/sse`, { headers: { host: `localhost:${front.port}` } });
    const first = (await stream.events().next()).value;
    expect(first).toMatchObject({
      event: 'endpoint',
      data: expect.stringMatching(/^\/servers\/memory\/messages\?sessionId=/),
    });
    stream.close();
  });

  it('puts the path of the public URL before it', async () => {
    await start({ publicUrl: 'https://gate.example/mcp-gateway/' });
    const stream = await open(`${front.base}/sse`, {});
    expect((await stream.events().next()).value).toMatchObject({
      data: expect.stringMatching(/^\/mcp-gateway\/servers\/memory\/messages\?sessionId=/),
    });
    stream.close();
  });

  it('has ids that are good for its own messages only', async () => {
    await start();
    const stream = await open(`${front.base}/sse`, {});
    const id = String((await stream.events().next()).value?.data).replace(/^.*sessionId=/, '');
    const ping = requestText('1', 'ping');
    const headers = { ...JSON_TYPE, accept: 'application/json, text/event-stream', 'mcp-session-id': id };
    for (const method of ['POST', 'GET', 'DELETE'])
      expect((await post(`${front.base}/mcp`, ping, headers, method)).status).toBe(404);
    const { client } = await front.session();
    const wrong = `${front.base}/messages?sessionId=${client.session}`;
    expect((await post(wrong, ping)).status).toBe(404);
    expect((await post(`${front.base}/messages?sessionId=${id}`, ping)).status).toBe(400);
    stream.close();
  });

  it('takes messages with 202 and answers on the stream', async () => {
    await start();
    const client = await connectSse();
    expect(await client.send(requestText('1.0', 'tools/call'))).toBe(202);
    const server = front.harness.server;
    server.answer(await called(server));
    expect((await client.inbox.answer('1.0')).text).toBe('{"jsonrpc":"2.0","id":1.0,"result":{}}');
    await client.close();
  });

  it('has exact statuses for what it does not take', async () => {
    await start();
    const client = await connectSse();
    const ping = requestText('9', 'ping');
    const base = client.endpoint.split('?')[0] ?? '';
    expect((await post(base, ping)).status).toBe(400);
    expect((await post(`${base}?sessionId=unknown`, ping)).status).toBe(404);
    expect((await post(client.endpoint, ping, { 'content-type': 'text/plain' })).status).toBe(415);
    expect((await post(client.endpoint, '{"jsonrpc"')).text).toContain('-32700');
    expect(await post(client.endpoint, '', {}, 'GET')).toMatchObject({ status: 405, allow: 'POST' });
    expect(await post(`${front.base}/sse`, ping)).toMatchObject({ status: 405, allow: 'GET' });
    const modern = await post(client.endpoint, requestText('9', 'tools/list', { _meta: META }));
    expect([modern.status, modern.text]).toEqual([400, expect.stringContaining('"code":-32000')]);
    expect((await post(client.endpoint, requestText('9', 'initialize'))).status).toBe(400);
    expect(front.harness.server.of('tools/list')).toEqual([]);
    await client.close();
  });

  it('ends its session with its connection', async () => {
    await start();
    const client = await connectSse();
    await client.close();
    await eventually('the process is stopped', () => front.harness.server.process.stopping);
    expect(await client.send(requestText('9', 'ping'))).toBe(404);
  });

  it('is refused at the cap with 429', async () => {
    await start({ limits: { sessions: 1 } });
    const client = await connectSse();
    await expect(SseClient.connect(`${front.base}/sse`)).rejects.toThrow('status 429');
    await client.close();
  });

  it('carries a comment every 15 s', async () => {
    await start();
    const stream = await RawStream.open(`${front.base}/sse`, ['GET']);
    await eventually('the endpoint', () => stream.seen.includes('event: endpoint'));
    front.harness.clock.advance(30_000);
    await eventually('two comments', () => stream.seen.split(': keep-alive\n\n').length === 3);
    stream.close();
  });
});

describe('websocket', () => {
  function ws(options?: Parameters<typeof WsClient.connect>[1]): Promise<WsClient> {
    return WsClient.connect(`${front.base}/ws`, options);
  }

  async function initialized(): Promise<WsClient> {
    const client = await ws();
    await client.initialize();
    return client;
  }

  it.each([
    [['mcp'], 'mcp'],
    [[], ''],
    [['other', 'mcp'], 'mcp'],
  ])('offered the subprotocols %j uses %j', async (protocols, used) => {
    await start();
    const client = await ws({ protocols });
    expect(client.socket.protocol).toBe(used);
    await client.close();
  });

  it('carries messages both ways, byte for byte', async () => {
    await start();
    const client = await initialized();
    await client.send('{"jsonrpc":"2.0","id":1.0,\n"method":"tools/call","params":{"n":9007199254740993}}');
    const server = front.harness.server;
    server.answer(await called(server));
    expect((await client.inbox.answer('1.0')).text).toBe('{"jsonrpc":"2.0","id":1.0,"result":{}}');
    expect(server.texts.at(-1)).toContain('"params":{"n":9007199254740993}');
    await client.close();
  });

  it('answers what is no message, and what comes before initialize, and stays open', async () => {
    await start();
    const client = await ws();
    await client.send('nonsense');
    expect((await client.inbox.answer('null')).message.error?.code).toBe(-32700);
    await client.send(requestText('7', 'tools/list'));
    expect((await client.inbox.answer('7')).message.error?.code).toBe(-32600);
    expect((await client.initialize()).message.result).toMatchObject({ serverInfo: { name: 'memory' } });
    await client.close();
  });

  it('closes with 1003 on a binary frame', async () => {
    await start();
    const client = await initialized();
    client.socket.send(Buffer.from(requestText('1', 'ping')), { binary: true });
    expect(await client.closed).toBe(1003);
  });

  it('closes with 1009 on a message beyond the limit', async () => {
    await start({ limits_: { messageBytes: 10_000 } });
    const client = await initialized();
    client.socket.send(requestText('1', 'ping', { x: 'x'.repeat(10_000) }));
    expect(await client.closed).toBe(1009);
    await eventually('the process is stopped', () => front.harness.server.process.stopping);
  });

  it('ends its session with its connection, and its connection with the session', async () => {
    await start();
    const client = await initialized();
    await client.close();
    await eventually('the process is stopped', () => front.harness.server.process.stopping);
    const other = await initialized();
    front.harness.servers[1]?.process.crash();
    expect(await other.closed).toBe(1001);
  });

  it('pings every 20 s; a peer that is silent from one to the next is dead', async () => {
    await start();
    const [alive, dead] = [await initialized(), await ws({ autoPong: false })];
    let pings = 0;
    let pongs = 0;
    alive.socket.on('ping', () => pings++);
    dead.socket.on('ping', () => pongs++);
    front.harness.clock.advance(20_000);
    await eventually('both are pinged', () => pings === 1 && pongs === 1);
    const server = front.harness.server;
    // a round trip behind the pong shows that it has arrived
    await alive.send(requestText('1', 'tools/call'));
    server.answer(await called(server));
    await alive.inbox.answer('1');
    front.harness.clock.advance(20_000);
    expect(await dead.closed).toBe(1006);
    expect(alive.socket.readyState).toBe(alive.socket.OPEN);
    await alive.close();
  });

  it('is refused before the upgrade with the status of the reason', async () => {
    await start({ keys: { alice: `berth_${'a'.repeat(43)}` } });
    await expect(ws({ key: 'wrong' })).rejects.toThrow('status 401');
    await expect(ws({ origin: 'https://evil.example' })).rejects.toThrow('status 403');
    await expect(WsClient.connect(`${front.base}/mcp`)).rejects.toThrow('status 404');
    await expect(WsClient.connect(`http://127.0.0.1:${front.port}/servers/nobody/ws`)).rejects.toThrow(
      'status 404',
    );
    front.served.state = 'stopped';
    await expect(ws()).rejects.toThrow('status 503');
  });

  it('is refused without an upgrade with 405', async () => {
    await start();
    const response = await open(`${front.base}/ws`);
    expect([response.status, response.headers.allow, response.headers.upgrade]).toEqual([
      405,
      'GET',
      'websocket',
    ]);
    await response.body();
  });

  it('at the cap is told, and closed with 1013', async () => {
    await start({ limits: { sessions: 1 } });
    const first = await initialized();
    const second = await ws();
    await second.send(requestText('1', 'initialize', { protocolVersion: '2025-11-25', capabilities: {} }));
    expect(await second.closed).toBe(1013);
    await first.close();
  });
});

it("a path that is nobody's answers an upgrade with 404", async () => {
  await start();
  const socket = connect(front.port, '127.0.0.1');
  socket.write(
    `GET /other HTTP/1.1\r\nHost: 127.0.0.1:${front.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  let seen = '';
  for await (const chunk of socket) seen += String(chunk);
  expect(seen).toMatch(/^HTTP\/1\.1 404 /);
});
