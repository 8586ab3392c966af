/** Parked calls: a legacy server asks, its modern client answers with a retry, the call runs once (data-path.md section 7). */
import { afterEach, describe, expect, it } from 'vitest';
import { MOST_PARKED, PARK_TIME } from '../../src/sessions/lanes/modern/parked-calls.ts';
import { COLLECT } from '../../src/sessions/lanes/upgrade/call.ts';
import { Harness, settle, type TestReader } from './harness.ts';
import { ModernClient, parkOf } from './modern-client.ts';

const EVERYTHING = { elicitation: {}, sampling: {}, roots: {} };
const ACCEPT = { action: 'accept', content: { ok: true } };
const DONE = { content: [{ type: 'text', text: 'done' }] };

let harness: Harness;
afterEach(() => harness.close());

function start(capabilities: unknown = EVERYTHING): ModernClient {
  harness = new Harness();
  return new ModernClient(harness, { capabilities });
}

function ask(id: string, method = 'elicitation/create', params: unknown = { message: 'sure?' }): void {
  harness.server.say(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params)}}`);
}

/** The time in which questions are collected passes. */
async function collected(): Promise<void> {
  await settle();
  harness.clock.advance(COLLECT);
  await settle();
}

/** A call whose server has asked once. */
async function parked(client: ModernClient, key = '"user_name"'): Promise<TestReader> {
  const reader = client.send('tools/call', { name: 'ask', arguments: {} });
  await settle();
  ask(key);
  await collected();
  return reader;
}

function callsMade(): number {
  return harness.server.of('tools/call').length;
}

describe('a question of the server', () => {
  it('is the answer of the call, under the server’s own id, with a place for the state', async () => {
    const reader = await parked(start());
    expect(reader.lines).toMatchObject([
      {
        result: {
          resultType: 'input_required',
          inputRequests: { user_name: { method: 'elicitation/create', params: { message: 'sure?' } } },
        },
      },
    ]);
    const { at, round } = parkOf(reader);
    const text = reader.texts[0] as string;
    expect(round).toBe(1);
    const sealed = `${text.slice(0, at)}"requestState":"s",${text.slice(at)}`;
    expect(JSON.parse(sealed).result).toMatchObject({ requestState: 's', resultType: 'input_required' });
    expect(reader.ends).toEqual(['complete']);
  });

  it('is answered by a retry, and the same call goes on', async () => {
    const client = start();
    const reader = await parked(client);
    const second = await client.retry(parkOf(reader), { user_name: ACCEPT }, { id: '"two"' });
    expect(harness.server.lines.at(-1)).toEqual({ jsonrpc: '2.0', id: 'user_name', result: ACCEPT });
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(second.lines).toMatchObject([{ id: 'two', result: { resultType: 'complete', ...DONE } }]);
    expect(callsMade()).toBe(1);
  });

  it('comes together with those that follow at once', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 'ask' });
    await settle();
    ask('1');
    ask('"1"', 'sampling/createMessage', { messages: [], maxTokens: 1 });
    ask('2', 'roots/list');
    await collected();
    expect(
      Object.entries(reader.lines[0]?.result.inputRequests).map(([key, one]) => [
        key,
        (one as { method: string }).method,
      ]),
    ).toEqual([
      ['1', 'elicitation/create'],
      ['2', 'roots/list'],
      ['1-2', 'sampling/createMessage'],
    ]);
  });

  it('that is late is asked in the next round', async () => {
    const client = start();
    const reader = await parked(client, '1');
    ask('2', 'roots/list', {});
    await settle();
    const second = await client.retry(
      parkOf(reader),
      { 1: ACCEPT },
      { members: { name: 'ask', arguments: {} } },
    );
    expect(Object.keys(second.lines[0]?.result.inputRequests)).toEqual(['2']);
    const third = await client.retry(parkOf(second), { 2: { roots: [] } });
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(third.lines).toMatchObject([{ result: DONE }]);
    expect(callsMade()).toBe(1);
  });

  it('may follow on an answer, round after round', async () => {
    const client = start();
    let reader = await parked(client, '1');
    for (const id of ['2', '3']) {
      const next = await client.retry(parkOf(reader), { [Number(id) - 1]: ACCEPT });
      ask(id);
      await collected();
      expect(parkOf(next).round).toBe(Number(id));
      reader = next;
    }
    expect(callsMade()).toBe(1);
  });

  it('that the client did not declare is refused to the server, and is the error of the call', async () => {
    const client = start({ elicitation: {} });
    const reader = client.send('tools/call', { name: 'ask' });
    await settle();
    const call = harness.server.id('tools/call');
    ask('1', 'sampling/createMessage', { messages: [] });
    await settle();
    expect(reader.lines[0]?.error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { sampling: {} } },
    });
    expect(harness.server.lines.find(({ id, error }) => id === 1 && error)).toBeDefined();
    expect(harness.server.of('notifications/cancelled')).toMatchObject([{ params: { requestId: call } }]);
  });

  it.each([
    [
      { elicitation: {} },
      { mode: 'url', url: 'https://x', elicitationId: 'e' },
      { elicitation: { url: {} } },
    ],
    [{ elicitation: { url: {} } }, { message: 'form' }, { elicitation: { form: {} } }],
  ])('with %j of the client cannot ask %j', async (capabilities, params, requiredCapabilities) => {
    const client = start(capabilities);
    const reader = client.send('tools/call', { name: 'ask' });
    await settle();
    ask('1', 'elicitation/create', params);
    await settle();
    expect(reader.lines[0]?.error).toMatchObject({ code: -32021, data: { requiredCapabilities } });
  });

  it('about a URL loses the id that only the legacy era has', async () => {
    const client = start({ elicitation: { url: {} } });
    const reader = client.send('tools/call', { name: 'ask' });
    await settle();
    ask('1', 'elicitation/create', { mode: 'url', url: 'https://x', elicitationId: 'e', message: 'm' });
    await collected();
    expect(reader.lines[0]?.result.inputRequests['1'].params).toEqual({
      mode: 'url',
      url: 'https://x',
      message: 'm',
    });
  });
});

describe('answers', () => {
  it('that are not all there are passed on, and the rest is asked again', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 'ask' });
    await settle();
    ask('1');
    ask('2', 'roots/list', {});
    await collected();
    const second = await client.retry(
      parkOf(reader),
      { 1: ACCEPT, unknown: 1 },
      { members: { name: 'ask' } },
    );
    expect(harness.server.lines.at(-1)).toEqual({ jsonrpc: '2.0', id: 1, result: ACCEPT });
    expect(Object.keys(second.lines[0]?.result.inputRequests)).toEqual(['2']);
    expect(parkOf(second).round).toBe(2);
  });

  it('that are not there at all are asked for again', async () => {
    const client = start();
    const reader = await parked(client);
    const second = await client.retry(parkOf(reader), { wrong: ACCEPT });
    expect(Object.keys(second.lines[0]?.result.inputRequests)).toEqual(['user_name']);
  });

  it.each([12345, null, [], { action: 'maybe' }])(
    'of the wrong shape (%j) leave the call as it was',
    async (answer) => {
      const client = start();
      const reader = await parked(client);
      const wrong = await client.retry(parkOf(reader), { user_name: answer });
      expect(wrong.lines[0]?.error).toMatchObject({ code: -32602 });
      const right = await client.retry(parkOf(reader), { user_name: ACCEPT });
      harness.server.answer(harness.server.id('tools/call'), DONE);
      await settle();
      expect(right.lines).toMatchObject([{ result: DONE }]);
    },
  );

  it('given twice at once bring one result to both', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    const both = [
      await client.retry(park, { user_name: ACCEPT }, { id: '"a"' }),
      await client.retry(park, { user_name: ACCEPT }, { id: '"b"' }),
    ];
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(both.flatMap(({ lines }) => lines)).toMatchObject([
      { id: 'a', result: DONE },
      { id: 'b', result: DONE },
    ]);
    expect([callsMade(), harness.server.lines.filter(({ id }) => id === 'user_name').length]).toEqual([1, 1]);
  });

  it('given again bring the kept result, for a minute', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    await client.retry(park, { user_name: ACCEPT });
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    const again = await client.retry(park, { user_name: ACCEPT });
    expect(again.lines).toMatchObject([{ result: DONE }]);
    harness.clock.advance(61_000);
    const late = await client.retry(park, { user_name: ACCEPT });
    expect(late.lines[0]?.error).toMatchObject({ code: -32602 });
    expect(callsMade()).toBe(1);
  });

  it('that differ from those given before are refused', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    await client.retry(park, { user_name: ACCEPT });
    const other = await client.retry(park, { user_name: { action: 'decline' } });
    expect(other.lines[0]?.error).toMatchObject({ code: -32602 });
  });

  it('to other parameters are refused, whatever their order says', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    const other = await client.retry(
      park,
      { user_name: ACCEPT },
      { members: { name: 'ask', arguments: { x: 1 } } },
    );
    expect(other.lines[0]?.error).toMatchObject({ code: -32602 });
    const same = await client.retry(park, { user_name: ACCEPT }, { members: { arguments: {}, name: 'ask' } });
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(same.lines).toMatchObject([{ result: DONE }]);
  });

  it('without state belong to no call: a new one is made without them', async () => {
    const client = start();
    await client.call('tools/call', { name: 'ask', inputResponses: { x: ACCEPT } });
    expect(harness.server.of('tools/call')[0]?.params).toEqual({ name: 'ask', _meta: {} });
  });

  it('with a state that is not ours are refused', async () => {
    const client = start();
    const reader = await client.call('tools/call', { name: 'ask', requestState: 'forged' });
    expect(reader.lines[0]?.error).toMatchObject({ code: -32602 });
    expect(harness.servers).toHaveLength(0);
  });

  it('of another principal do not find the call', async () => {
    const park = parkOf(await parked(start()));
    const eve = new ModernClient(harness, { principal: 'eve', capabilities: EVERYTHING });
    const reader = await eve.retry(park, { user_name: ACCEPT });
    expect(reader.lines[0]?.error).toMatchObject({ code: -32602 });
  });
});

describe('while nobody answers', () => {
  it('the call has no deadline and its process does not idle', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    harness.clock.advance(PARK_TIME - 10_000);
    await settle();
    expect(harness.server.process.stopping).toBe(false);
    const second = await client.retry(park, { user_name: ACCEPT });
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(second.lines).toMatchObject([{ result: DONE }]);
  });

  it('too long, the server is told, and the retry gets a clear error', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    harness.clock.advance(PARK_TIME + 2_000);
    await settle();
    expect(harness.server.of('notifications/cancelled')).toHaveLength(1);
    const late = await client.retry(park, { user_name: ACCEPT });
    expect(late.lines[0]?.error).toMatchObject({ code: -32602, message: expect.stringContaining('over') });
  });

  it('and the server gives up, its result is kept for the retry', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    harness.server.answer(harness.server.id('tools/call'), { isError: true, content: [] });
    await settle();
    harness.clock.advance(PARK_TIME - 60_000);
    const late = await client.retry(park, { user_name: ACCEPT });
    expect(late.lines).toMatchObject([{ result: { isError: true, resultType: 'complete' } }]);
  });

  it('and the process dies, the retry gets the reason', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    harness.server.process.crash({ code: 9, signal: null });
    await settle();
    const late = await client.retry(park, { user_name: ACCEPT });
    expect(late.lines[0]?.error).toMatchObject({ code: -32603, data: { exitCode: 9 } });
  });

  it(`more than ${MOST_PARKED} calls of a principal do not wait`, async () => {
    const client = start();
    const readers: TestReader[] = [];
    for (let n = 0; n < 500; n++) readers.push(await parked(client, `"q${n}"`));
    const waiting = readers.filter(({ lines }) => lines[0]?.result?.resultType === 'input_required');
    const refused = readers.filter(({ lines }) => lines[0]?.error?.code === -32000);
    expect([waiting.length, refused.length]).toEqual([MOST_PARKED, 500 - MOST_PARKED]);
    const bob = new ModernClient(harness, { principal: 'bob', capabilities: EVERYTHING });
    expect((await bob.call('server/discover')).lines[0]?.result).toBeDefined();
  });

  it('the client that leaves while the server works cancels the call', async () => {
    const client = start();
    const park = parkOf(await parked(client));
    const second = await client.retry(park, { user_name: ACCEPT });
    second.attachment?.detach();
    await settle();
    expect(harness.server.of('notifications/cancelled')).toHaveLength(1);
  });
});

describe('whose question it is', () => {
  it('nobody can say while two calls run: the server gets an error, and from then on they run one at a time', async () => {
    const client = start();
    const readers = [1, 2].map((n) => client.send('tools/call', { name: `t${n}` }));
    await settle();
    ask('1');
    await settle();
    expect(harness.server.lines.at(-1)).toMatchObject({ id: 1, error: { code: -32603 } });
    for (const { id } of harness.server.of('tools/call')) harness.server.answer(id, DONE);
    await settle();
    expect(readers.flatMap(({ lines }) => lines)).toMatchObject([{ result: DONE }, { result: DONE }]);
    client.send('tools/call', { name: 't3' });
    client.send('tools/call', { name: 't4' });
    client.send('tools/list');
    await settle();
    expect(harness.server.of('tools/call').map(({ params }) => params.name)).toEqual(['t1', 't2', 't3']);
    expect(harness.server.of('tools/list')).toHaveLength(1);
    ask('2');
    await collected();
    expect(harness.server.of('tools/call').map(({ params }) => params.name)).toEqual([
      't1',
      't2',
      't3',
      't4',
    ]);
  });

  it('is clear while others wait for their clients', async () => {
    const client = start();
    await parked(client, '1');
    const second = await parked(client, '2');
    expect(Object.keys(second.lines[0]?.result.inputRequests)).toEqual(['2']);
  });

  it('calls that cannot ask do not matter', async () => {
    const client = start();
    client.send('tools/list');
    const reader = await parked(client);
    expect(parkOf(reader).round).toBe(1);
  });

  it('nobody’s, it is refused', async () => {
    const client = start();
    await client.call('server/discover');
    ask('7');
    await settle();
    expect(harness.server.lines.at(-1)).toMatchObject({ id: 7, error: { code: -32603 } });
  });

  it('the roots right after the handshake are asked of the next call, before it is made, and remembered', async () => {
    const client = start();
    await client.call('server/discover');
    ask('1', 'roots/list', {});
    await settle();
    const reader = await client.call('tools/call', { name: 'ask', arguments: {} });
    expect([callsMade(), reader.lines[0]?.result.inputRequests]).toMatchObject([
      0,
      { 1: { method: 'roots/list' } },
    ]);
    const roots = { roots: [{ uri: 'file:///r' }] };
    const second = await client.retry(parkOf(reader), { 1: roots });
    expect([callsMade(), harness.server.lines.find(({ id, result }) => id === 1 && result)?.result]).toEqual([
      1,
      roots,
    ]);
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(second.lines).toMatchObject([{ result: DONE }]);
    ask('2', 'roots/list', {});
    await settle();
    expect(harness.server.lines.at(-1)).toEqual({ jsonrpc: '2.0', id: 2, result: roots });
  });
});

describe('URLs that must be visited first (-32042)', () => {
  const error = {
    code: -32042,
    message: 'visit',
    data: { elicitations: [{ mode: 'url', elicitationId: 'e', url: 'https://x', message: 'm' }] },
  };

  it('are asked for, and the call is made again after the answer', async () => {
    const client = start({ elicitation: { url: {} } });
    const reader = client.send('tools/call', { name: 'ask', arguments: {} });
    await settle();
    harness.server.say({ jsonrpc: '2.0', id: harness.server.id('tools/call'), error });
    await settle();
    expect(reader.lines[0]?.result.inputRequests).toEqual({
      'url-1': { method: 'elicitation/create', params: { mode: 'url', url: 'https://x', message: 'm' } },
    });
    const second = await client.retry(parkOf(reader), { 'url-1': { action: 'accept' } });
    expect(callsMade()).toBe(2);
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(second.lines).toMatchObject([{ result: DONE }]);
  });

  it('are an error for a client that opens none', async () => {
    const client = start({ elicitation: {} });
    const reader = client.send('tools/call', { name: 'ask' });
    await settle();
    harness.server.say({ jsonrpc: '2.0', id: harness.server.id('tools/call'), error });
    await settle();
    expect(reader.lines[0]?.error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    });
  });
});
