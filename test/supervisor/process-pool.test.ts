import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '../../src/clock.ts';
import { BerthError } from '../../src/errors.ts';
import { spawnProcess } from '../../src/supervisor/process.ts';
import { createHome, removeStaleHomes, withHome } from '../../src/supervisor/process-home.ts';
import { createProcessPool } from '../../src/supervisor/process-pool.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { eventually, fixtureLaunch, spawnOptions, stderrMatch } from '../support/local-process.ts';
import { type MemoryProcess, memoryProcess } from '../support/memory-process.ts';

const launch = { file: '/bin/true', args: [], env: {}, cwd: '/' };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const rejection = (promise: Promise<unknown>): Promise<BerthError> =>
  promise.then(
    () => expect.fail('resolved'),
    (thrown: BerthError) => thrown,
  );

async function pool(spares: number) {
  const clock = new ManualClock();
  const started: MemoryProcess[] = [];
  const state: { failure: BerthError | undefined } = { failure: undefined };
  let spawns = 0;
  const made = createProcessPool({
    definition: { name: 'files', launch, limits: { ...DEFAULT_LIMITS, spares } },
    clock,
    spawn: async () => {
      spawns++;
      if (state.failure) throw state.failure;
      const one = memoryProcess({ startedAt: clock.now(), stderr: ['no token given'] });
      started.push(one);
      return one;
    },
  });
  await turn();
  return { clock, started, state, spawns: () => spawns, pool: made };
}

describe('the pool', () => {
  it('without spares starts a process for each caller', async () => {
    const { pool: made, started } = await pool(0);
    expect(started).toHaveLength(0);
    expect(await made.acquire()).not.toBe(await made.acquire());
    expect(made.status).toEqual({ state: 'ready', live: 2, spares: 0, spoken: false });
  });

  it('hands out a spare and replaces it', async () => {
    const { pool: made, started } = await pool(2);
    expect(made.status).toMatchObject({ live: 2, spares: 2 });
    expect(await made.acquire()).toBe(started[0]);
    await turn();
    expect(started).toHaveLength(3);
    expect(made.status).toMatchObject({ live: 3, spares: 2 });
  });

  it('starts a fresh process when more are wanted than there are spares', async () => {
    const { pool: made, started } = await pool(1);
    const got = await Promise.all([made.acquire(), made.acquire(), made.acquire()]);
    expect(new Set(got).size).toBe(3);
    await turn();
    expect(started).toHaveLength(4);
  });

  it('never hands out a spare that has ended, and counts only what lives', async () => {
    const { pool: made, started } = await pool(1);
    started[0]?.crash();
    expect(await made.acquire()).toBe(started[1]);
    await turn();
    expect(made.status).toMatchObject({ live: 1, spares: 0 });
  });

  it('on close ends its spares, leaves acquired processes to their owners and refuses', async () => {
    const { pool: made, started } = await pool(1);
    const mine = await made.acquire();
    await turn();
    await made.close();
    await made.close();
    expect(mine.exit).toBeUndefined();
    expect(started[1]?.exit).toBeDefined();
    expect(made.status).toMatchObject({ state: 'closed', live: 1, spares: 0 });
    expect(await rejection(made.acquire())).toMatchObject({ code: 'stopped' });
  });

  it('ends a spare that was being started when it was closed', async () => {
    const { pool: made, started } = await pool(1);
    await made.acquire();
    await made.close();
    expect(started).toHaveLength(2);
    expect(started[1]?.exit).toBeDefined();
  });
});

