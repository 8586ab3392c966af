/** A legacy client is told of changes without asking, and subscribes to resources one by one; a modern server has one filter for all. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Harness, request, settle, type TestClient, type TestReader } from './harness.ts';
import {
  acknowledge,
  DISCOVERED,
  MODERN,
  modernHarness,
  QUIET,
  report,
  SUBSCRIPTION,
} from './modern-server.ts';

let harness: Harness;
afterEach(() => harness.close());

const CHANGED = 'notifications/tools/list_changed';
const UPDATED = 'notifications/resources/updated';

/** What the server was asked to report, newest last. */
function filters(): unknown[] {
  return harness.server.of('subscriptions/listen').map(({ params }) => params.notifications);
}

function cancelled(): unknown[] {
  return harness.server.of('notifications/cancelled').map(({ params }) => params.requestId);
}

function methods({ lines }: TestReader): unknown[] {
  return lines.map(({ method }) => method);
}

describe('list changes', () => {
  let client: TestClient;
  let listener: TestReader;
  beforeEach(async () => {
    harness = modernHarness({ answers: MODERN });
    client = await harness.session();
    listener = client.attach();
  });

  it('are asked for at once, all that the server offers, with who asks', () => {
    expect(filters()).toEqual([{ toolsListChanged: true, resourcesListChanged: true }]);
    expect(Object.keys(harness.server.of('subscriptions/listen')[0]?.params._meta)).toHaveLength(3);
  });

  it('reach the client without the name of the subscription, and its acknowledgement does not', async () => {
    acknowledge(harness.server);
    report(harness.server, CHANGED);
    harness.server.say(
      `{"jsonrpc":"2.0","method":"${CHANGED}","params":{"_meta":{"${SUBSCRIPTION}":2,"acme/n":1.0},"z":1e400}}`,
    );
    await settle();
    expect(listener.texts).toEqual([
      `{"jsonrpc":"2.0","method":"${CHANGED}","params":{}}`,
      `{"jsonrpc":"2.0","method":"${CHANGED}","params":{"_meta":{"acme/n":1.0},"z":1e400}}`,
    ]);
  });

  it('that name another subscription, or come before the acknowledgement, are dropped', async () => {
    report(harness.server, CHANGED);
    acknowledge(harness.server);
    report(harness.server, CHANGED, {}, { id: 77 });
    report(harness.server, CHANGED, {}, { id: '2' });
    await settle();
    expect(listener.events).toEqual([]);
  });

  it('wait for a client that does not listen yet', async () => {
    client = await harness.session();
    const server = harness.servers[1];
    if (!server) throw new Error('no second process');
    acknowledge(server);
    report(server, CHANGED);
    await settle();
    expect(methods(client.attach())).toEqual([CHANGED]);
  });

  it('that name no subscription, as those of a vendor, pass on a process of its own', async () => {
    harness.server.notify('acme/vendor', { a: 1 });
    await settle();
    expect(listener.lines).toEqual([{ jsonrpc: '2.0', method: 'acme/vendor', params: { a: 1 } }]);
  });
});

it('a server that offers no list changes is asked for none', async () => {
  harness = modernHarness();
  await harness.session();
  expect(filters()).toEqual([]);
});

