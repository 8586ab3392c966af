/** What bridges between MCP transports and stdio are known to get wrong, one test each: ids, streams and who gets what. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envelope } from '../support/conformance-fixture.ts';
import { startGateway } from '../support/gateway.ts';
import { requestText } from '../support/mcp-client.ts';
import { StreamableClient } from '../support/streamable-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { trapLaunch, trapState, until, untilCalled } from '../support/trap.ts';
import { WsClient } from '../support/ws-client.ts';

let gateway: Awaited<ReturnType<typeof startGateway>>;
let base: string;

beforeAll(async () => {
  gateway = await startGateway({ servers: [{ name: 'trap', launch: trapLaunch() }] });
  base = gateway.url('trap');
});
afterAll(() => gateway?.close());

async function streamable(protocolVersion = '2025-11-25'): Promise<StreamableClient> {
  const client = new StreamableClient(`${base}/mcp`, { protocolVersion });
  await client.initialize();
  return client;
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  it('gives two clients with the same id their own answers', async () => {
    const clients = await Promise.all(['a', 'b'].map(() => session(transport, base)));
    const answers = await Promise.all(
      clients.map((client, index) => client.request('1', 'trap/echo', { index })),
    );
    expect(answers.map(({ message }) => message.result)).toEqual([{ index: 0 }, { index: 1 }]);
    await Promise.all(clients.map((client) => client.request('2', 'ping')));
    expect(clients.map(({ inbox }) => inbox.waiting)).toEqual([[], []]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it.each(['"text"', '"1"', '1', '1.0', '0', '-7', '9007199254740993', '"\\u00e9\\n"'])(
    'restores the id %s byte for byte',
    async (id) => {
      const client = await session(transport, base);
      const { text } = await client.request(id, 'trap/echo', '{"a":1}');
      expect(text).toBe(`{"jsonrpc":"2.0","id":${id},"result":{"a":1}}`);
      await client.close();
    },
  );

  it('sends progress only to the client whose call it belongs to', async () => {
    const clients = await Promise.all([2, 3].map(() => session(transport, base)));
    const meta = { _meta: { progressToken: 'same' } };
    await Promise.all(
      clients.map((client, index) => client.tool('count', { steps: index + 2, ms: 10 }, meta)),
    );
    const progress = clients.map(({ inbox }) => inbox.waiting.map(({ message }) => message.params));
    expect(progress).toEqual([
      [1, 2].map((step) => ({ progressToken: 'same', progress: step })),
      [1, 2, 3].map((step) => ({ progressToken: 'same', progress: step })),
    ]);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('delivers progress before the answer when both come in one piece', async () => {
    const client = await session(transport, base);
    await client.send(
      requestText('1', 'tools/call', { name: 'burst', arguments: {}, _meta: { progressToken: 7 } }),
    );
    const first = await client.inbox.take('anything', () => true);
    const second = await client.inbox.take('anything more', () => true);
    expect(first.message).toMatchObject({
      method: 'notifications/progress',
      params: { progressToken: 7, progress: 1 },
    });
    expect(second.message.id).toBe(1);
    expect(second.stream).toBe(first.stream);
    await client.close();
  });

  it('carries an elicitation to the client and its answer back', async () => {
    const client = await session(transport, base, { capabilities: { elicitation: {} } });
    const params = { message: 'Your name?', requestedSchema: { type: 'object', properties: {} } };
    const told = client.toolText('ask', { method: 'elicitation/create', params });
    const { message } = await client.inbox.method('elicitation/create');
    expect(message.params).toEqual(params);
    await client.respond(message.id, { action: 'accept', content: { name: 'Ada' } });
    expect(JSON.parse(await told)).toMatchObject({ result: { action: 'accept', content: { name: 'Ada' } } });
    await client.close();
  });

  it('passes vendor methods, vendor notifications and the errors of the server', async () => {
    const client = await session(transport, base);
    await client.notify('acme/event', { deep: [1] });
    const { message } = await client.request('1', 'acme/unknown', {});
    expect(message.error).toEqual({ code: -32601, message: 'Method not found: acme/unknown' });
    const { notified } = await trapState(client);
    expect(notified).toEqual(['notifications/initialized', 'acme/event']);
    await client.close();
  });

  it('tells the server of a cancellation under the id that the server knows', async () => {
    const client = await session(transport, base);
    const held = client.send(
      requestText('"stop me"', 'tools/call', { name: 'hold', arguments: { key: 'k' } }),
    );
    await untilCalled(client, 'hold');
    await client.notify('notifications/cancelled', { requestId: 'stop me' });
    await until('cancelled', async () => (await trapState(client)).cancelled.length === 1);
    expect((await trapState(client)).cancelled).not.toContain('stop me');
    await client.tool('release', { key: 'k' });
    await client.close();
    await held;
  });
});

describe('over streamable-http alone', () => {
  it('keeps the progress of two calls in flight on their own streams', async () => {
    const client = await streamable();
    const start = (key: string) => {
      const params = { name: 'hold', arguments: { key }, _meta: { progressToken: key } };
      return client.send(requestText(JSON.stringify(key), 'tools/call', params));
    };
    const posts = ['first', 'second'].map(start);
    await untilCalled(client, 'hold', 2);
    for (const key of ['second', 'first']) await client.tool('release', { key });
    await Promise.all(posts);
    for (const key of ['first', 'second']) {
      const answer = await client.inbox.answer(JSON.stringify(key));
      const progress = client.inbox.waiting.filter(({ message }) => message.params?.progressToken === key);
      expect(progress.map(({ message }) => message.params?.progress)).toEqual([1, 2]);
      expect(new Set(progress.map(({ stream }) => stream))).toEqual(new Set([answer.stream]));
    }
    await client.close();
  });

  it('refuses an id that is still in flight and finishes the first call', async () => {
    const client = await streamable();
    const held = client.send(requestText('5', 'tools/call', { name: 'hold', arguments: { key: 'k' } }));
    await untilCalled(client, 'hold');
    const second = await client.post(requestText('5', 'trap/echo', {}));
    expect(second.status).toBe(400);
    expect(JSON.parse(await second.text())).toMatchObject({ error: { code: -32600 } });
    await client.tool('release', { key: 'k' });
    await held;
    expect((await client.inbox.answer('5')).message.result).toMatchObject({ content: [{ text: 'held k' }] });
    await client.close();
  });

  it('keeps a call whose client dropped the stream, and its answer until the client comes back', async () => {
    const client = await streamable();
    const body = requestText('"again"', 'tools/call', { name: 'hold', arguments: { key: 'k' } });
    const first = await client.post(body);
    first.close();
    await client.tool('release', { key: 'k' });
    await until('the repeated call takes over', async () => (await client.send(body)) === 200);
    expect((await client.inbox.answer('"again"')).message.result).toMatchObject({
      content: [{ text: 'held k' }],
    });
    const { calls, cancelled } = await trapState(client);
    expect(calls.filter((name) => name === 'hold')).toHaveLength(1);
    expect(cancelled).toEqual([]);
    await client.close();
  });

  it('serves a batch of 2025-03-26 on one response', async () => {
    const client = await streamable('2025-03-26');
    const note = '{"jsonrpc":"2.0","method":"acme/batched"}';
    await client.send(
      `[${requestText('1', 'trap/echo', '{"n":1}')},${note},${requestText('"2"', 'trap/echo', '{"n":2}')}]`,
    );
    const answers = [await client.inbox.answer('1'), await client.inbox.answer('"2"')];
    expect(answers.map(({ message }) => message.result)).toEqual([{ n: 1 }, { n: 2 }]);
    expect(answers[0]?.stream).toBe(answers[1]?.stream);
    expect(await client.send(`[${note},${note}]`)).toBe(202);
    await until('all notified', async () => {
      const { notified } = await trapState(client);
      return notified.filter((method) => method === 'acme/batched').length === 3;
    });
    await client.close();
  });

  it('answers a request of the modern era', async () => {
    const client = new StreamableClient(`${base}/mcp`);
    const response = await client.post(requestText('1', 'server/discover', { _meta: envelope() }), {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'server/discover',
    });
    expect(response.status).toBe(200);
    expect(JSON.parse(await response.text())).toMatchObject({
      result: { supportedVersions: expect.arrayContaining(['2026-07-28']) },
    });
  });
});

describe('over websocket alone', () => {
  it.each([['mcp'], []])('accepts the subprotocols %j', async (...protocols) => {
    const client = await WsClient.connect(`${base}/ws`, { protocols });
    expect(client.socket.protocol).toBe(protocols[0] ?? '');
    expect((await client.initialize()).message.result).toMatchObject({ serverInfo: { name: 'trap' } });
    await client.close();
  });

  it('answers a request of the modern era', async () => {
    const client = await WsClient.connect(`${base}/ws`);
    const { message } = await client.request('1', 'server/discover', { _meta: envelope() });
    expect(message.result).toMatchObject({ supportedVersions: expect.arrayContaining(['2026-07-28']) });
    await client.close();
  });
});