describe('a server whose processes fail', () => {
  it('gets its spare back after 1, 2, 4 and 8 seconds, and no longer after the fifth failure (F-10)', async () => {
    const { pool: made, started, clock } = await pool(1);
    for (const wait of [1_000, 2_000, 4_000, 8_000]) {
      const count = started.length;
      started.at(-1)?.crash();
      await turn();
      expect(made.status).toMatchObject({ state: 'backoff', retryMs: wait, spares: 0 });
      clock.advance(wait - 1);
      await turn();
      expect(started).toHaveLength(count);
      clock.advance(1);
      await turn();
      expect(started).toHaveLength(count + 1);
    }
    started.at(-1)?.crash({ code: 7, signal: null });
    await turn();
    expect(made.status).toMatchObject({ state: 'failed', retryMs: 585_000 });
    const error = await rejection(made.acquire());
    expect(error).toMatchObject({
      code: 'start-failed',
      details: { exitCode: 7, stderr: ['no token given'] },
    });
    expect(error.message).toBe(
      'files failed five times within ten minutes, next try in 585.0 s: the process ended by itself, exit code 7 after 0.0 s',
    );
    clock.advance(585_000);
    await turn();
    expect(started).toHaveLength(6);
    expect(made.status.spares).toBe(1);
  });

  it('is refused to further callers after five acquired processes that ended without a word, until the window has passed', async () => {
    const { pool: made, started, clock } = await pool(0);
    for (let i = 0; i < 5; i++) {
      await made.acquire();
      started.at(-1)?.crash();
      await turn();
    }
    expect((await rejection(made.acquire())).code).toBe('start-failed');
    expect(started).toHaveLength(5);
    clock.advance(10 * 60_000);
    await made.acquire();
    expect(started).toHaveLength(6);
  });

  it('tells why it cannot be started at all', async () => {
    const { pool: made, state } = await pool(0);
    state.failure = new BerthError('start-failed', 'cannot start', { phase: 'spawn' });
    for (let i = 0; i < 5; i++) expect((await rejection(made.acquire())).message).toBe('cannot start');
    expect((await rejection(made.acquire())).message).toContain('five times');
    expect(made.status.reason?.message).toBe('cannot start');
  });

  it('does not count processes that were asked to stop', async () => {
    const { pool: made } = await pool(0);
    for (let i = 0; i < 10; i++) await (await made.acquire()).stop();
    await turn();
    expect(made.status).toEqual({ state: 'ready', live: 0, spares: 0, spoken: false });
  });

  it('is forgiven once a process has run for a minute', async () => {
    const { pool: made, started, clock } = await pool(0);
    for (let i = 0; i < 4; i++) {
      await made.acquire();
      started.at(-1)?.crash();
    }
    await made.acquire();
    clock.advance(60_000);
    expect(made.status).toEqual({ state: 'ready', live: 1, spares: 0, spoken: false });
  });

  it('is not taken from everybody while a process of it runs well', async () => {
    const { pool: made, started, clock } = await pool(0);
    await made.acquire();
    clock.advance(60_000);
    for (let i = 0; i < 6; i++) {
      await made.acquire();
      started.at(-1)?.crash();
      await turn();
    }
    expect(made.status.state).toBe('ready');
  });
});

describe('a server that has no room for another process', () => {
  const full = new BerthError('busy', 'cannot start files: as many processes as it may have', {
    phase: 'spawn',
  });

  it('has not failed, however many were refused, and takes the next one that there is room for', async () => {
    const { pool: made, started, state, clock } = await pool(0);
    await made.acquire();
    clock.advance(60_000);
    state.failure = full;
    for (let i = 0; i < 6; i++) expect(await rejection(made.acquire())).toBe(full);
    await started[0]?.stop();
    await turn();
    expect(made.status).toEqual({ state: 'ready', live: 0, spares: 0, spoken: false });
    state.failure = undefined;
    expect(await made.acquire()).toBe(started[1]);
  });

  it('gets its spare once one of its processes has ended, and is not asked again before', async () => {
    const { pool: made, started, state, spawns } = await pool(1);
    state.failure = full;
    await made.acquire();
    await turn();
    expect(made.status).toEqual({ state: 'ready', live: 1, spares: 0, spoken: false });
    expect(spawns()).toBe(2);
    state.failure = undefined;
    await started[0]?.stop();
    await turn();
    expect(made.status).toEqual({ state: 'ready', live: 1, spares: 1, spoken: false });
  });

  it('gets its spare after a while when others have made room', async () => {
    const { pool: made, state, spawns, clock } = await pool(1);
    state.failure = full;
    await made.acquire();
    await turn();
    clock.advance(10_000);
    await turn();
    expect(spawns()).toBe(3);
    state.failure = undefined;
    clock.advance(9_999);
    await turn();
    expect(made.status.spares).toBe(0);
    clock.advance(1);
    await turn();
    expect(made.status).toMatchObject({ state: 'ready', spares: 1 });
  });

  it('takes whoever comes as one is ending, in its place', async () => {
    const leaving = Promise.withResolvers<void>();
    const first: MemoryProcess = Object.create(memoryProcess(), { ended: { value: leaving.promise } });
    const second = memoryProcess();
    // That it is gone is not known at once where they are started.
    const outcomes = [first, full, full, second];
    const clock = new ManualClock();
    const made = createProcessPool({
      definition: { name: 'files', launch, limits: DEFAULT_LIMITS },
      clock,
      spawn: async () => {
        const outcome = outcomes.shift();
        if (outcome === undefined || outcome instanceof BerthError) throw outcome;
        return outcome;
      },
    });
    await (await made.acquire()).stop();
    const next = made.acquire();
    await turn();
    expect([outcomes.length, made.status.state]).toEqual([2, 'ready']);
    leaving.resolve();
    for (let look = 0; look < 2; look++) {
      await turn();
      clock.advance(20);
    }
    expect(await next).toBe(second);
  });

  it('is asked no more once its pool is closed', async () => {
    const { pool: made, started, state, spawns, clock } = await pool(1);
    state.failure = full;
    await made.acquire();
    await turn();
    await made.close();
    state.failure = undefined;
    await started[0]?.stop();
    clock.advance(60_000);
    await turn();
    expect([spawns(), made.status.state]).toEqual([2, 'closed']);
  });
});

