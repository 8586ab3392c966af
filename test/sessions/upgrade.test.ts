/** The upgrade lane: modern clients on a legacy server (data-path.md 5.4 and 7). */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, ORDINARY, settle } from './harness.ts';
import { ModernClient, VERSION } from './modern-client.ts';

let harness: Harness;
afterEach(() => harness.close());

const SERVER_INFO = { 'io.modelcontextprotocol/serverInfo': { name: 'memory', version: '1' } };

function start(options: ConstructorParameters<typeof Harness>[0] = {}): ModernClient {
  harness = new Harness(options);
  return new ModernClient(harness);
}

/** A request has reached the server; gives the line. */
async function reached(method: string) {
  await settle();
  const { server } = harness;
  const line = server.of(method).at(-1);
  if (!line) throw new Error(`${method} did not reach the server: ${server.texts.join('\n')}`);
  return line;
}

describe('the handshake in a client’s place', () => {
  it('declares what the client declared, and happens once for all that declare the same', async () => {
    const client = start();
    await client.call('tools/list', {}, { capabilities: { sampling: {}, elicitation: { form: {} } } });
    await client.call('tools/list', {}, { capabilities: { elicitation: { form: {} }, sampling: {} } });
    expect(harness.servers).toHaveLength(1);
    expect(harness.server.of('initialize')).toMatchObject([
      {
        params: { protocolVersion: '2025-11-25', capabilities: { sampling: {}, elicitation: { form: {} } } },
      },
    ]);
    expect(harness.server.of('notifications/initialized')).toHaveLength(1);
  });

  it('happens on another process for other capabilities and for another principal', async () => {
    const client = start();
    await client.call('tools/list');
    await client.call('tools/list', {}, { capabilities: { roots: {} } });
    await new ModernClient(harness, { principal: 'bob' }).call('tools/list');
    expect(harness.servers).toHaveLength(3);
  });

  it('leaves out what cannot cross the eras', async () => {
    const client = start();
    const capabilities = {
      roots: { listChanged: true },
      extensions: { 'io.modelcontextprotocol/tasks': {} },
    };
    await client.call('tools/list', {}, { capabilities });
    expect(harness.server.of('initialize')[0]?.params.capabilities).toEqual({ roots: {} });
  });

  it('passes the name of the client on', async () => {
    const client = start();
    const meta = { 'io.modelcontextprotocol/clientInfo': { name: 'me', version: '7' } };
    await client.call('tools/list', {}, { meta });
    expect(harness.server.of('initialize')[0]?.params.clientInfo).toEqual({ name: 'me', version: '7' });
  });

  it('refused, is the answer of the request, and the next request tries again', async () => {
    let refusals = 1;
    const answers = {
      initialize: (line: Parameters<NonNullable<typeof ORDINARY.initialize>>[0]) =>
        refusals-- > 0 ? { error: { code: -32603, message: 'not today' } } : ORDINARY.initialize?.(line),
    };
    const client = start({ answers });
    const first = await client.call('server/discover');
    expect(first.lines[0]?.error).toMatchObject({ code: -32603, data: { phase: 'handshake' } });
    const second = await client.call('server/discover');
    expect(second.lines[0]?.result).toMatchObject({ resultType: 'complete' });
  });
});

describe('server/discover', () => {
  it('says what the server said in its handshake, without what is of the legacy era only', async () => {
    const client = start();
    const reader = await client.call('server/discover', {}, { id: '"d"' });
    expect(reader.lines).toEqual([
      {
        jsonrpc: '2.0',
        id: 'd',
        result: {
          resultType: 'complete',
          supportedVersions: [VERSION],
          capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
          ttlMs: 5_000,
          cacheScope: 'private',
          _meta: SERVER_INFO,
        },
      },
    ]);
  });
});

