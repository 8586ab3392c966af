/** The modern relay lane: modern clients on a modern server, byte for byte. */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, type ServerSide, settle } from './harness.ts';
import { ModernClient, VERSION } from './modern-client.ts';

let harness: Harness;
afterEach(() => harness.close());

function start(options: ConstructorParameters<typeof Harness>[0] = {}): ModernClient {
  harness = new Harness({ eras: ['modern'], ...options });
  return new ModernClient(harness);
}

describe('a request', () => {
  it('passes byte for byte but for its id and progress token, both ways', async () => {
    const client = start();
    const text = `{"jsonrpc":"2.0","id":1.0,"method":"tools/call","params":{"name":"t","requestState":"the server's","_meta":{"io.modelcontextprotocol/protocolVersion":"${VERSION}","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p"},"arguments":{"big":9007199254740993}}}`;
    const reader = client.sendRaw(text);
    await settle();
    const id = harness.server.id('tools/call');
    expect(harness.server.texts).toEqual([
      text.replace('"id":1.0', `"id":${id}`).replace('"progressToken":"p"', `"progressToken":${id}`),
    ]);
    harness.server.say(
      `{"jsonrpc":"2.0","result":{"resultType":"input_required","requestState":"x","y":1e400},"id":${id}}`,
    );
    await settle();
    expect(reader.texts).toEqual([
      '{"jsonrpc":"2.0","result":{"resultType":"input_required","requestState":"x","y":1e400},"id":1.0}',
    ]);
  });

  it('of one principal shares a process, whatever it declares; another principal has its own', async () => {
    const client = start();
    await client.call('tools/list');
    await client.call('tools/list', {}, { capabilities: { roots: {} } });
    expect(harness.servers).toHaveLength(1);
    await new ModernClient(harness, { principal: 'bob' }).call('tools/list');
    expect(harness.servers).toHaveLength(2);
  });

  it('with the same id as another in flight gets its own answer', async () => {
    const client = start();
    const readers = ['a', 'b'].map((name) => client.send('tools/call', { name }, { id: '7' }));
    await settle();
    for (const { id, params } of harness.server.of('tools/call').reverse())
      harness.server.answer(id, { resultType: 'complete', name: params.name });
    await settle();
    expect(readers.map(({ lines }) => [lines[0]?.id, lines[0]?.result.name])).toEqual([
      [7, 'a'],
      [7, 'b'],
    ]);
  });

  it('whose client leaves is cancelled on the server, and a late answer is dropped', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 't' });
    await settle();
    const id = harness.server.id('tools/call');
    reader.attachment?.detach();
    await settle();
    expect(harness.server.of('notifications/cancelled')).toMatchObject([{ params: { requestId: id } }]);
    harness.server.answer(id, {});
    await settle();
    expect(reader.lines).toEqual([]);
  });

  it('that logs gets its messages while it is the only one', async () => {
    const client = start();
    const meta = { 'io.modelcontextprotocol/logLevel': 'info' };
    const reader = client.send('tools/call', { name: 't' }, { meta });
    await settle();
    harness.server.notify('notifications/message', { level: 'info', data: 1 });
    await settle();
    client.send('tools/call', { name: 't' }, { meta });
    await settle();
    harness.server.notify('notifications/message', { level: 'info', data: 2 });
    await settle();
    expect(reader.lines).toMatchObject([{ params: { data: 1 } }]);
  });

  it('of the tasks extension reaches the process that has the task', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 'slow' });
    await settle();
    harness.server.answer(harness.server.id('tools/call'), {
      resultType: 'task',
      taskId: 't1',
      status: 'working',
    });
    await settle();
    expect(reader.lines[0]?.result).toMatchObject({ resultType: 'task', taskId: 't1' });
    await client.call('tasks/get', { taskId: 't1' });
    expect(harness.servers).toHaveLength(1);
    expect(harness.server.of('tasks/get')).toHaveLength(1);
  });
});