describe('a subscription that breaks', () => {
  let listener: TestReader;
  beforeEach(async () => {
    harness = modernHarness({ answers: MODERN });
    listener = (await harness.session()).attach();
    acknowledge(harness.server);
    await settle();
  });

  it.each([
    ['is answered', () => harness.server.answer(2, { resultType: 'complete', _meta: { [SUBSCRIPTION]: 2 } })],
    ['fails', () => harness.server.say('{"jsonrpc":"2.0","id":2,"error":{"code":-32000,"message":"down"}}')],
    ['is cancelled by the server', () => harness.server.notify('notifications/cancelled', { requestId: 2 })],
  ])('because it %s is asked for again, and everything is reported as changed once', async (_how, end) => {
    end();
    await settle();
    harness.clock.advance(999);
    await settle();
    expect(filters()).toHaveLength(1);
    harness.clock.advance(1);
    await settle();
    expect(filters()).toHaveLength(2);
    expect(listener.events).toEqual([]);
    acknowledge(harness.server);
    await settle();
    expect(methods(listener)).toEqual([CHANGED, 'notifications/resources/list_changed']);
    report(harness.server, CHANGED);
    await settle();
    expect(listener.events).toHaveLength(3);
  });

  it('again and again is asked for less and less often', async () => {
    const waits: number[] = [];
    for (let n = 0; n < 8; n++) {
      const known = filters().length;
      harness.server.answer(harness.server.id('subscriptions/listen'), { resultType: 'complete' });
      await settle();
      let waited = 0;
      while (filters().length === known) {
        harness.clock.advance(1_000);
        waited += 1_000;
        await settle();
      }
      waits.push(waited);
      acknowledge(harness.server);
      await settle();
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1_000));
  });

  it('after a good while is asked for soon', async () => {
    for (let n = 0; n < 3; n++) {
      harness.server.answer(harness.server.id('subscriptions/listen'), { resultType: 'complete' });
      await settle();
      harness.clock.advance(4_000);
      await settle();
      acknowledge(harness.server);
      await settle();
    }
    harness.clock.advance(60_000);
    harness.server.answer(harness.server.id('subscriptions/listen'), { resultType: 'complete' });
    await settle();
    harness.clock.advance(1_000);
    await settle();
    expect(filters()).toHaveLength(5);
  });

  it('is not asked for when the session is over', async () => {
    harness.server.answer(2, { resultType: 'complete' });
    await settle();
    await harness.close();
    harness.clock.advance(120_000);
    await settle();
    expect(filters()).toHaveLength(1);
  });
});

it('a subscription that is not acknowledged in time is asked for again', async () => {
  harness = modernHarness({ answers: MODERN });
  await harness.session();
  harness.clock.advance(30_000);
  await settle();
  expect(cancelled()).toEqual([2]);
  harness.clock.advance(1_000);
  await settle();
  expect(filters()).toHaveLength(2);
});

it('a server that does not know subscriptions at all is not asked again', async () => {
  const error = { code: -32601, message: 'Method not found' };
  harness = modernHarness({ answers: { ...MODERN, 'subscriptions/listen': () => ({ error }) } });
  await harness.session();
  harness.clock.advance(10 * 60_000);
  await settle();
  expect(filters()).toHaveLength(1);
});

