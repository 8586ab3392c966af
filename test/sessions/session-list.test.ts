/** What an operator sees of a server's sessions, and ending them. */
import { afterEach, describe, expect, it } from 'vitest';
import type { SessionReport } from '../../src/supervisor/session-report.ts';
import { Harness, request, settle, TestReader } from './harness.ts';
import { modernHarness, QUIET } from './modern-server.ts';

const KIB = 1024;

let harness: Harness;
afterEach(() => harness.close());

function list(): SessionReport[] {
  return harness.supervisor.sessions('the-server').map(({ report }) => report);
}

async function end(at: number): Promise<void> {
  await harness.supervisor.sessions('the-server')[at]?.end();
  await settle();
}

describe('a session', () => {
  it('is listed with who opened it, its age, its process and what that process said', async () => {
    harness = new Harness();
    await harness.session({ version: '2025-06-18' });
    harness.clock.advance(1_000);
    await harness.session({ principal: 'bob', single: true });
    harness.clock.advance(5_000);
    const [alice, bob] = list();
    expect(alice).toEqual({
      id: expect.stringMatching(/^[\w-]{12}$/),
      kind: 'session',
      state: 'idle',
      delivery: 'streams',
      principal: 'alice',
      protocolVersion: '2025-06-18',
      ageMs: 6_000,
      idleMs: 6_000,
      callsInFlight: 0,
      queuedBytes: 0,
      bufferedBytes: 0,
      heldBytes: expect.any(Number),
      lostNotifications: 0,
      processes: [{ pid: 4_000_000, queuedBytes: 0, messagesIn: 1, messagesOut: 2, noiseLines: 0 }],
    });
    expect(bob).toMatchObject({
      delivery: 'single',
      principal: 'bob',
      ageMs: 5_000,
      processes: [{ pid: 4_000_001 }],
    });
  });

  it('never shows the nonce that opens it', async () => {
    harness = new Harness();
    await harness.session();
    expect(JSON.stringify(list())).not.toContain('nonce-1');
  });

  it('is opening before its initialize, busy while a call is in flight, then idle', async () => {
    harness = new Harness();
    const client = harness.client({}, { delivery: 'single' });
    client.attach();
    expect(list()).toMatchObject([{ state: 'opening', processes: [] }]);
    await client.initialize();
    expect(list()).toMatchObject([{ state: 'idle' }]);
    client.call(request('1'));
    await settle();
    expect(list()).toMatchObject([{ state: 'busy', callsInFlight: 1 }]);
    harness.server.answer(harness.server.id('tools/call'));
    await settle();
    expect(list()).toMatchObject([{ state: 'idle', callsInFlight: 0 }]);
  });

  it('shows what waits for its client and what its client has lost', async () => {
    harness = new Harness();
    const client = await harness.session();
    harness.server.notify('acme/n', { pad: 'x'.repeat(KIB) });
    await settle();
    expect(list()[0]).toMatchObject({ bufferedBytes: 0, lostNotifications: 0 });
    expect(list()[0]?.heldBytes).toBeGreaterThan(KIB);
    client.attach(0, undefined, new TestReader(false));
    expect(list()[0]?.bufferedBytes).toBeGreaterThan(KIB);
    const other = await harness.session();
    const server = harness.servers.at(-1);
    for (let n = 0; n < 300; n++) server?.notify('acme/n', { n });
    await settle();
    expect(list()[1]?.lostNotifications).toBe(300 - 256);
    await other.end();
  });

  it('counts noise, and cuts what a server calls its revision', async () => {
    harness = new Harness({
      answers: {
        initialize: () => ({ result: { protocolVersion: 'v'.repeat(1_000), capabilities: {} } }),
      },
    });
    await harness.session();
    harness.server.say('hello?');
    await settle();
    expect(list()).toMatchObject([{ protocolVersion: 'v'.repeat(64), processes: [{ noiseLines: 1 }] }]);
  });

  it('on a replaced definition is still listed', async () => {
    harness = new Harness();
    await harness.session();
    harness.supervisor.define(harness.definition);
    await harness.session();
    expect(list().map(({ processes }) => processes[0]?.pid)).toEqual([4_000_000, 4_000_001]);
  });

  it('is not listed once it is over', async () => {
    harness = new Harness();
    const client = await harness.session();
    await client.end();
    expect(list()).toEqual([]);
    expect(harness.supervisor.sessions('another-server')).toEqual([]);
  });
});

describe('without a session', () => {
  it('callers under one affinity key are listed as a pool, with its process', async () => {
    harness = new Harness({ sessions: 'none' });
    harness.client({ kind: 'affinity' }).call(request('1', 'tools/list'));
    await settle();
    expect(list()).toMatchObject([
      { kind: 'pool', state: 'busy', principal: 'alice', processes: [{ pid: 4_000_000 }] },
    ]);
  });

  it('a shared process of a modern server is listed like any other', async () => {
    harness = modernHarness({ answers: QUIET, isolation: 'shared' });
    const client = await harness.session();
    expect(list()).toMatchObject([{ kind: 'session', processes: [{ pid: 4_000_000 }] }]);
    await client.end();
    expect(list()).toMatchObject([{ kind: 'process', state: 'unused', processes: [{ pid: 4_000_000 }] }]);
    await end(0);
    expect([list(), harness.server.process.stopping]).toEqual([[], true]);
  });

  it('a shared process is listed as soon as nobody is on it, and no longer once it was ended', async () => {
    harness = new Harness({ isolation: 'shared' });
    const client = await harness.session();
    expect(list()).toMatchObject([{ kind: 'session' }]);
    await client.end();
    harness.clock.advance(2_000);
    const [process] = list();
    expect(process).toMatchObject({ kind: 'process', state: 'unused', processes: [{ pid: 4_000_000 }] });
    expect([process?.principal, process?.delivery]).toEqual([undefined, undefined]);
    await end(0);
    expect([list(), harness.server.process.stopping]).toEqual([[], true]);
    await harness.session();
    expect(harness.servers).toHaveLength(2);
  });
});

describe('ending one', () => {
  it('fails its calls, ends its process and leaves the others alone', async () => {
    harness = new Harness();
    const [first, second] = [await harness.session(), await harness.session()];
    const reader = first.call(request('1'));
    await settle();
    await end(0);
    expect(reader.lines).toMatchObject([{ id: 1, error: { data: { code: 'unknown-session' } } }]);
    expect(first.call(request('2')).error).toMatchObject({ code: 'unknown-session', status: 404 });
    expect(harness.servers.map(({ process }) => process.stopping)).toEqual([true, false]);
    second.call(request('1'));
    await settle();
    expect(list()).toMatchObject([{ state: 'busy', processes: [{ pid: 4_000_001 }] }]);
  });

  it('on a shared process leaves the process to the rest', async () => {
    harness = new Harness({ isolation: 'shared' });
    await harness.session();
    await harness.session({ principal: 'bob' });
    await end(0);
    expect(list()).toMatchObject([{ principal: 'bob' }]);
    expect(harness.server.process.stopping).toBe(false);
  });
});