describe('a task', () => {
  it('keeps the process that runs it, also where each request has one of its own', async () => {
    const client = start({ isolation: 'call', limits: { idle: 60_000 } });
    client.send('tools/call', { name: 'slow' });
    await settle();
    const task = { resultType: 'task', taskId: 't1', status: 'working', ttlMs: 30_000 };
    harness.server.answer(harness.server.id('tools/call'), task);
    await settle();
    harness.clock.advance(5_000);
    await client.call('tasks/get', { taskId: 't1' });
    expect([harness.servers.length, harness.server.of('tasks/get').length]).toEqual([1, 1]);
    await client.call('tasks/get', { taskId: 'unknown' });
    expect(harness.servers).toHaveLength(2);
    harness.server.answer(harness.server.id('tasks/get'), {});
    await settle();
    harness.clock.advance(60_000);
    await settle();
    expect(harness.server.process.stopping).toBe(true);
  });

  it('on a process that all share is asked about by its own principal only', async () => {
    const client = start({ isolation: 'shared' });
    client.send('tools/call', { name: 'slow' });
    await settle();
    harness.server.answer(harness.server.id('tools/call'), { resultType: 'task', taskId: 't1' });
    await settle();
    const bob = await new ModernClient(harness, { principal: 'bob' }).call('tasks/cancel', { taskId: 't1' });
    expect(bob.lines).toMatchObject([{ error: { code: -32602 } }]);
    expect(harness.server.of('tasks/cancel')).toEqual([]);
    await client.call('tasks/cancel', { taskId: 't1' });
    expect([harness.servers.length, harness.server.of('tasks/cancel').length]).toEqual([1, 1]);
  });

  it('on a process that all share is heard of by its own principal only', async () => {
    const client = start({ isolation: 'shared' });
    client.send('tools/call', { name: 'slow' });
    await settle();
    harness.server.answer(harness.server.id('tools/call'), { resultType: 'task', taskId: 't1' });
    await settle();
    const bob = new ModernClient(harness, { principal: 'bob' });
    for (const taskIds of [['t1'], ['unknown'], [1], 't1', null]) {
      const refused = await bob.call('subscriptions/listen', { notifications: { taskIds } });
      expect(refused.lines).toMatchObject([{ error: { code: -32602 } }]);
    }
    expect(harness.server.of('subscriptions/listen')).toEqual([]);
    await bob.call('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await client.call('subscriptions/listen', { notifications: { taskIds: ['t1'] } });
    expect(harness.server.of('subscriptions/listen').map(({ params }) => params.notifications)).toEqual([
      { toolsListChanged: true },
      { taskIds: ['t1'] },
    ]);
  });

  it('tells its replica from others, also on a process that all share', async () => {
    const client = start({ isolation: 'shared' });
    const holds = (principal: string) => harness.supervisor.holds(harness.definition.id, principal);
    client.send('tools/call', { name: 'slow' });
    await settle();
    await new ModernClient(harness, { principal: 'bob' }).call('tools/list');
    harness.server.answer(harness.server.id('tools/list'), { tools: [] });
    const task = { resultType: 'task', taskId: 't1', ttlMs: 60_000 };
    harness.server.answer(harness.server.id('tools/call'), task);
    await settle();
    expect(['alice', 'bob'].map(holds)).toEqual([true, false]);
    harness.clock.advance(60_000);
    expect(holds('alice')).toBe(false);
  });

  it('is asked about where it runs, though its server was replaced meanwhile', async () => {
    const client = start();
    const { supervisor, definition } = harness;
    client.send('tools/call', { name: 'slow' });
    await settle();
    const task = { resultType: 'task', taskId: 't1', ttlMs: 60_000 };
    harness.server.answer(harness.server.id('tools/call'), task);
    await settle();
    supervisor.define(definition);
    await client.call('tools/list');
    const [before, after] = harness.servers as [ServerSide, ServerSide];
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      await client.call(method, { taskId: 't1' });
      await client.call(method, { taskId: 'another' });
      const asked = [before, after].map((server) => server.of(method).map(({ params }) => params.taskId));
      expect(asked).toEqual([['t1'], ['another']]);
    }
    expect(after.of('tools/list')).toHaveLength(1);
    const has = (principal: string, id: string) => supervisor.hasTask(definition.id, principal, id);
    expect([has('alice', 't1'), has('bob', 't1'), has('alice', 'another')]).toEqual([true, false, false]);
  });

  it('is not another principal’s', async () => {
    const client = start({ isolation: 'call' });
    client.send('tools/call', { name: 'slow' });
    await settle();
    harness.server.answer(harness.server.id('tools/call'), { resultType: 'task', taskId: 't1' });
    await settle();
    await new ModernClient(harness, { principal: 'bob' }).call('tasks/get', { taskId: 't1' });
    expect(harness.servers).toHaveLength(2);
  });
});

