/** Where a server's requests and logs go within one session (data-path.md 3.5): never two streams, never a guess. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Harness, request, settle, type TestClient } from './harness.ts';

let harness: Harness;
let client: TestClient;

beforeEach(async () => {
  harness = new Harness();
  client = await harness.session();
});
afterEach(() => harness.close());

async function ask(): Promise<void> {
  await settle();
  harness.server.say(request('"s"', 'roots/list'));
  await settle();
}

async function log(): Promise<void> {
  await settle();
  harness.server.notify('notifications/message', { level: 'info', data: 'x' });
  await settle();
}

describe.each([
  ['a request', ask],
  ['a log', log],
])('%s of the server', (_what, send) => {
  it('rides the only call in flight, though a standalone stream is there', async () => {
    const [listener, call] = [client.attach(), client.call(request('1'))];
    await send();
    expect([listener.events.length, call.events.length]).toEqual([0, 1]);
  });

  it('goes to the standalone stream when no call, or more than one, is in flight', async () => {
    const listener = client.attach();
    await send();
    expect(listener.events).toHaveLength(1);
    const calls = [client.call(request('1')), client.call(request('2'))];
    await send();
    expect(listener.events).toHaveLength(2);
    expect(calls.flatMap(({ events }) => events)).toEqual([]);
  });

  it('waits for a standalone stream when there is neither', async () => {
    await send();
    expect(client.attach().events).toHaveLength(1);
  });
});

describe('with several calls in flight and no standalone stream', () => {
  it('a request goes to the oldest call', async () => {
    const calls = [client.call(request('1')), client.call(request('2')), client.call(request('3'))];
    await ask();
    expect(calls.map(({ events }) => events.length)).toEqual([1, 0, 0]);
    harness.server.answer(harness.server.of('tools/call')[0]?.id);
    await ask();
    expect(calls.map(({ lines }) => lines.filter(({ method }) => method).length)).toEqual([1, 1, 0]);
  });

  it('a request that the server takes back is taken back where it went', async () => {
    const calls = [client.call(request('1')), client.call(request('2'))];
    await ask();
    harness.server.notify('notifications/cancelled', { requestId: 's' });
    await settle();
    expect(calls.map(({ lines }) => lines.map(({ method }) => method))).toEqual([
      ['roots/list', 'notifications/cancelled'],
      [],
    ]);
  });

  it('a log is held for the standalone stream', async () => {
    const calls = [client.call(request('1')), client.call(request('2'))];
    await log();
    expect(calls.flatMap(({ events }) => events)).toEqual([]);
    expect(client.attach().lines).toMatchObject([{ method: 'notifications/message' }]);
  });
});

it('any other notification goes to the standalone stream, whatever is in flight', async () => {
  const [listener, call] = [client.attach(), client.call(request('1'))];
  await settle();
  harness.server.notify('notifications/tools/list_changed', {});
  harness.server.notify('acme/vendor', { a: 1 });
  await settle();
  expect(listener.lines.map(({ method }) => method)).toEqual([
    'notifications/tools/list_changed',
    'acme/vendor',
  ]);
  expect(call.events).toEqual([]);
});

it('an answer and its progress go to their own call, whatever the order', async () => {
  const calls = ['1', '2'].map((id) =>
    client.call(request(id, 'tools/call', `{"_meta":{"progressToken":${id}}}`)),
  );
  await settle();
  const [one, two] = harness.server.of('tools/call');
  for (const { id } of [two, one, two, one] as { id: unknown }[])
    harness.server.notify('notifications/progress', { progressToken: id, progress: 1 });
  harness.server.answer(two?.id, { n: 2 });
  harness.server.answer(one?.id, { n: 1 });
  await settle();
  for (const [index, { lines }] of calls.entries())
    expect(lines).toMatchObject([
      { params: { progressToken: index + 1 } },
      { params: { progressToken: index + 1 } },
      { id: index + 1, result: { n: index + 1 } },
    ]);
});

it('with single delivery everything comes on the one stream, in the order of the server', async () => {
  const single = harness.client({}, { delivery: 'single' });
  const stream = single.attach();
  await single.initialize();
  const taken = single.call(request('1'));
  await settle();
  harness.server.notify('notifications/tools/list_changed', {});
  const server = harness.servers[1];
  server?.notify('notifications/message', { data: 1 });
  server?.say(request('"s"', 'roots/list'));
  server?.answer(server.id('tools/call'));
  await settle();
  expect(stream.lines.map(({ id, method }) => method ?? id)).toEqual([
    'init',
    'notifications/message',
    'roots/list',
    1,
  ]);
  expect([taken.stream, taken.events]).toEqual([0, []]);
});
