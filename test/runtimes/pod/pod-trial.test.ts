/** A package tried in a pod: real processes, with the container of the package played by this machine. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../src/clock.ts';
import { BerthError } from '../../../src/errors.ts';
import type { LocalHost } from '../../../src/runtimes/local-host.ts';
import { createPodServers, type PodServers } from '../../../src/runtimes/pod/pod-servers.ts';
import type { TrialHost } from '../../../src/runtimes/pod/trial-host.ts';
import { answerQuestion } from '../../../src/supervisor/answer-question.ts';
import type { SupervisedServer } from '../../../src/supervisor/definition-file.ts';
import type { PodInspection } from '../../../src/supervisor/inspection-report.ts';
import type { Launch } from '../../../src/supervisor/launch.ts';
import { spawnProcess } from '../../../src/supervisor/process.ts';
import { DEFAULT_LIMITS } from '../../../src/supervisor/server-definition.ts';
import { WatchedClock } from '../../cluster-unit/watched-clock.ts';
import { eventually, fixture, spawnOptions } from '../../support/local-process.ts';

const LOOK = fileURLToPath(new URL('../../../src/runtimes/inspection/look.ts', import.meta.url));
/** Nobody has a session with what is tried. */
const HOST = {
  supervisor: { conversation: () => ({}) },
  sessions: () => [],
  activity: () => undefined,
  poolStatus: () => undefined,
  takeUsage: () => new Map(),
} as unknown as LocalHost;

let folder: string;
let home: string;
let pod: PodServers | undefined;
let started: Launch[];
/** Of programs of ours, in order. */
let ran: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-trial-'));
  home = join(folder, 'home');
  mkdirSync(home);
  [started, ran] = [[], []];
});
afterEach(() => {
  pod?.close();
  rmSync(folder, { recursive: true, force: true });
});

const trials = (more: Partial<TrialHost> = {}): TrialHost => ({
  start: async (launch, options) => {
    started.push(launch);
    return await spawnProcess(launch, { ...spawnOptions(), ...options });
  },
  read: async ({ file, args }) => {
    ran.push(file);
    return (await promisify(execFile)(file, [...args])).stdout;
  },
  life: 1,
  isolation: async () => 'yes',
  close: async () => {},
  ...more,
});

interface Setting {
  readonly file: string;
  readonly args?: readonly string[];
  readonly more?: Partial<SupervisedServer>;
  readonly host?: Partial<TrialHost>;
  readonly bring?: () => Promise<void>;
  readonly clock?: Clock;
}

function begin({ file, args = [], more = {}, host = {}, bring, clock = systemClock }: Setting): PodServers {
  const definition = {
    ...{ id: 's', name: 'inspect-1', isolation: 'session', sessions: 'minted', secrets: [] },
    launch: {
      file: process.execPath,
      args: [fixture(file), ...args],
      env: { PATH: '/usr/bin:/bin', HOME: home },
      cwd: home,
    },
    limits: { ...DEFAULT_LIMITS, startTimeout: 20_000, eofGrace: 200, termGrace: 200 },
    inspection: { look: { file: process.execPath, args: [LOOK, '~', home] } },
    ...more,
  } as SupervisedServer;
  pod = createPodServers({
    ...{ host: HOST, servers: [definition], clock, changed: () => {} },
    ...{ trials: 'life' in host ? (host as TrialHost) : trials(host), ...(bring && { bring }) },
  });
  return pod;
}

const ask = async (): Promise<PodInspection> =>
  (await answerQuestion(pod as PodServers, { what: 'inspection', server: 's' })) as PodInspection;

async function done() {
  const { seen } = await eventually('its end', async () => {
    const told = await ask();
    return told.state === 'done' ? told : false;
  });
  if (!seen) throw new Error('nothing was seen');
  return seen;
}