describe('resources/subscribe', () => {
  let client: TestClient;
  let listener: TestReader;
  beforeEach(async () => {
    harness = modernHarness();
    client = await harness.session();
    listener = client.attach();
  });

  let ids = 10;
  async function change(method: 'subscribe' | 'unsubscribe', uri: string): Promise<TestReader> {
    const reader = client.call(request(`${ids++}`, `resources/${method}`, JSON.stringify({ uri })));
    await settle();
    return reader;
  }

  async function subscribed(...uris: string[]): Promise<void> {
    for (const uri of uris) {
      await change('subscribe', uri);
      acknowledge(harness.server);
      await settle();
    }
  }

  it('is answered when the server has acknowledged it, and its updates reach the client', async () => {
    const reader = await change('subscribe', 'a:1');
    expect(filters()).toEqual([{ resourceSubscriptions: ['a:1'] }]);
    expect(reader.events).toEqual([]);
    acknowledge(harness.server);
    await settle();
    expect(reader.lines).toMatchObject([{ result: {} }]);
    report(harness.server, UPDATED, { uri: 'a:1' });
    await settle();
    expect(listener.lines).toEqual([{ jsonrpc: '2.0', method: UPDATED, params: { uri: 'a:1' } }]);
  });

  it('asks for the new set before it gives up the old one', async () => {
    await subscribed('a:1');
    const first = harness.server.of('subscriptions/listen')[0];
    const reader = await change('subscribe', 'a:2');
    expect(filters().at(-1)).toEqual({ resourceSubscriptions: ['a:1', 'a:2'] });
    expect(cancelled()).toEqual([]);
    report(harness.server, UPDATED, { uri: 'a:1' }, first);
    await settle();
    expect(listener.events).toHaveLength(1);
    acknowledge(harness.server);
    await settle();
    expect(cancelled()).toEqual([first?.id]);
    expect(reader.lines).toMatchObject([{ result: {} }]);
    report(harness.server, UPDATED, { uri: 'a:1' }, first);
    await settle();
    expect(listener.events).toHaveLength(1);
  });

  it('keeps the list changes', async () => {
    await harness.close();
    harness = modernHarness({ answers: MODERN });
    client = await harness.session();
    acknowledge(harness.server);
    await subscribed('a:1');
    expect(filters().at(-1)).toEqual({
      toolsListChanged: true,
      resourcesListChanged: true,
      resourceSubscriptions: ['a:1'],
    });
    await change('unsubscribe', 'a:1');
    expect(filters().at(-1)).toEqual({ toolsListChanged: true, resourcesListChanged: true });
  });

  it('of a resource that the server leaves out is refused, and the others stay', async () => {
    await subscribed('a:1');
    const reader = await change('subscribe', 'a:2');
    acknowledge(harness.server, undefined, { resourceSubscriptions: ['a:1'] });
    await settle();
    expect(reader.lines).toMatchObject([{ error: { code: -32602, data: { uri: 'a:2' } } }]);
    report(harness.server, UPDATED, { uri: 'a:1' });
    await settle();
    expect(listener.events).toHaveLength(1);
    await change('subscribe', 'a:3');
    expect(filters().at(-1)).toEqual({ resourceSubscriptions: ['a:1', 'a:3'] });
  });

  it('that the server refuses fails in its words, and the old set stays', async () => {
    await subscribed('a:1');
    const reader = await change('subscribe', 'a:2');
    const { id } = harness.server.of('subscriptions/listen').at(-1) ?? {};
    harness.server.say({ jsonrpc: '2.0', id, error: { code: -32602, message: 'too many' } });
    await settle();
    expect(reader.lines).toMatchObject([{ error: { code: -32602, message: 'too many' } }]);
    expect(cancelled()).toEqual([]);
    await change('subscribe', 'a:3');
    expect(filters().at(-1)).toEqual({ resourceSubscriptions: ['a:1', 'a:3'] });
  });

  it('that is not acknowledged in time fails', async () => {
    const reader = await change('subscribe', 'a:1');
    harness.clock.advance(30_000);
    await settle();
    expect(reader.lines).toMatchObject([{ error: { code: -32603 } }]);
    harness.clock.advance(60_000);
    await settle();
    expect(filters()).toHaveLength(1);
  });

  it('several times at once are asked for together, after what is under way', async () => {
    const readers = [];
    for (const uri of ['a:1', 'a:2', 'a:3']) readers.push(await change('subscribe', uri));
    readers.push(await change('unsubscribe', 'a:2'));
    expect(filters()).toHaveLength(1);
    acknowledge(harness.server);
    await settle();
    expect(filters().slice(1)).toEqual([{ resourceSubscriptions: ['a:1', 'a:3'] }]);
    expect(readers.map(({ events }) => events.length)).toEqual([1, 0, 0, 0]);
    acknowledge(harness.server);
    await settle();
    expect(readers.map(({ lines }) => lines[0]?.result)).toEqual([{}, {}, {}, {}]);
  });

  it('of what is subscribed to already is answered at once', async () => {
    await subscribed('a:1');
    expect((await change('subscribe', 'a:1')).lines).toMatchObject([{ result: {} }]);
    expect(filters()).toHaveLength(1);
  });

  it('gives nothing to a call that was cancelled meanwhile', async () => {
    const reader = client.call(request('"s"', 'resources/subscribe', '{"uri":"a:1"}'));
    await settle();
    await client.cancel('"s"');
    acknowledge(harness.server);
    await settle();
    expect(reader.events).toEqual([]);
  });

  it.each(['{}', '{"uri":5}'])('with the params %s is refused', async (params) => {
    const reader = client.call(request('1', 'resources/subscribe', params));
    await settle();
    expect(reader.lines).toMatchObject([{ error: { code: -32602 } }]);
  });

  it('to more than a session may have is refused', async () => {
    await harness.close();
    harness = modernHarness({ limits: { subscriptions: 3 } });
    client = await harness.session();
    await subscribed('a:1', 'a:2');
    const readers = [await change('subscribe', 'a:3'), await change('subscribe', 'a:4')];
    acknowledge(harness.server);
    await settle();
    expect(readers.map(({ lines }) => lines[0]?.error?.code)).toEqual([undefined, -32000]);
    const long = await change('subscribe', `b:${'x'.repeat(300_000)}`);
    expect(long.lines).toMatchObject([{ error: { code: -32000 } }]);
    expect(filters().at(-1)).toEqual({ resourceSubscriptions: ['a:1', 'a:2', 'a:3'] });
  });

  it('does not pile up behind a server that is slow to acknowledge', async () => {
    await change('subscribe', 'a:1');
    for (let n = 0; n < 5; n++) {
      const uri = `b:${n}${'x'.repeat(60_000)}`;
      client.call(request(`"${n}"`, 'resources/subscribe', JSON.stringify({ uri })));
      await settle();
      await client.cancel(`"${n}"`);
    }
    const reader = await change('subscribe', `b:${'x'.repeat(60_000)}`);
    expect(reader.lines).toMatchObject([{ error: { code: -32000 } }]);
  });

  describe('undone', () => {
    it('asks for what is left', async () => {
      await subscribed('a:1', 'a:2');
      const reader = await change('unsubscribe', 'a:1');
      expect(filters().at(-1)).toEqual({ resourceSubscriptions: ['a:2'] });
      acknowledge(harness.server);
      await settle();
      expect(reader.lines).toMatchObject([{ result: {} }]);
    });

    it('for the last one ends the subscription', async () => {
      await subscribed('a:1');
      expect((await change('unsubscribe', 'a:1')).lines).toMatchObject([{ result: {} }]);
      await settle();
      expect(filters()).toHaveLength(1);
      expect(cancelled()).toEqual([harness.server.of('subscriptions/listen')[0]?.id]);
    });

    it('for what was never subscribed to is answered at once', async () => {
      expect((await change('unsubscribe', 'a:1')).lines).toMatchObject([{ result: {} }]);
      expect(filters()).toEqual([]);
    });
  });

  it('survives a break: the resources are reported as changed once', async () => {
    await subscribed('a:1', 'a:2');
    harness.server.answer(harness.server.id('subscriptions/listen'), { resultType: 'complete' });
    await settle();
    harness.clock.advance(1_000);
    await settle();
    expect(filters().at(-1)).toEqual({ resourceSubscriptions: ['a:1', 'a:2'] });
    acknowledge(harness.server, undefined, { resourceSubscriptions: ['a:2'] });
    await settle();
    expect(listener.lines).toEqual([{ jsonrpc: '2.0', method: UPDATED, params: { uri: 'a:2' } }]);
  });

  it('during a break is asked for at once, with the rest', async () => {
    await subscribed('a:1');
    harness.server.answer(harness.server.id('subscriptions/listen'), { resultType: 'complete' });
    await settle();
    await change('subscribe', 'a:2');
    expect(filters().at(-1)).toEqual({ resourceSubscriptions: ['a:1', 'a:2'] });
    acknowledge(harness.server);
    await settle();
    harness.clock.advance(60_000);
    await settle();
    expect(filters()).toHaveLength(2);
    expect(listener.lines).toMatchObject([{ params: { uri: 'a:1' } }, { params: { uri: 'a:2' } }]);
  });
});

