/** The pieces of parked calls (data-path.md 3.1, 7): one upstream call with several rounds, and readers that come and go. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { BerthError } from '../../src/errors.ts';
import { Exchange } from '../../src/sessions/exchange.ts';
import { RelayLane } from '../../src/sessions/lanes/relay.ts';
import { Session } from '../../src/sessions/session.ts';
import { Upstream } from '../../src/sessions/upstream.ts';
import { memoryProcess } from '../support/memory-process.ts';
import { message, ORDINARY, request, ServerSide, settle, TestReader } from './harness.ts';

const TIMEOUT = 60_000;

let clock: ManualClock;
let server: ServerSide;
let session: Session;
let ended: number;
let keys = 0;

beforeEach(async () => {
  clock = new ManualClock();
  const process = memoryProcess();
  server = new ServerSide(process, ORDINARY);
  ended = 0;
  session = new Session({
    delivery: 'streams',
    ownIds: true,
    requestTimeout: TIMEOUT,
    clock,
    onEnd: () => ended++,
    openLane: (host) =>
      new RelayLane({ host, upstream: new Upstream(Promise.resolve(process), (members) => members) }),
  });
  call(request('"init"', 'initialize', '{"protocolVersion":"2025-11-25"}'));
  await settle();
});
afterEach(() => session.end(new BerthError('stopped', 'over')));

function requestOf(text: string): { key: string; messages: ReturnType<typeof message>[]; batch: boolean } {
  return { key: `k${++keys}`, messages: [message(text)], batch: false };
}

function call(text: string): TestReader {
  const reader = new TestReader();
  reader.attachment = session.call(requestOf(text), reader);
  return reader;
}

function join(exchange: Exchange, text: string): TestReader {
  const reader = new TestReader();
  reader.attachment = session.join(exchange, requestOf(text), reader);
  return reader;
}

/** A call that has been answered with something else than its result, as the era bridge does when the server asks. */
async function parked(): Promise<{ exchange: Exchange; first: TestReader; upstream: unknown }> {
  const first = call(request('1', 'tools/call', '{"_meta":{"progressToken":"t"}}'));
  await settle();
  const [exchange] = session.exchanges;
  if (!exchange) throw new Error('no call is in flight');
  exchange.park([Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"parked":1}}')]);
  await settle();
  return { exchange, first, upstream: server.id('tools/call') };
}

