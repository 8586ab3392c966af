import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { BerthError } from '../../src/errors.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { SqliteServerStore } from '../../src/store/server-store.ts';
import { createFixture } from './doubles.ts';

const wait = { wait: true };
const broken = new BerthError('start-failed', 'failed in phase handshake, no answer', {
  phase: 'handshake',
  stderr: ['cannot reach the database'],
  hint: 'start it',
});

async function running({ interval = 30_000, failures = 2, timeout = 30_000, spec = {} } = {}) {
  const clock = new ManualClock();
  const degraded: string[] = [];
  const fixture = await createFixture({
    clock,
    health: { interval, failures, timeout },
    onDegraded: ({ name }, error) => degraded.push(`${name}: ${error.message}`),
  });
  const { server } = await fixture.manager.run(parseServerSpec({ template: 'time', ...spec }), wait);
  const pass = async (ms: number) => {
    clock.advance(ms);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    ...fixture,
    clock,
    degraded,
    pass,
    id: server.id,
    status: () => fixture.manager.get('time').status,
  };
}

function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { hold: promise, open: resolve };
}

describe('the health of a server', () => {
  it('is first what its start has shown', async () => {
    const { status } = await running();
    expect(status()).toMatchObject({
      state: 'running',
      health: 'healthy',
      lastCheck: { ms: 47, failures: 0 },
    });
    expect(Date.parse(status().lastCheck?.at ?? '')).toBeGreaterThan(0);
  });

  it('is looked at now and then, by a handshake that has to be quick', async () => {
    const { host, pass } = await running();
    await pass(29_999);
    expect(host.probed).toHaveLength(1);
    await pass(1);
    await pass(30_000);
    expect(host.probed.map(({ limits }) => limits.startTimeout)).toEqual([300_000, 30_000, 30_000]);
  });

  it('is looked at within the time of a check: that of the settings, that of the server, or that of a start', async () => {
    const { host, pass } = await running({ timeout: 10_000 });
    await pass(30_000);
    const own = await running({ spec: { health: { timeout: 45_000 } } });
    await own.pass(30_000);
    const quick = await running({ spec: { limits: { startTimeout: 5_000 } } });
    await quick.pass(30_000);
    const within = [host, own.host, quick.host].map(({ probed }) => probed.at(-1)?.limits.startTimeout);
    expect(within).toEqual([10_000, 45_000, 5_000]);
  });

  it('is unhealthy after one failed check, degraded after some, and served all the same', async () => {
    const { host, pass, status, manager, degraded, id } = await running();
    host.failure = broken;
    await pass(30_000);
    expect(status()).toMatchObject({
      state: 'running',
      health: 'unhealthy',
      failure: { phase: 'handshake', stderr: ['cannot reach the database'] },
      lastCheck: { failures: 1 },
    });
    expect([degraded, host.renewed]).toEqual([[], []]);
    await pass(30_000);
    expect(status()).toMatchObject({
      state: 'degraded',
      reason: 'HealthChecksFailed',
      health: 'unhealthy',
      message: broken.message,
      hint: 'start it',
      replicas: { ready: 1 },
      lastCheck: { failures: 2 },
    });
    expect(manager.find('time')).toMatchObject({ state: 'running' });
    expect(manager.find('time')?.failure).toBeUndefined();
    // Its spares and unused processes are replaced once, not with every further check.
    await pass(60_000);
    expect([degraded, host.renewed]).toEqual([[`time: ${broken.message}`], [id]]);
  });

  it('is healthy again with the next check that comes through', async () => {
    const { host, pass, status } = await running({ failures: 1 });
    host.failure = broken;
    await pass(30_000);
    expect(status().state).toBe('degraded');
    host.failure = undefined;
    await pass(30_000);
    expect(status()).toMatchObject({ state: 'running', health: 'healthy', lastCheck: { failures: 0 } });
    expect(status().failure).toBeUndefined();
  });

  it('is as it was last while there is no room for a process to look at it with', async () => {
    const { host, pass, status } = await running();
    host.failure = broken;
    await pass(30_000);
    host.failure = new BerthError('busy', 'cannot start time: as many processes as it may have');
    for (let check = 0; check < 10; check++) await pass(30_000);
    expect(host.probed).toHaveLength(12);
    expect(status()).toMatchObject({ state: 'running', health: 'unhealthy', lastCheck: { failures: 1 } });
    host.failure = broken;
    await pass(30_000);
    expect(status()).toMatchObject({ state: 'degraded', lastCheck: { failures: 2 } });
  });

  it('is not looked at where no interval is set, unless somebody asks', async () => {
    const { host, pass, manager } = await running({ interval: 0 });
    await pass(24 * 3_600_000);
    expect(host.probed).toHaveLength(1);
    host.failure = broken;
    expect(await manager.checkHealth('time')).toMatchObject({
      health: 'unhealthy',
      lastCheck: { failures: 1 },
    });
    expect(host.probed).toHaveLength(2);
  });

  it('follows the specification before the settings', async () => {
    const { host, pass, status } = await running({
      interval: 0,
      spec: { health: { interval: 5_000, failures: 1 } },
    });
    host.failure = broken;
    await pass(5_000);
    expect(status().state).toBe('degraded');
  });
});

