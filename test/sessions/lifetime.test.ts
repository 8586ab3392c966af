/** How sessions and calls end: caps, idle time, deadlines, processes that die, definitions that change (data-path.md 5, 8). */
import { afterEach, describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { Harness, request, settle } from './harness.ts';

const MINUTE = 60_000;
const INITIALIZE = request('1', 'initialize', '{"protocolVersion":"2025-11-25"}');

let harness: Harness;
afterEach(() => harness.close());

describe('opening', () => {
  it('needs initialize as the first message', async () => {
    harness = new Harness();
    const single = harness.client({}, { delivery: 'single' });
    single.attach();
    expect(single.call(request('1', 'tools/list')).error).toMatchObject({
      code: 'invalid-request',
      status: 400,
    });
    expect(await single.note('{"jsonrpc":"2.0","method":"acme/early"}')).toMatchObject({ status: 400 });
    expect(harness.servers).toEqual([]);
    await single.initialize();
    expect(harness.servers).toHaveLength(1);
  });

  it('happens once: a second initialize on a process of its own is refused and never reaches it', async () => {
    harness = new Harness();
    const client = await harness.session();
    expect(client.call(INITIALIZE).error).toMatchObject({ status: 400, rpc: -32600 });
    expect(harness.server.of('initialize')).toHaveLength(1);
  });

  it('fails with the answer of a server that refuses, and leaves no session', async () => {
    harness = new Harness({ answers: { initialize: () => ({ error: { code: -32602, message: 'no' } }) } });
    const client = harness.client();
    const reader = await client.initialize();
    expect(reader.lines).toMatchObject([{ id: 'init', error: { message: 'no' } }]);
    expect(client.call(request('1')).error).toMatchObject({ code: 'unknown-session' });
    expect(harness.server.process.stopping).toBe(true);
    expect(harness.supervisor.activity('the-server')?.sessions).toBe(0);
  });

  it('fails with the reason why no process could be started', async () => {
    const why = new BerthError('start-failed', 'no such file', { phase: 'spawn', stderr: ['oops'] });
    const refuse = Promise.reject(why);
    refuse.catch(() => {});
    harness = new Harness({ gate: refuse });
    const reader = harness.client().call(INITIALIZE);
    await settle();
    expect(reader.lines).toMatchObject([
      { id: 1, error: { code: -32603, data: { phase: 'spawn', stderr: ['oops'] } } },
    ]);
    expect(harness.supervisor.activity('the-server')?.sessions).toBe(0);
  });

  it('is refused at the cap of a principal and of the server, with 429, and possible when one has ended', async () => {
    harness = new Harness({ limits: { sessions: 3, sessionsPerPrincipal: 2 } });
    const [first] = [await harness.session(), await harness.session()];
    const refused = harness.client().call(INITIALIZE);
    expect(refused.error).toMatchObject({ code: 'limit-reached', status: 429 });
    await harness.session({ principal: 'bob' });
    const full = harness.client({ principal: 'carol' }).call(INITIALIZE).error;
    expect(full).toMatchObject({ code: 'limit-reached', hint: expect.stringContaining('limits.sessions') });
    await first.end();
    await harness.session({ principal: 'carol' });
    expect(harness.client().call(INITIALIZE).error?.code).toBe('limit-reached');
    expect(harness.servers).toHaveLength(4);
  });

  it('messages that wait for the process are passed on in order', async () => {
    const gate = Promise.withResolvers<void>();
    harness = new Harness({ gate: gate.promise });
    const client = harness.client();
    client.call(INITIALIZE);
    for (const id of ['2', '3']) client.call(request(id));
    gate.resolve();
    await settle();
    expect(harness.server.lines.map(({ method }) => method)).toEqual([
      'initialize',
      'tools/call',
      'tools/call',
    ]);
  });

  it('no more than 8 MiB waits for a process that is not there yet', async () => {
    harness = new Harness({ gate: new Promise(() => {}) });
    const client = harness.client();
    client.call(INITIALIZE);
    const large = (id: number) =>
      client.call(request(String(id), 'tools/call', `{"x":"${'x'.repeat(3 * 1024 * 1024)}"}`));
    const errors = [2, 3, 4, 5].map((id) => large(id).error?.code);
    expect(errors).toEqual([undefined, undefined, undefined, 'busy']);
  });
});

describe('a process that does not read', () => {
  it('lets the client wait, then refuses with 503, and takes messages again when it reads', async () => {
    harness = new Harness();
    const client = await harness.session();
    harness.server.process.server.pause();
    const note = `{"jsonrpc":"2.0","method":"a/b","params":{"x":"${'x'.repeat(1024 * 1024)}"}}`;
    const taken: unknown[] = [];
    for (let n = 0; n < 10; n++) void client.note(note).then((error) => taken.push(error?.code));
    await settle();
    expect(taken).toEqual(['busy', 'busy']);
    expect(client.call(request('1')).error).toMatchObject({ code: 'busy', status: 503 });
    harness.server.process.server.resume();
    await settle();
    expect(taken).toEqual(['busy', 'busy', ...Array(8).fill(undefined)]);
    expect(harness.server.of('a/b')).toHaveLength(8);
    expect(client.call(request('1')).error).toBeUndefined();
  });
});

describe('the idle time', () => {
  const limits = { idle: 30 * MINUTE };

  it('ends a session that nobody uses, and its process', async () => {
    harness = new Harness({ limits });
    const client = await harness.session();
    harness.clock.advance(29 * MINUTE);
    await client.note('{"jsonrpc":"2.0","method":"a/b"}');
    harness.clock.advance(29 * MINUTE);
    expect(harness.server.process.stopping).toBe(false);
    harness.clock.advance(MINUTE + 1_000);
    expect(harness.server.process.stopping).toBe(true);
    expect(client.call(request('1')).error?.code).toBe('unknown-session');
  });

  it('does not run while a call is in flight', async () => {
    harness = new Harness({ limits: { ...limits, requestTimeout: 90 * MINUTE } });
    const client = await harness.session();
    client.call(request('1')).attachment?.detach();
    harness.clock.advance(89 * MINUTE);
    expect(harness.server.process.stopping).toBe(false);
  });

  it('does not run while somebody listens, and starts anew when the listener leaves', async () => {
    harness = new Harness({ limits });
    const listener = (await harness.session()).attach();
    harness.clock.advance(120 * MINUTE);
    listener.attachment?.detach();
    harness.clock.advance(29 * MINUTE);
    expect(harness.server.process.stopping).toBe(false);
    harness.clock.advance(2 * MINUTE);
    expect(harness.server.process.stopping).toBe(true);
  });

  it('starts anew with what the server says', async () => {
    harness = new Harness({ limits });
    await harness.session();
    harness.clock.advance(29 * MINUTE);
    harness.server.notify('a/b', {});
    await settle();
    harness.clock.advance(29 * MINUTE);
    expect(harness.server.process.stopping).toBe(false);
  });
});

describe('the deadline of a call', () => {
  it('is 15 minutes: then the client has its error and the server is told', async () => {
    harness = new Harness();
    const client = await harness.session();
    const [late, other] = [client.call(request('1')), client.call(request('2', 'tools/list'))];
    await settle();
    harness.server.answer(harness.server.id('tools/list'));
    await settle();
    harness.clock.advance(15 * MINUTE - 1_000);
    expect(late.events).toEqual([]);
    harness.clock.advance(2_000);
    await settle();
    expect(late.lines).toMatchObject([{ id: 1, error: { code: -32001, data: { code: 'request-timeout' } } }]);
    expect(other.events).toHaveLength(1);
    expect(harness.server.of('notifications/cancelled').map(({ params }) => params.requestId)).toEqual([
      harness.server.id('tools/call'),
    ]);
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(late.events).toHaveLength(1);
    expect(client.call(request('3')).error).toBeUndefined();
  });

  it('gives back the room that a session has for calls, when it was all taken', async () => {
    harness = new Harness();
    const client = await harness.session();
    const MOST = 1_024;
    const hanging = Array.from({ length: MOST }, (_, at) => client.call(request(String(at))));
    await settle();
    expect(client.call(request('1024')).error).toMatchObject({ code: 'limit-reached' });
    harness.clock.advance(15 * MINUTE + 1_000);
    await settle();
    for (const { lines } of hanging) expect(lines).toMatchObject([{ error: { code: -32001 } }]);
    expect(harness.server.of('notifications/cancelled')).toHaveLength(MOST);
    const next = client.call(request('1025', 'tools/list'));
    await settle();
    harness.server.answer(harness.server.id('tools/list'));
    await settle();
    expect(next.lines).toMatchObject([{ id: 1025, result: {} }]);
  });

  it('is moved by progress', async () => {
    harness = new Harness();
    const reader = (await harness.session()).call(
      request('1', 'tools/call', '{"_meta":{"progressToken":1}}'),
    );
    await settle();
    const id = harness.server.id('tools/call');
    for (let progress = 1; progress <= 10; progress++) {
      harness.clock.advance(14 * MINUTE);
      harness.server.notify('notifications/progress', { progressToken: id, progress });
      await settle();
    }
    harness.server.answer(id);
    await settle();
    expect(reader.lines.at(-1)).toMatchObject({ id: 1, result: {} });
  });

  it('does not cancel initialize upstream, which the protocol forbids', async () => {
    harness = new Harness({ answers: {}, limits: { requestTimeout: MINUTE } });
    const reader = harness.client().call(INITIALIZE);
    await settle();
    harness.clock.advance(2 * MINUTE);
    await settle();
    expect(reader.lines).toMatchObject([{ error: { data: { code: 'request-timeout' } } }]);
    expect(harness.server.of('notifications/cancelled')).toEqual([]);
  });
});

describe('a process that ends by itself', () => {
  it.each([
    [{ code: 7, signal: null }, { exitCode: 7 }],
    [{ code: null, signal: 'SIGSEGV' }, { signal: 'SIGSEGV' }],
  ])('by %j fails its calls at once with phase, exit and last stderr lines', async (exit, data) => {
    harness = new Harness({ stderr: ['one', 'the token is missing'] });
    const client = await harness.session();
    const readers = ['1', '2'].map((id) => client.call(request(id)));
    const listener = client.attach();
    await settle();
    harness.server.process.crash(exit);
    await settle();
    for (const { lines } of readers) {
      expect(lines).toMatchObject([
        { error: { code: -32603, data: { code: 'process-exited', phase: 'run', ...data } } },
      ]);
      expect(lines[0]?.error.data.stderr).toEqual(['one', 'the token is missing']);
    }
    expect(listener.ends).toEqual(['ended']);
  });

  it('leaves its session unknown from then on, for calls, notes, streams and its end', async () => {
    harness = new Harness();
    const client = await harness.session();
    harness.server.process.crash();
    await settle();
    const unknown = { code: 'unknown-session', status: 404 };
    expect(client.call(request('1')).error).toMatchObject(unknown);
    expect(await client.note('{"jsonrpc":"2.0","method":"a/b"}')).toMatchObject(unknown);
    expect(client.attach().error).toMatchObject(unknown);
    expect(await client.end()).toMatchObject(unknown);
    expect(harness.supervisor.activity('the-server')?.sessions).toBe(0);
  });

  it('gives what it said before it ended', async () => {
    harness = new Harness();
    const reader = (await harness.session()).call(request('1'));
    await settle();
    harness.server.answer(harness.server.id('tools/call'), { last: 'words' });
    harness.server.process.crash();
    await settle();
    expect(reader.lines).toMatchObject([{ result: { last: 'words' } }]);
  });
});

it('an answer longer than a line may be fails its own call only', async () => {
  harness = new Harness();
  const client = await harness.session();
  const [long, short] = [client.call(request('1')), client.call(request('2', 'tools/list'))];
  await settle();
  harness.server.answer(harness.server.id('tools/call'), 'x'.repeat(17 * 1024 * 1024));
  harness.server.answer(harness.server.id('tools/list'));
  await settle();
  expect(long.lines).toMatchObject([{ id: 1, error: { data: { code: 'message-too-large' } } }]);
  expect(short.lines).toMatchObject([{ id: 2, result: {} }]);
});

describe('the end of a session by its client', () => {
  it('cancels its calls, ends its process, and can be asked for once', async () => {
    harness = new Harness();
    const client = await harness.session();
    client.call(request('1'));
    await settle();
    expect(await client.end()).toBeUndefined();
    expect(await client.end()).toMatchObject({ code: 'unknown-session' });
    await settle();
    expect(harness.server.of('notifications/cancelled')).toHaveLength(1);
    expect(harness.server.process.stopping).toBe(true);
  });

  it('is refused to another principal', async () => {
    harness = new Harness();
    await harness.session();
    expect(await harness.client({ key: 'nonce-1', principal: 'bob' }).end()).toMatchObject({ status: 404 });
    expect(harness.server.process.stopping).toBe(false);
  });
});

describe('a server', () => {
  it('that is defined anew keeps its old sessions on their processes until they end', async () => {
    harness = new Harness();
    const old = await harness.session();
    harness.supervisor.define(harness.definition);
    harness.clock.advance(3_000);
    expect(old.call(request('1')).error).toBeUndefined();
    await settle();
    expect(harness.server.of('tools/call')).toHaveLength(1);
    await old.end();
    expect(old.call(request('2')).error?.code).toBe('unknown-session');
  });

  it('that is stopped ends everything, and is unknown', async () => {
    harness = new Harness();
    const client = await harness.session();
    const reader = client.call(request('1'));
    await settle();
    await harness.supervisor.undefine('the-server', { force: false });
    expect(reader.lines).toMatchObject([{ error: { data: { code: 'stopped' } } }]);
    expect(client.call(request('2')).error?.code).toBe('unknown-session');
    await harness.supervisor.undefine('the-server', { force: false });
    expect(harness.supervisor.activity('the-server')).toBeUndefined();
  });

  it('tells whoever had a session to start it, or where it only moves, to open another one', async () => {
    const hints: unknown[] = [];
    for (const end of ['undefine', 'close'] as const) {
      harness = new Harness();
      const reader = (await harness.session()).call(request('1'));
      await settle();
      if (end === 'close') await harness.supervisor.close();
      else await harness.supervisor.undefine('the-server', { force: false });
      const [{ error }] = reader.lines as [{ error: { data: { hint: string } } }];
      hints.push(error.data.hint);
    }
    expect(hints).toEqual([
      'Start the server with: berth start NAME.',
      'Send initialize again, or without a session the next call: it is served elsewhere.',
    ]);
  });

  it('tells when it was last used', async () => {
    harness = new Harness();
    expect(harness.supervisor.activity('the-server')).toEqual({
      sessions: 0,
      inUse: false,
      lastActivity: undefined,
    });
    harness.clock.advance(5_000);
    const client = await harness.session();
    harness.clock.advance(1_000);
    expect(harness.supervisor.activity('the-server')).toEqual({
      sessions: 1,
      inUse: true,
      lastActivity: 5_000,
    });
    await client.end();
    expect(harness.supervisor.activity('the-server')?.sessions).toBe(0);
  });
});