describe('a server that crashes in use', () => {
  const HANDLER = { message() {}, oversized() {}, noise() {}, drain() {}, end() {} };
  /** A process whose client has got an answer. */
  async function used(made: { acquire(): Promise<unknown> }): Promise<MemoryProcess> {
    const one = (await made.acquire()) as MemoryProcess;
    one.channel.start(HANDLER);
    one.server.send({ jsonrpc: '2.0', id: 1, result: {} });
    for (let tries = 0; tries < 100 && one.channel.stats.messagesIn === 0; tries++) await turn();
    return one;
  }

  it('is not taken from others by the client that crashes it', async () => {
    const { pool: made } = await pool(0);
    for (let i = 0; i < 10; i++) {
      (await used(made)).crash();
      await turn();
    }
    expect(made.status).toEqual({ state: 'ready', live: 0, spares: 0, spoken: false });
  });

  it('is not taken from those whose process answers by one whose processes never do', async () => {
    const { pool: made, started } = await pool(0);
    await used(made);
    for (let i = 0; i < 6; i++) {
      await made.acquire();
      started.at(-1)?.crash();
      await turn();
    }
    expect(made.status.state).toBe('ready');
  });
});

describe('homes', () => {
  it('are private to a process, and removed when it has ended', async () => {
    const homes = join(await mkdtemp(join(tmpdir(), 'berth-test-')), 'homes');
    const polite = fixtureLaunch('polite');
    const definition = {
      name: 'polite',
      launch: { ...polite, env: { HOME: '/former', CACHE: '/former/cache', OTHER: '/formerly' } },
      limits: DEFAULT_LIMITS,
    };
    const made = createProcessPool({
      definition,
      homes,
      clock: systemClock,
      spawn: (one) => spawnProcess(one, spawnOptions()),
    });
    const started = [await made.acquire(), await made.acquire()];
    const folders = await readdir(homes);
    expect(folders).toHaveLength(2);
    for (const folder of folders) expect((await stat(join(homes, folder))).mode & 0o777).toBe(0o700);
    const [one] = started;
    const { env } = JSON.parse(await stderrMatch(one as (typeof started)[0], /(.+)/));
    expect(folders.map((folder) => join(homes, folder))).toContain(env.HOME);
    expect(env).toMatchObject({ CACHE: `${env.HOME}/cache`, OTHER: '/formerly' });
    await Promise.all(started.map((process) => process.stop()));
    await eventually('no live process', () => made.status.live === 0);
    for (let tries = 0; tries < 500 && (await readdir(homes)).length > 0; tries++) await turn();
    expect(await readdir(homes)).toEqual([]);
    await rm(join(homes, '..'), { recursive: true });
  });

  it('of an earlier gateway are removed', async () => {
    const homes = await mkdtemp(join(tmpdir(), 'berth-test-'));
    await writeFile(join(await createHome(homes), 'left'), '');
    await removeStaleHomes(homes);
    expect(await readdir(homes)).toEqual([]);
    await rm(homes, { recursive: true });
    await removeStaleHomes(homes);
  });

  it('move the working folder that lies in them', () => {
    expect(withHome({ ...launch, env: { HOME: '/a' }, cwd: '/a/b' }, '/n')).toMatchObject({
      env: { HOME: '/n' },
      cwd: '/n/b',
    });
    expect(withHome(launch, '/n')).toMatchObject({ env: { HOME: '/n' }, cwd: '/' });
  });
});
