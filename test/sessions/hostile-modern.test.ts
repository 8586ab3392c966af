/** What hostile clients and servers of the modern lanes try: nothing throws, hangs, grows or crosses. */
import { afterEach, describe, expect, it } from 'vitest';
import { COLLECT } from '../../src/sessions/lanes/upgrade/call.ts';
import { Harness, type HarnessOptions, ORDINARY, settle, type TestReader } from './harness.ts';
import { ModernClient, parkOf } from './modern-client.ts';

const ID = 'io.modelcontextprotocol/subscriptionId';
const FORM = { elicitation: {} };
const DONE = { content: [] };

let harness: Harness;
afterEach(() => harness.close());

function start(options: HarnessOptions = {}, capabilities: unknown = FORM): ModernClient {
  harness = new Harness(options);
  return new ModernClient(harness, { capabilities });
}

async function ask(id: string, params: unknown = { message: '?' }, from = 0): Promise<void> {
  await settle();
  harness.servers[from]?.say(
    `{"jsonrpc":"2.0","id":${id},"method":"elicitation/create","params":${JSON.stringify(params)}}`,
  );
  await settle();
  harness.clock.advance(COLLECT);
  await settle();
}

describe('an answer of a client', () => {
  it.each<{ action: unknown }>([
    { action: { toString: 1 } },
    { action: { toString: null, valueOf: null } },
    { action: ['accept'] },
    { action: 1 },
    { action: null },
  ])('with the action $action is refused, and the call goes on waiting', async ({ action }) => {
    const client = start();
    const reader = client.send('tools/call', { name: 'ask', arguments: {} });
    await ask('"q"');
    const refused = await client.retry(parkOf(reader), { q: { action } });
    expect(refused.lines[0]?.error).toMatchObject({ code: -32602 });
    const again = await client.retry(parkOf(reader), { q: { action: 'accept' } });
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(again.lines[0]?.result).toMatchObject(DONE);
  });

  it('for a call of another method is refused (T-32)', async () => {
    const client = start();
    const reader = client.send('tools/call', { name: 'ask', arguments: {} });
    await ask('"q"');
    const answers = { q: { action: 'accept' } };
    const other = await client.retry(parkOf(reader), answers, { method: 'prompts/get' });
    expect(other.lines[0]?.error).toMatchObject({ code: -32602 });
    expect(harness.server.lines.filter(({ id }) => id === 'q')).toEqual([]);
  });
});

describe('capabilities', () => {
  it('too large to be kept are refused', async () => {
    const client = start();
    const reader = await client.call('tools/list', {}, { capabilities: { x: 'x'.repeat(64 * 1024) } });
    expect(reader.lines[0]?.error).toMatchObject({ code: -32602 });
    expect(harness.servers).toEqual([]);
  });
});

describe('a process that dies', () => {
  it('takes the calls with it that wait for their turn', async () => {
    const client = start();
    const calls = ['a', 'b'].map((name) => client.send('tools/call', { name, arguments: {} }));
    await ask('"whose?"');
    const queued = ['c', 'd', 'e'].map((name) => client.send('tools/call', { name, arguments: {} }));
    await settle();
    harness.server.process.crash();
    await settle();
    const ends = [...calls, ...queued].map(({ lines }) => lines[0]?.error?.message);
    expect(ends).toEqual(ends.map(() => expect.stringContaining('the server process ended')));
    // And the next one is served.
    const next = await client.call('tools/call', { name: 'f', arguments: {} });
    const second = harness.servers[1];
    second?.answer(second.id('tools/call'), DONE);
    await settle();
    expect(next.lines[0]?.result).toMatchObject(DONE);
  });

  it('while headers are checked does not leave the call, or a process, behind', async () => {
    for (const eras of [['legacy'], ['modern']] as const) {
      const client = start({ eras });
      const reader = client.send('tools/call', { name: 'a', arguments: {} }, { modern: { params: {} } });
      await settle();
      harness.server.process.crash();
      await settle();
      const next = harness.servers[1];
      if (next) {
        next.answer(next.id('tools/call'), DONE);
        await settle();
      }
      expect([eras, reader.ends]).toEqual([eras, ['complete']]);
      await harness.close();
      expect(harness.servers.map(({ process }) => process.exit !== undefined)).toEqual(
        harness.servers.map(() => true),
      );
    }
  });

  it('takes a call with it that was to ask before it was made', async () => {
    const client = start({}, { elicitation: {}, roots: {} });
    await client.call('tools/list');
    harness.server.say('{"jsonrpc":"2.0","id":"r","method":"roots/list"}');
    await settle();
    const reader = await client.call('tools/call', { name: 'ask', arguments: {} });
    harness.server.process.crash();
    await settle();
    const retried = await client.retry(parkOf(reader), { r: { roots: [] } });
    expect(retried.lines[0]?.error?.message).toContain('the server process ended');
    expect(harness.servers).toHaveLength(1);
  });
});

