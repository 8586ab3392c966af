import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../../src/clock.ts';
import { BerthError } from '../../../src/errors.ts';
import type { LocalHost } from '../../../src/runtimes/local-host.ts';
import { createPodServers, type PodServers } from '../../../src/runtimes/pod/pod-servers.ts';
import type { Usage } from '../../../src/servers/usage.ts';
import type { SupervisedServer } from '../../../src/supervisor/definition-file.ts';
import { DEFAULT_LIMITS } from '../../../src/supervisor/server-definition.ts';

const definition: SupervisedServer = {
  ...{ id: 's', name: 'search', isolation: 'session', sessions: 'minted' },
  launch: { file: '/server', args: [], env: {}, cwd: '/' },
  limits: DEFAULT_LIMITS,
  secrets: [],
};
const counted: Usage = { sessions: 1, calls: 2, failedCalls: 1, bytesToServer: 30, bytesFromServer: 40 };

let taken: Map<string, Usage>;
let inUse: boolean;
let pool: ReturnType<LocalHost['poolStatus']>;
let pod: PodServers;
let clock: ManualClock;
let probe: () => Promise<object>;

const HANDSHAKE = {
  ...{ protocolVersion: '2025-11-25', serverInfo: { name: 'search', version: '1' } },
  ...{ capabilities: { tools: {} }, eras: ['legacy'], tools: ['find'], spawnMs: 1, handshakeMs: 2 },
};

beforeEach(async () => {
  taken = new Map();
  inUse = false;
  clock = new ManualClock();
  probe = async () => HANDSHAKE;
  pool = { state: 'ready', live: 1, spares: 0, spoken: false };
  const host = {
    supervisor: { conversation: () => ({}), holds: (_id: string, principal: string) => principal === 'p' },
    probe: () => probe(),
    renew: () => {},
    define: () => {},
    sessions: () => [{ kind: 'session' }, { kind: 'modern' }, { kind: 'process' }],
    activity: () => ({ sessions: 1, processes: 2, inUse }),
    poolStatus: () => pool,
    takeUsage: () => {
      const now = taken;
      taken = new Map();
      return now;
    },
  } as unknown as LocalHost;
  pod = createPodServers({ host, servers: [definition], clock, changed: () => {} });
  await new Promise((resolve) => setImmediate(resolve));
});
afterEach(() => pod.close());

it('a report tells how a server fares, without what nobody asks for', () => {
  expect(pod.report('s')).toMatchObject({
    ...{ state: 'ready', sessions: 2, processes: 2, inUse: false },
    handshake: { protocolVersion: '2025-11-25', eras: ['legacy'], tools: ['find'] },
    check: { failures: 0 },
  });
  expect(pod.report('s')?.handshake?.capabilities).toEqual(['tools']);
  expect(pod.report('another')).toBeUndefined();
  const reason = new BerthError('start-failed', 'no key', { phase: 'spawn', exitCode: 7, stderr: ['KEY'] });
  pool = { state: 'failed', live: 0, spares: 0, spoken: false, reason };
  expect(pod.report('s')).toMatchObject({
    state: 'failing',
    failure: { code: 'start-failed', message: 'no key', phase: 'spawn', exitCode: 7, stderr: ['KEY'] },
  });
  pod.draining();
  expect(pod.report('s')?.state).toBe('draining');
});

it('a check is made when somebody asks, and tells what it has found', async () => {
  expect(await pod.check('s')).toMatchObject({ over: true, check: { failures: 0 } });
  expect(await pod.check('another')).toBeUndefined();
  probe = () => Promise.reject(new BerthError('start-failed', 'config is broken', { exitCode: 5 }));
  expect(await pod.check('s')).toMatchObject({
    ...{ over: true, check: { failures: 1 } },
    failure: { message: 'config is broken', exitCode: 5 },
  });
  expect(pod.report('s')?.state).toBe('ready');
  const { promise, resolve } = Promise.withResolvers<object>();
  probe = () => promise;
  const asked = [pod.check('s'), pod.check('s')];
  await new Promise((turn) => setImmediate(turn));
  clock.advance(9_000);
  for (const one of asked) expect(await one).toMatchObject({ over: false, check: { failures: 1 } });
  const again = pod.check('s');
  resolve(HANDSHAKE);
  const report = await again;
  expect(report).toMatchObject({ over: true, check: { failures: 0 } });
  expect(report?.failure).toBeUndefined();
});

it('its use is counted from the beginning of the supervisor, however often it is asked for', () => {
  const { run } = pod.report('s')?.usage ?? {};
  expect(pod.report('s')?.usage).toEqual({
    ...counted,
    run,
    sessions: 0,
    calls: 0,
    failedCalls: 0,
    bytesToServer: 0,
    bytesFromServer: 0,
  });
  taken = new Map([['s', counted]]);
  expect(pod.report('s')?.usage).toEqual({ run, ...counted });
  taken = new Map([['s', counted]]);
  expect(pod.report('s')?.usage).toMatchObject({ run, calls: 4, bytesToServer: 60 });
  expect(pod.report('s')?.usage).toMatchObject({ run, calls: 4, bytesToServer: 60 });
});

it('it rests only while nobody uses it, and says who has something here', () => {
  inUse = true;
  expect([pod.rest('s'), pod.report('s')?.state]).toEqual([false, 'ready']);
  inUse = false;
  expect([pod.rest('s'), pod.report('s')?.state, pod.rest('another')]).toEqual([true, 'resting', false]);
  expect([pod.holds('s', 'p'), pod.holds('s', 'q')]).toEqual([true, false]);
});
