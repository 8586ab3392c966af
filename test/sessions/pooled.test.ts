/** The pooled lane: clients without a session (`sessions: none`), and a process for each call (isolation `call`). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ANSWER_KEPT } from '../../src/sessions/kept-answers.ts';
import { Harness, ORDINARY, request, settle, type TestClient } from './harness.ts';

let harness: Harness;
afterEach(() => harness.close());

function pool(principal = 'alice'): TestClient {
  return harness.client({ kind: 'affinity', principal });
}

describe('without sessions', () => {
  beforeEach(() => {
    harness = new Harness({ sessions: 'none' });
  });

  it('a call needs no initialize of the client: Berth shakes hands itself, without capabilities', async () => {
    const reader = pool().call(request('1.0'));
    await settle();
    expect(harness.server.lines.map(({ method }) => method)).toEqual([
      'initialize',
      'notifications/initialized',
      'tools/call',
    ]);
    expect(harness.server.of('initialize')[0]?.params.capabilities).toEqual({});
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(reader.texts).toEqual(['{"jsonrpc":"2.0","id":1.0,"result":{}}']);
  });

  it('initialize is answered with what holds without a session, in the revision that was asked for', async () => {
    const readers = ['2025-06-18', '2024-11-05', '1999-01-01'].map((version) =>
      pool().call(request('1', 'initialize', `{"protocolVersion":"${version}"}`)),
    );
    await settle();
    expect(readers.map(({ lines }) => lines[0]?.result.protocolVersion)).toEqual([
      '2025-06-18',
      '2024-11-05',
      '2025-11-25',
    ]);
    expect(readers[0]?.lines[0]?.result.capabilities).toEqual({ tools: {}, resources: {} });
    expect(harness.server.of('initialize')).toHaveLength(1);
  });

  it('ping is answered, and what needs a session is refused, without the process', async () => {
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
      for (const { id } of server.of('tools/call')) server.answer(id, { at });
    await settle();
    expect(readers.map(({ lines }) => lines[0]?.result)).toEqual([{ at: 0 }, { at: 0 }, { at: 1 }]);
  });

  it('progress goes to its own call', async () => {
    const readers = [1, 2].map(() =>
      pool().call(request('1', 'tools/call', '{"_meta":{"progressToken":"t"}}')),
    );
    await settle();
    const second = harness.server.of('tools/call')[1]?.id;
    harness.server.notify('notifications/progress', { progressToken: second, progress: 1 });
    await settle();
    expect(readers.map(({ events }) => events.length)).toEqual([0, 1]);
  });

  it('a cancellation that comes after its answer does not reach the call of another client', async () => {
    const [others, own] = [pool().call(request('1')), pool().call(request('1'))];
    await settle();
    const [first, second] = harness.server.of('tools/call').map(({ id }) => id);
    harness.server.answer(second);
    await settle();
    expect(own.lines).toHaveLength(1);
    expect(await pool().cancel('1')).toBeUndefined();
    harness.server.answer(first, { late: true });
    await settle();
    expect(others.lines).toMatchObject([{ id: 1, result: { late: true } }]);
    expect(harness.server.of('notifications/cancelled')).toEqual([]);
  });

  it('nor does one that comes before its call, although the id is the only one of its kind', async () => {
    const reader = pool().call(request('2'));
    await settle();
    expect(await pool().cancel('2')).toBeUndefined();
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(reader.lines).toMatchObject([{ id: 2, result: {} }]);
    expect(harness.server.of('notifications/cancelled')).toEqual([]);
  });

  it('other notifications are taken and mean nothing', async () => {
    pool().call(request('1'));
    await settle();
    expect(await pool().note('{"jsonrpc":"2.0","method":"notifications/initialized"}')).toBeUndefined();
    await settle();
    expect(harness.server.of('notifications/initialized')).toHaveLength(1);
  });

  it('requests of the server are refused, its notifications dropped', async () => {
    const reader = pool().call(request('1'));
    await settle();
    harness.server.say(request('"s"', 'roots/list'));
    harness.server.notify('notifications/message', { data: 1 });
    await settle();
    expect(harness.server.texts.at(-1)).toContain('"id":"s","error":{"code":-32601');
    expect(reader.events).toEqual([]);
  });

  it('the process ends when no call has come for five minutes, not before', async () => {
    const reader = pool().call(request('1'));
    await settle();
    harness.clock.advance(10 * 60_000);
    expect(harness.server.process.stopping).toBe(false);
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(reader.events).toHaveLength(1);
    harness.clock.advance(5 * 60_000 - 2_000);
    expect(harness.server.process.stopping).toBe(false);
    harness.clock.advance(3_000);
    expect(harness.server.process.stopping).toBe(true);
  });

  it('a process that died fails its calls, and the next call gets a fresh one', async () => {
    const reader = pool().call(request('1'));
    await settle();
    harness.server.process.crash({ code: 9, signal: null });
    await settle();
    expect(reader.lines).toMatchObject([{ error: { data: { code: 'process-exited', exitCode: 9 } } }]);
    pool().call(request('1'));
    await settle();
    expect(harness.servers.map((server) => server.of('tools/call').length)).toEqual([1, 1]);
  });

  it('a call whose reader is gone is forgotten a while after it was answered', async () => {
    const reader = pool().call(request('1'), { key: 'k' });
    await settle();
    reader.attachment?.detach();
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    harness.clock.advance(ANSWER_KEPT + 1_000);
    expect(pool().attach(reader.stream, 0).error?.code).toBe('unknown-stream');
  });

  it('a replaced definition lets calls in flight finish on the old process', async () => {
    const reader = pool().call(request('1'));
    await settle();
    harness.supervisor.define(harness.definition);
    harness.clock.advance(3_000);
    expect(harness.server.process.stopping).toBe(false);
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(reader.lines).toMatchObject([{ id: 1, result: {} }]);
    harness.clock.advance(1_000);
    expect(harness.server.process.stopping).toBe(true);
  });
});

it('a process that refuses the handshake fails the call, is ended, and is not asked again', async () => {
  let refusals = 1;
  const initialize = (line: object) =>
    refusals-- > 0 ? { error: { code: -1, message: 'no token' } } : ORDINARY.initialize?.(line);
  harness = new Harness({ sessions: 'none', answers: { initialize } });
  const refused = pool().call(request('1'));
  await settle();
  expect(refused.lines).toMatchObject([{ error: { data: { code: 'start-failed', phase: 'handshake' } } }]);
  expect(harness.server.process.stopping).toBe(true);
  pool().call(request('2'));
  await settle();
  expect(harness.servers[1]?.of('tools/call')).toHaveLength(1);
});

describe('with a process for each call', () => {
  beforeEach(() => {
    harness = new Harness({ isolation: 'call' });
  });

  it('two calls of one principal run on two processes, which end with their answers', async () => {
    for (const id of ['1', '2']) pool().call(request(id));
    await settle();
    expect(harness.servers.map((server) => server.of('tools/call').length)).toEqual([1, 1]);
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, false]);
  });

  it('a call that a client with a connection (sse, websocket) cancels takes its process with it', async () => {
    const client = harness.client({}, { delivery: 'single' });
    const stream = client.attach();
    await client.initialize();
    client.call(request('1'));
    await settle();
    await client.cancel('1');
    await settle();
    const server = harness.servers[1];
    expect(server?.of('notifications/cancelled')).toMatchObject([
      { params: { requestId: server?.id('tools/call') } },
    ]);
    expect(server?.process.stopping).toBe(true);
    expect(stream.lines).toMatchObject([{ id: 'init' }]);
  });

  it('a call that passes its deadline takes its process with it', async () => {
    const reader = pool().call(request('1'));
    await settle();
    harness.clock.advance(15 * 60_000 + 1_000);
    expect(reader.lines).toMatchObject([{ error: { data: { code: 'request-timeout' } } }]);
    expect(harness.server.process.stopping).toBe(true);
  });

  it('a client that keeps a connection (sse, websocket) is served the same way', async () => {
    const client = harness.client({}, { delivery: 'single' });
    const stream = client.attach();
    await client.initialize('2025-06-18');
    client.call(request('1'));
    await settle();
    harness.servers[1]?.answer(harness.servers[1]?.id('tools/call'));
    await settle();
    expect(stream.lines).toMatchObject([
      { id: 'init', result: {} },
      { id: 1, result: {} },
    ]);
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, true]);
  });
});

it('a process that does not read its input gets no further calls', async () => {
  harness = new Harness({ sessions: 'none' });
  const client = harness.client({ kind: 'affinity' });
  client.call(request('1', 'tools/list'));
  await settle();
  harness.server.process.server.pause();
  const pad = JSON.stringify({ pad: 'x'.repeat(3 * 1024 * 1024) });
  const readers = [];
  for (let n = 0; n < 5; n++) {
    readers.push(client.call(request(`"${n}"`, 'tools/call', pad)));
    await settle();
  }
  expect(readers.map(({ error }) => error?.code)).toEqual([undefined, undefined, undefined, 'busy', 'busy']);
});