describe('requests', () => {
  it('reach the server without the envelope, and with whatever else stands in _meta', async () => {
    const client = start();
    const text = `{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"${VERSION}","traceparent":"00-1","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p","vendor/x":9007199254740993},"arguments":{"n":1.0,"big":9007199254740993}}}`;
    client.sendRaw(text);
    await reached('tools/call');
    const got = harness.server.texts.at(-1) as string;
    const id = harness.server.id('tools/call');
    expect(got).toBe(
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"t","_meta":{"traceparent":"00-1","progressToken":${id},"vendor/x":9007199254740993},"arguments":{"n":1.0,"big":9007199254740993}}}`,
    );
  });

  it('get modern results: a type, a name, and caching hints where they are due', async () => {
    const client = start();
    const reader = client.send('tools/list', {}, { id: '5.0' });
    const { id } = await reached('tools/list');
    harness.server.say(`{"jsonrpc":"2.0","id":${id},"result":{"tools":[],"x":1e400}}`);
    await settle();
    expect(reader.texts).toEqual([
      `{"jsonrpc":"2.0","id":5.0,"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"memory","version":"1"}},"tools":[],"x":1e400}}`,
    ]);
  });

  it.each(['ping', 'logging/setLevel', 'resources/subscribe', 'tasks/get'])(
    'named %s are unknown',
    async (method) => {
      const client = start();
      const reader = await client.call(method);
      expect(reader.lines[0]?.error).toMatchObject({ code: -32601 });
      expect(harness.server.of(method)).toEqual([]);
    },
  );

  it('for what is not found get the code of the modern era and the URI', async () => {
    const client = start();
    const reader = client.send('resources/read', { uri: 'test://none' });
    const { id } = await reached('resources/read');
    harness.server.say({ jsonrpc: '2.0', id, error: { code: -32002, message: 'none' } });
    await settle();
    expect(reader.lines[0]?.error).toEqual({ code: -32602, message: 'none', data: { uri: 'test://none' } });
  });

  it('get progress under their own token', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 't' }, { meta: { progressToken: 'mine' } });
    const { params } = await reached('tools/call');
    harness.server.notify('notifications/progress', {
      progressToken: params._meta.progressToken,
      progress: 1,
    });
    await settle();
    expect(reader.lines).toMatchObject([{ params: { progressToken: 'mine', progress: 1 } }]);
  });

  it('whose client leaves are cancelled on the server', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 't' });
    const { id } = await reached('tools/call');
    reader.attachment?.detach();
    await settle();
    expect(harness.server.of('notifications/cancelled')).toMatchObject([{ params: { requestId: id } }]);
  });

  it('whose way back is lost are cancelled ten seconds later, unless the reader comes back', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 't' });
    await reached('tools/call');
    reader.attachment?.detach(true);
    harness.clock.advance(9_000);
    await settle();
    expect(harness.server.of('notifications/cancelled')).toEqual([]);
    harness.clock.advance(3_000);
    await settle();
    expect(harness.server.of('notifications/cancelled')).toHaveLength(1);
  });

  it('fail at once with the reason when the process ends', async () => {
    const client = start({ stderr: ['boom'] });
    const reader = client.send('tools/call', { name: 't' });
    await reached('tools/call');
    harness.server.process.crash({ code: 7, signal: null });
    await settle();
    expect(reader.lines[0]?.error).toMatchObject({ code: -32603, data: { exitCode: 7, stderr: ['boom'] } });
    await client.call('tools/list');
    expect(harness.servers).toHaveLength(2);
  });

  it('run on a process of their own with isolation call', async () => {
    const client = start({ isolation: 'call' });
    const first = client.send('tools/call', { name: 't' });
    client.send('tools/call', { name: 't' });
    await settle();
    expect(harness.servers).toHaveLength(2);
    harness.server.answer(harness.server.id('tools/call'), { content: [] });
    await settle();
    expect(first.lines[0]?.result).toMatchObject({ content: [] });
    harness.clock.advance(5_000);
    await settle();
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, false]);
  });

  it('of all principals share one process with isolation shared', async () => {
    const client = start({ isolation: 'shared' });
    client.send('tools/list', {}, { capabilities: { roots: {} } });
    new ModernClient(harness, { principal: 'bob' }).send('tools/list');
    await settle();
    expect(harness.servers).toHaveLength(1);
    expect(harness.server.of('initialize')[0]?.params.capabilities).toEqual({});
  });
});

describe('log messages', () => {
  it('reach the only request that asked for them, from its level up', async () => {
    const client = start();
    const meta = { 'io.modelcontextprotocol/logLevel': 'warning' };
    const loud = client.send('tools/call', { name: 't' }, { meta });
    const quiet = client.send('tools/call', { name: 't' });
    await reached('tools/call');
    expect(harness.server.of('logging/setLevel')).toMatchObject([{ params: { level: 'warning' } }]);
    harness.server.notify('notifications/message', { level: 'info', data: 1 });
    harness.server.notify('notifications/message', { level: 'error', data: 2 });
    await settle();
    expect(loud.lines).toMatchObject([{ params: { level: 'error', data: 2 } }]);
    expect(quiet.lines).toEqual([]);
  });

  it('are nobody’s while two requests could be meant', async () => {
    const client = start();
    const meta = { 'io.modelcontextprotocol/logLevel': 'debug' };
    const readers = [1, 2].map(() => client.send('tools/call', { name: 't' }, { meta }));
    await reached('tools/call');
    harness.server.notify('notifications/message', { level: 'error', data: 1 });
    await settle();
    expect(readers.flatMap(({ lines }) => lines)).toEqual([]);
  });
});

describe('what a server says that no modern client knows', () => {
  it('ends here: it gets its own ping answered, and the end of a visit to a URL is told to nobody', async () => {
    const client = start();
    const listen = client.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    const reader = client.send('tools/call', { name: 't' }, { meta: { progressToken: 'p' } });
    await reached('tools/call');
    harness.server.say({ jsonrpc: '2.0', id: 'p-1', method: 'ping' });
    harness.server.notify('notifications/elicitation/complete', { elicitationId: 'e' });
    harness.server.notify('notifications/tasks/status', { taskId: 't', status: 'working' });
    harness.server.notify('acme/news', {});
    await settle();
    expect(harness.server.lines.at(-1)).toEqual({ jsonrpc: '2.0', id: 'p-1', result: {} });
    expect(reader.lines).toEqual([]);
    expect(listen.lines.map(({ method }) => method)).toEqual(['notifications/subscriptions/acknowledged']);
  });
});

describe('processes', () => {
  it('that nobody uses are ended after the idle time', async () => {
    const client = start({ limits: { idle: 60_000 } });
    const reader = client.send('tools/call', { name: 't' });
    const { id } = await reached('tools/call');
    harness.clock.advance(120_000);
    await settle();
    expect(harness.server.process.stopping).toBe(false);
    harness.server.answer(id, { content: [] });
    await settle();
    expect(reader.lines).toHaveLength(1);
    harness.clock.advance(120_000);
    await settle();
    expect(harness.server.process.stopping).toBe(true);
  });

  it('of one principal are bounded, the longest unused going first', async () => {
    const client = start();
    for (let n = 0; n < 17; n++) {
      const reader = client.send('server/discover', {}, { capabilities: { experimental: { n } } });
      await settle();
      expect(reader.lines[0]?.result).toBeDefined();
      harness.clock.advance(1_000);
    }
    await settle();
    expect(harness.servers.filter(({ process }) => process.stopping)).toHaveLength(1);
  });
});