it.each(['resources/subscribe', 'resources/unsubscribe', 'logging/setLevel'])(
  '%s is refused when the server does not offer it',
  async (method) => {
    const result = { ...DISCOVERED, capabilities: { resources: {} } };
    harness = modernHarness({ answers: { 'server/discover': () => ({ result }) } });
    const client = await harness.session();
    const reader = client.call(request('1', method, '{"uri":"a:1","level":"info"}'));
    await settle();
    expect(reader.lines).toMatchObject([{ error: { code: -32601 } }]);
  },
);

describe('logs', () => {
  it('ride the only call in flight, else go to the standalone stream', async () => {
    harness = modernHarness({ answers: QUIET });
    const client = await harness.session();
    const listener = client.attach();
    const call = client.call(request('1'));
    await settle();
    harness.server.notify('notifications/message', { level: 'info', data: 1 });
    await settle();
    client.call(request('2'));
    harness.server.notify('notifications/message', { level: 'info', data: 2 });
    await settle();
    expect([call, listener].map(({ lines }) => lines.map(({ params }) => params.data))).toEqual([[1], [2]]);
  });
});

describe('what a legacy client says', () => {
  it.each([
    ['notifications/roots/list_changed', 0],
    ['notifications/progress', 0],
    ['notifications/initialized', 0],
    ['notifications/tasks/status', 0],
    ['acme/vendor', 1],
  ])('%s reaches the server %i times', async (method, times) => {
    harness = modernHarness();
    const client = await harness.session();
    await client.note(`{"jsonrpc":"2.0","method":"${method}","params":{"progressToken":1}}`);
    await settle();
    expect(harness.server.of(method)).toHaveLength(times);
  });
});
