/** Several sessions on one process: who shares one, and what reaches whom (data-path.md 5.3). */
import { afterEach, describe, expect, it } from 'vitest';
import {
  Harness,
  type Line,
  ORDINARY,
  request,
  settle,
  type TestClient,
  type TestReader,
} from './harness.ts';

const INITIALIZE = request('1', 'initialize', '{"protocolVersion":"2025-11-25"}');

let harness: Harness;
afterEach(() => harness.close());

function subscribe(uri: string, id = `"s-${uri}"`): string {
  return request(id, 'resources/subscribe', JSON.stringify({ uri }));
}

function unsubscribe(uri: string, id = `"u-${uri}"`): string {
  return request(id, 'resources/unsubscribe', JSON.stringify({ uri }));
}

describe('the process', () => {
  const who = [
    { principal: 'alice' },
    { principal: 'alice' },
    { principal: 'bob' },
    { principal: 'alice', version: '2025-06-18' },
    { principal: 'alice', capabilities: '{"roots":{},"sampling":{}}' },
    { principal: 'alice', capabilities: '{ "sampling": {}, "roots": {} }' },
  ];

  it.each([
    ['session', 6],
    // alice, bob, the other revision, the other capabilities (in whatever order they are written)
    ['principal', 4],
    // the revision alone
    ['shared', 2],
  ] as const)('is shared by isolation %s as its key says: %i processes', async (isolation, processes) => {
    harness = new Harness({ isolation });
    for (const options of who) await harness.session(options);
    expect(harness.servers).toHaveLength(processes);
  });

  it.each(['principal', 'shared'] as const)(
    'shakes hands once, and every client of isolation %s gets the answer under its own id',
    async (isolation) => {
      harness = new Harness({ isolation });
      const readers = [];
      for (const id of ['1', '"1"', '1.0']) {
        const client = harness.client();
        readers.push(
          client.call(request(id, 'initialize', '{"protocolVersion":"2025-11-25","capabilities":{}}')),
        );
        await settle();
        await client.note('{"jsonrpc":"2.0","method":"notifications/initialized"}');
      }
      await settle();
      expect(harness.server.of('initialize')).toHaveLength(1);
      expect(harness.server.of('notifications/initialized')).toHaveLength(1);
      expect(readers.map(({ texts }) => texts[0]?.slice(0, 24))).toEqual([
        '{"jsonrpc":"2.0","id":1,',
        '{"jsonrpc":"2.0","id":"1',
        '{"jsonrpc":"2.0","id":1.',
      ]);
      expect(readers[2]?.lines[0]?.result).toMatchObject({ serverInfo: { name: 'memory' } });
    },
  );

  it('answers clients that shake hands at the same time', async () => {
    harness = new Harness({ isolation: 'shared' });
    const clients = [harness.client(), harness.client()];
    const readers = clients.map((client) =>
      client.call(request('1', 'initialize', '{"protocolVersion":"2025-11-25"}')),
    );
    await settle();
    expect(harness.server.of('initialize')).toHaveLength(1);
    expect(readers.map(({ lines }) => lines[0]?.result.protocolVersion)).toEqual([
      '2025-11-25',
      '2025-11-25',
    ]);
  });

  it('is told the capabilities of the client by isolation principal, none by shared', async () => {
    for (const [isolation, told] of [
      ['principal', { roots: {} }],
      ['shared', {}],
    ] as const) {
      harness = new Harness({ isolation });
      await harness.session({ capabilities: '{"roots":{}}' });
      expect(harness.server.of('initialize')[0]?.params.capabilities).toEqual(told);
    }
  });

  it('that refused the first client is asked again for the next', async () => {
    let refusals = 1;
    const initialize = (line: object) =>
      refusals-- > 0 ? { error: { code: -32602, message: 'not you' } } : ORDINARY.initialize?.(line);
    harness = new Harness({ isolation: 'principal', answers: { initialize } });
    const [refused, taken] = [await harness.client().initialize(), await harness.client().initialize()];
    expect(refused.lines).toMatchObject([{ id: 'init', error: { code: -32602, message: 'not you' } }]);
    expect(taken.lines).toMatchObject([{ id: 'init', result: {} }]);
  });

  it.each(['principal', 'shared'] as const)(
    'that does not answer the handshake is given up for all who wait, and replaced (isolation %s)',
    async (isolation) => {
      const startTimeout = 60_000;
      let silent = true;
      const initialize = (line: Line) => (silent ? undefined : ORDINARY.initialize(line));
      harness = new Harness({ isolation, answers: { initialize }, limits: { startTimeout } });
      const handshake = () => {
        const client = harness.client();
        return client.call(request('1', 'initialize', '{"protocolVersion":"2025-11-25","capabilities":{}}'));
      };
      const first = handshake();
      await settle();
      harness.clock.advance(startTimeout / 2);
      const second = handshake();
      await settle();
      expect([harness.servers.length, first.lines, second.lines]).toEqual([1, [], []]);
      harness.clock.advance(2 * startTimeout);
      await settle();
      for (const { lines } of [first, second])
        expect(lines).toMatchObject([
          { id: 1, error: { data: { code: 'start-failed', phase: 'handshake' } } },
        ]);
      expect(harness.server.process.stopping).toBe(true);
      silent = false;
      await harness.session();
      expect(harness.servers).toHaveLength(2);
    },
  );

  it('outlives its sessions by the idle time, and a new session finds it', async () => {
    harness = new Harness({ isolation: 'shared', limits: { idle: 60_000 } });
    await (await harness.session()).end();
    harness.clock.advance(50_000);
    await (await harness.session()).end();
    expect(harness.servers).toHaveLength(1);
    harness.clock.advance(62_000);
    expect(harness.server.process.stopping).toBe(true);
    await harness.session();
    expect(harness.servers).toHaveLength(2);
  });

  it('that died is replaced for the next session; the old ones are over', async () => {
    harness = new Harness({ isolation: 'shared' });
    const clients = [await harness.session(), await harness.session()];
    const calls = clients.map((client) => client.call(request('1')));
    harness.server.process.crash();
    await settle();
    for (const { lines } of calls)
      expect(lines).toMatchObject([{ error: { data: { code: 'process-exited' } } }]);
    for (const client of clients) expect(client.call(request('2')).error?.code).toBe('unknown-session');
    await harness.session();
    expect(harness.servers).toHaveLength(2);
  });
});

