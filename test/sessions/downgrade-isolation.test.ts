/** Which process of a modern server serves a legacy client, and what sessions on one process keep apart. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Harness, request, settle, type TestClient } from './harness.ts';
import {
  acknowledge,
  CAPABILITIES,
  CLIENT_INFO,
  inputRequired,
  LOG_LEVEL,
  MODERN,
  modernHarness,
  report,
} from './modern-server.ts';

let harness: Harness;
afterEach(() => harness.close());

describe('the process', () => {
  const who = [
    { principal: 'alice' },
    { principal: 'alice', version: '2025-06-18' },
    { principal: 'alice', capabilities: '{"roots":{}}' },
    { principal: 'bob' },
  ];

  it.each([
    ['session', 4],
    ['principal', 2],
    ['shared', 1],
  ] as const)('is shared by isolation %s: %i processes', async (isolation, processes) => {
    harness = modernHarness({ isolation });
    for (const options of who) await harness.session(options);
    expect(harness.servers).toHaveLength(processes);
  });

  it('is told with each call who calls', async () => {
    harness = modernHarness({ isolation: 'shared' });
    for (const options of who) (await harness.session(options)).call(request('1'));
    await settle();
    expect(harness.server.of('tools/call').map(({ params }) => params._meta[CAPABILITIES])).toEqual([
      {},
      {},
      { roots: {} },
      {},
    ]);
  });

  it('that is shared outlives its sessions by the idle time, and a new session finds it', async () => {
    harness = modernHarness({ isolation: 'shared', limits: { idle: 60_000 } });
    await (await harness.session()).end();
    harness.clock.advance(50_000);
    await (await harness.session()).end();
    expect(harness.servers).toHaveLength(1);
    expect(harness.server.process.stopping).toBe(false);
    harness.clock.advance(62_000);
    expect(harness.server.process.stopping).toBe(true);
    await harness.session();
    expect(harness.servers).toHaveLength(2);
  });

  it('that nobody uses is listed for its operator, who can end it', async () => {
    harness = modernHarness({ isolation: 'shared' });
    await (await harness.session()).end();
    const [listed] = harness.supervisor.sessions(harness.definition.id);
    expect(listed?.report).toMatchObject({ kind: 'process', state: 'unused' });
    await listed?.end();
    expect(harness.server.process.stopping).toBe(true);
  });

  it('that died is replaced for the next session; the old ones are over', async () => {
    harness = modernHarness({ isolation: 'shared' });
    const clients = [await harness.session(), await harness.session()];
    harness.server.process.crash();
    await settle();
    for (const client of clients) expect(client.call(request('2')).error?.code).toBe('unknown-session');
    await harness.session();
    expect(harness.servers).toHaveLength(2);
  });

  it('that is unused for longest goes when there are as many as there may be sessions', async () => {
    harness = modernHarness({ isolation: 'principal', limits: { sessions: 2 } });
    for (const principal of ['a', 'b', 'c']) {
      await (await harness.session({ principal })).end();
      harness.clock.advance(2_000);
    }
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, false, false]);
  });

  it('is refused to a further principal while all that there may be are used', async () => {
    harness = modernHarness({ isolation: 'principal', processes: 1 });
    const session = await harness.session({ principal: 'a' });
    const initialize = request('1', 'initialize', '{"protocolVersion":"2025-11-25"}');
    expect(harness.client({ principal: 'b' }).call(initialize).error?.code).toBe('limit-reached');
    await session.end();
    await harness.session({ principal: 'b' });
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, false]);
  });

  it('of a server that speaks both eras is a legacy one for legacy clients', async () => {
    harness = modernHarness({ eras: ['legacy', 'modern'] });
    harness.client().call(request('1', 'initialize'));
    await settle();
    expect(harness.server.lines.map(({ method }) => method)).toEqual(['initialize']);
  });
});

describe('on a process that several sessions share', () => {
  let alice: TestClient;
  let bob: TestClient;
  beforeEach(async () => {
    harness = modernHarness({ isolation: 'shared', answers: MODERN });
    alice = await harness.session({ capabilities: '{"roots":{}}' });
    bob = await harness.session({ principal: 'bob', capabilities: '{"roots":{}}' });
  });

  it('each has a subscription of its own', async () => {
    const listeners = [alice.attach(), bob.attach()];
    const listens = harness.server.of('subscriptions/listen');
    expect(listens).toHaveLength(2);
    for (const listen of listens) acknowledge(harness.server, listen);
    report(harness.server, 'notifications/tools/list_changed', {}, listens[1]);
    harness.server.notify('notifications/tools/list_changed', {});
    harness.server.notify('acme/vendor', {});
    await settle();
    expect(listeners.map(({ events }) => events.length)).toEqual([0, 1]);
  });

  it('one that ends cancels its subscription and its calls, and the other goes on', async () => {
    alice.call(request('1'));
    await settle();
    const mine = [harness.server.of('subscriptions/listen')[0]?.id, harness.server.of('tools/call')[0]?.id];
    await alice.end();
    await settle();
    const cancelled = harness.server.of('notifications/cancelled').map(({ params }) => params.requestId);
    expect(cancelled.toSorted()).toEqual(mine);
    expect(harness.server.process.stopping).toBe(false);
    expect(bob.call(request('1')).error).toBeUndefined();
  });

  it('each is asked what its own call needs', async () => {
    const readers = [alice.call(request('1')), bob.call(request('1'))];
    await settle();
    const second = harness.server.of('tools/call')[1];
    harness.server.answer(second?.id, inputRequired({ a: { method: 'roots/list' } }));
    await settle();
    expect(readers.map(({ events }) => events.length)).toEqual([0, 1]);
    await alice.note('{"jsonrpc":"2.0","id":1,"result":{"roots":["alice"]}}');
    await bob.note('{"jsonrpc":"2.0","id":1,"result":{"roots":["bob"]}}');
    await settle();
    expect(harness.server.of('tools/call')[2]?.params.inputResponses).toEqual({ a: { roots: ['bob'] } });
    expect(harness.server.of('tools/call')).toHaveLength(3);
  });

  describe('a log', () => {
    async function log(): Promise<void> {
      harness.server.notify('notifications/message', { level: 'info', data: 'x' });
      await settle();
    }

    async function setLevel(client: TestClient): Promise<void> {
      client.call(request('"l"', 'logging/setLevel', '{"level":"info"}'));
      await settle();
    }

    it('is delivered while only calls of one session can be its cause', async () => {
      await setLevel(alice);
      const readers = [alice.call(request('1')), bob.call(request('1'))];
      await settle();
      await log();
      expect(readers.map(({ events }) => events.length)).toEqual([1, 0]);
    });

    it('is dropped while calls of several can', async () => {
      await setLevel(alice);
      await setLevel(bob);
      const readers = [alice.call(request('1')), bob.call(request('1'))];
      await settle();
      await log();
      expect(readers.map(({ events }) => events.length)).toEqual([0, 0]);
      harness.server.answer(harness.server.of('tools/call')[0]?.id, { content: [] });
      await settle();
      await log();
      expect(readers.map(({ events }) => events.length)).toEqual([1, 1]);
    });

    it('is dropped while none can', async () => {
      const listeners = [alice.attach(), bob.attach()];
      await setLevel(alice);
      await log();
      alice.call(request('1'));
      await settle();
      harness.server.answer(harness.server.id('tools/call'), inputRequired({ a: { method: 'roots/list' } }));
      await settle();
      await log();
      expect(listeners.flatMap(({ events }) => events)).toEqual([]);
    });
  });
});

function pool(principal = 'alice'): TestClient {
  return harness.client({ kind: 'affinity', principal });
}

describe('without sessions', () => {
  beforeEach(() => {
    harness = modernHarness({ sessions: 'none', answers: MODERN });
  });

  it('a call needs no handshake and declares nothing', async () => {
    const reader = pool().call(request('1.0'));
    await settle();
    const [line, ...more] = harness.server.lines;
    expect(more).toEqual([]);
    expect(line?.params._meta).toMatchObject({ [CAPABILITIES]: {}, [CLIENT_INFO]: { name: 'berth' } });
    expect(line?.params._meta).not.toHaveProperty([LOG_LEVEL]);
    harness.server.answer(line?.id, { resultType: 'complete', content: [] });
    await settle();
    expect(reader.texts).toEqual(['{"jsonrpc":"2.0","id":1.0,"result":{"content":[]}}']);
  });

  it('initialize is answered with what holds without a session, in the revision that was asked for', async () => {
    const readers = ['2025-06-18', '2024-11-05', '1999-01-01'].map((version) =>
      pool().call(request('1', 'initialize', `{"protocolVersion":"${version}","capabilities":{"roots":{}}}`)),
    );
    await settle();
    expect(readers.map(({ lines }) => lines[0]?.result.protocolVersion)).toEqual([
      '2025-06-18',
      '2024-11-05',
      '2025-11-25',
    ]);
    expect(readers[0]?.lines[0]?.result.capabilities).toEqual({
      tools: {},
      resources: {},
      prompts: {},
      completions: {},
    });
    expect(harness.servers).toHaveLength(1);
    expect(harness.server.of('server/discover')[0]?.params._meta[CAPABILITIES]).toEqual({});
    expect(harness.server.of('subscriptions/listen')).toEqual([]);
  });

  it('what needs a session is refused without the process', async () => {
    const methods = ['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'tasks/get'];
    const readers = methods.map((method) => pool().call(request('1', method)));
    await settle();
    expect(readers.map(({ lines }) => lines[0]?.error?.code)).toEqual([
      undefined,
      -32601,
      -32601,
      -32601,
      -32601,
    ]);
    expect(harness.servers).toEqual([]);
  });

  it('calls of one principal share a process under equal ids, those of another have their own', async () => {
    const readers = [pool(), pool(), pool('bob')].map((client) => client.call(request('1')));
    await settle();
    expect(harness.servers.map((server) => server.of('tools/call').length)).toEqual([2, 1]);
    for (const [at, server] of harness.servers.entries())
      for (const { id } of server.of('tools/call')) server.answer(id, { content: [], at });
    await settle();
    expect(readers.map(({ lines }) => lines[0]?.result.at)).toEqual([0, 0, 1]);
  });

  it('a server that asks back gets nothing, and the call fails', async () => {
    const reader = pool().call(request('1'));
    await settle();
    harness.server.answer(
      harness.server.id('tools/call'),
      inputRequired({ a: { method: 'roots/list' } }, 's'),
    );
    await settle();
    expect(reader.lines).toMatchObject([{ id: 1, result: { isError: true } }]);
  });

  it('a server that only wants to be asked again is', async () => {
    pool().call(request('1'));
    await settle();
    harness.server.answer(harness.server.id('tools/call'), inputRequired(undefined, 's'));
    await settle();
    harness.clock.advance(1_000);
    await settle();
    expect(harness.server.of('tools/call')[1]?.params.requestState).toBe('s');
  });

  it('a process that died before a repetition fails the call, and the next one gets a fresh process', async () => {
    const reader = pool().call(request('1'));
    await settle();
    harness.server.answer(harness.server.id('tools/call'), inputRequired(undefined, 's'));
    await settle();
    harness.server.process.crash();
    await settle();
    harness.clock.advance(1_000);
    await settle();
    expect(reader.lines).toMatchObject([{ error: { data: { code: 'process-exited' } } }]);
    pool().call(request('2'));
    await settle();
    expect(harness.servers).toHaveLength(2);
  });

  it('what the server says by itself is dropped', async () => {
    const reader = pool().call(request('1'));
    await settle();
    harness.server.notify('notifications/message', { level: 'info', data: 1 });
    harness.server.notify('notifications/tools/list_changed', {});
    await settle();
    expect(reader.events).toEqual([]);
  });

  it('a refused handshake is answered, and the next client is served', async () => {
    await harness.close();
    let refusals = 1;
    harness = modernHarness({
      sessions: 'none',
      answers: {
        'server/discover': () =>
          refusals-- > 0 ? { error: { code: -32000, message: 'later' } } : MODERN['server/discover'](),
      },
    });
    const readers = [];
    for (const id of ['1', '2']) {
      readers.push(pool().call(request(id, 'initialize')));
      await settle();
    }
    expect(readers.map(({ lines }) => lines[0]?.error?.message)).toEqual(['later', undefined]);
  });

  it('a cancellation may be of another client, and means nothing', async () => {
    const reader = pool().call(request('5'));
    await settle();
    await pool().cancel('5');
    harness.server.answer(harness.server.id('tools/call'), { content: [] });
    await settle();
    expect(reader.lines).toMatchObject([{ id: 5, result: {} }]);
    expect(harness.server.of('notifications/cancelled')).toEqual([]);
  });

  it('a client with a connection cancels its call there', async () => {
    const client = harness.client({}, { delivery: 'single' });
    client.attach();
    await client.initialize();
    client.call(request('5'));
    await settle();
    await client.cancel('5');
    await settle();
    expect(harness.server.of('notifications/cancelled')).toHaveLength(1);
  });
});

describe('with a process for each call', () => {
  beforeEach(() => {
    harness = modernHarness({ isolation: 'call' });
  });

  it('two calls of one principal run on two processes, which end with their answers', async () => {
    for (const id of ['1', '2']) pool().call(request(id));
    await settle();
    expect(harness.servers.map((server) => server.of('tools/call').length)).toEqual([1, 1]);
    harness.server.answer(harness.server.id('tools/call'), { content: [] });
    await settle();
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, false]);
  });

  it('a call that is repeated stays on its process', async () => {
    pool().call(request('1'));
    await settle();
    harness.server.answer(harness.server.id('tools/call'), inputRequired(undefined, 's'));
    await settle();
    harness.clock.advance(1_000);
    await settle();
    expect(harness.server.of('tools/call')).toHaveLength(2);
    expect(harness.server.process.stopping).toBe(false);
  });

  it.each(['cancelled', 'late'])('a call that is %s takes its process with it', async (how) => {
    const client = harness.client({}, { delivery: 'single' });
    const stream = client.attach();
    await client.initialize();
    client.call(request('1'));
    await settle();
    if (how === 'cancelled') await client.cancel('1');
    else harness.clock.advance(15 * 60_000 + 1_000);
    await settle();
    expect(harness.servers[1]?.of('tools/call')).toHaveLength(1);
    expect(harness.servers[1]?.process.stopping).toBe(true);
    expect(stream.events).toHaveLength(how === 'cancelled' ? 1 : 2);
  });

  it('a handshake takes a process of its own', async () => {
    const reader = pool().call(request('1', 'initialize'));
    await settle();
    expect(reader.lines).toMatchObject([{ result: { protocolVersion: '2025-11-25' } }]);
    expect(harness.server.process.stopping).toBe(true);
  });
});