it('is started once for each era, and told of with what it has left', async () => {
  const served = begin({ file: 'busy-server' });
  const seen = await done();
  expect(seen).toMatchObject({
    platform: `${process.platform}-${process.arch}`,
    engine: `Node ${process.versions.node}`,
    isolation: 'yes',
    report: { serverInfo: { name: 'busy', version: '1.0.0' }, eras: ['legacy'] },
    written: { files: [{ path: '~/state/notes.txt', bytes: 5 }], total: 1 },
    stderr: ['busy: hello'],
  });
  expect(seen.offers.tools?.map(({ name }) => name)).toEqual(['one', 'two', 'three']);
  expect(seen.phases.map(({ phase }) => phase)).toEqual(['sandbox', 'start', 'list']);
  expect(seen.failure).toBeUndefined();
  expect(started).toHaveLength(2);
  // What it needed is read before our own program needs more.
  expect(ran[0]).toBe('/bin/cat');
  // Its pod counts as ready, and as one of nobody's.
  expect(served.fares('s')).toMatchObject({ open: true, sessions: 0 });
  expect(served.report('s')).toMatchObject({ state: 'ready', handshake: { eras: ['legacy'] } });
  expect(served.rest('s')).toBe(false);
});

it('serves nobody', async () => {
  const served = begin({ file: 'busy-server' });
  const refused = await new Promise((resolve) => {
    const target = { server: 's', kind: 'modern', key: 'k', principal: 'p' } as const;
    const reader = { refused: resolve } as never;
    served.conversation(target).call({ key: 'k', messages: [], batch: false } as never, reader);
  });
  expect(refused).toMatchObject({ code: 'not-allowed' });
  await done();
});

it('is told of with the reason when it does not start, and is not started again', async () => {
  const served = begin({
    file: 'exits',
    args: ['3', '0', 'no key for made-up-1'],
    more: { secrets: ['made-up-1'] },
  });
  const seen = await done();
  expect(seen.report).toBeUndefined();
  expect(seen.failure).toMatchObject({ code: 'start-failed', phase: 'handshake', exitCode: 3 });
  expect(JSON.stringify(seen)).toContain('no key');
  expect(JSON.stringify(seen)).not.toContain('made-up-1');
  expect(served.report('s')).toMatchObject({ state: 'failing', failure: { code: 'start-failed' } });
  expect(started).toHaveLength(2);
});

it('claims nothing that could not be looked at', async () => {
  begin({
    file: 'busy-server',
    host: { read: () => Promise.reject(new Error('no such program')), isolation: async () => 'unknown' },
  });
  const seen = await done();
  expect(seen.isolation).toBe('unknown');
  expect(Object.keys(seen)).not.toEqual(expect.arrayContaining(['written']));
  expect([seen.written, seen.peakMemoryBytes, seen.engine]).toEqual([undefined, undefined, undefined]);
});

it.each(['', 'null', '{"files":1}', '[]'])('believes no look that says %j', async (said) => {
  begin({ file: 'exits', args: ['0'], host: { read: async () => said } });
  expect((await done()).written).toBeUndefined();
});

it('is not started before its tree is there, and not at all without', async () => {
  const lost = new BerthError('install-failed', 'no such tree', { phase: 'install' });
  const bringing = Promise.withResolvers<void>();
  begin({
    ...{ file: 'busy-server', bring: () => bringing.promise },
    more: { tree: { url: 'http://127.0.0.1:1/trees/x', into: folder } },
  });
  expect([await ask(), started]).toEqual([{ state: 'fetching' }, []]);
  pod?.close();
  bringing.reject(lost);
  await new Promise((resolve) => setImmediate(resolve));
  expect(started).toEqual([]);
});

/** One whose helper does not say that nothing of it is left. */
const unended =
  (before: () => void = () => {}): TrialHost['start'] =>
  async (launch, options) => {
    started.push(launch);
    const process = await spawnProcess(launch, { ...spawnOptions(), ...options });
    before();
    return Object.defineProperty(process, 'mayRun', { value: true });
  };

