/** A server that is replaced while its sessionless clients are at work: nothing runs twice, and nobody listens to what is gone. */
import { afterEach, describe, expect, it } from 'vitest';
import { Harness, message, request, settle, TestReader } from './harness.ts';
import { modernParams } from './modern-client.ts';

let harness: Harness;
afterEach(() => harness.close());

describe('a call that a link repeats after its server was replaced', () => {
  it.each(['modern', 'affinity'] as const)('(%s) is the same call', async (kind) => {
    harness = new Harness({ sessions: 'none' });
    const target = { server: harness.definition.id, kind, key: '', principal: 'alice' };
    const conversation = harness.supervisor.conversation(target);
    const params = kind === 'modern' ? modernParams({ name: 'a', arguments: {} }) : '{"name":"a"}';
    const messages = [message(request('1', 'tools/call', params))];
    const first = new TestReader();
    first.attachment = conversation.call({ key: 'k', messages, batch: false }, first);
    await settle();
    first.attachment?.detach(true);
    harness.supervisor.define({ ...harness.definition });
    const again = new TestReader();
    again.attachment = harness.supervisor
      .conversation(target)
      .call({ key: 'k', messages, batch: false }, again);
    await settle();
    expect(harness.servers).toHaveLength(1);
    harness.server.answer(harness.server.id('tools/call'), { content: [] });
    await settle();
    expect(again.lines[0]?.result).toMatchObject({ content: [] });
  });

  it('does not find another one under the number of its stream', async () => {
    harness = new Harness({ sessions: 'none' });
    const target = { server: harness.definition.id, kind: 'modern', key: '', principal: 'alice' } as const;
    const call = (key: string, name: string): TestReader => {
      const params = modernParams({ name, arguments: {} });
      const messages = [message(request('1', 'tools/call', params))];
      const reader = new TestReader();
      const conversation = harness.supervisor.conversation(target);
      reader.attachment = conversation.call({ key, messages, batch: false }, reader);
      return reader;
    };
    const first = call('a', 'a');
    await settle();
    first.attachment?.detach(true);
    harness.supervisor.define({ ...harness.definition });
    const second = call('b', 'b');
    await settle();
    second.attachment?.detach(true);
    const again = new TestReader();
    const position = { stream: first.stream as number, after: 0 };
    again.attachment = harness.supervisor.conversation(target).attach(position, again);
    for (const [n, text] of ['for a', 'for b'].entries()) {
      const server = harness.servers[n];
      server?.answer(server.id('tools/call'), { content: [], text });
    }
    await settle();
    expect(again.lines.map(({ result }) => result.text)).toEqual(['for a']);
  });
});

it('a modern call whose pod ends is told so, and that the next one is served elsewhere', async () => {
  harness = new Harness();
  const target = { server: harness.definition.id, kind: 'modern', key: '', principal: 'alice' } as const;
  const messages = [message(request('1', 'tools/call', modernParams({ name: 'a', arguments: {} })))];
  const reader = new TestReader();
  reader.attachment = harness.supervisor
    .conversation(target)
    .call({ key: 'k', messages, batch: false }, reader);
  await settle();
  expect(harness.server.of('tools/call')).toHaveLength(1);
  await harness.supervisor.close();
  await settle();
  expect(reader.lines).toMatchObject([
    {
      id: 1,
      error: {
        message: 'where the server ran is being ended',
        data: { code: 'stopped', hint: expect.stringContaining('without a session the next call') },
      },
    },
  ]);
});
