/** `subscriptions/listen` of modern clients, on a legacy and on a modern server (data-path.md section 8). */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, ORDINARY, type ServerAnswers, settle, type TestReader } from './harness.ts';
import { ModernClient } from './modern-client.ts';

const ID = 'io.modelcontextprotocol/subscriptionId';
const ALL = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };

let harness: Harness;
afterEach(() => harness.close());

const CHANGING: ServerAnswers = {
  initialize: ({ params }) => ({
    result: {
      protocolVersion: params.protocolVersion,
      capabilities: {
        tools: { listChanged: true },
        prompts: {},
        resources: { subscribe: true, listChanged: true },
      },
      serverInfo: { name: 'memory', version: '1' },
    },
  }),
};

function methods(reader: TestReader): unknown[] {
  return reader.lines.map(({ method }) => method?.replace('notifications/', ''));
}

describe('on a legacy server', () => {
  function start(answers = CHANGING): ModernClient {
    harness = new Harness({ answers });
    return new ModernClient(harness);
  }

  async function listen(client: ModernClient, notifications: object, id = '"sub"'): Promise<TestReader> {
    const reader = await client.call('subscriptions/listen', { notifications }, { id });
    const subscribes = harness.server.of('resources/subscribe');
    for (const { id: asked } of subscribes) harness.server.answer(asked);
    await settle();
    return reader;
  }

  it('is acknowledged with what the server offers', async () => {
    const reader = await listen(start(), { ...ALL, resourceSubscriptions: ['test://a'] });
    expect(reader.lines).toEqual([
      {
        jsonrpc: '2.0',
        method: 'notifications/subscriptions/acknowledged',
        params: {
          notifications: {
            toolsListChanged: true,
            resourcesListChanged: true,
            resourceSubscriptions: ['test://a'],
          },
          _meta: { [ID]: 'sub' },
        },
      },
    ]);
  });

  it('gets what it asked for and nothing else, under its own id', async () => {
    const client = start();
    const tools = await listen(client, { toolsListChanged: true }, '1.0');
    const resources = await listen(client, { resourcesListChanged: true }, '"r"');
    harness.server.notify('notifications/tools/list_changed', { _meta: { x: 1 } });
    harness.server.say('{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}');
    harness.server.notify('notifications/message', { level: 'error', data: 1 });
    await settle();
    expect([methods(tools), methods(resources)]).toEqual([
      ['subscriptions/acknowledged', 'tools/list_changed'],
      ['subscriptions/acknowledged', 'resources/list_changed'],
    ]);
    expect(tools.texts[1]).toContain(`"_meta":{"${ID}":1.0,"x":1}`);
    expect(resources.lines[1]?.params).toEqual({ _meta: { [ID]: 'r' } });
  });

  it('subscribes to a resource once for all who listen, and ends it with the last', async () => {
    const client = start();
    const both = [
      await listen(client, { resourceSubscriptions: ['test://a', 'test://a'] }),
      await listen(client, { resourceSubscriptions: ['test://a'] }),
    ];
    expect(harness.server.of('resources/subscribe')).toHaveLength(1);
    harness.server.notify('notifications/resources/updated', { uri: 'test://a' });
    harness.server.notify('notifications/resources/updated', { uri: 'test://b' });
    await settle();
    expect(both.map(methods)).toEqual([
      ['subscriptions/acknowledged', 'resources/updated'],
      ['subscriptions/acknowledged', 'resources/updated'],
    ]);
    both[0]?.attachment?.detach();
    await settle();
    expect(harness.server.of('resources/unsubscribe')).toEqual([]);
    both[1]?.attachment?.detach();
    await settle();
    expect(harness.server.of('resources/unsubscribe')).toMatchObject([{ params: { uri: 'test://a' } }]);
  });

  it('hears of the parts of a resource, and of each once', async () => {
    const reader = await listen(start(), { resourceSubscriptions: ['test://a', 'test://a/b'] });
    for (const uri of ['test://a/b/c', 'test://a/d', 'test://ab', 'test://'])
      harness.server.notify('notifications/resources/updated', { uri });
    await settle();
    expect(reader.lines.slice(1).map(({ params }) => params.uri)).toEqual(['test://a/b/c', 'test://a/d']);
  });

  it('is not acknowledged for a resource that the server refuses', async () => {
    const client = start();
    const reader = await client.call('subscriptions/listen', {
      notifications: { resourceSubscriptions: ['test://no'] },
    });
    harness.server.say({
      jsonrpc: '2.0',
      id: harness.server.id('resources/subscribe'),
      error: { code: -32602, message: 'no' },
    });
    await settle();
    expect(reader.lines[0]?.params.notifications).toEqual({});
  });

  it('is not acknowledged for it either when another one has asked for it and waits', async () => {
    const client = start();
    const both = ['"a"', '"b"'].map((id) =>
      client.send(
        'subscriptions/listen',
        { notifications: { resourceSubscriptions: ['test://no'] } },
        { id },
      ),
    );
    await settle();
    expect(harness.server.of('resources/subscribe')).toHaveLength(1);
    expect(both.map(methods)).toEqual([[], []]);
    harness.server.say({
      jsonrpc: '2.0',
      id: harness.server.id('resources/subscribe'),
      error: { code: -32602, message: 'no' },
    });
    await settle();
    expect(both.map(({ lines }) => lines[0]?.params.notifications)).toEqual([{}, {}]);
    for (const { attachment } of both) attachment?.detach();
    await settle();
    expect(harness.server.of('resources/unsubscribe')).toEqual([]);
  });

  it('has no deadline and keeps its process', async () => {
    const reader = await listen(start(), ALL);
    harness.clock.advance(60 * 60_000);
    await settle();
    expect([reader.lines.length, reader.ends, harness.server.process.stopping]).toEqual([1, [], false]);
  });

  it('with a process for each call hears what its own says, for as long as it listens', async () => {
    harness = new Harness({ answers: CHANGING, isolation: 'call' });
    const client = new ModernClient(harness);
    const reader = await listen(client, { toolsListChanged: true });
    await client.call('tools/list');
    const [own, other] = harness.servers;
    for (const server of [other, own, other]) server?.notify('notifications/tools/list_changed', {});
    await settle();
    expect(methods(reader)).toEqual(['subscriptions/acknowledged', 'tools/list_changed']);
    harness.clock.advance(60_000);
    expect(own?.process.stopping).toBe(false);
    reader.attachment?.detach();
    harness.clock.advance(2_000);
    expect(own?.process.stopping).toBe(true);
  });

  it('outlives its process: the next one is asked again, and what may have changed is reported once', async () => {
    const reader = await listen(start(), { toolsListChanged: true, resourceSubscriptions: ['test://a'] });
    harness.server.process.crash();
    await settle();
    harness.clock.advance(1_000);
    await settle();
    expect(harness.servers).toHaveLength(2);
    expect(harness.servers[1]?.of('resources/subscribe')).toMatchObject([{ params: { uri: 'test://a' } }]);
    expect(methods(reader)).toEqual([
      'subscriptions/acknowledged',
      'tools/list_changed',
      'resources/updated',
    ]);
    harness.servers[1]?.notify('notifications/tools/list_changed', {});
    await settle();
    expect(reader.lines).toHaveLength(4);
  });

  it('is completed when the process cannot be started again', async () => {
    let answers: ServerAnswers = CHANGING;
    const client = start({ initialize: (line) => answers.initialize?.(line) });
    const reader = await listen(client, { toolsListChanged: true });
    answers = { initialize: () => ({ error: { code: -32603, message: 'broken' } }) };
    harness.server.process.crash();
    for (let n = 0; n < 40 && reader.ends.length === 0; n++) {
      await settle();
      harness.clock.advance(10_000);
    }
    expect(harness.servers).toHaveLength(7);
    expect(reader.lines.at(-1)).toEqual({
      jsonrpc: '2.0',
      id: 'sub',
      result: { resultType: 'complete', _meta: { [ID]: 'sub' } },
    });
  });

  it('is completed when the server is defined anew, so that its client listens to the new one', async () => {
    const client = start();
    const reader = await listen(client, ALL);
    harness.supervisor.define(harness.definition);
    await settle();
    expect(reader.lines.at(-1)?.result).toEqual({ resultType: 'complete', _meta: { [ID]: 'sub' } });
    const again = await listen(client, ALL);
    expect(harness.servers).toHaveLength(2);
    harness.servers.at(-1)?.notify('notifications/tools/list_changed', {});
    await settle();
    expect(again.lines.at(-1)?.method).toBe('notifications/tools/list_changed');
  });

  it('is completed when the server is stopped', async () => {
    const reader = await listen(start(), ALL);
    await harness.supervisor.undefine(harness.definition.id, { force: false });
    expect(reader.lines.at(-1)?.result).toEqual({ resultType: 'complete', _meta: { [ID]: 'sub' } });
  });
});