it('is not looked at, and not started again, while something of it may run', async () => {
  begin({ file: 'busy-server', host: { start: unended() } });
  const seen = await done();
  expect(seen.failure).toMatchObject({ code: 'start-failed', message: /may still run/ });
  expect(seen.untried).toBeUndefined();
  expect([seen.written, seen.peakMemoryBytes, seen.engine]).toEqual([undefined, undefined, undefined]);
  expect([ran, started.length]).toEqual([[], 1]);
  expect(seen.offers.tools).toHaveLength(3);
});

it('is told of with the reason that it gave, when it cannot be ended either', async () => {
  begin({ file: 'exits', args: ['3', '0', 'no key'], host: { start: unended() } });
  expect((await done()).failure).toMatchObject({ phase: 'handshake', exitCode: 3 });
  expect(ran).toEqual([]);
});

it('is not looked at where the helper does not say whether it was started', async () => {
  const late = new BerthError('start-failed', 'berth-spawn said nothing');
  begin({ file: 'busy-server', host: { start: () => Promise.reject(late) } });
  expect((await done()).failure).toMatchObject({ message: 'berth-spawn said nothing' });
  expect(ran).toEqual([]);
});

it.each([undefined, 2])('is not measured in another container than it ran in (%j)', async (then) => {
  let life: number | undefined = 1;
  const lost = () => {
    life = then;
  };
  const host = trials({ start: unended(lost) });
  begin({ file: 'exits', args: ['0'], host: Object.defineProperty(host, 'life', { get: () => life }) });
  const seen = await done();
  expect(seen).toMatchObject({ containerLost: true, failure: { code: 'start-failed' } });
  expect([seen.written, seen.peakMemoryBytes, ran]).toEqual([undefined, undefined, []]);
});

it('is not measured where its container ends under the look itself', async () => {
  let life = 1;
  const host = trials({
    read: async ({ file }) => {
      ran.push(file);
      life = 2;
      return '12345';
    },
  });
  begin({ file: 'busy-server', host: Object.defineProperty(host, 'life', { get: () => life }) });
  expect((await done()).peakMemoryBytes).toBeUndefined();
  expect(ran).toEqual(['/bin/cat']);
});

it('is told of as not tried where its tree cannot be brought, after as many tries as five minutes have', async () => {
  const clock = new WatchedClock();
  let tries = 0;
  const bring = (): Promise<void> => {
    tries++;
    return Promise.reject(new BerthError('install-failed', 'the store is away', { phase: 'install' }));
  };
  const more = { tree: { url: 'http://127.0.0.1:1/trees/x', into: folder } };
  begin({ file: 'busy-server', bring, more, clock });
  const seen = await eventually('its end', async () => {
    for (const ms of clock.waits) clock.advance(ms);
    return (await ask()).seen;
  });
  expect(seen).toMatchObject({ untried: true, failure: { code: 'install-failed', phase: 'install' } });
  expect(clock.now()).toBeGreaterThan(4 * 60_000);
  expect(clock.now()).toBeLessThanOrEqual(5 * 60_000);
  expect(tries).toBeGreaterThan(10);
  expect(started).toEqual([]);
});

it('is tried once its package store is back', async () => {
  const clock = new WatchedClock();
  let away = 8;
  const bring = async (): Promise<void> => {
    if (away-- > 0) throw new BerthError('install-failed', 'the store is away', { phase: 'install' });
  };
  const more = { tree: { url: 'http://127.0.0.1:1/trees/x', into: folder } };
  begin({ file: 'busy-server', bring, more, clock });
  await eventually('its start', () => {
    if (away >= 0) for (const ms of clock.waits) clock.advance(ms);
    return started.length > 0;
  });
  pod?.close();
});

it('asks for a helper', () => {
  const definition = { id: 's', name: 'n', inspection: {}, launch: {}, limits: DEFAULT_LIMITS } as never;
  expect(() => createPodServers({ host: HOST, servers: [definition], changed: () => {} })).toThrow(/helper/);
});