describe('a process that is being ended', () => {
  it('asks nobody on the next one', async () => {
    let refuses = true;
    const client = start({
      answers: {
        initialize: (line) =>
          refuses ? { error: { code: -32603, message: 'no' } } : ORDINARY.initialize(line),
      },
    });
    await client.call('tools/list');
    refuses = false;
    const reader = client.send('tools/call', { name: 'ask', arguments: {} });
    await settle();
    expect(harness.servers).toHaveLength(2);
    await ask('"late"');
    expect(reader.lines).toEqual([]);
  });
});

describe('a server that never answers', () => {
  it('initialize is given up after its time, and the next request starts another', async () => {
    let silent = true;
    const client = start({
      answers: { initialize: (line) => (silent ? undefined : ORDINARY.initialize(line)) },
      limits: { startTimeout: 60_000 },
    });
    const reader = await client.call('tools/list');
    for (let n = 0; n < 2; n++) harness.clock.advance(60_000);
    await settle();
    expect(reader.lines[0]?.error?.data).toMatchObject({ phase: 'handshake' });
    expect(harness.server.process.stopping).toBe(true);
    silent = false;
    client.send('tools/list');
    await settle();
    expect(harness.servers[1]?.of('tools/list')).toHaveLength(1);
  });

  it('tools/list does not keep its process', async () => {
    for (const eras of [['legacy'], ['modern']] as const) {
      const client = start({ eras });
      const reader = client.send('tools/call', { name: 'a', arguments: {} }, { modern: { params: {} } });
      await settle();
      harness.clock.advance(5_000);
      await settle();
      harness.server.answer(harness.server.id('tools/call'), DONE);
      await settle();
      expect(reader.ends).toEqual(['complete']);
      harness.clock.advance(2 * harness.definition.limits.idle);
      await settle();
      expect([eras, harness.server.process.stopping]).toEqual([eras, true]);
      await harness.close();
    }
  });

  it('resources/subscribe does not leave a listen that hears nothing', async () => {
    const client = start();
    const reader = await client.call('subscriptions/listen', {
      notifications: { resourceSubscriptions: ['test://a'] },
    });
    await harness.supervisor.undefine(harness.definition.id, { force: false });
    await settle();
    expect(reader.lines.at(-1)?.result).toMatchObject({ resultType: 'complete' });
  });
});

describe('a process for each call', () => {
  it('is not ended while the headers of its call are checked', async () => {
    const client = start({ isolation: 'call' });
    const reader = client.send('tools/call', { name: 'a', arguments: {} }, { modern: { params: {} } });
    await settle();
    harness.clock.advance(1_000);
    await settle();
    harness.server.answer(harness.server.id('tools/list'), { tools: [] });
    await settle();
    harness.server.answer(harness.server.id('tools/call'), DONE);
    await settle();
    expect(reader.lines[0]?.result).toMatchObject(DONE);
  });
});

describe('listens beside a process that died', () => {
  const legacy = async (client: ModernClient, id: string) => {
    const reader = await client.call(
      'subscriptions/listen',
      { notifications: { resourceSubscriptions: ['test://a'] } },
      { id },
    );
    const server = harness.servers.at(-1);
    for (const { id: asked } of server?.of('resources/subscribe') ?? []) server?.answer(asked);
    await settle();
    return reader;
  };

  it('that end do not take the subscription of those on the next one', async () => {
    const client = start();
    const old = await legacy(client, '"old"');
    harness.server.process.crash();
    await settle();
    const reader = await legacy(client, '"new"');
    old.attachment?.detach();
    await settle();
    const second = harness.servers[1];
    expect(second?.of('resources/unsubscribe')).toEqual([]);
    harness.clock.advance(1_000);
    await settle();
    expect(reader.lines.map(({ method }) => method)).toEqual(['notifications/subscriptions/acknowledged']);
    reader.attachment?.detach();
    await settle();
    expect(second?.of('resources/unsubscribe')).toHaveLength(1);
  });

  it('that end do not cancel a call of the next one', async () => {
    const client = start({ eras: ['modern'] });
    const listen = client.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await settle();
    const id = harness.server.id('subscriptions/listen');
    harness.server.notify('notifications/subscriptions/acknowledged', {
      notifications: {},
      _meta: { [ID]: id },
    });
    await settle();
    harness.server.process.crash();
    await settle();
    const reader = await client.call('tools/call', { name: 'a', arguments: {} });
    listen.attachment?.detach();
    await settle();
    const second = harness.servers[1];
    expect(second?.of('notifications/cancelled')).toEqual([]);
    second?.answer(second.id('tools/call'), { resultType: 'complete' });
    await settle();
    expect(reader.lines[0]?.result).toEqual({ resultType: 'complete' });
  });

  it('go on through many deaths, when each process ran well', async () => {
    const client = start({ eras: ['modern'] });
    const reader = client.send('subscriptions/listen', { notifications: { toolsListChanged: true } });
    for (let n = 0; n < 10; n++) {
      await settle();
      const server = harness.servers.at(-1);
      const id = server?.id('subscriptions/listen');
      server?.notify('notifications/subscriptions/acknowledged', { notifications: {}, _meta: { [ID]: id } });
      await settle();
      harness.clock.advance(60 * 60_000);
      server?.process.crash();
      await settle();
      harness.clock.advance(30_000);
    }
    await settle();
    expect(reader.ends).toEqual([]);
    expect(harness.servers).toHaveLength(11);
  });

  it('are completed when two of them are acknowledged by every process that dies soon', async () => {
    const client = start({ eras: ['modern'] });
    const readers = ['"a"', '"b"'].map((id) =>
      client.send('subscriptions/listen', { notifications: { toolsListChanged: true } }, { id }),
    );
    for (let n = 0; n < 20 && readers[0]?.ends.length === 0; n++) {
      await settle();
      const server = harness.servers.at(-1);
      for (const { id } of server?.of('subscriptions/listen') ?? [])
        server?.notify('notifications/subscriptions/acknowledged', {
          notifications: {},
          _meta: { [ID]: id },
        });
      await settle();
      harness.clock.advance(50_000);
      server?.process.crash();
      await settle();
      harness.clock.advance(30_000);
    }
    expect(readers.map(({ ends }) => ends)).toEqual([['complete'], ['complete']]);
  });
});