describe('a check', () => {
  it('is one for all who ask at one time', async () => {
    const { host, manager } = await running();
    const { hold, open } = gate();
    host.hold = hold;
    const asked = [manager.checkHealth('time'), manager.checkHealth('time')];
    open();
    await Promise.all(asked);
    expect(host.probed).toHaveLength(2);
    await manager.checkHealth('time');
    expect(host.probed).toHaveLength(3);
  });

  it('takes a place among the starts', async () => {
    const { manager, packages, host, again } = await running();
    const { hold, open } = gate();
    packages.hold = hold;
    const one = again({ parallelStarts: 1, store: { list: () => [], save: () => {}, remove: () => {} } });
    packages.hold = undefined;
    await one.run(parseServerSpec({ template: 'time' }), wait);
    packages.hold = hold;
    await one.run(parseServerSpec({ template: 'fetch' }));
    const before = host.probed.length;
    const asked = one.checkHealth('time');
    await new Promise(setImmediate);
    expect(host.probed).toHaveLength(before);
    open();
    await asked;
    await Promise.all([one.close(), manager.close()]);
  });

  it('means nothing once the server was stopped, and there are no more', async () => {
    const { host, manager, status, pass } = await running();
    const { hold, open } = gate();
    host.hold = hold;
    host.failure = broken;
    const asked = manager.checkHealth('time');
    await manager.stop('time');
    open();
    expect(await asked).toMatchObject({ state: 'stopped', health: 'unknown' });
    expect(status().lastCheck).toBeUndefined();
    const { length } = host.probed;
    await pass(90_000);
    expect(await manager.checkHealth('time')).toMatchObject({ health: 'unknown' });
    expect(host.probed).toHaveLength(length);
  });

  it('of a server that could not be started says why, without another try', async () => {
    const { host, manager } = await running();
    await manager.stop('time');
    host.failure = broken;
    await manager.start('time', wait).catch(() => undefined);
    const { length } = host.probed;
    expect(await manager.checkHealth('time')).toMatchObject({
      state: 'failed',
      health: 'unhealthy',
      failure: { message: broken.message },
    });
    expect(host.probed).toHaveLength(length);
    await expect(manager.checkHealth('nobody')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('is the first one only when it comes, after a restart that has shaken no hands', async () => {
    const { manager, again } = await running();
    await manager.close();
    const next = again();
    await next.restore();
    await next.start('time', wait);
    expect(next.get('time').status).toMatchObject({ state: 'running', health: 'healthy' });
    expect(next.get('time').status.lastCheck).toBeUndefined();
    expect(await next.checkHealth('time')).toMatchObject({ lastCheck: { failures: 0 } });
    await next.close();
  });
});

describe('checks that are kept', () => {
  const open = async () => {
    const store = new SqliteServerStore(':memory:');
    const options = { store, checks: store.checks };
    const fixture = await createFixture({
      ...options,
      clock: new ManualClock(),
      health: { interval: 0, failures: 2, timeout: 30_000 },
    });
    await fixture.manager.run(parseServerSpec({ template: 'time' }), wait);
    return { ...fixture, sqlite: store };
  };

  it('are told newest first, the handshake of each start among them', async () => {
    const { manager, host, sqlite } = await open();
    host.failure = broken;
    await manager.checkHealth('time');
    await manager.checkHealth('time');
    host.failure = undefined;
    // Another one, as every handshake makes.
    host.report = { ...host.report };
    await manager.restart('time', wait);
    expect(manager.checks('time')).toMatchObject([
      { health: 'healthy', failures: 0, ms: 47 },
      { health: 'unhealthy', failures: 2, failure: { message: broken.message, phase: 'handshake' } },
      { health: 'unhealthy', failures: 1 },
      { health: 'healthy', failures: 0, at: expect.stringMatching(/^\d{4}-.*Z$/) },
    ]);
    expect(() => manager.checks('nobody')).toThrow(/no server/);
    await manager.close();
    sqlite.close();
  });

  it('outlive the gateway: the next one knows what the newest has shown, and when', async () => {
    const { manager, again, host, sqlite } = await open();
    host.failure = broken;
    await manager.checkHealth('time');
    await manager.checkHealth('time');
    const before = manager.get('time').status;
    await manager.close();
    const next = again();
    await next.restore();
    await next.start('time', wait);
    expect(next.get('time').status).toMatchObject({
      state: 'degraded',
      health: 'unhealthy',
      failure: { message: broken.message, hint: 'start it' },
      lastCheck: before.lastCheck,
    });
    expect(next.checks('time')).toHaveLength(3);
    host.failure = undefined;
    expect(await next.checkHealth('time')).toMatchObject({ state: 'running', health: 'healthy' });
    expect(next.checks('time')).toHaveLength(4);
    await next.remove('time');
    await next.close();
    sqlite.close();
  });
});