describe.each(['principal', 'shared'] as const)('with isolation %s', (isolation) => {
  async function two(): Promise<[TestClient, TestClient]> {
    harness = new Harness({ isolation });
    return [await harness.session(), await harness.session()];
  }

  it('equal ids and tokens of two sessions never meet', async () => {
    const clients = await two();
    const calls = clients.map((client) =>
      client.call(request('1', 'tools/call', '{"_meta":{"progressToken":"t"}}')),
    );
    await settle();
    const [one, other] = harness.server.of('tools/call');
    harness.server.notify('notifications/progress', { progressToken: other?.id, progress: 2 });
    harness.server.answer(other?.id, { n: 2 });
    harness.server.answer(one?.id, { n: 1 });
    await settle();
    expect(calls[0]?.lines).toMatchObject([{ id: 1, result: { n: 1 } }]);
    expect(calls[1]?.lines).toMatchObject([{ params: { progressToken: 't' } }, { id: 1, result: { n: 2 } }]);
  });

  describe('the log level', () => {
    const setLevel = async (client: TestClient, level: string): Promise<TestReader> => {
      const reader = client.call(request(`"${level}"`, 'logging/setLevel', JSON.stringify({ level })));
      await settle();
      const asked = harness.server.of('logging/setLevel').at(-1);
      if (asked) harness.server.answer(asked.id);
      await settle();
      return reader;
    };
    const told = () => harness.server.of('logging/setLevel').map(({ params }) => params.level);
    const logs = async (...levels: string[]) => {
      for (const level of levels) harness.server.notify('notifications/message', { level, data: level });
      await settle();
    };

    it('of the process is the one of the session that wants most, and each gets its answer', async () => {
      const [a, b] = await two();
      const answers = [];
      for (const [client, level] of [
        [a, 'warning'],
        [b, 'error'],
        [b, 'info'],
        [a, 'notice'],
        [b, 'critical'],
      ] as const)
        answers.push(await setLevel(client, level));
      expect(told()).toEqual(['warning', 'info', 'notice']);
      expect(answers.flatMap(({ lines }) => lines)).toMatchObject(
        ['warning', 'error', 'info', 'notice', 'critical'].map((id) => ({ id, result: {} })),
      );
    });

    it('of a session that stays alone is its own again', async () => {
      const [a, b] = await two();
      await setLevel(a, 'debug');
      await setLevel(b, 'error');
      const alone = b.attach();
      await a.end();
      await logs('debug', 'error');
      expect(told()).toEqual(['debug', 'error']);
      expect(alone.lines).toMatchObject([{ params: { level: 'error' } }]);
    });

    it('that the server refuses is asked for again', async () => {
      const [a, b] = await two();
      for (const client of [a, b]) {
        const refused = client.call(request('1', 'logging/setLevel', '{"level":"info"}'));
        await settle();
        harness.server.say({
          jsonrpc: '2.0',
          id: harness.server.id('logging/setLevel'),
          error: { code: -32601, message: 'no' },
        });
        await settle();
        expect(refused.lines).toMatchObject([{ error: { code: -32601 } }]);
      }
      const nonsense = a.call(request('2', 'logging/setLevel', '{"level":"loud"}'));
      await settle();
      expect([told(), nonsense.lines]).toEqual([['info', 'info', 'loud'], []]);
    });
  });

  it('the end of one session cancels its calls and leaves the other alone', async () => {
    const [a, b] = await two();
    const [gone, stays] = [a.call(request('1')), b.call(request('1'))];
    await settle();
    await a.end();
    await settle();
    const [one, other] = harness.server.of('tools/call');
    expect(harness.server.of('notifications/cancelled').map(({ params }) => params.requestId)).toEqual([
      one?.id,
    ]);
    harness.server.answer(one?.id);
    harness.server.answer(other?.id);
    await settle();
    expect(gone.lines).toMatchObject([{ error: { data: { code: 'unknown-session' } } }]);
    expect(stays.lines).toMatchObject([{ id: 1, result: {} }]);
    expect(harness.server.process.stopping).toBe(false);
  });

  it('subscriptions are counted: the server is told of the last one only', async () => {
    const [a, b] = await two();
    for (const client of [a, b]) client.call(subscribe('file:///x'));
    await settle();
    const early = a.call(unsubscribe('file:///x'));
    await settle();
    expect(early.lines).toMatchObject([{ result: {} }]);
    expect(harness.server.of('resources/unsubscribe')).toEqual([]);
    b.call(unsubscribe('file:///x'));
    await settle();
    expect(harness.server.of('resources/unsubscribe')).toHaveLength(1);
  });

  it('the subscriptions of a session that ends are taken back, unless another has them', async () => {
    const [a, b] = await two();
    for (const uri of ['file:///mine', 'file:///ours']) a.call(subscribe(uri));
    b.call(subscribe('file:///ours'));
    await settle();
    await a.end();
    await settle();
    expect(harness.server.of('resources/unsubscribe').map(({ params }) => params.uri)).toEqual([
      'file:///mine',
    ]);
  });

  it('one session has only so many, by number and by letters; what it gives back it may take again', async () => {
    harness = new Harness({ isolation, limits: { subscriptions: 2 } });
    const [a, b] = [await harness.session(), await harness.session()];
    const refused = { error: { code: -32000, data: { code: 'limit-reached' } } };
    for (const [at, uri] of ['file:///1', 'file:///2', 'file:///2'].entries())
      expect(a.call(subscribe(uri, String(at))).lines).toEqual([]);
    expect(a.call(subscribe('file:///3')).lines).toMatchObject([refused]);
    expect(b.call(subscribe('file:///3')).lines).toEqual([]);
    expect(b.call(subscribe(`file:///${'x'.repeat(1024 * 1024)}`)).lines).toMatchObject([refused]);
    a.call(unsubscribe('file:///1'));
    expect(a.call(subscribe('file:///3', '"again"')).lines).toEqual([]);
    await settle();
    expect(harness.server.of('resources/subscribe').map(({ params }) => params.uri)).toEqual([
      ...['file:///1', 'file:///2', 'file:///2', 'file:///3', 'file:///3'],
    ]);
  });

  it('an update of a resource goes to those who subscribed to it, by its decoded name', async () => {
    const [a, b] = await two();
    const listeners = [a.attach(), b.attach()];
    a.call(subscribe('file:///a'));
    b.call(subscribe('file:///b'));
    await settle();
    harness.server.say(
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:\\/\\/\\/\\u0061"}}',
    );
    harness.server.notify('notifications/resources/updated', { uri: 'file:///nobody' });
    harness.server.notify('notifications/resources/updated', {});
    await settle();
    expect(listeners.map(({ events }) => events.length)).toEqual([1, 0]);
  });

  it('an update of a part of a resource goes to those who subscribed to the whole, once to each', async () => {
    const [a, b] = await two();
    const listeners = [a.attach(), b.attach()];
    for (const uri of ['file:///a', 'file:///a/b', 'note://x/']) a.call(subscribe(uri));
    b.call(subscribe('file:///a/b'));
    await settle();
    const updated = async (uri: string): Promise<number[]> => {
      const before = listeners.map(({ events }) => events.length);
      harness.server.notify('notifications/resources/updated', { uri });
      await settle();
      return listeners.map(({ events }, at) => events.length - (before[at] ?? 0));
    };
    expect(await updated('file:///a/b/c')).toEqual([1, 1]);
    expect(await updated('file:///a/d')).toEqual([1, 0]);
    expect(await updated('file:///a#line-3')).toEqual([1, 0]);
    expect(await updated('note://x/y')).toEqual([1, 0]);
    // A name that begins like another one is none of its parts.
    expect(await updated('file:///ab')).toEqual([0, 0]);
    expect(await updated('file:///')).toEqual([0, 0]);
  });

  it('list changes and vendor notifications go to all', async () => {
    const listeners = (await two()).map((client) => client.attach());
    for (const list of ['tools', 'resources', 'prompts'])
      harness.server.notify(`notifications/${list}/list_changed`, {});
    harness.server.notify('acme/news', {});
    await settle();
    expect(listeners.map(({ events }) => events.length)).toEqual([4, 4]);
  });

  it('logs are dropped while there are two sessions, and come while there is one', async () => {
    const [a, b] = await two();
    const [one, two_] = [a.attach(), b.attach()];
    const call = a.call(request('1'));
    await settle();
    harness.server.notify('notifications/message', { data: 'whose?' });
    await settle();
    expect([one, two_, call].flatMap(({ events }) => events)).toEqual([]);
    await b.end();
    harness.server.notify('notifications/message', { data: 'yours' });
    await settle();
    expect(call.events).toHaveLength(1);
  });

  it('tasks are not offered, not taken and not told of', async () => {
    const [a, b] = await two();
    const listeners = [a.attach(), b.attach()];
    const answer = await harness.client().initialize();
    expect(Object.keys(answer.lines[0]?.result.capabilities)).toEqual(['tools', 'resources', 'logging']);
    const refused = a.call(request('1', 'tasks/list'));
    harness.server.notify('notifications/tasks/status', { taskId: 't' });
    await settle();
    expect(refused.lines).toMatchObject([{ id: 1, error: { code: -32601 } }]);
    expect(harness.server.of('tasks/list')).toEqual([]);
    expect(listeners.flatMap(({ events }) => events)).toEqual([]);
  });

  it('a request of the server is refused while it could be meant for either', async () => {
    const [a, b] = await two();
    const listeners = [a.attach(), b.attach()];
    const ask = async (): Promise<string | undefined> => {
      await settle();
      harness.server.say(request('"s"', 'elicitation/create'));
      await settle();
      return harness.server.texts.at(-1);
    };
    expect(await ask()).toContain('"id":"s","error":{"code":-32601');
    for (const client of [a, b]) client.call(request('1'));
    expect(await ask()).toContain('"id":"s","error":{"code":-32601');
    expect(listeners.flatMap(({ events }) => events)).toEqual([]);
  });

  it("a ping of the server is answered by us when it is nobody's", async () => {
    await two();
    harness.server.say('{"jsonrpc":"2.0","id":"p","method":"ping"}');
    await settle();
    expect(harness.server.texts.at(-1)).toBe('{"jsonrpc":"2.0","id":"p","result":{}}');
  });

  it('a request of the server reaches the only session there is', async () => {
    const [a, b] = await two();
    await b.end();
    const listener = a.attach();
    harness.server.say(request('"s"', 'roots/list'));
    await settle();
    await a.note(`{"jsonrpc":"2.0","id":${listener.lines[0]?.id},"result":{"roots":[]}}`);
    await settle();
    expect(harness.server.texts.at(-1)).toBe('{"jsonrpc":"2.0","id":"s","result":{"roots":[]}}');
  });
});