describe('a request of the server', () => {
  it('does not exist in this era and is refused', async () => {
    const client = start();
    await client.call('tools/list');
    harness.server.say({ jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: {} });
    await settle();
    expect(harness.server.lines.at(-1)).toMatchObject({ id: 1, error: { code: -32601 } });
  });
});

describe('headers of parameters', () => {
  const TOOLS = [
    {
      name: 'q',
      inputSchema: {
        type: 'object',
        properties: {
          region: { type: 'string', 'x-mcp-header': 'Region' },
          deep: { type: 'object', properties: { n: { type: 'integer', 'x-mcp-header': 'N' } } },
          flag: { type: 'boolean', 'x-mcp-header': 'Flag' },
        },
      },
    },
    { name: 'plain', inputSchema: { type: 'object' } },
  ];

  /** Tools whose annotations break a rule: clients over HTTP do not offer them, and send none of their headers. */
  const BROKEN = [
    { type: 'number', 'x-mcp-header': 'A' },
    { type: 'object', 'x-mcp-header': 'A' },
    { 'x-mcp-header': 'A' },
    { type: 'string', 'x-mcp-header': 'two words' },
    { type: 'string', 'x-mcp-header': '' },
    { type: 'array', items: { type: 'string', 'x-mcp-header': 'A' } },
    { anyOf: [{ type: 'string', 'x-mcp-header': 'A' }] },
  ].map((a, index) => ({ name: `broken-${index}`, inputSchema: { type: 'object', properties: { a } } }));
  const TWICE = {
    name: 'twice',
    inputSchema: {
      type: 'object',
      properties: { a: { type: 'string', 'x-mcp-header': 'A' }, b: { type: 'string', 'x-mcp-header': 'a' } },
    },
  };

  async function call(client: ModernClient, args: object, params: Record<string, string>, name = 'q') {
    const listed = harness.servers[0]?.of('tools/list').length ?? 0;
    const reader = client.send('tools/call', { name, arguments: args }, { modern: { params } });
    for (let n = listed; ; n++) {
      await settle();
      const asked = harness.server.of('tools/list')[n];
      if (!asked) break;
      harness.server.answer(asked.id, {
        resultType: 'complete',
        tools: [...TOOLS, ...BROKEN, TWICE],
        ttlMs: 60_000,
        cacheScope: 'public',
      });
    }
    return reader;
  }

  it.each([
    [{ region: 'eu' }, { region: 'eu' }],
    [{ deep: { n: 42 } }, { n: '42' }],
    [{ deep: { n: 42 } }, { n: '42.0' }],
    [{ flag: false }, { flag: 'false' }],
    [{ region: null }, {}],
    [{}, { unknown: 'x' }],
    [{ region: '=?base64?x?=' }, { region: '=?base64?x?=' }],
    [{ deep: { n: -0 } }, { n: '0' }],
    // No client may send what is no text, no boolean and no number that keeps its value: the server judges it.
    [{ deep: { n: 2 ** 53 } }, {}],
    [{ region: { a: 1 } }, {}],
    [{ region: ['eu'] }, {}],
  ])('%j with %j pass', async (args, params) => {
    const client = start();
    await call(client, args, params);
    expect(harness.server.of('tools/call')).toHaveLength(1);
  });

  it.each([
    [{ region: 'eu' }, {}],
    [{ region: 'eu' }, { region: 'EU' }],
    [{ deep: { n: 42 } }, { n: '43' }],
    [{ deep: { n: 42 } }, { n: '0x2a' }],
    [{ flag: false }, { flag: 'False' }],
    [{ region: null }, { region: 'null' }],
    [{}, { region: 'eu' }],
    [{ region: 7 }, {}],
    [{ region: ['eu'] }, { region: 'eu' }],
    [{ deep: { n: 42 } }, { n: '4.2e1' }],
    [{ deep: { n: 42 } }, { n: ' 42' }],
    [{ deep: { n: 42 } }, { n: '' }],
    [{ deep: { n: 1.5 } }, {}],
  ])('%j with %j are refused and do not reach the server', async (args, params) => {
    const client = start();
    const reader = await call(client, args, params as Record<string, string>);
    expect(reader.lines[0]?.error).toMatchObject({ code: -32020 });
    expect(harness.server.of('tools/call')).toEqual([]);
  });

  it.each([...BROKEN.map(({ name }) => name), 'twice'])(
    'that break a rule are not asked for: %s',
    async (name) => {
      const client = start();
      await call(client, { a: 'x', b: 'y' }, {}, name);
      expect(harness.server.of('tools/call')).toHaveLength(1);
    },
  );

  it('are not checked with a list that changed while it was asked for', async () => {
    const client = start();
    const [tool] = TOOLS;
    const send = () =>
      client.send('tools/call', { name: 'q', arguments: { region: 'eu' } }, { modern: { params: {} } });
    const listen = client.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await settle();
    const meta = {
      _meta: { 'io.modelcontextprotocol/subscriptionId': harness.server.id('subscriptions/listen') },
    };
    harness.server.notify('notifications/subscriptions/acknowledged', { notifications: {}, ...meta });
    send();
    await settle();
    harness.server.notify('notifications/tools/list_changed', meta);
    const without = { ...tool, inputSchema: { type: 'object' } };
    harness.server.answer(harness.server.id('tools/list'), { tools: [without], ttlMs: 60_000 });
    await settle();
    expect(listen.lines).toHaveLength(2);
    const refused = send();
    await settle();
    harness.server.answer(harness.server.id('tools/list'), { tools: [tool], ttlMs: 60_000 });
    await settle();
    expect(refused.lines[0]?.error).toMatchObject({ code: -32020 });
  });

  it('are checked with a list that is kept, and asked for again before anything is refused', async () => {
    const client = start();
    await call(client, { region: 'eu' }, { region: 'eu' });
    await call(client, { region: 'us' }, { region: 'us' });
    expect(harness.server.of('tools/list')).toHaveLength(1);
    await call(client, { region: 'us' }, {});
    expect(harness.server.of('tools/list')).toHaveLength(2);
    harness.clock.advance(61_000);
    await call(client, {}, {}, 'plain');
    expect(harness.server.of('tools/list')).toHaveLength(3);
  });

  it('are checked with the list of the own process: that of another principal is not used', async () => {
    const client = start();
    await call(client, { region: 'eu' }, { region: 'eu' });
    const bob = new ModernClient(harness, { principal: 'bob' });
    bob.send('tools/call', { name: 'q', arguments: { region: 'eu' } }, { modern: { params: {} } });
    await settle();
    const [, other] = harness.servers;
    expect(other?.of('tools/list')).toHaveLength(1);
    other?.answer(other.id('tools/list'), { tools: [{ name: 'q', inputSchema: { type: 'object' } }] });
    await settle();
    expect(other?.of('tools/call')).toHaveLength(1);
  });

  it('do not hold a call up when the server cannot list its tools', async () => {
    const client = start();
    client.send('tools/call', { name: 'q', arguments: {} }, { modern: { params: {} } });
    await settle();
    harness.clock.advance(5_000);
    await settle();
    expect(harness.server.of('tools/call')).toHaveLength(1);
  });
});