describe('a parked call', () => {
  it('answers its round and completes that stream, while the call itself goes on', async () => {
    const { exchange, first } = await parked();
    expect([first.lines, first.ends]).toMatchObject([[{ id: 1, result: { parked: 1 } }], ['complete']]);
    expect([exchange.state, session.exchanges.size]).toEqual(['parked', 0]);
    expect(server.of('notifications/cancelled')).toEqual([]);
  });

  it('has no deadline, and keeps its session from idling', async () => {
    const { exchange } = await parked();
    clock.advance(10 * TIMEOUT);
    session.sweep(clock.now());
    expect([exchange.state, session.idleFor(clock.now())]).toEqual(['parked', 0]);
  });

  it('goes on with the next request under its id, over as many rounds as it takes', async () => {
    const { exchange, upstream } = await parked();
    const second = join(exchange, request('"two"'));
    server.notify('notifications/progress', { progressToken: upstream, progress: 1 });
    await settle();
    exchange.park([Buffer.from('{"jsonrpc":"2.0","id":"two","result":{"parked":2}}')]);
    const third = join(exchange, request('3.0'));
    server.answer(upstream, { done: true });
    await settle();
    expect(second.lines).toMatchObject([
      { method: 'notifications/progress' },
      { id: 'two', result: { parked: 2 } },
    ]);
    expect(third.texts).toEqual(['{"jsonrpc":"2.0","id":3.0,"result":{"done":true}}']);
    expect([exchange.rounds, exchange.state, third.ends]).toEqual([3, 'over', ['complete']]);
    expect(server.of('tools/call')).toHaveLength(1);
  });

  it('that the server answers in between gives the result to the next round, not to the one before', async () => {
    const { exchange, first, upstream } = await parked();
    server.notify('notifications/progress', { progressToken: upstream, progress: 1 });
    server.answer(upstream, { early: true });
    await settle();
    expect(first.events).toHaveLength(1);
    expect(exchange.state).toBe('parked');
    const second = join(exchange, request('2'));
    expect(second.lines).toEqual([{ jsonrpc: '2.0', id: 2, result: { early: true } }]);
    expect([exchange.state, second.ends]).toEqual(['over', ['complete']]);
  });

  it('gives each round again to a client that lost it, by repeating the request or by position', async () => {
    const { exchange, first, upstream } = await parked();
    const second = join(exchange, request('2'));
    await settle();
    second.attachment?.detach();
    server.answer(upstream, { done: true });
    await settle();
    const again = call(request('1', 'tools/call', '{"_meta":{"progressToken":"t"}}'));
    expect(again.texts).toEqual(first.texts);
    const back = new TestReader();
    session.attach(second.stream ?? -1, 0, back);
    expect(back.lines).toMatchObject([{ id: 2, result: { done: true } }]);
    expect(server.of('tools/call')).toHaveLength(1);
  });

  it('whose round is joined again before its end leaves the old reader with a stream that is over', async () => {
    const { exchange, upstream } = await parked();
    const [second, third] = [join(exchange, request('2')), join(exchange, request('3'))];
    server.answer(upstream);
    await settle();
    expect([second.events, second.ends]).toEqual([[], ['complete']]);
    expect(third.lines).toMatchObject([{ id: 3 }]);
  });

  it('has a deadline again from the moment that it is joined', async () => {
    const { exchange } = await parked();
    clock.advance(10 * TIMEOUT);
    const second = join(exchange, request('2'));
    session.sweep(clock.now());
    expect(second.events).toEqual([]);
    clock.advance(TIMEOUT);
    session.sweep(clock.now());
    expect(second.lines).toMatchObject([{ id: 2, error: { data: { code: 'request-timeout' } } }]);
  });

  it('is not cancelled under the id of a round that is over', async () => {
    const { exchange } = await parked();
    join(exchange, request('2'));
    session.note(
      'n',
      message('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'),
      () => {},
    );
    expect(exchange.state).toBe('running');
    session.note(
      'm',
      message('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}'),
      () => {},
    );
    expect(exchange.state).toBe('over');
  });

  it('does not count when a request of the server is placed', async () => {
    await parked();
    const running = call(request('2'));
    await settle();
    server.say(request('"s"', 'roots/list'));
    await settle();
    expect(running.lines).toMatchObject([{ method: 'roots/list' }]);
  });

  it('that is over cannot be joined', async () => {
    const { exchange, upstream } = await parked();
    join(exchange, request('2'));
    server.answer(upstream);
    await settle();
    expect(join(exchange, request('3')).error?.code).toBe('invalid-request');
  });

  it('ends with its session, and the server is told', async () => {
    const { exchange } = await parked();
    void session.end(new BerthError('unknown-session', 'ended'));
    await settle();
    expect([exchange.state, ended]).toEqual(['over', 1]);
    expect(server.of('notifications/cancelled')).toHaveLength(1);
  });
});

describe('an exchange by itself', () => {
  it('is settled once, however often it is answered, failed, dropped or parked', async () => {
    const settled: boolean[] = [];
    const reader = call(request('9'));
    const { stream } = [...session.exchanges][0]?.round ?? {};
    if (!stream) throw new Error('no stream');
    const round = { rawId: '9', idKey: '9', digest: 0, stream };
    const exchange = new Exchange('k', message(request('9')), round, {
      settled: (_exchange, over) => settled.push(over),
      moved: () => {},
    });
    exchange.finish([Buffer.from('{}')]);
    exchange.failed(new BerthError('internal', 'late'));
    exchange.drop();
    exchange.park([Buffer.from('{}')]);
    await settle();
    expect(settled).toEqual([true]);
    expect(reader.events).toHaveLength(1);
  });
});
