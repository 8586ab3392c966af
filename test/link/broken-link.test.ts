import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer, type LinkServer } from '../../src/link/link-server.ts';
import { createSocketLink, WAIT_LIMIT } from '../../src/link/socket-link.ts';
import { LOST_GRACE } from '../../src/sessions/abandoned-streams.ts';
import { READER_WINDOW } from '../../src/sessions/reader.ts';
import { SINGLE_LINK_GRACE } from '../../src/sessions/session.ts';
import {
  Harness,
  type HarnessOptions,
  message,
  request,
  TestClient,
  TestReader,
} from '../sessions/harness.ts';
import { modernParams } from '../sessions/modern-client.ts';
import { calm, until } from './waiting.ts';
import { Wire } from './wire.ts';

const NOTE = '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}';
const HELLO = '{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}';

describe('a link that breaks', () => {
  let harness: Harness;
  let server: LinkServer;
  let link: Link;
  let wires: Wire[] = [];
  let reachable = true;

  const connect = (): Promise<Wire['gateway']> => {
    if (!reachable) return Promise.reject(new Error('nobody is there'));
    const wire = new Wire();
    wires.push(wire);
    server.serve(wire.supervisor);
    return Promise.resolve(wire.gateway);
  };
  const wire = (): Wire => wires.at(-1) as Wire;
  const client = (single = false, key = 'nonce'): TestClient =>
    new TestClient(
      link.conversation({ server: harness.definition.id, kind: 'session', key, principal: 'alice' }),
      { delivery: single ? 'single' : 'streams' },
    );
  const opened = async (): Promise<TestClient> => {
    const one = client();
    const reader = one.call(request('"init"', 'initialize', HELLO));
    await until('the handshake', () => reader.ends.length > 0);
    await one.note('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    return one;
  };
  const arrived = (method: string, count = 1): Promise<void> =>
    until(`${method} at the server`, () => harness.server.of(method).length >= count);
  const start = (options: HarnessOptions = {}): void => {
    wires = [];
    reachable = true;
    harness = new Harness(options);
    server = createLinkServer(harness.supervisor);
    link = createSocketLink({ connect, instance: 'gateway' });
  };
  const stop = async (): Promise<void> => {
    await link.close();
    await server.close();
    await harness.close();
  };

  beforeEach(() => start());
  afterEach(stop);

  it('brings an answer once that came while it was broken, and runs nothing twice', async () => {
    const one = await opened();
    const reader = one.call(request('1'));
    await arrived('tools/call');
    await until('the acceptance', () => reader.stream !== undefined);
    reachable = false;
    wire().cut();
    harness.server.answer(harness.server.id('tools/call'), { value: 42 });
    await calm();
    reachable = true;
    await until('the answer', () => reader.ends.length > 0);
    await calm();
    expect(reader.lines).toEqual([{ jsonrpc: '2.0', id: 1, result: { value: 42 } }]);
    expect(reader.ends).toEqual(['complete']);
    expect(harness.server.of('tools/call')).toHaveLength(1);
    expect(wires).toHaveLength(2);
  });

  it('repeats a call whose acceptance was lost under its key: it runs once', async () => {
    const one = await opened();
    wire().mute = true;
    const reader = one.call(request('1'));
    await arrived('tools/call');
    await calm();
    expect(reader.stream).toBeUndefined();
    wire().cut();
    await until('the acceptance', () => reader.stream !== undefined);
    harness.server.answer(harness.server.id('tools/call'));
    await until('the answer', () => reader.ends.length > 0);
    expect(reader.events).toHaveLength(1);
    expect(harness.server.of('tools/call')).toHaveLength(1);
  });

  it('repeats a call that never arrived', async () => {
    const one = await opened();
    wire().deaf = true;
    const reader = one.call(request('1'));
    await calm();
    expect(harness.server.of('tools/call')).toHaveLength(0);
    wire().cut();
    await arrived('tools/call');
    harness.server.answer(harness.server.id('tools/call'));
    await until('the answer', () => reader.ends.length > 0);
    expect(reader.events).toHaveLength(1);
    expect(harness.server.of('tools/call')).toHaveLength(1);
  });

  it('repeats initialize without starting a second process', async () => {
    await until('the first connection', () => server.gateways === 1);
    // The supervisor's hello is still on its way.
    await calm();
    wire().mute = true;
    const one = client();
    const reader = one.call(request('"init"', 'initialize', HELLO));
    await until('the process', () => harness.servers.length > 0);
    await arrived('initialize');
    wire().cut();
    await until('the answer', () => reader.ends.length > 0);
    expect(reader.events).toHaveLength(1);
    expect(harness.servers).toHaveLength(1);
    expect(harness.server.of('initialize')).toHaveLength(1);
  });

  it('passes a note on once whose acceptance was lost', async () => {
    const one = await opened();
    wire().mute = true;
    const done = one.note(NOTE);
    await arrived('notifications/roots/list_changed');
    wire().cut();
    expect(await done).toBeUndefined();
    await calm();
    expect(harness.server.of('notifications/roots/list_changed')).toHaveLength(1);
  });

  it('ends a session once', async () => {
    const one = await opened();
    wire().mute = true;
    const done = one.end();
    await until('the end', () => harness.supervisor.activity(harness.definition.id)?.sessions === 0);
    wire().cut();
    expect(await done).toBeUndefined();
  });

  it('keeps the answer of a call without a session over the cut', async () => {
    await stop();
    start({ sessions: 'none' });
    const target = { server: harness.definition.id, kind: 'affinity', key: '', principal: 'alice' } as const;
    const one = new TestClient(link.conversation(target), undefined);
    const reader = one.call(request('1'));
    await until('the process', () => harness.servers.length > 0);
    await arrived('tools/call');
    reachable = false;
    wire().cut();
    harness.server.answer(harness.server.id('tools/call'));
    await calm();
    reachable = true;
    await until('the answer', () => reader.ends.length > 0);
    expect(reader.lines).toMatchObject([{ id: 1, result: {} }]);
    expect(harness.server.of('tools/call')).toHaveLength(1);
  });

  describe('with a modern call in flight', () => {
    const call = (): TestReader => {
      const target = { server: harness.definition.id, kind: 'modern', key: '', principal: 'alice' } as const;
      const params = modernParams({ name: 'ask' }, { capabilities: { elicitation: {} } });
      const reader = new TestReader();
      const messages = [message(request('9', 'tools/call', params))];
      const asked = { key: 'modern', messages, batch: false, modern: {} };
      reader.attachment = link.conversation(target).call(asked, reader);
      return reader;
    };
    const atServer = async (): Promise<void> => {
      await until('the process', () => harness.servers.length > 0);
      await arrived('tools/call');
    };

    it('brings its answer when it is back within ten seconds', async () => {
      const reader = call();
      await atServer();
      reachable = false;
      wire().cut();
      await calm();
      harness.clock.advance(LOST_GRACE - 2_000);
      harness.server.answer(harness.server.id('tools/call'), { content: [] });
      reachable = true;
      await until('the answer', () => reader.ends.length > 0);
      expect(reader.lines).toMatchObject([{ id: 9, result: { resultType: 'complete' } }]);
      expect(harness.server.of('tools/call')).toHaveLength(1);
      expect(harness.server.of('notifications/cancelled')).toEqual([]);
    });

    it.each([
      ['', false],
      [', when the news that it was accepted was lost, too', true],
    ])('cancels it on the server after ten seconds, and says so when it is back%s', async (_, mute) => {
      await calm();
      wire().mute = mute;
      const reader = call();
      await atServer();
      if (!mute) await until('the news', () => reader.stream !== undefined);
      reachable = false;
      wire().cut();
      await calm();
      harness.clock.advance(LOST_GRACE + 2_000);
      await until('the cancellation', () => harness.server.of('notifications/cancelled').length > 0);
      reachable = true;
      await until('the end', () => reader.ends.length > 0 || reader.error !== undefined);
      expect(reader.lines).toMatchObject([{ id: 9, error: { data: { code: 'request-timeout' } } }]);
      expect(harness.server.of('tools/call')).toHaveLength(1);
    });

    it('leaves a parked one waiting, however long it is gone', async () => {
      const reader = call();
      await atServer();
      harness.server.say('{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}');
      await calm();
      harness.clock.advance(1_000);
      await until('the question', () => reader.ends.length > 0);
      reachable = false;
      wire().cut();
      await calm();
      harness.clock.advance(5 * 60_000);
      expect(harness.server.of('notifications/cancelled')).toEqual([]);
      expect(harness.server.process.stopping).toBe(false);
    });
  });

  it('carries on a stream where its client stands', async () => {
    const one = await opened();
    const reader = one.attach(0, undefined, new TestReader(false));
    await until('the reader', () => reader.stream === 0);
    const say = (n: number): void => harness.server.notify('notifications/tools/list_changed', { n });
    for (let n = 1; n <= 4; n++) say(n);
    await until('four events', () => reader.events.length === 4);
    reader.acknowledge(reader.events[0]);
    reader.acknowledge(reader.events[1]);
    reachable = false;
    wire().cut();
    say(5);
    await calm();
    reachable = true;
    await until('the fifth', () => reader.events.length === 5);
    say(6);
    await until('the sixth', () => reader.events.length === 6);
    expect(reader.lines.map(({ params }) => params.n)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(reader.ends).toEqual([]);
  });

  it('loses no credit and grants none twice over a cut', async () => {
    const one = await opened();
    const reader = one.attach(0, undefined, new TestReader(false));
    await until('the reader', () => reader.stream === 0);
    const pad = 'x'.repeat(60_000);
    for (let sent = 0; sent < 16; sent++) harness.server.notify('notifications/tools/list_changed', { pad });
    await until('a full window', () => harness.server.process.server.paused);
    await calm();
    const before = reader.events.length;
    reader.attachment?.credit(30_000);
    wire().cut();
    await until('another connection', () => wires.length === 2 && server.gateways === 1);
    await calm();
    const unread = (): number => reader.events.reduce((sum, { bytes }) => sum + bytes, 0) - 30_000;
    expect(unread()).toBeLessThan(READER_WINDOW + 61_000);
    reader.attachment?.credit((reader.events[0]?.bytes ?? 0) - 30_000, 1);
    for (let at = 1; at < 16; at++) {
      await until(`event ${at}`, () => reader.events.length > at);
      reader.acknowledge(reader.events[at]);
    }
    expect(before).toBeLessThan(7);
    expect(reader.seqs).toEqual(Array.from({ length: 16 }, (_, at) => at + 1));
  });

  it('brings the acknowledgement of an answer that was read while it was broken', async () => {
    const one = await opened();
    const reader = one.call(request('1'), { reader: new TestReader(false) });
    await arrived('tools/call');
    harness.server.answer(harness.server.id('tools/call'));
    await until('the answer', () => reader.ends.length > 0);
    reachable = false;
    wire().cut();
    await until('the loss', () => server.gateways === 0);
    reader.acknowledge(reader.events[0]);
    await calm();
    reachable = true;
    await until('another connection', () => server.gateways === 1);
    // The acknowledgement is on its way: only once it has arrived do the answer's sixty seconds run.
    const late = (): Promise<TestReader> => {
      harness.clock.advance(61_000);
      const again = one.attach(reader.stream, undefined, new TestReader(false));
      return until('a reply', () => again.error !== undefined || again.stream !== undefined).then(
        () => again,
      );
    };
    let last = await late();
    for (let tries = 0; tries < 100 && last.error === undefined; tries++) {
      last.attachment?.detach();
      await calm();
      last = await late();
    }
    expect(last.error?.code).toBe('unknown-stream');
  });

  it('takes a stream from nobody who came meanwhile', async () => {
    const one = await opened();
    const reader = one.attach();
    await until('the reader', () => reader.stream === 0);
    reachable = false;
    wire().cut();
    await until('the loss', () => server.gateways === 0);
    const next = new TestReader();
    harness.supervisor
      .conversation({ server: harness.definition.id, kind: 'session', key: 'nonce', principal: 'alice' })
      .attach({ stream: 0 }, next);
    reachable = true;
    await until('the end of the old reader', () => reader.ends.length > 0);
    expect(reader.ends).toEqual(['superseded']);
    expect(next.ends).toEqual([]);
  });

  it('tells readers when their session has gone meanwhile, and opens no other in its place', async () => {
    const one = client(true, 'sse');
    const reader = one.attach();
    await until('the reader', () => reader.stream === 0);
    reachable = false;
    wire().cut();
    await until('the loss', () => server.gateways === 0);
    const target = {
      server: harness.definition.id,
      kind: 'session',
      key: 'sse',
      principal: 'alice',
    } as const;
    harness.supervisor.conversation(target).end(() => {});
    reachable = true;
    await until('the end', () => reader.ends.length > 0);
    expect(reader.ends).toEqual(['ended']);
    expect(harness.supervisor.activity(harness.definition.id)?.sessions).toBe(0);
  });

  it('fences the connection that the supervisor still believes in', async () => {
    const one = await opened();
    const reader = one.attach();
    await until('the reader', () => reader.stream === 0);
    const old = wire();
    old.cutGateway();
    await until('the next connection', () => wires.length === 2);
    await until('the fence', () => old.supervisor.destroyed);
    harness.server.notify('notifications/tools/list_changed', {});
    await until('the event', () => reader.events.length > 0);
    await calm();
    expect(reader.seqs).toEqual([1]);
    expect(server.gateways).toBe(1);
  });

  it('drops what its client no longer waits for', async () => {
    await opened();
    reachable = false;
    wire().cut();
    await until('the loss', () => server.gateways === 0);
    const reader = client().call(request('1'));
    reader.attachment?.detach();
    reachable = true;
    await until('another connection', () => server.gateways === 1);
    await calm();
    expect(harness.server.of('tools/call')).toHaveLength(0);
    expect(reader.error).toBeUndefined();
  });

  it('ends readers with "lost" when it is closed; the session lives on', async () => {
    const one = await opened();
    const reader = one.attach();
    const call = one.call(request('1'));
    await until('both', () => reader.stream === 0 && call.stream !== undefined);
    await link.close();
    expect([reader.ends, call.ends]).toEqual([['lost'], ['lost']]);
    expect(one.call(request('2')).error?.code).toBe('busy');
    expect((await one.note(NOTE))?.code).toBe('busy');
    await until('the detachment', () => server.gateways === 0);
    link = createSocketLink({ connect, instance: 'another' });
    harness.server.answer(harness.server.id('tools/call'));
    const again = client().attach(call.stream);
    await until('the answer', () => again.ends.length > 0);
    expect(again.lines).toMatchObject([{ id: 1 }]);
  });

  it('ends a session with one stream when its link stays away for longer than gateways wait', async () => {
    const one = client(true, 'sse');
    const reader = one.attach();
    await until('the reader', () => reader.stream === 0);
    reachable = false;
    wire().cut();
    await until('the loss', () => server.gateways === 0);
    const sessions = (): number | undefined => harness.supervisor.activity(harness.definition.id)?.sessions;
    expect(SINGLE_LINK_GRACE).toBeGreaterThan(WAIT_LIMIT);
    harness.clock.advance(SINGLE_LINK_GRACE - 2_000);
    expect(sessions()).toBe(1);
    harness.clock.advance(3_000);
    expect(sessions()).toBe(0);
  });

  it('writes what one turn brings in one piece', async () => {
    const one = await opened();
    await calm();
    const before = wire().writes.toSupervisor;
    for (let id = 1; id <= 50; id++) one.call(request(String(id)), { reader: new TestReader(false) });
    await arrived('tools/call', 50);
    // The calls, and what acknowledges the supervisor's own frames.
    expect(wire().writes.toSupervisor - before).toBeLessThan(5);
  });
});
