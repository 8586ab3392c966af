/** Real processes in real control groups. Where this machine gives none, each test says so and why. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLimiter, type Limiter } from '../../../src/supervisor/limits/limiter.ts';
import { type LocalProcess, spawnProcess } from '../../../src/supervisor/process.ts';
import type { ResourceLimits } from '../../../src/supervisor/resource-limits.ts';
import { groupOf } from '../../support/control-groups.ts';
import { eventually, fixtureLaunch, isRunning, spawnOptions, table } from '../../support/local-process.ts';

const MIB = 1_024 ** 2;
const OWNER = { folder: '0123456789abcdef', pid: process.pid, started: table.started(process.pid) ?? '' };
/** A gateway that is no longer there. */
const DEAD = { ...OWNER, started: '1' };

let dir: string;
let limiter: Limiter;
const started: LocalProcess[] = [];

const limiterOf = (owner: typeof OWNER, name = 'groups.json') =>
  createLimiter({ owner, table, record: join(dir, name) });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-limits-'));
  limiter = await limiterOf(OWNER);
});
beforeEach(({ skip }) => {
  const lack = limiter.lack('memory') ?? limiter.lack('cpu');
  if (lack) skip(`this machine cannot limit processes: ${lack.reason}`);
});
afterAll(async () => {
  await Promise.all(started.map((one) => one.stop({ force: true })));
  await rm(dir, { recursive: true, force: true });
});

/** An eater, and the answers that it gives. */
async function start(limits: ResourceLimits, by = limiter) {
  const one = await spawnProcess(fixtureLaunch('eater'), spawnOptions({ cell: by.open(limits) }));
  started.push(one);
  const answers: string[] = [];
  one.channel.start({
    message: (bytes) => answers.push(bytes.toString()),
    ...{ oversized: () => undefined, noise: () => undefined, drain: () => undefined, end: () => undefined },
  });
  const ask = (name: string, given: object = {}): void => {
    const params = { name, arguments: given };
    one.channel.send([
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: answers.length, method: 'tools/call', params })),
    ]);
  };
  const answer = async (name: string, given?: object): Promise<string> => {
    const before = answers.length;
    ask(name, given);
    const text = await eventually(`an answer to ${name}`, () => answers[before]);
    return JSON.parse(text).result.content[0].text;
  };
  return { one, ask, answer };
}

describe('a process with limits', () => {
  it('is in its groups before its program begins, with what it starts, and they are gone after its end', async () => {
    const { one, answer } = await start({ memoryBytes: 128 * MIB, cpuMillis: 500 });
    const child = Number(await answer('leave'));
    const groups = (['memory', 'cpu', 'pids'] as const).map((controller) => groupOf(one.pid, controller));
    for (const group of groups) expect(basename(group)).toMatch(/^berth-0123456789abcdef-/);
    expect(groupOf(child, 'memory')).toBe(groups[0]);
    await one.stop();
    for (const group of groups) expect(existsSync(group)).toBe(false);
    // It has no mark, no parent and no group of ours: only the control group knows it.
    expect(isRunning(child)).toBe(false);
  });

  it('has the environment of its launch, and knows nothing of where it came through', async () => {
    const launch = { ...fixtureLaunch('polite'), env: { ONE: '1', x: 'two words', PWD: '/given' } };
    const one = await spawnProcess(launch, spawnOptions({ cell: limiter.open({ cpuMillis: 1_000 }) }));
    const said = await eventually('its words', () => one.stderrTail(1)[0]);
    await one.stop();
    const { env } = JSON.parse(said);
    expect(env).toMatchObject({ ONE: '1', x: 'two words' });
    expect(
      Object.keys(env).filter(
        (name) => !['ONE', 'x', 'PWD', 'OLDPWD', 'SHLVL', '_', 'BERTH_PROCESS'].includes(name),
      ),
    ).toEqual([]);
  });

  it('is ended by the system beyond its memory, and that is what its end says', async () => {
    const { one, answer, ask } = await start({ memoryBytes: 96 * MIB });
    expect(await answer('eat', { mib: 8 })).toBe('ate 8');
    ask('eat', { mib: 512 });
    expect(await one.exited).toEqual({
      ...{ code: null, signal: 'SIGKILL' },
      outOfMemory: { limitBytes: 96 * MIB },
    });
    await one.ended;
  });

  it('that ends in another way did not run out of memory', async () => {
    const { one } = await start({ memoryBytes: 128 * MIB });
    process.kill(one.pid, 'SIGKILL');
    expect(await one.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await one.ended;
  });

  it('gets no more of a processor than its share', async () => {
    const { one, answer } = await start({ cpuMillis: 200 });
    expect(await answer('burn', { ms: 100 })).toBe('burnt');
    const stat = readFileSync(join(groupOf(one.pid, 'cpu'), 'cpu.stat'), 'utf8');
    expect(Number(/^nr_throttled (\d+)$/m.exec(stat)?.[1])).toBeGreaterThan(0);
    await one.stop();
  });

  it('that cannot be started leaves no group behind', async () => {
    const cell = limiter.open({ memoryBytes: 64 * MIB });
    const launch = { ...fixtureLaunch('polite'), file: '/no/such/program' };
    await expect(spawnProcess(launch, spawnOptions({ cell }))).rejects.toMatchObject({
      code: 'start-failed',
      hint: expect.stringContaining('/no/such/program does not exist'),
    });
    expect(await (await limiterOf(OWNER)).sweep()).toBe(0);
  });
});

describe('the sweep', () => {
  it('ends and removes what a dead gateway left, wherever it was, and nothing of one that lives', async () => {
    const ours = await start({ memoryBytes: 128 * MIB });
    const theirs = await start({ memoryBytes: 128 * MIB }, await limiterOf(DEAD));
    // It is in its groups once its program speaks.
    expect(await theirs.answer('eat', { mib: 1 })).toBe('ate 1');
    const group = groupOf(theirs.one.pid, 'memory');
    expect(basename(group)).toMatch(/-1-[0-9a-f]{16}$/);
    const next = await limiterOf(OWNER);
    // Version 1 has a group for each controller.
    expect(await next.sweep()).toBeGreaterThan(0);
    expect(existsSync(group)).toBe(false);
    await theirs.one.ended;
    expect(isRunning(ours.one.pid)).toBe(true);
    expect(await next.sweep()).toBe(0);
    await ours.one.stop();
  });
});
