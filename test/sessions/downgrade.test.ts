/** Legacy clients on a server of the modern era: the handshake, and what each request and its answer become. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Harness, request, settle, type TestClient } from './harness.ts';
import {
  CAPABILITIES,
  CLIENT_INFO,
  DISCOVERED,
  LOG_LEVEL,
  MODERN,
  modernHarness,
  PROTOCOL,
  SERVER_INFO,
} from './modern-server.ts';

let harness: Harness;
afterEach(() => harness.close());

describe('initialize', () => {
  it('becomes server/discover with what the client said of itself, and initialized stays here', async () => {
    harness = modernHarness();
    await harness.session({ capabilities: '{"roots":{"listChanged":true},"sampling":{},"tasks":{}}' });
    expect(harness.server.lines).toEqual([
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'server/discover',
        params: {
          _meta: {
            [PROTOCOL]: '2026-07-28',
            [CAPABILITIES]: { roots: {}, sampling: {} },
            [CLIENT_INFO]: { name: 't', version: '1' },
          },
        },
      },
    ]);
  });

  it('is answered with what the server offers, in words of the legacy era', async () => {
    harness = modernHarness({ answers: MODERN });
    const reader = await harness.client().initialize();
    expect(reader.lines).toEqual([
      {
        jsonrpc: '2.0',
        id: 'init',
        result: {
          protocolVersion: '2025-11-25',
          serverInfo: { name: 'memory', version: '1' },
          capabilities: {
            tools: { listChanged: true },
            resources: { subscribe: true, listChanged: true },
            prompts: {},
            completions: {},
            logging: {},
          },
          instructions: 'Be kind.',
        },
      },
    ]);
  });

  it.each([
    ['2024-11-05', '2024-11-05'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    ['2026-07-28', '2025-11-25'],
    ['1999-01-01', '2025-11-25'],
  ])('that asks for %s is answered with %s', async (asked, answered) => {
    harness = modernHarness();
    const reader = await harness.client().initialize(asked);
    expect(reader.lines[0]?.result.protocolVersion).toBe(answered);
  });

  it('lets a client of 2025-03-26, and no other, send batches', async () => {
    harness = modernHarness();
    const [old, newer] = [await harness.session({ version: '2025-03-26' }), await harness.session()];
    expect(old.call([request('1'), request('2')]).error).toBeUndefined();
    expect(newer.call([request('1'), request('2')]).error?.code).toBe('invalid-request');
  });

  it('of a server that does not name itself gets the name under which it is hosted', async () => {
    const { _meta, ...nameless } = DISCOVERED;
    harness = modernHarness({ answers: { 'server/discover': () => ({ result: nameless }) } });
    const reader = await harness.client().initialize();
    expect(reader.lines[0]?.result.serverInfo).toEqual({ name: 'memory', version: 'unknown' });
  });

  it('a second time in one session is refused', async () => {
    harness = modernHarness();
    const client = await harness.session();
    expect(client.call(request('2', 'initialize')).error?.code).toBe('invalid-request');
  });

  it('with capabilities too large to go with every request is refused, and so is the session', async () => {
    harness = modernHarness();
    const client = harness.client();
    const reader = await client.initialize(
      '2025-11-25',
      `{"experimental":{"x":{"y":"${'z'.repeat(70_000)}"}}}`,
    );
    expect(reader.lines).toMatchObject([{ id: 'init', error: { code: -32602 } }]);
    expect(client.call(request('1')).error?.code).toBe('unknown-session');
  });
});

describe('a server that refuses server/discover', () => {
  async function refused(error: object): Promise<{ client: TestClient; error: unknown }> {
    harness = modernHarness({ answers: { 'server/discover': () => ({ error }) } });
    const client = harness.client();
    const reader = await client.initialize('2025-06-18');
    return { client, error: reader.lines[0]?.error };
  }

  it('for the revision: the client learns which ones it speaks', async () => {
    const data = { supported: ['2027-01-01'], requested: '2026-07-28' };
    const { error } = await refused({ code: -32022, message: 'no', data });
    expect(error).toEqual({
      code: -32602,
      message: 'the server does not speak revision 2026-07-28',
      data: { supported: ['2027-01-01'], requested: '2025-06-18' },
    });
  });

  it('because it does not know it: the client learns that the server is of another era', async () => {
    const { error } = await refused({ code: -32601, message: 'Method not found' });
    expect(error).toMatchObject({ code: -32603, data: { code: 'start-failed', phase: 'handshake' } });
  });

  it('for a reason of its own is passed on in its own words, and the session is over', async () => {
    const words = { code: -32021, message: 'no sampling', data: { requiredCapabilities: { sampling: {} } } };
    const { client, error } = await refused(words);
    expect(error).toEqual(words);
    expect(client.call(request('1')).error?.code).toBe('unknown-session');
    expect(harness.server.process.stopping).toBe(true);
  });

  it('with something that is no answer', async () => {
    harness = modernHarness({ answers: { 'server/discover': () => ({ result: 5 }) } });
    const reader = await harness.client().initialize();
    expect(reader.lines).toMatchObject([{ id: 'init', error: { code: -32603 } }]);
  });
});

describe('a request', () => {
  let client: TestClient;
  beforeEach(async () => {
    harness = modernHarness();
    client = await harness.session();
  });

  async function sent(text: string): Promise<string | undefined> {
    client.call(text);
    await settle();
    return harness.server.texts.at(-1);
  }

  const envelope =
    '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}';

  it('without params gets some', async () => {
    expect(await sent('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).toBe(
      `{"jsonrpc":"2.0","id":2,"params":{"_meta":{${envelope}}},"method":"tools/list"}`,
    );
  });

  it('keeps every byte but its id and its progress token', async () => {
    const params = (meta: string): string =>
      `{ "z":1.0, "_meta" : {${meta}"progressToken":"t","acme/k":[1e400]},"name":"a","arguments":{"n":9007199254740993} }`;
    expect(await sent(request('"x"', 'tools/call', params('')))).toBe(
      request('2', 'tools/call', params(`${envelope},`).replace('"t","acme', '2,"acme')),
    );
  });

  it('loses a stray task', async () => {
    await sent(request('1', 'tools/call', '{"name":"a","task":{"ttl":5}}'));
    expect(harness.server.of('tools/call')[0]?.params).toMatchObject({ name: 'a' });
    expect(harness.server.of('tools/call')[0]?.params).not.toHaveProperty('task');
  });

  it('cannot say who sends it', async () => {
    const meta = `{"${CAPABILITIES}":{"sampling":{}},"${LOG_LEVEL}":"debug","traceparent":"x"}`;
    await sent(request('1', 'tools/call', `{"name":"a","_meta":${meta}}`));
    expect(harness.server.of('tools/call')[0]?.params._meta).toEqual({
      [PROTOCOL]: '2026-07-28',
      [CAPABILITIES]: {},
      [CLIENT_INFO]: { name: 't', version: '1' },
      traceparent: 'x',
    });
  });

  it('with params that are no object is refused here', async () => {
    const reader = client.call(request('1', 'acme/x', '[]'));
    await settle();
    expect(reader.lines).toMatchObject([{ id: 1, error: { code: -32602 } }]);
    expect(harness.server.lines).toHaveLength(1);
  });

  it.each(['ping', 'logging/setLevel'])('%s is answered here', async (method) => {
    const reader = client.call(request('1.0', method, '{"level":"error"}'));
    await settle();
    expect(reader.texts).toEqual(['{"jsonrpc":"2.0","id":1.0,"result":{}}']);
    expect(harness.server.lines).toHaveLength(1);
  });

  it.each(['tasks/list', 'tasks/get', 'server/discover', 'subscriptions/listen'])(
    '%s does not exist for a legacy client',
    async (method) => {
      const reader = client.call(request('1', method));
      await settle();
      expect(reader.lines).toMatchObject([{ id: 1, error: { code: -32601 } }]);
      expect(harness.server.lines).toHaveLength(1);
    },
  );

  it('of a vendor passes as it is', async () => {
    expect(await sent(request('1', 'acme/x', '{"a":1.0}'))).toBe(
      request('2', 'acme/x', `{"_meta":{${envelope}},"a":1.0}`),
    );
  });

  it('names the log level from the first setLevel on', async () => {
    await sent(request('1'));
    await sent(request('2', 'logging/setLevel', '{"level":"warning"}'));
    await sent(request('3'));
    const levels = harness.server.of('tools/call').map(({ params }) => params._meta[LOG_LEVEL]);
    expect(levels).toEqual([undefined, 'warning']);
  });

  it('for a log level that there is not is refused', async () => {
    const reader = client.call(request('1', 'logging/setLevel', '{"level":"loud"}'));
    await settle();
    expect(reader.lines).toMatchObject([{ error: { code: -32602 } }]);
  });

  it('that is cancelled is cancelled there, and its late answer is dropped', async () => {
    const reader = client.call(request('"a"'));
    await settle();
    await client.cancel('"a"');
    await settle();
    expect(harness.server.of('notifications/cancelled').map(({ params }) => params.requestId)).toEqual([2]);
    harness.server.answer(2, { content: [] });
    await settle();
    expect(reader.events).toEqual([]);
  });

  it('gets the progress of its own token', async () => {
    const readers = ['1', '2'].map((id) =>
      client.call(request(id, 'tools/call', `{"name":"a","_meta":{"progressToken":"t${id}"}}`)),
    );
    await settle();
    const second = harness.server.of('tools/call')[1];
    expect(second?.params._meta.progressToken).toBe(second?.id);
    harness.server.notify('notifications/progress', { progressToken: second?.id, progress: 1 });
    await settle();
    expect(readers.map(({ lines }) => lines)).toEqual([
      [],
      [{ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 't2', progress: 1 } }],
    ]);
  });
});

describe('an answer', () => {
  let client: TestClient;
  beforeEach(async () => {
    harness = modernHarness();
    client = await harness.session();
  });

  /** What the client gets of an answer; `body` is the raw member. */
  async function answered(text: string, body: string): Promise<string | undefined> {
    const reader = client.call(text);
    await settle();
    harness.server.say(`{"jsonrpc":"2.0","id":${harness.server.lines.at(-1)?.id},${body}}`);
    await settle();
    return reader.texts[0]?.replace('{"jsonrpc":"2.0","id":1,', '').slice(0, -1);
  }

  it('loses what only the modern era knows and keeps the rest byte for byte', async () => {
    const rest = '"prompts": [ {"name":"p","n":9007199254740993} ],"acme":1.0,"nextCursor":"c"';
    const body = `"result":{"resultType":"complete","ttlMs":0,${rest},"cacheScope":"public","_meta":{"${SERVER_INFO}":{"name":"a","version":"1"},"acme/k":1e400}}`;
    expect(await answered(request('1', 'prompts/list'), body)).toBe(
      `"result":{${rest},"_meta":{"acme/k":1e400}}`,
    );
  });

  it('keeps ttlMs where it is not the one of the modern era', async () => {
    const body = '"result":{"resultType":"complete","content":[],"ttlMs":5}';
    expect(await answered(request('1'), body)).toBe('"result":{"content":[],"ttlMs":5}');
  });

  it('of an older draft without a type is complete', async () => {
    expect(await answered(request('1'), '"result":{"content":[]}')).toBe('"result":{"content":[]}');
  });

  it.each(['"task"', '"later"', '7', '"input_required"'])(
    'of the type %s, which a list cannot have, is an internal error',
    async (type) => {
      const body = `"result":{"resultType":${type},"taskId":"x","inputRequests":{}}`;
      expect(await answered(request('1', 'tools/list'), body)).toMatch(/^"error":\{"code":-32603,/);
    },
  );

  it('that a resource is not there has the code of its era', async () => {
    const read = request('1', 'resources/read', '{"uri":"a:\\u0062"}');
    const body = (code: number, uri: string): string =>
      `"error":{"message":"gone","code":${code},"data":{"uri":"${uri}","n":1.0}}`;
    expect(await answered(read, body(-32602, 'a:b'))).toBe(body(-32002, 'a:\\u0062').replace('\\u0062', 'b'));
    client = await harness.session();
    harness.servers.shift();
    expect(await answered(read, body(-32602, 'a:c'))).toBe(body(-32602, 'a:c'));
  });

  it.each([-32021, -32602, -32000, 1])('with the error %i passes as it is', async (code) => {
    const body = `"error":{"code":${code},"message":"m","data":{"requiredCapabilities":{"sampling":{}}}}`;
    expect(await answered(request('1'), body)).toBe(body);
  });
});

it('a server that dies fails its calls, and the session is over', async () => {
  harness = modernHarness();
  const client = await harness.session();
  const reader = client.call(request('1'));
  await settle();
  harness.server.process.crash({ code: 9, signal: null });
  await settle();
  expect(reader.lines).toMatchObject([{ error: { data: { code: 'process-exited', exitCode: 9 } } }]);
  expect(client.call(request('2')).error?.code).toBe('unknown-session');
});

it('a client that ends its session ends its process', async () => {
  harness = modernHarness();
  const client = await harness.session();
  await client.end();
  expect(harness.server.process.stopping).toBe(true);
});

it('a request of the server, which it cannot have, is refused without asking anybody', async () => {
  harness = modernHarness();
  const client = await harness.session();
  const reader = client.call(request('1'));
  await settle();
  harness.server.say(request('"s"', 'roots/list'));
  await settle();
  expect(harness.server.texts.at(-1)).toContain('"id":"s","error":{"code":-32601');
  expect(reader.events).toEqual([]);
});
