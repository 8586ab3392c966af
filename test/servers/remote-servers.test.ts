/** Remote servers among the others: what is checked before anything is connected to, and how long an answer is believed. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { BerthError } from '../../src/errors.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { createFixture, REPORT } from './doubles.ts';

const HOUR = 60 * 60_000;
const MODERN = {
  ...REPORT,
  protocolVersion: '2026-07-28',
  eras: ['modern' as const],
  transport: 'streamable-http' as const,
};
const LEGACY = { ...REPORT, eras: ['legacy' as const], transport: 'sse' as const };
const spec = (url = 'https://mcp.example.com/mcp', more: object = {}, headers: object = {}) =>
  parseServerSpec({ source: { remote: { url, headers } }, ...more });
const wait = { wait: true };

describe('a remote server', () => {
  it('starts without a package and without a process', async () => {
    const { manager, host, packages, store } = await createFixture();
    host.report = LEGACY;
    const { server } = await manager.run(
      spec(undefined, {}, { Authorization: 'Bearer env:BRAVE', 'X-Key': 'env:BRAVE' }),
      wait,
    );
    expect(server.status).toMatchObject({
      state: 'running',
      era: 'legacy',
      eras: ['legacy'],
      remote: { url: 'https://mcp.example.com/mcp', transport: 'sse' },
      phases: [{ phase: 'handshake', ms: 35 }],
      tools: ['echo', 'add'],
    });
    expect(host.defined.get(server.id)).toMatchObject({
      remote: {
        url: 'https://mcp.example.com/mcp',
        transport: 'sse',
        headers: { Authorization: 'Bearer canary-brave', 'X-Key': 'canary-brave' },
      },
      eras: ['legacy'],
      isolation: 'session',
      secrets: ['canary-brave', 'Bearer canary-brave'],
    });
    expect(host.defined.get(server.id)?.launch).toBeUndefined();
    expect(packages.resolved).toEqual([]);
    expect(JSON.stringify([store.list(), manager.list()])).not.toContain('canary');
  });

  it('is asked for in the one way that is given', async () => {
    const { manager, host } = await createFixture();
    await manager.run(spec(undefined, { era: 'modern' }), wait);
    expect(host.probed[0]).toMatchObject({ eras: ['modern'], remote: { transport: 'auto' } });
  });

  it('is asked for in both, where both are given', async () => {
    const { manager, host } = await createFixture();
    await manager.run(spec(undefined, { era: 'both' }), wait);
    expect(host.probed[0]).toMatchObject({ eras: ['legacy', 'modern'] });
  });

  it('needs its secrets', async () => {
    const { manager, host } = await createFixture();
    await expect(manager.run(spec(undefined, {}, { 'X-Key': 'env:NOTHING' }), wait)).rejects.toMatchObject({
      code: 'missing-input',
      details: { fields: [{ pointer: '/source/remote/headers/X-Key' }] },
    });
    expect(host.probed).toEqual([]);
  });

  it('with a secret that no header can hold is refused without repeating it', async () => {
    const { manager, secrets } = await createFixture();
    secrets.env.BROKEN = 'canary\r\nX-Other: 1';
    const start = manager.run(spec(undefined, {}, { 'X-Key': 'env:BROKEN' }), wait);
    await expect(start).rejects.toMatchObject({ code: 'bad-input' });
    await expect(start).rejects.not.toThrow('canary');
  });

  it('is refused where the operator does not allow it', async () => {
    const { manager } = await createFixture({ allow: { npm: true, pypi: true, remote: false } });
    await expect(manager.run(spec(), wait)).rejects.toMatchObject({
      code: 'not-allowed',
      message: 'remote servers are not allowed here (BERTH_ALLOW_REMOTE=false)',
    });
    expect(manager.list()).toEqual([]);
  });

  it('is refused at an address that is not public, before anything is made of it', async () => {
    const { manager, host } = await createFixture();
    for (const url of [
      'https://169.254.169.254/latest',
      'http://mcp.example.com/',
      'https://[::ffff:a00:1]/',
    ])
      await expect(manager.run(spec(url, { name: 'x' }), wait)).rejects.toMatchObject({
        code: 'not-allowed',
      });
    expect(manager.list()).toEqual([]);
    expect(host.probed).toEqual([]);
  });

  it('whose host is no longer listed does not start again', async () => {
    const remote = createRemotePolicy(['10.0.0.0/8']);
    const { manager, again } = await createFixture({ remote });
    await manager.run(spec('http://10.1.2.3/mcp', { name: 'inner' }), wait);
    const next = again({ remote: createRemotePolicy([]) });
    await next.restore();
    await expect(next.start('inner', wait)).rejects.toMatchObject({ code: 'not-allowed' });
  });
});

describe('what is known of a remote server', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const pass = (clock: ManualClock, ms: number): void => {
    vi.setSystemTime(Date.now() + ms);
    clock.advance(ms);
  };

  it('holds over a restart of the gateway, for an hour', async () => {
    const { manager, again, host } = await createFixture();
    host.report = LEGACY;
    await manager.run(spec(), wait);
    const second = again();
    vi.setSystemTime(Date.now() + HOUR - 1);
    await second.restore();
    await second.start('example', wait);
    expect(host.probed).toHaveLength(1);
    expect(host.defined.get(second.get('example').id)?.remote?.transport).toBe('sse');
    vi.setSystemTime(Date.now() + 1);
    const third = again();
    await third.restore();
    await third.start('example', wait);
    expect(host.probed).toHaveLength(2);
  });

  it('is looked at again while it runs, and what has changed counts from then on', async () => {
    const clock = new ManualClock();
    const { manager, host, store } = await createFixture({ clock });
    host.report = LEGACY;
    const { server } = await manager.run(spec(), wait);
    pass(clock, HOUR - 10 * 60_000);
    await vi.waitFor(() => expect(host.probed).toHaveLength(1));
    const defined = host.defined.get(server.id);
    pass(clock, 10 * 60_000);
    await vi.waitFor(() => expect(host.probed).toHaveLength(2));
    expect(host.defined.get(server.id)).toBe(defined);
    host.report = MODERN;
    pass(clock, HOUR);
    await vi.waitFor(() => expect(manager.get('example').status.eras).toEqual(['modern']));
    expect(host.defined.get(server.id)).toMatchObject({
      eras: ['modern'],
      remote: { transport: 'streamable-http' },
    });
    expect(store.list()[0]?.report?.eras).toEqual(['modern']);
    expect(manager.get('example').status.state).toBe('running');
    await manager.close();
  });

  it('stays when it does not answer, and is looked at again soon', async () => {
    const clock = new ManualClock();
    const { manager, host } = await createFixture({ clock });
    host.report = LEGACY;
    await manager.run(spec(), wait);
    host.failure = new BerthError('remote-failed', 'down');
    pass(clock, HOUR);
    await vi.waitFor(() => expect(host.probed.length).toBeGreaterThan(1));
    expect(manager.get('example').status).toMatchObject({ state: 'running', eras: ['legacy'] });
    const { length } = host.probed;
    pass(clock, 5 * 60_000);
    await vi.waitFor(() => expect(host.probed).toHaveLength(length + 1));
    await manager.close();
  });

  it('is not looked at again while it is stopped, nor of a package', async () => {
    const clock = new ManualClock();
    const { manager, host } = await createFixture({ clock });
    await manager.run(spec(), wait);
    await manager.run(parseServerSpec({ template: 'time' }), wait);
    await manager.stop('example');
    pass(clock, 2 * HOUR);
    await new Promise((resolve) => setImmediate(resolve));
    expect(host.probed).toHaveLength(2);
    await manager.close();
  });
});