describe('a request of the server while one session has a call in flight', () => {
  async function ask(
    isolation: 'principal' | 'shared',
  ): Promise<{ a: TestClient; b: TestClient; asked: number[] }> {
    harness = new Harness({ isolation });
    const [a, b] = [await harness.session(), await harness.session()];
    const [call, listener] = [a.call(request('1')), b.attach()];
    await settle();
    harness.server.say(request('"s"', 'elicitation/create'));
    await settle();
    return { a, b, asked: [call.events.length, listener.events.length] };
  }

  it('belongs to that session by isolation principal', async () => {
    expect((await ask('principal')).asked).toEqual([1, 0]);
  });

  it('is refused by isolation shared', async () => {
    expect((await ask('shared')).asked).toEqual([0, 0]);
    expect(harness.server.texts.at(-1)).toContain('"error":{"code":-32601');
  });

  it('cannot be answered by another session, and gets an error when its own one ends', async () => {
    const { a, b } = await ask('principal');
    const before = harness.server.texts.length;
    // ours are counted up from the handshake, so a guess would succeed if it were not checked
    for (let id = 1; id < 20; id++) await b.note(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    await settle();
    expect(harness.server.texts.slice(before)).toEqual([]);
    await a.end();
    await settle();
    expect(harness.server.texts.slice(before)).toContainEqual(
      '{"jsonrpc":"2.0","id":"s","error":{"code":-32000,"message":"the client is gone"}}',
    );
  });
});

describe('processes that clients could make many of', () => {
  it('are one for all revisions that nobody knows, isolation shared', async () => {
    harness = new Harness({ isolation: 'shared' });
    for (let n = 0; n < 5; n++) await (await harness.session({ version: `2099-01-0${n}` })).end();
    const strange = harness.client().call(request('1', 'initialize', '{"protocolVersion":{"toString":1}}'));
    await settle();
    expect(harness.servers).toHaveLength(1);
    expect(strange.lines[0]?.result).toBeDefined();
  });

  it('are ended, the longest unused first, when there are as many as there may be sessions', async () => {
    harness = new Harness({ isolation: 'principal', limits: { sessions: 3 } });
    for (let n = 0; n < 5; n++) await (await harness.session({ capabilities: `{"x${n}":{}}` })).end();
    await settle();
    expect(harness.servers.map(({ closed }) => closed || undefined)).toHaveLength(5);
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, true, false, false, false]);
  });

  it('are as many as there may be, whatever the sessions on them: while all are used there is no other', async () => {
    harness = new Harness({ isolation: 'principal', processes: 2 });
    const first = await harness.session({ principal: 'a' });
    for (const principal of ['b', 'a', 'b']) await harness.session({ principal });
    const refused = harness.client({ principal: 'c' }).call(INITIALIZE);
    expect(refused.error).toMatchObject({ code: 'limit-reached', hint: expect.stringContaining('replicas') });
    await harness.session({ principal: 'b' });
    expect([harness.servers.length, harness.supervisor.activity('the-server')?.sessions]).toEqual([2, 5]);
    await first.end();
    expect(harness.client({ principal: 'c' }).call(INITIALIZE).error?.code).toBe('limit-reached');
  });

  it('make room as soon as nobody is on one of them', async () => {
    harness = new Harness({ isolation: 'principal', processes: 2 });
    const [first] = [await harness.session({ principal: 'a' }), await harness.session({ principal: 'b' })];
    await first.end();
    await harness.session({ principal: 'c' });
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, false, false]);
  });
});