describe('on a modern server', () => {
  function start(): ModernClient {
    harness = new Harness({ eras: ['modern'], answers: ORDINARY });
    return new ModernClient(harness);
  }

  /** Our id of the newest listen that reached the server, which acknowledges it. */
  async function acknowledge(notifications: object = { toolsListChanged: true }): Promise<unknown> {
    await settle();
    const server = harness.servers.at(-1);
    const id = server?.id('subscriptions/listen');
    server?.notify('notifications/subscriptions/acknowledged', { notifications, _meta: { [ID]: id } });
    await settle();
    return id;
  }

  it('is completed when the server is defined anew', async () => {
    const reader = start().send('subscriptions/listen', { notifications: ALL }, { id: '"sub"' });
    await acknowledge();
    const id = harness.server.id('subscriptions/listen');
    harness.supervisor.define(harness.definition);
    await settle();
    expect(reader.lines.at(-1)?.result).toEqual({ resultType: 'complete', _meta: { [ID]: 'sub' } });
    expect(harness.server.of('notifications/cancelled')).toMatchObject([{ params: { requestId: id } }]);
  });

  it('is passed on, and its messages come back under the client’s id', async () => {
    const client = start();
    const first = client.send(
      'subscriptions/listen',
      { notifications: { toolsListChanged: true } },
      { id: '"a"' },
    );
    const firstId = await acknowledge();
    const second = client.send(
      'subscriptions/listen',
      { notifications: { toolsListChanged: true } },
      { id: '"b"' },
    );
    const secondId = await acknowledge();
    expect(firstId).not.toBe(secondId);
    harness.server.notify('notifications/tools/list_changed', { _meta: { [ID]: secondId } });
    harness.server.answer(firstId, { resultType: 'complete', _meta: { [ID]: firstId } });
    await settle();
    expect(second.lines).toMatchObject([
      { params: { _meta: { [ID]: 'b' } } },
      { params: { _meta: { [ID]: 'b' } } },
    ]);
    expect(first.lines.at(-1)).toEqual({
      jsonrpc: '2.0',
      id: 'a',
      result: { resultType: 'complete', _meta: { [ID]: 'a' } },
    });
  });

  it('that the server takes back is completed', async () => {
    const client = start();
    const reader = client.send('subscriptions/listen', { notifications: ALL }, { id: '"a"' });
    const id = await acknowledge();
    harness.server.notify('notifications/cancelled', { requestId: id });
    await settle();
    expect(reader.lines.at(-1)).toEqual({
      jsonrpc: '2.0',
      id: 'a',
      result: { resultType: 'complete', _meta: { [ID]: 'a' } },
    });
  });

  it('whose client leaves is cancelled', async () => {
    const client = start();
    const reader = client.send('subscriptions/listen', { notifications: ALL });
    const id = await acknowledge();
    reader.attachment?.detach();
    await settle();
    expect(harness.server.of('notifications/cancelled')).toMatchObject([{ params: { requestId: id } }]);
  });

  it('outlives its process, with one acknowledgement and one report of what may have changed', async () => {
    const client = start();
    const reader = client.send(
      'subscriptions/listen',
      { notifications: { toolsListChanged: true } },
      { id: '"a"' },
    );
    await acknowledge();
    harness.server.process.crash();
    await settle();
    harness.clock.advance(1_000);
    await acknowledge();
    expect(methods(reader)).toEqual(['subscriptions/acknowledged', 'tools/list_changed']);
    expect(harness.servers).toHaveLength(2);
  });

  it('outlives its process with all that the server has acknowledged, and with nothing that it has not', async () => {
    const client = start();
    const notifications = { ...ALL, resourceSubscriptions: ['test://a', 'test://no', 'test://b'] };
    const reader = client.send('subscriptions/listen', { notifications }, { id: '"a"' });
    const { promptsListChanged: _not, ...lists } = ALL;
    await acknowledge({ ...lists, resourceSubscriptions: ['test://a', 'test://b'] });
    harness.server.process.crash();
    await settle();
    harness.clock.advance(1_000);
    await acknowledge({ toolsListChanged: true });
    expect(reader.lines.slice(1).map(({ method, params }) => [method, params.uri, params._meta[ID]])).toEqual(
      [
        ['notifications/tools/list_changed', undefined, 'a'],
        ['notifications/resources/list_changed', undefined, 'a'],
        ['notifications/resources/updated', 'test://a', 'a'],
        ['notifications/resources/updated', 'test://b', 'a'],
      ],
    );
  });
});