describe.each(['legacy', 'modern'] as const)('requests in flight on a %s server (T-36)', (era) => {
  const notifications = { toolsListChanged: true };

  it.each(['tools/call', 'subscriptions/listen'])(
    '%s: hold 64 MiB of one principal at most',
    async (method) => {
      const client = start({ eras: [era] });
      const pad = 'x'.repeat(4_000_000);
      const members = { name: 'slow', notifications, pad };
      await client.call('tools/list');
      const readers: TestReader[] = [];
      for (let n = 0; n < 30; n++) readers.push(await client.call(method, members));
      expect(readers.flatMap(({ lines }) => lines.filter(({ error }) => error))).toEqual([]);
      const [taken, refused] = [true, false].map((ok) => readers.filter(({ error }) => !error === ok));
      expect(taken).toHaveLength(17);
      expect(refused?.every(({ error }) => error?.code === 'limit-reached')).toBe(true);
      const bob = new ModernClient(harness, { principal: 'bob', capabilities: FORM });
      expect((await bob.call(method, members)).error).toBeUndefined();
      taken?.[0]?.attachment?.detach();
      await settle();
      expect(client.send(method, members).error).toBeUndefined();
    },
  );

  it('are 1,024 of one principal at most, however many it asks for', async () => {
    const client = start({ eras: [era] });
    await client.call('tools/list');
    harness.server.answer(harness.server.id('tools/list'), { resultType: 'complete', tools: [] });
    await settle();
    const readers = Array.from({ length: 1_100 }, () =>
      client.send('subscriptions/listen', { notifications }),
    );
    await settle();
    expect(readers.filter(({ error }) => error === undefined)).toHaveLength(1_024);
    expect(harness.servers).toHaveLength(1);
    const bob = new ModernClient(harness, { principal: 'bob', capabilities: FORM });
    expect((await bob.call('subscriptions/listen', { notifications })).error).toBeUndefined();
  });
});

describe('parked calls', () => {
  it('of one principal hold no more bytes than they may, whatever their servers ask and answer', async () => {
    const client = start();
    const large = 'x'.repeat(3 * 1024 * 1024);
    let reader = client.send('tools/call', { name: 'ask', arguments: {} });
    let rounds = 0;
    for (; rounds < 20; rounds++) {
      await ask(`"q${rounds}"`, { message: large });
      const { park } = reader.events.at(-1) ?? {};
      if (!park) break;
      reader = await client.retry(park, { [`q${rounds}`]: { action: 'accept' } });
    }
    expect(rounds).toBeLessThan(6);
    expect(reader.lines.at(-1)?.error?.message).toContain('wait for answers of their clients');
  });

  it('keep no results beyond that either', async () => {
    const client = start();
    const readers = [];
    for (let n = 0; n < 4; n++) {
      readers.push(client.send('tools/call', { name: `ask${n}`, arguments: {} }));
      await ask(`"q${n}"`);
    }
    const text = 'x'.repeat(6 * 1024 * 1024);
    for (const { id } of harness.server.of('tools/call')) harness.server.answer(id, { ...DONE, text });
    await settle();
    const results = [];
    for (const [n, reader] of readers.entries()) {
      const members = { name: `ask${n}`, arguments: {} };
      const retried = await client.retry(parkOf(reader), { [`q${n}`]: { action: 'accept' } }, { members });
      results.push(retried.lines[0]?.result ? 'result' : retried.lines[0]?.error?.message);
    }
    expect(results).toEqual(['result', 'result', refusal, refusal]);
  });
});

const refusal = expect.stringContaining('wait for answers of their clients');
